"""What can be asked of notifications, as validated data."""

import ipaddress
from datetime import time
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from winery_appliance.auth.commands import Email
from winery_appliance.auth.permissions import Role
from winery_appliance.core.typed_text import Limit, Line, forget_defaults, must_match
from winery_appliance.core.words import N_, say

Least = Literal["info", "warning", "critical", "none"]


def _read_time(value: object) -> object:
    """A time of the day written as 06:30 (ValueError)."""
    if isinstance(value, time) or value is None:
        return value
    parts = value.split(":") if isinstance(value, str) and len(value) == 5 else []
    if len(parts) != 2 or not all(len(p) == 2 and p.isascii() and p.isdigit() for p in parts):
        raise ValueError(say("write the time as 06:30"))
    return time(int(parts[0]), int(parts[1]))


DayTime = Annotated[
    time,
    BeforeValidator(_read_time),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
HostName = Annotated[
    Line,
    StringConstraints(max_length=253),
    must_match(r"[A-Za-z0-9._:-]+", N_("a host by its name or address, without blanks")),
]


def _check_url(value: str) -> str:
    """`value`, unless it is no address of a web server (ValueError)."""
    try:
        parts = urlsplit(value)
        fine = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or parts.username is not None or parts.fragment or not value.isascii():
        raise ValueError(say("an address such as https://example.org/hook, without user or #"))
    return value


Url = Annotated[Line, StringConstraints(max_length=500), AfterValidator(_check_url)]


def _check_network(value: str) -> str:
    """`value` as a network, unless it is none (ValueError)."""
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError as error:
        raise ValueError(
            say("an address or network such as 192.168.1.20 or 10.0.0.0/24")
        ) from error


Inside = Annotated[Line, StringConstraints(max_length=60), AfterValidator(_check_network)]


class ChangeSettings(BaseModel):
    """What is to be different about notifications; what is left out stays.

    `digest_minutes`: what is not critical waits so long after the last mail and comes with the next. `escalate_minutes`: a
    critical alarm that nobody took for so long goes to whoever is told of those; null never. `summary_at` by the winery's
    clock; null for no summary. `base_url` is what links in mails begin with.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)

    smtp_host: HostName | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    smtp_username: Annotated[Line, StringConstraints(max_length=254)] | None = None
    smtp_password: Annotated[SecretStr, Field(min_length=1, max_length=512)] | None = None
    sender: Email | None = None
    base_url: Url | None = None
    digest_minutes: Annotated[int, Field(ge=0, le=1440)] = 15
    escalate_minutes: Annotated[int, Field(ge=5, le=1440)] | None = 60
    summary_at: DayTime | None = time(6)


class SetOwnRule(BaseModel):
    """What one person is told instead of what their role is; without quiet hours at any time.

    `severity` is the least that is told, `none` nothing. `escalation`: also alarms that nobody took.
    """

    model_config = ConfigDict(extra="forbid")

    severity: Least
    quiet_from: DayTime | None = None
    quiet_until: DayTime | None = None
    critical_breaks_quiet: bool = True
    escalation: bool = False
    daily_summary: bool = False

    @model_validator(mode="before")
    @classmethod
    def quiet_hours_go_together(cls, given: Any) -> Any:
        """Quiet hours have both ends, and differ (ValueError)."""
        if isinstance(given, dict):
            ends = given.get("quiet_from"), given.get("quiet_until")
            if (ends[0] is None) != (ends[1] is None):
                raise ValueError(say("quiet hours need both a beginning and an end"))
            if ends[0] is not None and ends[0] == ends[1]:
                raise ValueError(say("quiet hours need an end that differs from their beginning"))
        return given


class SetRoleRule(SetOwnRule):
    """What everybody of a role is told, unless they chose for themselves."""

    role: Role


class AddWebhook(BaseModel):
    """A program that shall be told, by POST. `inside_address` allows an address that is not public: name it here."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Line, StringConstraints(max_length=80)]
    url: Url
    inside_address: Inside | None = None
    severity: Literal["info", "warning", "critical"] = "warning"


class ChangeWebhook(BaseModel):
    """What is to be different about a webhook; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)

    name: Annotated[Line, StringConstraints(max_length=80)] = ""
    url: Url = ""
    inside_address: Inside | None = None
    severity: Literal["info", "warning", "critical"] = "warning"


class ListNotices(BaseModel):
    """Which part of the deliveries to list."""

    state: Literal["waiting", "sent", "dropped"] | None = None
    cursor: str | None = None
    limit: Limit = 50


class SendTest(BaseModel):
    """A test needs nothing."""

    model_config = ConfigDict(extra="forbid")
