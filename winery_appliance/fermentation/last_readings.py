"""The last reading of each kind, for sheets on which one looks back while typing."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from winery_appliance.core.many_rows import is_among
from winery_appliance.core.units import SampleType
from winery_appliance.fermentation.models import Sample
from winery_appliance.fermentation.queries import SampleView, is_current, view_sample


def read_last_of_each_kind(
    session: Session, fermentation_ids: Sequence[int], kinds: Sequence[SampleType]
) -> dict[int, dict[SampleType, SampleView]]:
    """The last current reading of each of these kinds, by fermentation; one query for all."""
    rows = session.scalars(
        select(Sample)
        .where(
            is_among(Sample.fermentation_id, fermentation_ids),
            is_among(Sample.sample_type, [str(kind) for kind in kinds]),
            is_current(),
        )
        .ext(distinct_on(Sample.fermentation_id, Sample.sample_type))
        .order_by(
            Sample.fermentation_id,
            Sample.sample_type,
            Sample.measured_at.desc(),
            Sample.id.desc(),
        )
    )
    found: dict[int, dict[SampleType, SampleView]] = {}
    for row in rows:
        view = view_sample(row)
        found.setdefault(view.fermentation_id, {})[view.sample_type] = view
    return found
