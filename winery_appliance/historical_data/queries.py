"""What may be read of the past: plain data, never rows."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from winery_appliance.core.paging import Page, cut_page, read_cursor, read_moment
from winery_appliance.core.units import CANONICAL, SampleType, Unit
from winery_appliance.historical_data.commands import ListHistoricalSamples
from winery_appliance.historical_data.models import HistoricalSample


class HistoricalSampleView(NamedTuple):
    """A reading of a completed fermentation, in the canonical unit of its kind; `id` is the sample's own."""

    id: int
    fermentation_id: int
    varietal: str | None
    sample_type: SampleType
    measured_at: datetime
    value: float
    qualifier: str | None
    source: str
    import_id: int | None
    import_line: int | None

    @property
    def unit(self) -> Unit:
        """The unit of `value`."""
        return CANONICAL[SampleType(self.sample_type)]


def list_historical_samples(
    session: Session, wanted: ListHistoricalSamples
) -> Page[HistoricalSampleView]:
    """Past readings in the order they were measured. Raises Invalid for a cursor that is not ours."""
    kind, at = HistoricalSample, HistoricalSample.measured_at
    rows = select(*(getattr(kind, name) for name in HistoricalSampleView._fields))
    for name in ("varietal", "sample_type", "source", "fermentation_id"):
        value = getattr(wanted, name)
        if value is not None:
            rows = rows.where(getattr(kind, name) == value)
    if wanted.since is not None:
        rows = rows.where(at >= wanted.since)
    if wanted.until is not None:
        rows = rows.where(at < wanted.until)
    if wanted.cursor is not None:
        rows = rows.where(tuple_(at, kind.id) > tuple_(*read_cursor(wanted.cursor, read_moment)))
    found = session.execute(rows.order_by(at, kind.id).limit(wanted.limit + 1))
    views = [HistoricalSampleView(*row) for row in found]
    return cut_page(views, wanted.limit, lambda view: (view.measured_at.isoformat(), view.id))
