"""What may be read of devices: plain data, never rows."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select, true, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from winery_appliance.core.many_rows import is_among, list_ids
from winery_appliance.core.paging import Page, cut_page, read_cursor, read_moment
from winery_appliance.core.units import CANONICAL, SampleType, Unit
from winery_appliance.devices.models import Device, DeviceAssignment, DeviceReading
from winery_appliance.winery.queries import read_vessel_codes

# What a device says of one moment it may say in several messages.
ONE_WORD = timedelta(hours=1)

_READING = (
    DeviceReading.id,
    DeviceReading.read_at,
    DeviceReading.quantity,
    DeviceReading.value,
    DeviceReading.received_at,
)


@dataclass(frozen=True)
class DeviceView:
    """One device, and the vessel it hangs in now, since `hung_since`."""

    id: int
    code: str
    kind: str
    name: str | None
    vessel_code: str | None
    created_at: datetime
    deleted_at: datetime | None
    # Not in the tag of a version: what a device sends must not spoil a person's change.
    refused_count: int = field(repr=False)
    last_refusal: str | None = field(repr=False)
    last_refused_at: datetime | None = field(repr=False)
    hung_since: datetime | None = field(repr=False)


@dataclass(frozen=True)
class AssignmentView:
    """A device in a vessel, from `since` until before `until`; None is until further notice."""

    id: int
    device_id: int
    vessel_code: str
    since: datetime
    until: datetime | None


class ReadingView(NamedTuple):
    """One value of a device, in the canonical unit of its quantity."""

    id: int
    read_at: datetime
    quantity: SampleType
    value: float
    received_at: datetime

    @property
    def unit(self) -> Unit:
        """The unit of `value`."""
        return CANONICAL[self.quantity]


def find_device(session: Session, device_id: int) -> DeviceView | None:
    """The living device with this id."""
    row = session.get(Device, device_id, populate_existing=True)
    return _view_devices(session, [row])[0] if row and row.deleted_at is None else None


def find_device_id(session: Session, code: str) -> int | None:
    """The number of the living device with this code; capitals do not matter."""
    return session.scalar(
        select(Device.id).where(
            func.lower(Device.code) == code.lower(), Device.deleted_at.is_(None)
        )
    )


def list_devices(
    session: Session, *, deleted: bool = False, cursor: str | None = None, limit: int = 50
) -> Page[DeviceView]:
    """Living devices, or the `deleted` ones, by code. Raises Invalid for a cursor that is not ours."""
    wanted = select(Device).order_by(func.lower(Device.code), Device.id)
    wanted = wanted.where(
        Device.deleted_at.is_not(None) if deleted else Device.deleted_at.is_(None)
    )
    if cursor is not None:
        code, row_id = read_cursor(cursor, str)
        wanted = wanted.where(
            tuple_(func.lower(Device.code), Device.id) > tuple_(func.lower(code), row_id)
        )
    rows = _view_devices(session, list(session.scalars(wanted.limit(limit + 1))))
    return cut_page(rows, limit, lambda view: (view.code, view.id))


def _view_devices(session: Session, rows: list[Device]) -> list[DeviceView]:
    places = session.execute(
        select(
            DeviceAssignment.device_id,
            DeviceAssignment.vessel_id,
            func.lower(DeviceAssignment.during).label("since"),
        ).where(
            is_among(DeviceAssignment.device_id, [row.id for row in rows]),
            func.upper_inf(DeviceAssignment.during),
        )
    )
    now_in = {place.device_id: place for place in places}
    codes = read_vessel_codes(session, {place.vessel_id for place in now_in.values()})
    return [
        DeviceView(
            row.id,
            row.code,
            row.kind,
            row.name,
            codes[now_in[row.id].vessel_id] if row.id in now_in else None,
            row.created_at,
            row.deleted_at,
            row.refused_count,
            row.last_refusal,
            row.last_refused_at,
            now_in[row.id].since if row.id in now_in else None,
        )
        for row in rows
    ]


def find_device_codes(session: Session, device_ids: Collection[int]) -> dict[int, str]:
    """Codes of devices by id, also of deleted ones."""
    if not device_ids:
        return {}
    rows = session.execute(select(Device.id, Device.code).where(is_among(Device.id, device_ids)))
    return {row.id: row.code for row in rows}


def list_assignments(session: Session, device_id: int) -> list[AssignmentView]:
    """Where a device hung, the latest first."""
    rows = session.scalars(
        select(DeviceAssignment)
        .where(DeviceAssignment.device_id == device_id)
        .order_by(func.lower(DeviceAssignment.during).desc())
    ).all()
    codes = read_vessel_codes(session, {row.vessel_id for row in rows})
    views = []
    for row in rows:
        assert row.during.lower is not None, "a constraint sees to it"
        since, until = row.during.lower, row.during.upper
        views.append(AssignmentView(row.id, device_id, codes[row.vessel_id], since, until))
    return views


def list_readings(
    session: Session,
    device_id: int,
    *,
    quantity: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int = 500,
) -> Page[ReadingView]:
    """Readings of a device in the order they were read. Raises Invalid for a cursor that is not ours."""
    at = DeviceReading.read_at
    wanted = (
        select(*_READING)
        .where(
            DeviceReading.device_id == device_id,
            DeviceReading.quantity == quantity if quantity else true(),
            at >= since if since else true(),
            at < until if until else true(),
        )
        .order_by(at, DeviceReading.id)
    )
    if cursor is not None:
        place, row_id = read_cursor(cursor, read_moment)
        # The first condition lets the database skip months; the row comparison alone would not.
        wanted = wanted.where(at >= place, tuple_(at, DeviceReading.id) > tuple_(place, row_id))
    rows = [
        ReadingView(row_id, read_at, SampleType(kind), value, received_at)
        for row_id, read_at, kind, value, received_at in session.execute(wanted.limit(limit + 1))
    ]
    return cut_page(rows, limit, lambda row: (row.read_at.isoformat(), row.id))


def read_latest(session: Session, device_ids: Collection[int]) -> dict[int, list[ReadingView]]:
    """What each device read last, temperature before sugar: of each quantity the latest within an hour of its last word.

    Two looks into the index for each device, however long it has spoken.
    """
    device = (
        func.unnest(list_ids(sorted(device_ids))).table_valued("id", name="device").render_derived()
    )
    at = DeviceReading.read_at
    last = (
        select(at)
        .where(DeviceReading.device_id == device.c.id)
        .order_by(at.desc())
        .limit(1)
        .lateral("last")
    )
    latest = (
        select(*_READING)
        .where(
            DeviceReading.device_id == device.c.id,
            at <= last.c.read_at,
            at > last.c.read_at - ONE_WORD,
        )
        .ext(distinct_on(DeviceReading.quantity))
        .order_by(DeviceReading.quantity.desc(), at.desc())
        .lateral("latest")
    )
    found: dict[int, list[ReadingView]] = {}
    for device_id, row_id, read_at, kind, value, received_at in session.execute(
        select(device.c.id, *latest.c)
        .select_from(device)
        .join(last, true())
        .join(latest, true())
        .order_by(device.c.id, latest.c.quantity.desc())
    ):
        reading = ReadingView(row_id, read_at, SampleType(kind), value, received_at)
        found.setdefault(device_id, []).append(reading)
    return found
