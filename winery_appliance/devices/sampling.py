"""Samples from what devices read, hour by hour; each call is one transaction and leaves nothing half done."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, DateTime, and_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from winery_appliance.core.units import SampleType
from winery_appliance.devices.downsampling import Stay, Taken, find_medians
from winery_appliance.devices.hours import (
    note_refusals,
    queue_hours,
    queue_read_hours,
    take_hours,
)
from winery_appliance.devices.models import DeviceAssignment, DeviceReading
from winery_appliance.fermentation.device_samples import (
    HOUR,
    keep_device_samples,
    list_device_hours,
)
from winery_appliance.fermentation.whereabouts import Occupancy, list_occupancies

# An hour is made when it is over and what was on its way has come; what comes later makes it anew.
GRACE = timedelta(minutes=5)
# Two days of a device: some 6000 readings.
HOURS_AT_ONCE = 48


def sample_due_hours(session: Session, winery_id: int, *, now: datetime) -> int:
    """Make the samples of some hours that are due; how many hours, 0 when none is left."""
    taken = take_hours(session, now - HOUR - GRACE, HOURS_AT_ONCE)
    for device_id, hours in taken.items():
        medians = find_medians(
            _read_hours(session, device_id, hours), _find_stays(session, device_id)
        )
        refusals = keep_device_samples(
            session, device_id, hours, medians, winery_id=winery_id, now=now
        )
        note_refusals(session, device_id, refusals, now)
    return sum(map(len, taken.values()))


def queue_hours_of_wine(session: Session, winery_id: int, fermentation_id: int) -> None:
    """Note the hours that a change of where this wine lies, or of whether it ferments, may concern."""
    queue_hours(session, winery_id, list_device_hours(session, fermentation_id))
    for place in list_occupancies(session, fermentation_id=fermentation_id):
        for hung in session.scalars(
            select(DeviceAssignment).where(_hangs_in(place)).order_by(DeviceAssignment.device_id)
        ):
            assert hung.during.lower is not None, "a constraint sees to it"
            since = max(place.since, hung.during.lower)
            queue_read_hours(
                session, hung.device_id, since, _earlier(place.until, hung.during.upper)
            )


def _hangs_in(place: Occupancy) -> ColumnElement[bool]:
    return and_(
        DeviceAssignment.vessel_id == place.vessel_id,
        DeviceAssignment.during.op("&&")(func.tstzrange(place.since, place.until)),
    )


def _read_hours(session: Session, device_id: int, hours: Collection[datetime]) -> list[Taken]:
    # Hour by hour, so that the database looks into no other time between hours that lie far apart.
    hour = (
        func.unnest(literal(sorted(hours), ARRAY(DateTime(timezone=True))))
        .table_valued("begins", name="hour")
        .render_derived()
    )
    rows = session.execute(
        select(DeviceReading.quantity, DeviceReading.read_at, DeviceReading.value)
        .select_from(hour)
        .join(
            DeviceReading,
            and_(
                DeviceReading.read_at >= hour.c.begins,
                DeviceReading.read_at < hour.c.begins + HOUR,
            ),
        )
        .where(DeviceReading.device_id == device_id)
    )
    return [Taken(SampleType(kind), at.astimezone(UTC), value) for kind, at, value in rows]


def _find_stays(session: Session, device_id: int) -> list[Stay]:
    """When the device hung in which wine: the times in which it hung in a vessel and a wine lay there."""
    hung = session.scalars(
        select(DeviceAssignment).where(DeviceAssignment.device_id == device_id)
    ).all()
    places = list_occupancies(session, vessel_ids={row.vessel_id for row in hung})
    stays = []
    for row in hung:
        assert row.during.lower is not None, "a constraint sees to it"
        for place in places:
            since = max(place.since, row.during.lower)
            until = _earlier(place.until, row.during.upper)
            if place.vessel_id == row.vessel_id and (until is None or since < until):
                stays.append(Stay(place.fermentation_id, since, until))
    return stays


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier end; None is no end."""
    return min((end for end in (one, other) if end is not None), default=None)
