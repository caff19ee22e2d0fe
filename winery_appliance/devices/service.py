"""Use cases of devices. Each is one transaction and says what happened as an event."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.coded_rows import add_row, found, hold_row, write_row
from winery_appliance.core.errors import Conflict, FieldFault, Invalid, refuse_field
from winery_appliance.core.figures import show_bare
from winery_appliance.core.many_rows import insert_rows
from winery_appliance.core.units import (
    KIND_WORDS,
    UNIT_SYMBOLS,
    SampleType,
    UnitMismatch,
    hard_range,
    to_canonical,
)
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say
from winery_appliance.devices.commands import (
    AddDevice,
    AssignDevice,
    ChangeDevice,
    DeviceReadingItem,
)
from winery_appliance.devices.events import (
    DeviceAdded,
    DeviceAssigned,
    DeviceChanged,
    DeviceDeleted,
    DeviceReadingsReceived,
    DeviceRestored,
)
from winery_appliance.devices.hours import note_refusals, queue_hours, queue_read_hours
from winery_appliance.devices.models import Device, DeviceAssignment, DeviceReading
from winery_appliance.devices.queries import (
    AssignmentView,
    DeviceView,
    find_device,
    list_assignments,
)
from winery_appliance.fermentation.device_samples import begin_hour
from winery_appliance.fermentation.rules import FUTURE_TOLERANCE
from winery_appliance.winery.queries import find_vessel

Seen = Collection[str] | None
Key = tuple[datetime, str]


@dataclass(frozen=True)
class Outcome:
    """What became of one reading: created, repeated, refused or conflict."""

    status: str
    problem: Invalid | Conflict | None = None


def add_device(session: Session, command: AddDevice, *, actor: Actor) -> tuple[DeviceView, bool]:
    """Make a device known, and whether it was new; the same again finds the first.

    Raises NotAllowed, or Conflict when the code is in use.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    device_id, created = add_row(session, Device, actor.winery_id, command.model_dump())
    if created:
        outbox.publish(session, DeviceAdded(actor.winery_id, device_id))
    return get_device(session, device_id), created


def get_device(session: Session, device_id: int) -> DeviceView:
    """The device. Raises NotFound, also for one that is deleted or another winery's."""
    return found(find_device(session, device_id), Device)


def change_device(
    session: Session, device_id: int, command: ChangeDevice, *, actor: Actor, seen: Seen
) -> DeviceView:
    """Change a device. Raises NotAllowed, NotFound, ChangedMeanwhile, or Conflict when the code is in use."""
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, Device, device_id)
    refuse_stale(get_device(session, device_id), seen)
    write_row(session, row, command.model_dump(exclude_unset=True))
    outbox.publish(session, DeviceChanged(actor.winery_id, device_id))
    return get_device(session, device_id)


def delete_device(
    session: Session, device_id: int, *, actor: Actor, seen: Seen, now: datetime
) -> None:
    """Take a device out of its vessel and out of use; what it read stays, under its code.

    Raises NotAllowed, NotFound, ChangedMeanwhile, and Conflict when it is to move at a time to come.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, Device, device_id)
    refuse_stale(get_device(session, device_id), seen)
    _hang(session, device_id, None, now, actor)
    write_row(session, row, {"deleted_at": now})
    outbox.publish(session, DeviceDeleted(actor.winery_id, device_id))


def restore_device(session: Session, device_id: int, *, actor: Actor) -> DeviceView:
    """Bring a deleted device back; it hangs nowhere. Raises NotAllowed, NotFound, or Conflict when its code is in use."""
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, Device, device_id, also_deleted=True)
    if row.deleted_at is not None:
        write_row(session, row, {"deleted_at": None})
        outbox.publish(session, DeviceRestored(actor.winery_id, device_id))
    return get_device(session, device_id)


def assign_device(
    session: Session, device_id: int, command: AssignDevice, *, actor: Actor
) -> tuple[list[AssignmentView], bool]:
    """Hang a device into a vessel, or take it out; all its places, the latest first, and whether this changed anything.

    Raises NotAllowed, NotFound, Invalid for an unknown vessel, and Conflict when the device was moved at or after that
    moment.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    hold_row(session, Device, device_id)
    vessel_id = _find_vessel_id(session, command.vessel_code)
    changed = _hang(session, device_id, vessel_id, command.since, actor)
    return list_assignments(session, device_id), changed


def _hang(
    session: Session, device_id: int, vessel_id: int | None, since: datetime, actor: Actor
) -> bool:
    """Let a device, which is held, hang in a vessel or nowhere from a moment on; whether that is new."""
    latest = session.scalar(
        select(DeviceAssignment)
        .where(DeviceAssignment.device_id == device_id)
        .order_by(func.lower(DeviceAssignment.during).desc())
        .limit(1)
    )
    if _is_there_already(latest, vessel_id, since):
        return False
    if latest is not None:
        _end_assignment(latest, since)
        session.flush()
    if vessel_id is not None:
        session.add(
            DeviceAssignment(
                winery_id=actor.winery_id,
                device_id=device_id,
                vessel_id=vessel_id,
                during=Range(since, None),
            )
        )
    session.flush()
    queue_read_hours(session, device_id, since, None)
    outbox.publish(session, DeviceAssigned(actor.winery_id, device_id))
    return True


def _find_vessel_id(session: Session, code: str | None) -> int | None:
    if code is None:
        return None
    vessel = find_vessel(session, code)
    if vessel is None:
        raise refuse_field(
            "vessel_code", "unknown_vessel", say("There is no vessel %(code)s.", code=code)
        )
    return vessel.id


