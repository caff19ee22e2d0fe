"""What the pages of the past show: patterns in the winery's unit, and the vintages there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from winery_appliance.core.units import UNIT_SYMBOLS, SampleType, from_canonical
from winery_appliance.core.words import N_
from winery_appliance.historical_data.band_pictures import BandPicture, draw_picture
from winery_appliance.historical_data.models import PastFerment
from winery_appliance.historical_data.pattern_queries import PatternInFull
from winery_appliance.winery.queries import WineryView

SIZES = {
    "up_to_600_l": N_("up to 600 L"),
    "up_to_5000_l": N_("600 to 5 000 L"),
    "up_to_20000_l": N_("5 000 to 20 000 L"),
    "over_20000_l": N_("over 20 000 L"),
    "unknown": N_("size not known"),
}
# A band of fewer ferments says more of them than of the next one.
FEW = 5


@dataclass(frozen=True)
class VintageRow:
    """The past ferments of one year; None for those whose vintage nobody recorded."""

    vintage: int | None
    ferments: int
    came_dry: int


@dataclass(frozen=True)
class PatternPage:
    """A pattern for its page: rows of its tables, and the values of its picture, sugar in the winery's unit."""

    full: PatternInFull
    unit: str
    days: Sequence[tuple[int, int, Sequence[float | None], Sequence[float | None]]]
    shares: Sequence[tuple[int, int, Sequence[float | None], Sequence[float | None]]]
    pictures: Sequence[tuple[str, Sequence[BandPicture]]]


def list_vintages(session: Session) -> list[VintageRow]:
    """The vintages there are, the youngest first."""
    rows = session.execute(
        select(PastFerment.vintage, func.count(), func.count(PastFerment.dry_h))
        .group_by(PastFerment.vintage)
        .order_by(PastFerment.vintage.desc().nulls_last())
    )
    return [VintageRow(*row) for row in rows]


def view_pattern(full: PatternInFull, winery: WineryView) -> PatternPage:
    """A pattern as its page shows it."""

    def convert(value: float | None) -> float | None:
        if value is None:
            return None
        return round(from_canonical(SampleType.sugar, value, winery.sugar_unit), 4)

    by_time, by_share = full.by_time, full.by_share
    sugar = [[convert(value) for value in row] for row in by_time["sugar"]]
    days = [
        (int(hours // 24), by_time["ferments"][at], _at(sugar, at), _at(by_time["temperature"], at))
        for at, hours in enumerate(by_time["hours"])
        if hours % 24 == 0
    ]
    shares = [
        (round(100 * share), by_share["ferments"][at], _at(by_share["hours"], at), _at(by_share["rate"], at))
        for at, share in enumerate(by_share["share"])
        if round(100 * share) % 10 == 0
    ]  # fmt: skip
    unit = UNIT_SYMBOLS[winery.sugar_unit]
    by_day = [hours / 24 for hours in by_time["hours"]]
    percent = [100 * share for share in by_share["share"]]
    pictures = [
        (title, [drawn for unit, rows in plots if (drawn := draw_picture(unit, x, rows))])
        for title, x, plots in (
            ("day", by_day, [(unit, sugar), ("°C", by_time["temperature"])]),
            ("share", percent, [("°Bx/d", by_share["rate"]), ("°C", by_share["temperature"])]),
        )
    ]
    return PatternPage(full, unit, days, shares, pictures)


def _at(rows: Sequence[Sequence[float | None]], place: int) -> list[float | None]:
    return [row[place] for row in rows]
