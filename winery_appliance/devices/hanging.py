"""Which probes hang in which wine now, and when each was last heard."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from sqlalchemy import func, literal, select, true
from sqlalchemy.orm import Session

from winery_appliance.core.many_rows import is_among, list_ids
from winery_appliance.devices.models import Device, DeviceAssignment, DeviceReading
from winery_appliance.fermentation.whereabouts import list_occupancies

# So far back a probe's rhythm is looked for, in so many of its last moments.
LOOK_BACK = timedelta(days=30)
MOMENTS = 21


@dataclass(frozen=True)
class HangingProbe:
    """A probe in a wine since `since`; `heard_at` is None when it never spoke there, `usual_s` while it has no rhythm."""

    code: str
    fermentation_id: int
    since: datetime
    heard_at: datetime | None
    usual_s: float | None


def list_hanging(
    session: Session, fermentation_ids: Collection[int], *, now: datetime
) -> list[HangingProbe]:
    """The probes that hang in these wines now. Three queries, whatever their number."""
    lies_in = {
        place.vessel_id: place
        for place in list_occupancies(session, fermentation_ids=fermentation_ids)
        if place.since <= now and (place.until is None or now < place.until)
    }
    hung = session.execute(
        select(DeviceAssignment, Device.code)
        .join(Device, Device.id == DeviceAssignment.device_id)
        .where(
            is_among(DeviceAssignment.vessel_id, lies_in),
            DeviceAssignment.during.op("@>")(literal(now)),
            Device.deleted_at.is_(None),
        )
        .order_by(Device.code)
    ).all()
    moments = _read_moments(session, {row.device_id for row, _ in hung}, now)
    found = []
    for row, code in hung:
        place = lies_in[row.vessel_id]
        assert row.during.lower is not None, "a constraint sees to it"
        since = max(place.since, row.during.lower)
        heard = [at for at in moments.get(row.device_id, []) if at >= since]
        pauses = [(later - earlier).total_seconds() for later, earlier in pairwise(heard)]
        found.append(
            HangingProbe(
                code,
                place.fermentation_id,
                since,
                heard[0] if heard else None,
                median(pauses) if len(pauses) >= 2 else None,
            )
        )
    return found


def _read_moments(
    session: Session, device_ids: Collection[int], now: datetime
) -> dict[int, list[datetime]]:
    """The last moments at which each device read anything, the latest first."""
    device = (
        func.unnest(list_ids(sorted(device_ids))).table_valued("id", name="device").render_derived()
    )
    latest = (
        select(DeviceReading.read_at)
        .where(
            DeviceReading.device_id == device.c.id,
            DeviceReading.read_at > now - LOOK_BACK,
            DeviceReading.read_at <= now,
        )
        .distinct()
        .order_by(DeviceReading.read_at.desc())
        .limit(MOMENTS)
        .lateral("latest")
    )
    found: dict[int, list[datetime]] = {}
    for device_id, read_at in session.execute(
        select(device.c.id, latest.c.read_at).select_from(device).join(latest, true())
    ):
        found.setdefault(device_id, []).append(read_at)
    return {device_id: sorted(moments, reverse=True) for device_id, moments in found.items()}
