"""What may be read of notifications: plain data, never rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Role
from winery_appliance.auth.queries import find_names, list_mail_people
from winery_appliance.core.paging import Page, cut_page, read_cursor
from winery_appliance.notifications.models import (
    Notice,
    NotificationRule,
    NotificationSettings,
    Webhook,
)
from winery_appliance.notifications.planning import DEFAULTS, Recipient, Rule


@dataclass(frozen=True)
class SettingsView:
    """How mail leaves the house and when; the password itself is never shown."""

    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_security: str = "starttls"
    smtp_username: str | None = None
    has_password: bool = False
    sender: str | None = None
    base_url: str | None = None
    digest_minutes: int = 15
    escalate_minutes: int | None = 60
    summary_at: time | None = time(6)


@dataclass(frozen=True)
class RuleView:
    """What a role, or one person, is told; `is_default` while nobody said so."""

    role: str | None
    user_id: int | None
    severity: str
    quiet_from: time | None
    quiet_until: time | None
    critical_breaks_quiet: bool
    escalation: bool
    daily_summary: bool
    is_default: bool


@dataclass(frozen=True)
class WebhookView:
    """A program elsewhere that is told."""

    id: int
    name: str
    url: str
    inside_address: str | None
    severity: str
    created_at: datetime
    # Not in the tag of a version: it changes by mere use.
    failing: str | None = field(repr=False)


@dataclass(frozen=True)
class NoticeView:
    """One delivery, and what became of it."""

    id: int
    kind: str
    severity: str
    anomaly_id: int | None
    user_id: int | None
    webhook_id: int | None
    to: str
    created_at: datetime
    send_after: datetime
    attempts: int
    last_error: str | None
    sent_at: datetime | None
    dropped_at: datetime | None
    dropped_because: str | None


def read_settings(session: Session) -> SettingsView:
    """The settings of this winery; the defaults until somebody changed one."""
    row = session.scalar(select(NotificationSettings))
    return SettingsView() if row is None else view_settings(row)


def view_settings(row: NotificationSettings) -> SettingsView:
    """A row as plain data."""
    return SettingsView(
        row.smtp_host,
        row.smtp_port,
        row.smtp_security,
        row.smtp_username,
        row.smtp_password_sealed is not None,
        row.sender,
        row.base_url,
        row.digest_minutes,
        row.escalate_minutes,
        row.summary_at,
    )


def list_rules(session: Session) -> list[RuleView]:
    """The rule of every role, then those that people chose for themselves."""
    rows = session.scalars(select(NotificationRule).order_by(NotificationRule.id)).all()
    by_role = {row.role: view_rule(row) for row in rows if row.role is not None}
    of_roles = [by_role.get(role) or view_default(role) for role in Role]
    return of_roles + [view_rule(row) for row in rows if row.user_id is not None]


def view_rule(row: NotificationRule) -> RuleView:
    """A row as plain data."""
    return RuleView(
        row.role,
        row.user_id,
        row.severity,
        row.quiet_from,
        row.quiet_until,
        row.critical_breaks_quiet,
        row.escalation,
        row.daily_summary,
        False,
    )


def view_default(role: Role, user_id: int | None = None) -> RuleView:
    """What this version tells a role by itself."""
    rule = DEFAULTS[role]
    return RuleView(
        None if user_id else role,
        user_id,
        rule.severity,
        rule.quiet_from,
        rule.quiet_until,
        rule.critical_breaks_quiet,
        rule.escalation,
        rule.daily_summary,
        True,
    )


def read_own_rule(session: Session, user_id: int, role: Role) -> RuleView:
    """What this person is told: as they chose, else as their role is."""
    own = session.scalar(select(NotificationRule).where(NotificationRule.user_id == user_id))
    if own is not None:
        return view_rule(own)
    of_role = session.scalar(select(NotificationRule).where(NotificationRule.role == role))
    if of_role is None:
        return view_default(role, user_id)
    view = view_rule(of_role)
    return RuleView(
        None,
        user_id,
        view.severity,
        view.quiet_from,
        view.quiet_until,
        view.critical_breaks_quiet,
        view.escalation,
        view.daily_summary,
        True,
    )


def list_recipients(session: Session) -> list[Recipient]:
    """Everybody with an e-mail address, with the rule that holds for them."""
    rules = list_rules(session)
    of_roles = {view.role: _rule(view) for view in rules if view.role is not None}
    own = {view.user_id: _rule(view) for view in rules if view.user_id is not None}
    return [
        Recipient(person.id, person.name, person.email, own.get(person.id) or of_roles[person.role])
        for person in list_mail_people(session)
    ]


def _rule(view: RuleView) -> Rule:
    return Rule(
        view.severity,
        view.quiet_from,
        view.quiet_until,
        view.critical_breaks_quiet,
        view.escalation,
        view.daily_summary,
    )


def list_webhooks(session: Session) -> list[WebhookView]:
    """The webhooks in use, by name."""
    return view_webhooks(
        session,
        session.scalars(
            select(Webhook).where(Webhook.deleted_at.is_(None)).order_by(Webhook.name, Webhook.id)
        ).all(),
    )


def view_webhooks(session: Session, rows: Sequence[Webhook]) -> list[WebhookView]:
    """Rows as plain data, each with the error of what waits for it."""
    failing = session.execute(
        select(Notice.webhook_id, func.max(Notice.last_error))
        .where(
            Notice.webhook_id.is_not(None), Notice.sent_at.is_(None), Notice.dropped_at.is_(None)
        )
        .group_by(Notice.webhook_id)
    )
    errors = {webhook_id: error for webhook_id, error in failing}
    return [
        WebhookView(
            row.id,
            row.name,
            row.url,
            row.inside_address,
            row.severity,
            row.created_at,
            errors.get(row.id),
        )
        for row in rows
    ]


def list_notices(
    session: Session,
    *,
    state: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[NoticeView]:
    """Deliveries, the newest first. Raises Invalid for a cursor that is not ours."""
    wanted = select(Notice)
    if state == "waiting":
        wanted = wanted.where(Notice.sent_at.is_(None), Notice.dropped_at.is_(None))
    elif state is not None:
        wanted = wanted.where(
            (Notice.sent_at if state == "sent" else Notice.dropped_at).is_not(None)
        )
    if cursor is not None:
        wanted = wanted.where(Notice.id < read_cursor(cursor, str)[1])
    rows = session.scalars(wanted.order_by(Notice.id.desc()).limit(limit + 1)).all()
    people = find_names(session, [row.user_id for row in rows if row.user_id is not None])
    hooks = {row.id: row.name for row in session.execute(select(Webhook.id, Webhook.name))}
    views = [
        NoticeView(
            row.id,
            row.kind,
            row.severity,
            row.anomaly_id,
            row.user_id,
            row.webhook_id,
            people.get(row.user_id or 0) or hooks.get(row.webhook_id or 0, ""),
            row.created_at,
            row.send_after,
            row.attempts,
            row.last_error,
            row.sent_at,
            row.dropped_at,
            row.dropped_because,
        )
        for row in rows
    ]
    return cut_page(views, limit, lambda view: ("", view.id))


@dataclass(frozen=True)
class Waiting:
    """What waits to be delivered: how many, since when the oldest was due, and an error."""

    count: int
    oldest_due: datetime | None
    error: str | None


def read_waiting(session: Session, *, now: datetime) -> Waiting:
    """What of this winery is due and not delivered."""
    row = session.execute(
        select(func.count(), func.min(Notice.created_at), func.max(Notice.last_error)).where(
            Notice.sent_at.is_(None),
            Notice.dropped_at.is_(None),
            (Notice.send_after <= now) | (Notice.attempts > 0),
        )
    ).one()
    return Waiting(*row)
