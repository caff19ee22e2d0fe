"""The same readings as a table, as lines for a sheet, and of several wines side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.chart import make_marks, show_brix, thin_marks
from winery_appliance.analysis_engine.queries import find_doubted, read_analysis
from winery_appliance.analysis_engine.readings_table import ReadingRow, find_authors, view_rows
from winery_appliance.core.figures import show_codes
from winery_appliance.core.units import CANONICAL, UNIT_SYMBOLS, SampleType
from winery_appliance.fermentation.queries import (
    FermentationView,
    list_fermentations,
    read_fermentations,
    read_samples,
    read_samples_and_replaced,
)
from winery_appliance.fermentation.service import get_fermentation
from winery_appliance.winery.queries import Units, read_units, read_winery

ROWS_A_PAGE = 500
MOST_COMPARED = 8
MOST_OFFERED = 60
DAY_S = 86400
DRY_BRIX = -1.0
CSV_HEADER = (
    *("fermentation_code", "measured_at", "sample_type", "value", "unit", "qualifier"),
    *("canonical_value", "canonical_unit", "recorded_by", "received_at", "confirmed"),
    *("standing", "reason"),
)


@dataclass(frozen=True)
class DataPage:
    """Readings of a fermentation, the newest first; page 1 of `pages` has the newest."""

    ferment: FermentationView
    rows: list[ReadingRow]
    total: int
    page: int
    pages: int


def read_data_page(session: Session, fermentation_id: int, page: int) -> DataPage:
    """One page of the table; the last one when there are not so many. Raises NotFound."""
    ferment = get_fermentation(session, fermentation_id)
    samples, replaced = read_samples_and_replaced(session, fermentation_id)
    total = len(samples) + sum(sample.voids for sample in replaced)
    pages = max(1, -(-total // ROWS_A_PAGE))
    page = min(max(page, 1), pages)
    names = find_authors(session, [*samples, *replaced])
    rows = view_rows(samples, replaced, names)[::-1]
    shown = rows[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE]
    return DataPage(ferment, shown, total, page, pages)


def list_reading_lines(session: Session, ferment: FermentationView) -> list[tuple[Any, ...]]:
    """One line a reading under CSV_HEADER, also those that were corrected or taken out, as `standing` tells."""
    samples, replaced = read_samples_and_replaced(session, ferment.id)
    names = find_authors(session, [*samples, *replaced])
    standing = dict.fromkeys((s.id for s in samples), "current")
    standing |= {s.id: "taken_out" if s.voids else "replaced" for s in replaced}
    return [
        (
            *(ferment.code, s.measured_at.isoformat(), s.sample_type.value, s.value, s.unit.value),
            *(s.qualifier, s.canonical_value, CANONICAL[s.sample_type].value, names[s.id]),
            *(s.received_at.isoformat(), s.confirmed, standing[s.id], s.reason),
        )
        for s in sorted([*samples, *replaced], key=lambda s: (s.measured_at, s.id))
    ]


@dataclass(frozen=True)
class Compared:
    """One wine of a comparison; sugar by day since its start."""

    id: int
    name: str
    code: str
    style: str
    day_values: dict[int, float]


@dataclass(frozen=True)
class Comparison:
    """Wines side by side, what else could be put beside them, and the values of the picture."""

    wines: list[Compared]
    others: list[FermentationView]
    days: int
    sugar_symbol: str
    chart: dict[str, Any]


def read_comparison(
    session: Session, fermentation_ids: Sequence[int], *, now: datetime, user_id: int
) -> Comparison:
    """The sugar of these wines by their age. What is not in the book is left out."""
    units = read_units(session, user_id, read_winery(session))
    wanted = list(dict.fromkeys(fermentation_ids))[:MOST_COMPARED]
    found = {view.id: view for view in read_fermentations(session, wanted)}
    curves = [_read_curve(session, found[of], units, now) for of in wanted if of in found]
    wines = [wine for wine, _ in curves]
    running = list_fermentations(session, status="active", limit=MOST_OFFERED).items
    done = list_fermentations(session, status="completed", limit=MOST_OFFERED).items
    return Comparison(
        wines,
        [view for view in [*running, *done] if view.id not in found],
        max((day for wine in wines for day in wine.day_values), default=0),
        UNIT_SYMBOLS[units.sugar],
        {
            "unit": UNIT_SYMBOLS[units.sugar],
            "dry_line": round(show_brix(DRY_BRIX, units.sugar), 4),
            "wines": [
                {"name": wine.name, "style": wine.style, "points": points}
                for wine, points in curves
            ],
        },
    )


def _read_curve(
    session: Session, ferment: FermentationView, units: Units, now: datetime
) -> tuple[Compared, list[list[float]]]:
    samples = read_samples(session, ferment.id)
    doubted = find_doubted(read_analysis(session, ferment.id, now=now).anomalies)
    begun = ferment.started_at.timestamp()
    marks = [m for m in make_marks(samples, SampleType.sugar, units.sugar, doubted) if not m[3]]
    points = [[round((at - begun) / DAY_S, 4), value] for at, value, *_ in thin_marks(marks)]
    by_day = {max(0, int(day)): value for day, value in points}
    name = show_codes(ferment.vessel_codes) or ferment.code
    return Compared(ferment.id, name, ferment.code, ferment.style, by_day), points
