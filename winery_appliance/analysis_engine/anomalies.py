"""Use cases of people with anomalies: have it, give it to somebody, let it sleep, take it up again.

Whoever changes one holds its row until the end, as the worker does; so neither writes over what the other did.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomaly_commands import (
    AcknowledgeAnomaly,
    AssignAnomaly,
    ReopenAnomaly,
    SnoozeAnomaly,
)
from winery_appliance.analysis_engine.anomaly_queries import AnomalyView, find_anomaly
from winery_appliance.analysis_engine.events import (
    AnomalyAcknowledged,
    AnomalyAssigned,
    AnomalyReopened,
    AnomalySnoozed,
)
from winery_appliance.analysis_engine.models import Anomaly
from winery_appliance.analysis_engine.service import note_event
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.queries import list_active_names
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.errors import Conflict, NotFound, refuse_field
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say

LONGEST_SNOOZE = timedelta(days=30)


def get_anomaly(session: Session, anomaly_id: int, *, now: datetime) -> AnomalyView:
    """The anomaly. Raises NotFound, also for one of another winery."""
    found = find_anomaly(session, anomaly_id, now=now)
    if found is None:
        raise NotFound(say("There is no such anomaly in this winery."))
    return found


def acknowledge_anomaly(
    session: Session,
    anomaly_id: int,
    command: AcknowledgeAnomaly,
    *,
    actor: Actor,
    seen: Collection[str] | None,
    now: datetime,
) -> AnomalyView:
    """Say that one has it; it wakes up if it slept. Said again by the same person, it stays as it is.

    Raises NotAllowed, NotFound, ChangedMeanwhile, and Conflict when it is cleared or somebody else has it.
    """
    require(actor, Permission.ACKNOWLEDGE_ALARMS)
    row, found = _hold(session, anomaly_id, seen, now)
    _refuse_cleared(found)
    if found.acknowledged_by == actor.user_id and found.status != "snoozed":
        return found
    if found.acknowledged_by not in (None, actor.user_id):
        raise Conflict(
            say(
                "%(acknowledged_by_name)s has it since %(acknowledged_at)s UTC. Nothing was saved.",
                acknowledged_by_name=found.acknowledged_by_name,
                acknowledged_at=f"{found.acknowledged_at:%Y-%m-%d %H:%M}",
            ),
            code="anomaly_acknowledged",
        )
    row.acknowledged_by, row.acknowledged_at = actor.user_id, now
    row.snoozed_until = None
    note_event(session, row, "acknowledged", note=command.note, user_id=actor.user_id)
    outbox.publish(session, AnomalyAcknowledged(actor.winery_id, anomaly_id))
    return _view_changed(session, anomaly_id, now)


def assign_anomaly(
    session: Session,
    anomaly_id: int,
    command: AssignAnomaly,
    *,
    actor: Actor,
    seen: Collection[str] | None,
    now: datetime,
) -> AnomalyView:
    """Give it to somebody, who has yet to acknowledge it; or to nobody. Who takes it has it. The same again is no change.

    Raises NotAllowed, NotFound, ChangedMeanwhile, Invalid for a stranger, and Conflict when it is cleared.
    """
    require(actor, Permission.HANDLE_ALARMS)
    row, found = _hold(session, anomaly_id, seen, now)
    _refuse_cleared(found)
    _refuse_stranger(session, command.assigned_to)
    if found.assigned_to == command.assigned_to:
        return found
    row.assigned_to = command.assigned_to
    if command.assigned_to == actor.user_id:
        row.acknowledged_by, row.acknowledged_at = actor.user_id, now
    elif command.assigned_to not in (None, found.acknowledged_by):
        row.acknowledged_by = row.acknowledged_at = None
    note_event(session, row, "assigned", note=command.note, user_id=actor.user_id)
    outbox.publish(session, AnomalyAssigned(actor.winery_id, anomaly_id))
    return _view_changed(session, anomaly_id, now)


def snooze_anomaly(
    session: Session,
    anomaly_id: int,
    command: SnoozeAnomaly,
    *,
    actor: Actor,
    seen: Collection[str] | None,
    now: datetime,
) -> AnomalyView:
    """Let it sleep until a moment, at most 30 days; it wakes up sooner when it gets graver.

    Raises NotAllowed, NotFound, ChangedMeanwhile, Invalid for a moment past or too far, and Conflict when it is cleared.
    """
    require(actor, Permission.HANDLE_ALARMS)
    row, found = _hold(session, anomaly_id, seen, now)
    _refuse_cleared(found)
    if not now < command.until <= now + LONGEST_SNOOZE:
        raise refuse_field("until", "out_of_range", say("Choose a moment within the next 30 days."))
    if found.snoozed_until == command.until:
        return found
    row.snoozed_until = command.until
    note_event(session, row, "snoozed", note=command.note, user_id=actor.user_id)
    outbox.publish(session, AnomalySnoozed(actor.winery_id, anomaly_id))
    return _view_changed(session, anomaly_id, now)


def reopen_anomaly(
    session: Session,
    anomaly_id: int,
    command: ReopenAnomaly,
    *,
    actor: Actor,
    seen: Collection[str] | None,
    now: datetime,
) -> AnomalyView:
    """Let it ask for somebody again, whoever had it and however long it slept. One that does so already stays as it is.

    A cleared one stays open until a reading taken from now on says that it is over. Raises NotAllowed, NotFound,
    ChangedMeanwhile, and Conflict when the same trouble is open anew.
    """
    require(actor, Permission.HANDLE_ALARMS)
    row, found = _hold(session, anomaly_id, seen, now)
    if found.status == "open":
        return found
    if found.cleared_at is not None:
        row.cleared_at = row.cleared_because = None
        row.reopened_at = now
    row.acknowledged_by = row.acknowledged_at = row.snoozed_until = None
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            say("This trouble is open again as another alarm. Nothing was saved; see to that one."),
            code="open_anew",
        ) from error
    note_event(session, row, "reopened", note=command.note, user_id=actor.user_id)
    outbox.publish(session, AnomalyReopened(actor.winery_id, anomaly_id))
    return _view_changed(session, anomaly_id, now)


def _hold(
    session: Session, anomaly_id: int, seen: Collection[str] | None, now: datetime
) -> tuple[Anomaly, AnomalyView]:
    row = session.scalar(select(Anomaly).where(Anomaly.id == anomaly_id).with_for_update())
    if row is None:
        raise NotFound(say("There is no such anomaly in this winery."))
    found = get_anomaly(session, anomaly_id, now=now)
    refuse_stale(found, seen)
    return row, found


def _view_changed(session: Session, anomaly_id: int, now: datetime) -> AnomalyView:
    session.flush()
    return get_anomaly(session, anomaly_id, now=now)


def _refuse_cleared(found: AnomalyView) -> None:
    if found.cleared_at is not None:
        raise Conflict(
            say(
                "This alarm was cleared at %(cleared_at)s UTC: %(cleared_because)s Nothing "
                "was saved. Reopen it if that is wrong.",
                cleared_at=f"{found.cleared_at:%Y-%m-%d %H:%M}",
                cleared_because=found.cleared_because,
            ),
            code="anomaly_cleared",
        )


def _refuse_stranger(session: Session, user_id: int | None) -> None:
    if user_id is not None and user_id not in list_active_names(session):
        raise refuse_field("assigned_to", "unknown", say("There is no such person in this winery."))
