"""How ferments of one kind went: the middle and the spread of many courses, by share of sugar and by time. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from winery_appliance.historical_data.courses import (
    HOURS,
    SHARES,
    Course,
    to_brix,
    to_density,
)

Numbers = NDArray[np.float64]

QUANTILES = (0.10, 0.25, 0.50, 0.75, 0.90)
# A band is called by the quantiles that it lies between; the first and the last are what is outside.
BAND_LIMITS = (10.0, 25.0, 50.0, 75.0, 90.0)
_RATE_REACH = 2  # grid steps to each side that a rate is taken over: a tenth of the sugar


@dataclass(frozen=True, slots=True)
class Bands:
    """A pattern: `content` is what is stored and shown, `places` says of each course, in the order given, how far back
    in the field it ran: 0 was the first to use up its sugar, 100 the last.
    """

    content: dict[str, Any]
    places: tuple[float, ...]


def draw_bands(courses: Sequence[Course]) -> Bands:
    """The bands of one or more courses. A quantity nobody measured has null where a number would stand.

    Each quantity has five rows, the quantiles 10, 25, 50, 75 and 90 % by the usual linear rule, over the ferments that
    came so far; `ferments` says how many did at each point.
    """
    start = np.array([course.start_density for course in courses])[:, None]
    hours = np.array([course.hours_at for course in courses])
    by_time = np.array([course.share_by for course in courses])
    reached = ~np.isnan(hours)
    sugar_at = np.where(reached, to_density(SHARES[None, :], start), np.nan)
    content = {
        "by_share": {
            "share": _round(SHARES, 3),
            "ferments": [int(n) for n in reached.sum(axis=0)],
            "hours": _tell(hours, 1),
            "sugar": _tell(sugar_at, 2),
            "temperature": _tell(np.array([c.warmth_at for c in courses]), 2),
            "rate": _tell(_rate(hours, to_brix(sugar_at)), 2),
        },
        "by_time": _cut(
            {
                "hours": _round(HOURS, 1),
                "ferments": [int(n) for n in (~np.isnan(by_time)).sum(axis=0)],
                "share": _tell(by_time, 4),
                "sugar": _tell(to_density(by_time, start), 2),
                "temperature": _tell(np.array([c.warmth_by for c in courses]), 2),
            },
            max(course.last_h for course in courses),
        ),
        "lag_hours": _tell_figure([c.lag_h for c in courses], 1),
        "days_to_dry": _tell_figure([c.dry_h and c.dry_h / 24 for c in courses], 2),
        "fastest": _tell_figure([c.fastest for c in courses], 2),
        "temperature": _tell_figure([c.temperature_c for c in courses], 2),
        "came_dry": sum(c.dry_h is not None for c in courses),
    }
    return Bands(content, tuple(_place(hours)))


def name_band(place: float) -> str:
    """The band a ferment ran in mostly: `0-10`, `10-25`, `25-50`, `50-75`, `75-90` or `90-100`."""
    edges = (0.0, *BAND_LIMITS, 100.0)
    at = bisect_right(BAND_LIMITS, place)
    return f"{edges[at]:.0f}-{edges[at + 1]:.0f}"


def take_quantiles(values: Numbers) -> Numbers:
    """The quantiles (5, points) of values (ferments, points); NaN counts as not there, and where nothing is, remains."""
    ordered = np.sort(values, axis=0)  # NaN come last
    count = (~np.isnan(values)).sum(axis=0)
    at = np.array(QUANTILES)[:, None] * np.maximum(count - 1, 0)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    below = np.take_along_axis(ordered, low, axis=0)
    above = np.take_along_axis(ordered, high, axis=0)
    return np.asarray(below + (above - below) * (at - low))


def _rate(hours: Numbers, brix: Numbers) -> Numbers:
    """°Bx a day at each share, over a tenth of the sugar around it."""
    k = _RATE_REACH
    rate = np.full_like(hours, np.nan)
    taken_h = hours[:, 2 * k :] - hours[:, : -2 * k]
    fall = brix[:, : -2 * k] - brix[:, 2 * k :]
    rate[:, k:-k] = np.where(taken_h > 0, 24 * fall / np.where(taken_h > 0, taken_h, 1.0), np.nan)
    return rate


def _place(hours: Numbers) -> Sequence[float]:
    """The middle of the places a ferment had among the others at the shares that it came to; alone it is in the middle.

    One that did not come to a share is behind all that did.
    """
    n = len(hours)
    if n == 1:
        return [50.0]
    compared = hours[:, (SHARES > 0) & (~np.isnan(hours)).any(axis=0)]
    filled = np.where(np.isnan(compared), np.inf, compared)
    ordered = np.sort(filled, axis=0)
    places = np.empty_like(filled)
    for column in range(filled.shape[1]):
        first = np.searchsorted(ordered[:, column], filled[:, column], side="left")
        last = np.searchsorted(ordered[:, column], filled[:, column], side="right") - 1
        places[:, column] = 100 * (first + last) / 2 / (n - 1)
    return [round(float(place), 1) for place in np.median(places, axis=1)]


def _cut(table: dict[str, Any], last_h: float) -> dict[str, Any]:
    """The table without the hours that nobody has a reading for."""
    keep = min(int(np.searchsorted(HOURS, last_h)) + 1, len(HOURS))
    return {
        name: [row[:keep] for row in rows] if isinstance(rows[0], list) else rows[:keep]
        for name, rows in table.items()
    }


def _tell(values: Numbers, places: int) -> list[list[float | None]]:
    return [_round(row, places) for row in take_quantiles(values)]


def _tell_figure(values: Sequence[float | None], places: int) -> list[float | None]:
    column = np.array([[np.nan if v is None else v] for v in values], dtype=np.float64)
    return _round(take_quantiles(column)[:, 0], places)


def _round(values: Numbers, places: int) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), places) for value in values]
