"""What notifications do by the clock: escalate what nobody took, queue the day's summary, forget what is old."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomaly_queries import list_untaken
from winery_appliance.notifications.handlers import find_webhooks, store_notices
from winery_appliance.notifications.models import Notice
from winery_appliance.notifications.queries import list_recipients, read_settings
from winery_appliance.winery.queries import read_winery

KEPT = timedelta(days=90)
# A box that was off at six still sends the morning's summary, but not at night.
LATEST_SUMMARY = timedelta(hours=6)


def escalate_untaken(session: Session, winery_id: int, *, now: datetime) -> int:
    """Queue notices of critical alarms that nobody took in time, at any hour; how many alarms."""
    minutes = read_settings(session).escalate_minutes
    if minutes is None:
        return 0
    late = [
        (alarm, since)
        for alarm, since in list_untaken(session, now=now)
        if since + timedelta(minutes=minutes) <= now
    ]
    if not late:
        return 0
    people = [person for person in list_recipients(session) if person.rule.escalation]
    hooks = find_webhooks(session)
    rows: list[dict[str, Any]] = []
    for alarm, since in late:
        base = {
            "winery_id": winery_id,
            "kind": "escalated",
            "cause": f"escalated:{alarm.id}:{since.isoformat()}",
            "severity": alarm.severity,
            "anomaly_id": alarm.id,
            "send_after": now,
        }
        rows += [base | {"user_id": p.user_id, "webhook_id": None} for p in people]
        rows += [base | {"user_id": None, "webhook_id": hook} for hook, _ in hooks]
    store_notices(session, rows)
    return len(late)


def queue_summary(session: Session, winery_id: int, *, now: datetime) -> int:
    """Queue the day's summary once its time has come by the winery's clock; to how many people."""
    settings = read_settings(session)
    if settings.summary_at is None or settings.smtp_host is None:
        return 0
    local = now.astimezone(ZoneInfo(read_winery(session).time_zone))
    due = datetime.combine(local.date(), settings.summary_at, local.tzinfo)
    cause = f"summary:{local.date().isoformat()}"
    if not due <= local < due + LATEST_SUMMARY:
        return 0
    if session.scalar(select(Notice.id).where(Notice.cause == cause).limit(1)) is not None:
        return 0
    people = [person for person in list_recipients(session) if person.rule.daily_summary]
    store_notices(
        session,
        [
            {
                "winery_id": winery_id,
                "kind": "summary",
                "cause": cause,
                "severity": "info",
                "anomaly_id": None,
                "user_id": person.user_id,
                "webhook_id": None,
                "send_after": now,
            }
            for person in people
        ],
    )
    return len(people)


def purge_notices(session: Session, *, now: datetime) -> int:
    """Forget notices that were delivered or dropped three months ago; how many."""
    ended = (Notice.sent_at < now - KEPT) | (Notice.dropped_at < now - KEPT)
    gone = session.scalars(delete(Notice).where(ended).returning(Notice.id)).all()
    return len(gone)
