"""What devices read as samples of the book: one a device, quantity, hour and wine, superseded when its median changes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from winery_appliance.core import outbox
from winery_appliance.core.errors import Invalid
from winery_appliance.core.many_rows import insert_rows, is_among
from winery_appliance.core.units import CANONICAL, SampleType
from winery_appliance.fermentation.commands import RecordSample
from winery_appliance.fermentation.events import SampleCorrected, SampleRecorded, SampleVoided
from winery_appliance.fermentation.models import Sample
from winery_appliance.fermentation.queries import (
    FermentationView,
    find_fermentations,
    hold_fermentations,
)
from winery_appliance.fermentation.rules import JudgedValue, Surroundings, judge

HOUR = timedelta(hours=1)
# The same hour of the same device gets the same UUID in whatever process, so that it cannot come into the book twice.
NAMESPACE = UUID("8d1c5c0e-4f0b-4b59-9c53-6f5f3f5d8a11")
CHANGED = "Readings of the device came late or were moved."
ELSEWHERE = "The device did not hang in this wine then."


@dataclass(frozen=True)
class SampleKey:
    """What there is at most one current sample of, a device given; `hour` is the beginning of the hour, UTC."""

    fermentation_id: int
    sample_type: SampleType
    hour: datetime


@dataclass(frozen=True)
class HourMedian:
    """The median of an hour in the canonical unit, and when the last reading in it was taken."""

    value: float
    measured_at: datetime


def keep_device_samples(
    session: Session,
    device_id: int,
    hours: Collection[datetime],
    medians: Mapping[SampleKey, HourMedian],
    *,
    winery_id: int,
    now: datetime,
) -> list[Invalid]:
    """Make the samples of a device in these hours what `medians` says; the refusals of the entry rules.

    An hour that has no median any more is voided. What a person corrected or voided stays as it is. Nobody can be asked
    about an unusual value: it is taken as not confirmed, and the analysis doubts it.
    """
    ids = {key.fermentation_id for key in medians}
    ids |= {key.fermentation_id for key in _read_chains(session, device_id, hours)}
    hold_fermentations(session, sorted(ids))
    chains = _read_chains(session, device_id, hours)
    wines = find_fermentations(session, sorted(ids))
    rows: list[dict[str, Any]] = []
    refusals = []
    for key in sorted(medians.keys() | chains.keys(), key=repr):
        tip, median = chains.get(key), medians.get(key)
        if tip is not None and tip.recorded_by is not None:
            continue
        try:
            row = _next_row(key, tip, median, wines.get(key.fermentation_id), now)
        except Invalid as refusal:
            refusals.append(refusal)
            continue
        if row is not None:
            rows.append(row | _own(device_id, winery_id, key, tip))
    _write(session, rows, winery_id)
    return refusals


def list_device_hours(session: Session, fermentation_id: int) -> set[tuple[int, datetime]]:
    """The hours, by device, of which this fermentation has or had a sample of a device."""
    rows = session.execute(
        select(Sample.device_id, Sample.measured_at).where(
            Sample.fermentation_id == fermentation_id, Sample.device_id.is_not(None)
        )
    )
    return {(device_id, begin_hour(at)) for device_id, at in rows if device_id is not None}


def begin_hour(at: datetime) -> datetime:
    """When the hour of this moment began, UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _read_chains(
    session: Session, device_id: int, hours: Collection[datetime]
) -> dict[SampleKey, Sample]:
    """The youngest row of each sample of the device in these hours: superseding, voiding or the first."""
    if not hours:
        return {}
    first = (
        select(Sample.id.label("root_id"), Sample.id)
        .where(
            Sample.device_id == device_id,
            Sample.supersedes_id.is_(None),
            Sample.measured_at >= min(hours),
            Sample.measured_at < max(hours) + HOUR,
            func.date_trunc("hour", Sample.measured_at).in_(sorted(hours)),
        )
        .cte("chain", recursive=True)
    )
    chain = first.union_all(
        select(first.c.root_id, Sample.id).where(Sample.supersedes_id == first.c.id)
    )
    links = session.execute(select(chain.c.root_id, func.max(chain.c.id)).group_by(chain.c.root_id))
    tips = {root_id: tip_id for root_id, tip_id in links}
    found = session.scalars(select(Sample).where(is_among(Sample.id, {*tips, *tips.values()})))
    by_id = {row.id: row for row in found}
    return {
        SampleKey(
            root.fermentation_id, SampleType(root.sample_type), begin_hour(root.measured_at)
        ): by_id[tip_id]
        for root, tip_id in ((by_id[root_id], tip_id) for root_id, tip_id in tips.items())
    }


def _next_row(
    key: SampleKey,
    tip: Sample | None,
    median: HourMedian | None,
    wine: FermentationView | None,
    now: datetime,
) -> dict[str, Any] | None:
    """What is to be written behind `tip`, if anything. Raises Invalid when the rules refuse the median."""
    if wine is None:  # deleted meanwhile; it may come back
        return None
    if median is None:
        if tip is None or tip.voids:
            return None
        return {
            "value_typed": tip.value_typed,
            "value": tip.value,
            "measured_at": tip.measured_at,
            "voids": True,
            "reason": ELSEWHERE,
        }
    typed = f"{median.value:.2f}"
    if tip is not None and not tip.voids and tip.value_typed == typed:
        return None
    judged = _judge(key, typed, median.measured_at, wine, now)
    return {
        "value_typed": typed,
        "value": judged.value,
        "measured_at": median.measured_at,
        "voids": False,
        "reason": None if tip is None else CHANGED,
    }


def _judge(
    key: SampleKey, typed: str, measured_at: datetime, wine: FermentationView, now: datetime
) -> JudgedValue:
    command = RecordSample(
        client_uuid=NAMESPACE,
        sample_type=key.sample_type,
        value=typed,
        unit=CANONICAL[key.sample_type],
        measured_at=measured_at,
        confirm=True,
    )
    around = Surroundings(wine.style, wine.started_at, wine.ended_at, None, None)
    return judge(command, around, now=now)


def _own(device_id: int, winery_id: int, key: SampleKey, tip: Sample | None) -> dict[str, Any]:
    """The columns that say whose row this is and which one it follows."""
    place = f"{device_id}/{key.sample_type}/{key.hour.isoformat()}/{key.fermentation_id}"
    own = uuid5(NAMESPACE, place if tip is None else f"{place}/{tip.id}")
    return {
        "winery_id": winery_id,
        "fermentation_id": key.fermentation_id,
        "client_uuid": own,
        "sample_type": key.sample_type,
        "unit": CANONICAL[key.sample_type],
        "device_id": device_id,
        "confirmed": False,
        "body_hash": own.bytes,
        "supersedes_id": None if tip is None else tip.id,
    }


def _write(session: Session, rows: Sequence[dict[str, Any]], winery_id: int) -> None:
    if not rows:
        return
    added = session.execute(
        insert_rows(Sample, rows)
        .on_conflict_do_nothing(index_elements=["winery_id", "client_uuid"])
        .returning(Sample.id, Sample.fermentation_id, Sample.supersedes_id, Sample.voids)
    ).all()
    events: list[outbox.Event] = []
    for row in added:
        if row.supersedes_id is None:
            events.append(SampleRecorded(winery_id, row.fermentation_id, row.id))
        elif row.voids:
            events.append(SampleVoided(winery_id, row.fermentation_id, row.supersedes_id))
        else:
            events.append(
                SampleCorrected(winery_id, row.fermentation_id, row.id, row.supersedes_id)
            )
    outbox.publish_all(session, events)
