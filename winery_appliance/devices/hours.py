"""Hours whose samples are to be made: noted by whoever changes what they come from, taken by the worker."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from winery_appliance.core.errors import Invalid
from winery_appliance.core.many_rows import insert_rows
from winery_appliance.devices.models import Device, DeviceHour, DeviceReading


def queue_hours(session: Session, winery_id: int, hours: Collection[tuple[int, datetime]]) -> None:
    """Note hours, (device, beginning), to be made anew."""
    if not hours:
        return
    rows = [
        {"winery_id": winery_id, "device_id": device_id, "hour": hour}
        for device_id, hour in sorted(hours)
    ]
    added = insert_rows(DeviceHour, rows)
    # An hour that stands there is locked, not left alone: the worker must not take it before this transaction can be seen.
    session.execute(
        added.on_conflict_do_update(
            index_elements=["winery_id", "device_id", "hour"], set_={"hour": added.excluded.hour}
        )
    )


def queue_read_hours(
    session: Session, device_id: int, since: datetime, until: datetime | None
) -> None:
    """Note every hour in which the device read anything from `since` until before `until`."""
    at = DeviceReading.read_at
    found = (
        select(
            DeviceReading.winery_id,
            DeviceReading.device_id,
            func.date_trunc("hour", at).label("hour"),
        )
        .where(DeviceReading.device_id == device_id, at >= since, at < until if until else true())
        .distinct()
        .order_by("hour")
    )
    added = insert(DeviceHour).from_select(["winery_id", "device_id", "hour"], found)
    session.execute(
        added.on_conflict_do_update(
            index_elements=["winery_id", "device_id", "hour"], set_={"hour": added.excluded.hour}
        )
    )


def take_hours(session: Session, before: datetime, limit: int) -> dict[int, set[datetime]]:
    """Take up to `limit` noted hours that began before a moment; by device. They are back if the transaction fails."""
    due = (
        select(DeviceHour.device_id, DeviceHour.hour)
        .where(DeviceHour.hour < before)
        .order_by(DeviceHour.device_id, DeviceHour.hour)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = session.execute(
        delete(DeviceHour)
        .where(tuple_(DeviceHour.device_id, DeviceHour.hour).in_(select(due)))
        .returning(DeviceHour.device_id, DeviceHour.hour)
    )
    hours: dict[int, set[datetime]] = {}
    for device_id, hour in taken:
        hours.setdefault(device_id, set()).add(hour)
    return hours


def note_refusals(
    session: Session, device_id: int, refusals: Sequence[Invalid], now: datetime
) -> None:
    """Count what was refused of a device, so that it is seen where the device is looked at."""
    if refusals:
        session.execute(
            update(Device)
            .where(Device.id == device_id)
            .values(
                refused_count=Device.refused_count + len(refusals),
                last_refusal=refusals[-1].detail,
                last_refused_at=now,
            )
            .execution_options(synchronize_session=False)
        )
