"""What follows an alarm: a notice for everybody who is to be told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomaly_queries import AnomalyView, find_anomaly
from winery_appliance.analysis_engine.events import (
    AnomalyAssigned,
    AnomalyChanged,
    AnomalyOpened,
    AnomalyReopened,
    AnomalyWorsened,
)
from winery_appliance.core import clock
from winery_appliance.core.outbox import Event, Reaction
from winery_appliance.notifications.models import Notice, Webhook
from winery_appliance.notifications.planning import (
    GRAVITY,
    Recipient,
    choose_recipients,
    find_send_time,
)
from winery_appliance.notifications.queries import list_recipients
from winery_appliance.winery.queries import read_winery

KINDS: dict[type[Event], str] = {
    AnomalyOpened: "opened",
    AnomalyWorsened: "worsened",
    AnomalyReopened: "reopened",
    AnomalyAssigned: "assigned",
}


@dataclass(frozen=True)
class Telling:
    """An alarm, what became of it, and who may be told."""

    winery_id: int
    kinds: frozenset[str]
    alarm: AnomalyView
    people: Sequence[Recipient]
    webhooks: Sequence[tuple[int, str]]
    zone: ZoneInfo
    now: datetime


def _load(session: Session, events: Sequence[Event]) -> Telling | None:
    event = events[-1]
    assert isinstance(event, AnomalyChanged)
    now = clock.now()
    alarm = find_anomaly(session, event.anomaly_id, now=now)
    if alarm is None or alarm.status in ("cleared", "snoozed"):
        return None
    return Telling(
        event.winery_id,
        frozenset(KINDS[type(each)] for each in events),
        alarm,
        list_recipients(session),
        find_webhooks(session),
        ZoneInfo(read_winery(session).time_zone),
        now,
    )


def find_webhooks(session: Session) -> list[tuple[int, str]]:
    """Of each webhook in use its number and the least severity it is told."""
    rows = session.execute(select(Webhook.id, Webhook.severity).where(Webhook.deleted_at.is_(None)))
    return [(row.id, row.severity) for row in rows]


def plan_notices(telling: Telling | None) -> list[dict[str, Any]]:
    """The notices of an alarm: to people by their rules, to programs at once."""
    if telling is None:
        return []
    alarm, now = telling.alarm, telling.now
    rows = []
    for kind in sorted(telling.kinds - {"assigned"})[:1]:
        # However often it comes and goes, nobody is told of the same thing twice within an hour.
        cause = f"{kind}:{alarm.id}" + ("" if kind == "opened" else f":{now:%Y-%m-%dT%H}")
        base = _start_row(telling, kind, cause)
        for person in choose_recipients(telling.people, alarm.severity):
            at = find_send_time(person.rule, alarm.severity, now, telling.zone)
            rows.append(base | {"user_id": person.user_id, "webhook_id": None, "send_after": at})
        for webhook_id, least in telling.webhooks:
            if GRAVITY[alarm.severity] >= GRAVITY[least]:
                rows.append(base | {"user_id": None, "webhook_id": webhook_id, "send_after": now})
    if "assigned" in telling.kinds:
        rows += _tell_assigned(telling)
    return rows


def _tell_assigned(telling: Telling) -> list[dict[str, Any]]:
    """Whoever is to see to it is told, whatever their rule; who took it knows."""
    alarm = telling.alarm
    if alarm.assigned_to is None or alarm.assigned_to == alarm.acknowledged_by:
        return []
    cause = f"assigned:{alarm.id}:{alarm.assigned_to}:{telling.now:%Y-%m-%dT%H}"
    return [
        _start_row(telling, "assigned", cause)
        | {
            "user_id": person.user_id,
            "webhook_id": None,
            "send_after": find_send_time(person.rule, alarm.severity, telling.now, telling.zone),
        }
        for person in telling.people
        if person.user_id == alarm.assigned_to
    ]


def _start_row(telling: Telling, kind: str, cause: str) -> dict[str, Any]:
    return {
        "winery_id": telling.winery_id,
        "kind": kind,
        "cause": cause,
        "severity": telling.alarm.severity,
        "anomaly_id": telling.alarm.id,
    }


def store_notices(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Queue notices; one that was queued before is left as it is."""
    for row in rows:
        session.execute(
            insert(Notice).values(row).on_conflict_do_nothing(constraint="notices_once")
        )


notify_people = Reaction("notify_people", _load, plan_notices, store_notices)
