"""What the next sugar reading of a tank should be, from its last readings. Pure; sugar in any one unit, time in hours.

A hand in the cellar needs a figure to hold the hydrometer against, not a forecast of the vintage: the pace of the last day
carried on, and a band that grows with the time since the last reading and with the pace. House defaults, measured by
tests/unit/rounds/test_expectation.py on ferments of many shapes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

# The pace is taken over the last readings that span this long, so that one unsteady reading does not make it.
PACE_OVER = timedelta(hours=18)
# A fall slows down and speeds up: within a day it may halve, or grow by half.
SLOWEST, FASTEST = 0.35, 1.6
# Whoever was not read for longer than this is not expected anywhere.
LONGEST_GAP = timedelta(hours=48)


@dataclass(frozen=True)
class Expectation:
    """The value expected at a moment and the band it should lie in, in the unit of the readings."""

    value: float
    low: float
    high: float


def expect_sugar(
    points: Sequence[tuple[datetime, float]], at: datetime, *, noise: float, driest: float
) -> Expectation | None:
    """What sugar should be `at` that moment; None when the readings say too little.

    `points` in time order; `noise` is the spread of honest readings and `driest` the lowest value a dry wine reaches, both
    in the unit of the points.
    """
    if len(points) < 2 or not timedelta(0) <= at - points[-1][0] <= LONGEST_GAP:
        return None
    last_at, last = points[-1]
    since = next((p for p in reversed(points[:-1]) if last_at - p[0] >= PACE_OVER), points[0])
    hours = (last_at - since[0]) / timedelta(hours=1)
    if hours < 4:
        return None
    fall = max(0.0, (since[1] - last) / hours)
    ahead = (at - last_at) / timedelta(hours=1)
    # What is left above dry bounds what can still fall: the pace fades as the sugar runs out.
    left = max(last - driest, noise)
    gone = _fade(fall * ahead, left)
    return Expectation(
        last - gone,
        last - _fade(FASTEST * fall * ahead, left) - 2 * noise,
        last - SLOWEST * gone + 2 * noise,
    )


def _fade(fall: float, left: float) -> float:
    """How much of `left` falls where a steady pace would take `fall`: all of it only after endless time."""
    return left * fall / (left + fall)
