"""What the book says right before and right after a reading."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Text, func, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from winery_appliance.core.units import SampleType
from winery_appliance.fermentation.models import Sample
from winery_appliance.fermentation.queries import is_current
from winery_appliance.fermentation.rules import Neighbour


def find_neighbours(
    session: Session,
    fermentation_id: int,
    sample_type: SampleType,
    at: datetime,
    *,
    without: int | None = None,
) -> tuple[Neighbour | None, Neighbour | None]:
    """The current readings of one kind measured last before (or at) and first after a moment, but not `without`."""
    of_kind = select(Sample.value, Sample.measured_at).where(
        Sample.fermentation_id == fermentation_id,
        Sample.sample_type == sample_type,
        is_current(),
    )
    if without is not None:
        of_kind = of_kind.where(Sample.id != without)
    before = session.execute(
        of_kind.where(Sample.measured_at <= at)
        .order_by(Sample.measured_at.desc(), Sample.id.desc())
        .limit(1)
    ).one_or_none()
    after = session.execute(
        of_kind.where(Sample.measured_at > at).order_by(Sample.measured_at, Sample.id).limit(1)
    ).one_or_none()
    return (
        Neighbour(before.value, before.measured_at) if before else None,
        Neighbour(after.value, after.measured_at) if after else None,
    )


Place = tuple[int, SampleType, datetime]


def find_many_neighbours(
    session: Session, places: Sequence[Place]
) -> list[tuple[Neighbour | None, Neighbour | None]]:
    """What `find_neighbours` finds at each place, (fermentation, kind, moment), in one query."""
    if not places:
        return []
    ids, kinds, moments = zip(*places, strict=True)
    place = (
        func.unnest(
            literal(list(ids), ARRAY(BigInteger)),
            literal([str(kind) for kind in kinds], ARRAY(Text)),
            literal(list(moments), ARRAY(DateTime(timezone=True))),
        )
        .table_valued("fermentation_id", "sample_type", "at", with_ordinality="n", name="place")
        .render_derived()
    )
    of_kind = select(Sample.value, Sample.measured_at).where(
        Sample.fermentation_id == place.c.fermentation_id,
        Sample.sample_type == place.c.sample_type,
        is_current(),
    )
    before = (
        of_kind.where(Sample.measured_at <= place.c.at)
        .order_by(Sample.measured_at.desc(), Sample.id.desc())
        .limit(1)
        .lateral()
    )
    after = (
        of_kind.where(Sample.measured_at > place.c.at)
        .order_by(Sample.measured_at, Sample.id)
        .limit(1)
        .lateral()
    )
    rows = session.execute(
        select(before.c.value, before.c.measured_at, after.c.value, after.c.measured_at)
        .select_from(place.outerjoin(before, true()).outerjoin(after, true()))
        .order_by(place.c.n)
    )
    return [
        (
            None if row[1] is None else Neighbour(row[0], row[1]),
            None if row[3] is None else Neighbour(row[2], row[3]),
        )
        for row in rows
    ]
