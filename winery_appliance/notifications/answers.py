"""What notifications answer to programs."""

from datetime import time
from typing import Annotated, Literal

from pydantic import PlainSerializer, WithJsonSchema

from winery_appliance.core.openapi import Answer, When

# A time of the day by the winery's clock.
DayTimeTold = Annotated[
    time,
    PlainSerializer(lambda moment: f"{moment:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
Severity = Literal["info", "warning", "critical"]


class NotificationSettingsAnswer(Answer):
    """How mail leaves the house and when; of the password only whether there is one."""

    smtp_host: str | None
    smtp_port: int
    smtp_security: Literal["none", "starttls", "tls"]
    smtp_username: str | None
    has_password: bool
    sender: str | None
    base_url: str | None
    digest_minutes: int
    escalate_minutes: int | None
    summary_at: DayTimeTold | None


class RuleAnswer(Answer):
    """What a role, or one person, is told; `is_default` while nobody chose."""

    role: str | None
    user_id: int | None
    severity: Literal["info", "warning", "critical", "none"]
    quiet_from: DayTimeTold | None
    quiet_until: DayTimeTold | None
    critical_breaks_quiet: bool
    escalation: bool
    daily_summary: bool
    is_default: bool


class WebhookAnswer(Answer):
    """A program elsewhere that is told; `failing` is why the last try did not reach it."""

    id: int
    name: str
    url: str
    inside_address: str | None
    severity: Severity
    created_at: When
    failing: str | None


class NewWebhookAnswer(Answer):
    """A new webhook with the key that signs its calls, told only here."""

    webhook: WebhookAnswer
    signing_secret: str


class NoticeAnswer(Answer):
    """One delivery, to a person or a webhook, and what became of it."""

    id: int
    kind: Literal["opened", "worsened", "reopened", "assigned", "escalated", "summary", "test"]
    severity: Severity
    anomaly_id: int | None
    user_id: int | None
    webhook_id: int | None
    to: str
    created_at: When
    send_after: When
    attempts: int
    last_error: str | None
    sent_at: When | None
    dropped_at: When | None
    dropped_because: str | None


class QueuedAnswer(Answer):
    """The number of a delivery that was queued; the list of deliveries tells what became of it."""

    id: int


class SummaryAnswer(Answer):
    """The day's summary as it is mailed."""

    made_at: When
    heading: str
    opened: int
    cleared: int
    text: str
