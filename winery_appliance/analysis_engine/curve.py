"""Small figures about a curve of (moment, value), for pages."""

from collections.abc import Sequence
from datetime import datetime, timedelta

DAY = timedelta(days=1)
# A change "in 24 h" needs a reading about a day old to be measured against; older ones tell of another day.
FURTHEST = timedelta(hours=40)
NEAREST = timedelta(hours=12)

Points = Sequence[tuple[datetime, float]]


def change_in_24h(points: Points) -> float | None:
    """The last value less the one a day before it, between readings on a straight line; None when too little is known."""
    if len(points) < 2:
        return None
    last_at, last = points[-1]
    wanted = last_at - DAY
    older = [point for point in points if point[0] <= wanted]
    younger = [point for point in points if wanted < point[0] < last_at]
    if older and last_at - older[-1][0] <= FURTHEST:
        at, value = older[-1]
        if younger:
            next_at, next_value = younger[0]
            value += (next_value - value) * ((wanted - at) / (next_at - at))
            at = wanted
        return (last - value) * (DAY / (last_at - at))
    if younger and last_at - younger[0][0] >= NEAREST:
        at, value = younger[0]
        return (last - value) * (DAY / (last_at - at))
    return None


def scale_to_unit_square(points: Points, scale: tuple[float, float]) -> list[tuple[float, float]]:
    """The curve with its time from 0 to 1 and the values of `scale` from 0 to 1, cut off there; for a sparkline."""
    if not points:
        return []
    first, last = points[0][0], points[-1][0]
    low, high = scale
    width, height = (last - first) or DAY, high - low
    return [
        (round((at - first) / width, 4), round((min(max(value, low), high) - low) / height, 4))
        for at, value in points
    ]