def _is_there_already(
    latest: DeviceAssignment | None, vessel_id: int | None, since: datetime
) -> bool:
    """Whether this was said before: hung there since then, or taken out then, or never hung anywhere."""
    if latest is None:
        return vessel_id is None
    if vessel_id is None:
        return latest.during.upper == since
    return latest.vessel_id == vessel_id and latest.during.lower == since


def _end_assignment(latest: DeviceAssignment, since: datetime) -> None:
    """Let the latest assignment end when the next begins."""
    begun, ended = latest.during.lower, latest.during.upper
    assert begun is not None, "a constraint sees to it"
    if since <= begun or (ended is not None and since < ended):
        raise Conflict(
            say(
                "This device was moved later, at %(begun)s UTC. Nothing was saved. Look where it hung.",
                begun=f"{max(begun, ended or begun):%Y-%m-%d %H:%M}",
            ),
            code="moved_later",
            fields=[
                FieldFault("since", "moved_later", say("It was moved at or after that moment."))
            ],
        )
    if ended is None:
        latest.during = Range(begun, since)


def record_readings(
    session: Session,
    device_id: int,
    items: Sequence[DeviceReadingItem | Invalid],
    *,
    actor: Actor,
    now: datetime,
) -> list[Outcome]:
    """Take in what a device read; an outcome each, in the same order. Sent again, a reading is found and changes nothing.

    An item that could not even be read comes in as the fault that was found. Raises NotAllowed and NotFound.
    """
    require(actor, Permission.RECORD_SAMPLES)
    get_device(session, device_id)
    judged = [_judge(item, now) for item in items]
    wanted: dict[Key, float] = {}
    for reading in judged:
        if not isinstance(reading, Invalid):
            wanted.setdefault(*reading)
    fresh = _insert(session, device_id, wanted, actor)
    known = _read_values(session, device_id, wanted.keys() - fresh) | {
        key: wanted[key] for key in fresh
    }
    note_refusals(session, device_id, [r for r in judged if isinstance(r, Invalid)], now)
    if fresh:
        queue_hours(session, actor.winery_id, {(device_id, begin_hour(at)) for at, _ in fresh})
        moments = sorted(at for at, _ in fresh)
        outbox.publish(
            session,
            DeviceReadingsReceived(
                actor.winery_id, device_id, moments[0].isoformat(), moments[-1].isoformat()
            ),
        )
    return [_tell(reading, fresh, known) for reading in judged]


def _judge(item: DeviceReadingItem | Invalid, now: datetime) -> tuple[Key, float] | Invalid:
    """The reading in its canonical unit, or why it cannot be."""
    if isinstance(item, Invalid):
        return item
    kind = SampleType(item.quantity)
    if item.read_at > now + FUTURE_TOLERANCE:
        return _refuse("read_at", "in_future", say("This time has not come yet. Check its clock."))
    try:
        low, high = hard_range(kind, item.unit)
    except UnitMismatch as error:
        return _refuse("unit", "wrong_unit", str(error))
    if not low <= item.value <= high:
        told = say(
            "%(value)s %(symbol)s is impossible for %(sample_type)s. Possible is %(low)s to %(high)s.",
            value=show_bare(item.value),
            symbol=UNIT_SYMBOLS[item.unit],
            sample_type=say(KIND_WORDS[kind]),
            low=show_bare(low),
            high=show_bare(high),
        )
        return _refuse("value", "out_of_range", told)
    return (item.read_at, item.quantity), to_canonical(kind, item.value, item.unit)


def _refuse(path: str, code: str, detail: str) -> Invalid:
    return refuse_field(path, code, detail, end=say("It was not saved."))


def _insert(session: Session, device_id: int, wanted: dict[Key, float], actor: Actor) -> set[Key]:
    """Insert what is not there yet; its keys."""
    rows: list[dict[str, Any]] = [
        {
            "winery_id": actor.winery_id,
            "device_id": device_id,
            "read_at": read_at,
            "quantity": quantity,
            "value": value,
        }
        for (read_at, quantity), value in wanted.items()
    ]
    if not rows:
        return set()
    added = session.execute(
        insert_rows(DeviceReading, rows)
        .on_conflict_do_nothing()
        .returning(DeviceReading.read_at, DeviceReading.quantity)
    )
    return {(row.read_at, row.quantity) for row in added}


def _read_values(session: Session, device_id: int, keys: Collection[Key]) -> dict[Key, float]:
    if not keys:
        return {}
    rows = session.execute(
        select(DeviceReading.read_at, DeviceReading.quantity, DeviceReading.value).where(
            DeviceReading.device_id == device_id,
            tuple_(DeviceReading.read_at, DeviceReading.quantity).in_(list(keys)),
        )
    )
    return {(row.read_at, row.quantity): row.value for row in rows}


def _tell(
    reading: tuple[Key, float] | Invalid, fresh: set[Key], known: dict[Key, float]
) -> Outcome:
    """The outcome of a reading; one that stands twice in what was sent is created once."""
    if isinstance(reading, Invalid):
        return Outcome("refused", reading)
    key, value = reading
    if known[key] != value:
        fault = FieldFault("value", "differs", say("Another value stands there."))
        return Outcome(
            "conflict",
            Conflict(
                say("The device sent another value for this moment before. The first one stands."),
                code="reading_differs",
                fields=[fault],
            ),
        )
    if key in fresh:
        fresh.discard(key)
        return Outcome("created")
    return Outcome("repeated")
