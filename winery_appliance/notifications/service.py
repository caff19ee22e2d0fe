"""Use cases of who sets up what is told: settings, rules, webhooks, tests."""

import secrets
from collections.abc import Collection
from datetime import datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, refuse_limited, require
from winery_appliance.core import sealing
from winery_appliance.core.errors import Conflict, FieldFault, Invalid, NotFound, refuse_field
from winery_appliance.core.settings import Settings
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say
from winery_appliance.notifications.commands import (
    AddWebhook,
    ChangeSettings,
    ChangeWebhook,
    SetOwnRule,
    SetRoleRule,
)
from winery_appliance.notifications.models import (
    Notice,
    NotificationRule,
    NotificationSettings,
    Webhook,
)
from winery_appliance.notifications.queries import (
    RuleView,
    SettingsView,
    WebhookView,
    read_own_rule,
    view_rule,
    view_settings,
    view_webhooks,
)

Seen = Collection[str] | None
MOST_WEBHOOKS = 50


def change_settings(
    session: Session, command: ChangeSettings, *, actor: Actor, seen: Seen, keys: Settings
) -> SettingsView:
    """Change how mail leaves the house and when; `keys` seal the password.

    Raises NotAllowed, ChangedMeanwhile, Invalid for a server without a sender, or a password that would go unencrypted.
    """
    require(actor, Permission.CONFIGURE_WINERY)
    session.execute(
        insert(NotificationSettings).values(winery_id=actor.winery_id).on_conflict_do_nothing()
    )
    row = session.execute(select(NotificationSettings).with_for_update()).scalar_one()
    refuse_stale(view_settings(row), seen)
    values = command.model_dump(exclude_unset=True)
    # A password goes to the server it was typed for: whoever changes the server types it again.
    if (
        row.smtp_password_sealed is not None
        and "smtp_password" not in values
        and any(
            values.get(name, getattr(row, name)) != getattr(row, name)
            for name in ("smtp_host", "smtp_port")
        )
    ):
        row.smtp_password_sealed = None
    if "smtp_password" in values:
        password = values.pop("smtp_password")
        row.smtp_password_sealed = (
            None if password is None else sealing.seal(keys, password.get_secret_value())
        )
    for name, value in values.items():
        setattr(row, name, value)
    _check_settings(row)
    session.flush()
    return view_settings(row)


def _check_settings(row: NotificationSettings) -> None:
    if row.smtp_host is not None and row.sender is None:
        raise refuse_field("sender", "missing", say("A mail needs a sender."))
    if row.smtp_password_sealed is not None and row.smtp_security == "none":
        raise refuse_field(
            "smtp_security", "unencrypted", say("A password must not travel unencrypted.")
        )


def set_role_rule(session: Session, command: SetRoleRule, *, actor: Actor) -> RuleView:
    """Say what everybody of a role is told. Raises NotAllowed."""
    require(actor, Permission.CONFIGURE_WINERY)
    values = command.model_dump(exclude={"role"})
    return _keep_rule(session, actor, {"role": str(command.role), "user_id": None}, values)


def set_own_rule(session: Session, command: SetOwnRule, *, actor: Actor) -> RuleView:
    """Say what one is told oneself, instead of what one's role is. Raises NotAllowed for a limited way in."""
    refuse_limited(actor)
    return _keep_rule(
        session, actor, {"role": None, "user_id": actor.user_id}, command.model_dump()
    )


def forget_own_rule(session: Session, *, actor: Actor) -> RuleView:
    """Be told again what one's role is. Raises NotAllowed for a limited way in."""
    refuse_limited(actor)
    row = session.scalar(
        select(NotificationRule).where(NotificationRule.user_id == actor.user_id).with_for_update()
    )
    if row is not None:
        session.delete(row)
        session.flush()
    return read_own_rule(session, actor.user_id, actor.role)


def _keep_rule(
    session: Session, actor: Actor, whose: dict[str, object], values: dict[str, object]
) -> RuleView:
    session.execute(
        insert(NotificationRule)
        .values(winery_id=actor.winery_id, **whose, **values)
        .on_conflict_do_update(constraint="notification_rules_once", set_=values)
    )
    row = session.execute(
        select(NotificationRule).where(
            NotificationRule.user_id.is_not_distinct_from(whose["user_id"]),
            NotificationRule.role.is_not_distinct_from(whose["role"]),
        )
    ).scalar_one()
    session.refresh(row)
    return view_rule(row)


