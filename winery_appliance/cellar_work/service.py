"""Use cases of additions and cap work. Each is one transaction and says what happened as an event."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from winery_appliance.auth.service import Actor
from winery_appliance.cellar_work.commands import (
    CorrectAddition,
    CorrectCapWork,
    RecordAddition,
    RecordCapWork,
    VoidEntry,
)
from winery_appliance.cellar_work.dosing import UNITS
from winery_appliance.cellar_work.entries import (
    Recorded,
    add_entry,
    begin_entry,
    find_earlier,
    hold_entry,
    refuse_unmendable,
    repeat_columns,
)
from winery_appliance.cellar_work.events import (
    AdditionCorrected,
    AdditionRecorded,
    AdditionVoided,
    CapWorkCorrected,
    CapWorkRecorded,
    CapWorkVoided,
)
from winery_appliance.cellar_work.models import Addition, CapWork
from winery_appliance.cellar_work.queries import (
    AdditionView,
    CapWorkView,
    sum_per_litre,
    view_addition,
    view_cap_work,
)
from winery_appliance.cellar_work.rules import WineState, judge_addition, judge_cap_work
from winery_appliance.core import outbox
from winery_appliance.fermentation.queries import FermentationView
from winery_appliance.fermentation.service import refuse_entries
from winery_appliance.winery.queries import list_vessels


def record_addition(
    session: Session, fermentation_id: int, command: RecordAddition, *, actor: Actor, now: datetime
) -> Recorded[AdditionView]:
    """Put an addition into the book; a retry with the same UUID finds the first one and changes nothing.

    Raises NotAllowed, NotFound, Invalid (cannot be), NeedsConfirmation (unusual, and `confirm` is not set) and Conflict
    (the UUID belongs to another entry, or the fermentation was cancelled).
    """
    fermentation = begin_entry(session, fermentation_id, actor)
    body_hash = command.fingerprint(fermentation_id)
    earlier = find_earlier(session, Addition, command.client_uuid, body_hash)
    if earlier is not None:
        return Recorded(view_addition(earlier), created=False)
    refuse_entries(fermentation)
    values = _fill_addition(session, fermentation, command, now, without=None)
    row, created = add_entry(session, Addition, actor, {**values, "body_hash": body_hash})
    if created:
        outbox.publish(session, AdditionRecorded(actor.winery_id, fermentation_id, row.id))
    return Recorded(view_addition(row), created)


def correct_addition(
    session: Session, addition_id: int, command: CorrectAddition, *, actor: Actor, now: datetime
) -> Recorded[AdditionView]:
    """Let a new addition take the place of one; a retry with the same UUID finds the first one and changes nothing.

    Raises as `record_addition` does, and Conflict when the addition was corrected or voided before.
    """
    old = hold_entry(session, Addition, addition_id, actor)
    body_hash = command.fingerprint(addition_id)
    earlier = find_earlier(session, Addition, command.client_uuid, body_hash)
    if earlier is not None:
        return Recorded(view_addition(earlier), created=False)
    fermentation = refuse_unmendable(session, old, actor, now)
    values = _fill_addition(session, fermentation, command, now, without=old.id)
    values |= {"body_hash": body_hash, "supersedes_id": old.id, "reason": command.reason}
    row, created = add_entry(session, Addition, actor, values)
    if created:
        outbox.publish(
            session, AdditionCorrected(actor.winery_id, old.fermentation_id, row.id, old.id)
        )
    return Recorded(view_addition(row), created)


def void_addition(
    session: Session, addition_id: int, command: VoidEntry, *, actor: Actor, now: datetime
) -> Recorded[AdditionView]:
    """Take an addition out of what counts; a retry with the same UUID finds the first one and changes nothing.

    Raises NotAllowed, NotFound, and Conflict as `correct_addition` does.
    """
    old = hold_entry(session, Addition, addition_id, actor)
    body_hash = command.fingerprint(addition_id)
    earlier = find_earlier(session, Addition, command.client_uuid, body_hash)
    if earlier is not None:
        return Recorded(view_addition(earlier), created=False)
    refuse_unmendable(session, old, actor, now)
    row, created = add_entry(session, Addition, actor, _fill_void(old, command, body_hash))
    if created:
        outbox.publish(session, AdditionVoided(actor.winery_id, old.fermentation_id, old.id))
    return Recorded(view_addition(row), created)


def record_cap_work(
    session: Session, fermentation_id: int, command: RecordCapWork, *, actor: Actor, now: datetime
) -> Recorded[CapWorkView]:
    """Put cap work into the book; a retry with the same UUID finds the first entry and changes nothing.

    Raises NotAllowed, NotFound, Invalid (cannot be), NeedsConfirmation (unusual, and `confirm` is not set) and Conflict
    (the UUID belongs to another entry, or the fermentation was cancelled).
    """
    fermentation = begin_entry(session, fermentation_id, actor)
    body_hash = command.fingerprint(fermentation_id)
    earlier = find_earlier(session, CapWork, command.client_uuid, body_hash)
    if earlier is not None:
        return Recorded(view_cap_work(earlier), created=False)
    refuse_entries(fermentation)
    values = _fill_cap_work(session, fermentation, command, now)
    row, created = add_entry(session, CapWork, actor, {**values, "body_hash": body_hash})
    if created:
        outbox.publish(session, CapWorkRecorded(actor.winery_id, fermentation_id, row.id))
    return Recorded(view_cap_work(row), created)


def correct_cap_work(
    session: Session, cap_work_id: int, command: CorrectCapWork, *, actor: Actor, now: datetime
) -> Recorded[CapWorkView]:
    """Let a new entry take the place of one; a retry with the same UUID finds the first one and changes nothing.

    Raises as `record_cap_work` does, and Conflict when the entry was corrected or voided before.
    """
    old = hold_entry(session, CapWork, cap_work_id, actor)
    body_hash = command.fingerprint(cap_work_id)
    earlier = find_earlier(session, CapWork, command.client_uuid, body_hash)
    if earlier is not None:
        return Recorded(view_cap_work(earlier), created=False)
    fermentation = refuse_unmendable(session, old, actor, now)
    values = _fill_cap_work(session, fermentation, command, now)
    values |= {"body_hash": body_hash, "supersedes_id": old.id, "reason": command.reason}
    row, created = add_entry(session, CapWork, actor, values)
    if created:
        outbox.publish(
            session, CapWorkCorrected(actor.winery_id, old.fermentation_id, row.id, old.id)
        )
    return Recorded(view_cap_work(row), created)


def void_cap_work(
    session: Session, cap_work_id: int, command: VoidEntry, *, actor: Actor, now: datetime
) -> Recorded[CapWorkView]:
    """Take cap work out of what counts; a retry with the same UUID finds the first one and changes nothing.

    Raises NotAllowed, NotFound, and Conflict as `correct_cap_work` does.
    """
    old = hold_entry(session, CapWork, cap_work_id, actor)
    body_hash = command.fingerprint(cap_work_id)
    earlier = find_earlier(session, CapWork, command.client_uuid, body_hash)
    if earlier is not None:
        return Recorded(view_cap_work(earlier), created=False)
    refuse_unmendable(session, old, actor, now)
    row, created = add_entry(session, CapWork, actor, _fill_void(old, command, body_hash))
    if created:
        outbox.publish(session, CapWorkVoided(actor.winery_id, old.fermentation_id, old.id))
    return Recorded(view_cap_work(row), created)


def _fill_addition(
    session: Session,
    fermentation: FermentationView,
    command: RecordAddition,
    now: datetime,
    *,
    without: int | None,
) -> dict[str, Any]:
    counts = UNITS[command.unit].counts
    had = sum_per_litre(session, fermentation.id, command.kind, counts, without=without)
    wine = _look_at_wine(session, fermentation)
    judged = judge_addition(command, wine, earlier=had, now=now)
    return {
        "fermentation_id": fermentation.id,
        "client_uuid": command.client_uuid,
        "kind": command.kind,
        "product": command.product,
        "dose_typed": command.dose,
        "unit": command.unit,
        **judged.dose._asdict(),
        "volume_l": command.volume_l,
        "stock_lot": command.stock_lot,
        "done_at": command.done_at,
        "note": command.note,
        "confirmed": judged.confirmed,
    }


def _fill_cap_work(
    session: Session, fermentation: FermentationView, command: RecordCapWork, now: datetime
) -> dict[str, Any]:
    confirmed = judge_cap_work(command, _look_at_wine(session, fermentation), now=now)
    return {
        "fermentation_id": fermentation.id,
        "client_uuid": command.client_uuid,
        "kind": command.kind,
        "started_at": command.started_at,
        "duration_min": command.duration_min,
        "note": command.note,
        "confirmed": confirmed,
    }


def _fill_void(old: Addition | CapWork, command: VoidEntry, body_hash: bytes) -> dict[str, Any]:
    return {
        **repeat_columns(old),
        "client_uuid": command.client_uuid,
        "body_hash": body_hash,
        "supersedes_id": old.id,
        "reason": command.reason,
        "voids": True,
    }


def _look_at_wine(session: Session, fermentation: FermentationView) -> WineState:
    codes = fermentation.vessel_codes
    capacities = [vessel.capacity_l for vessel in list_vessels(session) if vessel.code in codes]
    known = [capacity for capacity in capacities if capacity is not None]
    return WineState(
        fermentation.started_at,
        fermentation.ended_at,
        ", ".join(codes),
        sum(known) if known and len(known) == len(codes) else None,
    )
