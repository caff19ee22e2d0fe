"""What may be read of patterns and of the ferments behind them: plain data, never rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from winery_appliance.core.errors import NotFound
from winery_appliance.core.many_rows import is_among
from winery_appliance.core.words import say
from winery_appliance.historical_data.bands import QUANTILES, name_band
from winery_appliance.historical_data.models import PastFerment, Pattern


@dataclass(frozen=True)
class PatternView:
    """How the past ferments of one variety, style and size of vessel went; figures by quantile (10, 25, 50, 75, 90 %).

    `lag_hours` until 5 % of the sugar was gone, `fastest` the greatest fall in a day (°Bx), `temperature` °C. Of those
    `ferments` that ended dry, `came_dry` many, `days_to_dry` tells how long it took.
    """

    id: int
    varietal: str | None
    style: str
    vessel_size: str
    ferments: int
    came_dry: int
    lag_hours: Sequence[float | None]
    days_to_dry: Sequence[float | None]
    fastest: Sequence[float | None]
    temperature: Sequence[float | None]
    written_at: datetime


@dataclass(frozen=True)
class PastFermentView:
    """A past ferment: its figures, and where it ran in its pattern: `place` 0 was the first to use up its sugar, 100 the
    last, and `band` the two quantiles between which that is. Both are None when it is not behind the pattern asked for.
    """

    fermentation_id: int
    code: str
    varietal: str | None
    style: str
    vessel_size: str
    vintage: int | None
    source: str
    started_at: datetime
    start_density: float
    share_gone: float
    lag_hours: float | None
    days_to_dry: float | None
    fastest: float | None
    temperature: float | None
    place: float | None = None
    band: str | None = None


@dataclass(frozen=True)
class PatternInFull:
    """A pattern with its bands by share of sugar and by time, as `draw_bands` makes them, and the ferments behind it,
    the fastest first.
    """

    pattern: PatternView
    quantiles: Sequence[float]
    by_share: dict[str, Any]
    by_time: dict[str, Any]
    behind: Sequence[PastFermentView]


def list_patterns(
    session: Session,
    *,
    varietal: str | None = None,
    style: str | None = None,
    vessel_size: str | None = None,
) -> list[PatternView]:
    """Patterns by variety, style and size of vessel; "" as the variety asks for those whose fruit is not recorded."""
    wanted = select(Pattern).order_by(Pattern.varietal, Pattern.style, Pattern.vessel_size)
    if varietal is not None:
        wanted = wanted.where(Pattern.varietal == varietal)
    if style is not None:
        wanted = wanted.where(Pattern.style == style)
    if vessel_size is not None:
        wanted = wanted.where(Pattern.vessel_size == vessel_size)
    return [_view(row) for row in session.scalars(wanted)]


def get_pattern(session: Session, pattern_id: int) -> PatternInFull:
    """One pattern with everything. Raises NotFound, also for another winery's."""
    row = session.get(Pattern, pattern_id)
    if row is None:
        raise NotFound(say("There is no such pattern in this winery."))
    places = {int(one): float(place) for one, place in row.content["places"]}
    rows = session.scalars(select(PastFerment).where(is_among(PastFerment.fermentation_id, places)))
    behind = [_view_ferment(each, places[each.fermentation_id]) for each in rows]
    behind.sort(key=lambda one: (one.place, one.fermentation_id))
    return PatternInFull(
        _view(row), QUANTILES, row.content["by_share"], row.content["by_time"], behind
    )


def find_usual_course(
    session: Session, varietal: str, style: str, *, fewest: int
) -> tuple[int, dict[str, Any]] | None:
    """Of the patterns of a variety ("" where the fruit is not recorded) and a style the one with the most ferments behind
    it, how many, and its bands by time. None when none has `fewest`. What stands behind it is not read.
    """
    wanted = (
        select(Pattern.ferments, Pattern.content["by_time"])
        .where(Pattern.varietal == varietal, Pattern.style == style, Pattern.ferments >= fewest)
        .order_by(Pattern.ferments.desc(), Pattern.vessel_size)
        .limit(1)
    )
    found = session.execute(wanted).first()
    return None if found is None else (found[0], found[1])


def find_past_ferments(
    session: Session, fermentation_ids: Sequence[int]
) -> dict[int, PastFermentView]:
    """Past ferments by their ids."""
    rows = session.scalars(
        select(PastFerment).where(is_among(PastFerment.fermentation_id, fermentation_ids))
    )
    return {row.fermentation_id: _view_ferment(row, None) for row in rows}


def list_past_ferments(
    session: Session, *, vintage: int | None = None, limit: int = 1000
) -> list[PastFermentView]:
    """Past ferments, the youngest first."""
    wanted = select(PastFerment).order_by(
        PastFerment.started_at.desc(), PastFerment.fermentation_id.desc()
    )
    if vintage is not None:
        wanted = wanted.where(PastFerment.vintage == vintage)
    return [_view_ferment(row, None) for row in session.scalars(wanted.limit(limit))]


def _view(row: Pattern) -> PatternView:
    told = row.content
    return PatternView(
        row.id,
        row.varietal or None,
        row.style,
        row.vessel_size,
        row.ferments,
        told["came_dry"],
        told["lag_hours"],
        told["days_to_dry"],
        told["fastest"],
        told["temperature"],
        row.written_at,
    )


def _view_ferment(row: PastFerment, place: float | None) -> PastFermentView:
    return PastFermentView(
        row.fermentation_id,
        row.code,
        row.varietal or None,
        row.style,
        row.vessel_size,
        row.vintage,
        row.source,
        row.started_at,
        round(row.start_density, 2),
        round(row.share_gone, 4),
        None if row.lag_h is None else round(row.lag_h, 1),
        None if row.dry_h is None else round(row.dry_h / 24, 2),
        None if row.fastest is None else round(row.fastest, 2),
        None if row.temperature_c is None else round(row.temperature_c, 2),
        place,
        None if place is None else name_band(place),
    )