def add_webhook(
    session: Session, command: AddWebhook, *, actor: Actor, keys: Settings
) -> tuple[WebhookView, str]:
    """Tell a program from now on; it and the key that signs what it is told, shown only here.

    Raises NotAllowed, Conflict for a used name, Invalid beyond fifty.
    """
    require(actor, Permission.CONFIGURE_WINERY)
    refuse_limited(actor)
    there = session.scalars(select(Webhook.id).where(Webhook.deleted_at.is_(None))).all()
    if len(there) >= MOST_WEBHOOKS:
        raise Invalid(
            say(
                "There are %(MOST_WEBHOOKS)s webhooks. Nothing was saved. Delete one first.",
                MOST_WEBHOOKS=MOST_WEBHOOKS,
            ),
            code="too_many",
        )
    key = f"whsec_{secrets.token_urlsafe(32)}"
    row = Webhook(
        winery_id=actor.winery_id,
        created_by=actor.user_id,
        signing_secret_sealed=sealing.seal(keys, key),
        **command.model_dump(),
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise _taken() from error
    return view_webhooks(session, [row])[0], key


def get_webhook(session: Session, webhook_id: int) -> WebhookView:
    """The webhook. Raises NotFound."""
    row = session.scalar(
        select(Webhook).where(Webhook.id == webhook_id, Webhook.deleted_at.is_(None))
    )
    if row is None:
        raise _unknown()
    return view_webhooks(session, [row])[0]


def change_webhook(
    session: Session, webhook_id: int, command: ChangeWebhook, *, actor: Actor, seen: Seen
) -> WebhookView:
    """Change a webhook; its key stays. Raises NotAllowed, NotFound, ChangedMeanwhile, Conflict for a used name."""
    row = _hold(session, webhook_id, actor, seen)
    try:
        with session.begin_nested():
            for name, value in command.model_dump(exclude_unset=True).items():
                setattr(row, name, value)
    except IntegrityError as error:
        raise _taken() from error
    return view_webhooks(session, [row])[0]


def delete_webhook(
    session: Session, webhook_id: int, *, actor: Actor, seen: Seen, now: datetime
) -> None:
    """Tell a program no more; its key is gone for good. Raises NotAllowed, NotFound, ChangedMeanwhile."""
    row = _hold(session, webhook_id, actor, seen)
    row.deleted_at, row.signing_secret_sealed = now, b""


def queue_test_mail(session: Session, *, actor: Actor, now: datetime) -> int:
    """Queue a mail to whoever asks, whatever their rule; its number. Raises NotAllowed."""
    require(actor, Permission.CONFIGURE_WINERY)
    return _queue_test(session, actor, now, user_id=actor.user_id)


def queue_test_call(session: Session, webhook_id: int, *, actor: Actor, now: datetime) -> int:
    """Queue a call of a webhook; its number. Raises NotAllowed and NotFound."""
    require(actor, Permission.CONFIGURE_WINERY)
    get_webhook(session, webhook_id)
    return _queue_test(session, actor, now, webhook_id=webhook_id)


def _queue_test(session: Session, actor: Actor, now: datetime, **to: int) -> int:
    notice = Notice(
        winery_id=actor.winery_id,
        kind="test",
        cause=f"test:{uuid4()}",
        severity="info",
        send_after=now,
        **to,
    )
    session.add(notice)
    session.flush()
    return notice.id


def retry_now(session: Session, *, actor: Actor, now: datetime) -> None:
    """Let whatever waits after a failure be tried at once. Raises NotAllowed."""
    require(actor, Permission.CONFIGURE_CELLAR)
    rows = session.scalars(
        select(Notice)
        .where(Notice.sent_at.is_(None), Notice.dropped_at.is_(None), Notice.attempts > 0)
        .order_by(Notice.id)
        .with_for_update(of=Notice)
    )
    for row in rows:
        row.send_after = min(row.send_after, now)


def _hold(session: Session, webhook_id: int, actor: Actor, seen: Seen) -> Webhook:
    require(actor, Permission.CONFIGURE_WINERY)
    refuse_limited(actor)
    row = session.scalar(
        select(Webhook)
        .where(Webhook.id == webhook_id, Webhook.deleted_at.is_(None))
        .with_for_update()
    )
    if row is None:
        raise _unknown()
    refuse_stale(view_webhooks(session, [row])[0], seen)
    return row


def _unknown() -> NotFound:
    return NotFound(say("There is no such webhook in this winery."))


def _taken() -> Conflict:
    return Conflict(
        say("There is a webhook of this name. Nothing was saved. Choose another."),
        code="name_taken",
        fields=[FieldFault("name", "taken", say("Already in use."))],
    )
