"""Finds readings that cannot be right beside their neighbours, before anything is computed.

A series is explained in the cheapest way: each reading is either believed or doubted, and the
believed ones must follow each other as a must can ferment. Doubting one reading costs less than
believing a sudden change of level, doubting two costs more. So a single slip is doubted, and a
change of level that a second reading confirms (an addition, a blend) is believed. Then each
believed reading is compared with the curve through its neighbours, and the last one with the pace
before it. Figures without a source are house defaults.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_JUMP = 1.5  # cost of a sudden change of level, where doubting a reading costs its `trust`
_HASTE = 0.3  # most that a hasty but possible fall costs: it only decides between equals
_LOOK_BACK = 8  # readings; more doubtful ones in a row are a change of level
# Standard errors of a reading after which its distance to the curve is a question; readings have long tails.
_FAR = 6.0
_ODD = 3.8  # the same where a mistaken unit explains it, in standard errors of the distance
_UNSURE_FALL = 2.8  # of the difference of two readings, twice its standard error, in those of one
_EVEN_UNSURE = 1.45  # of the distance to the curve at even pauses, in standard errors of a reading
_MOST_OFF_CURVE = 6  # doubts by the curve alone in one series; more is a noisy instrument

_MOST_ADDED = 5.0  # °Bx that somebody adds at once; more is a slip

# What it costs to doubt a reading.
TRUST = 1.0
TRUST_CONFIRMED = 2.0  # a person looked twice: one later reading cannot speak against it alone
TRUST_ODD = 0.9  # a value that is rare by itself is doubted before its neighbour is


@dataclass(frozen=True, slots=True)
class Point:
    """One reading of a series: hours since the start of the ferment, °Bx or °C."""

    sample_id: int
    hours: float
    value: float
    trust: float = TRUST


Mistakes = Callable[[Point], Iterable[float]]
"""What a value would be, had it been typed in another unit; in the unit of the series."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a true series can move, in its own unit (°Bx or °C) and hours.

    `rise` and `fall` are what noise and mixing can do at once, the `_per_h` figures the fastest
    true change; until `settling_h` a rise of `rise_settling` is allowed. `usual_fall_per_h` is a
    brisk ferment, `gain_per_h2` how fast the pace itself can grow. `noise` is the spread of honest
    readings, `off_curve` the least distance from the curve that is worth a question.
    """

    rise: float
    rise_per_h: float
    fall: float
    fall_per_h: float
    settling_h: float
    rise_settling: float
    usual_fall_per_h: float
    gain_per_h2: float
    noise: float
    off_curve: float

    def cost(self, before: Point, after: Point) -> float:
        """What believing that `after` follows `before` costs: nothing, haste, or a jump."""
        hours = after.hours - before.hours
        rise = self.rise_settling if after.hours <= self.settling_h else self.rise
        change = after.value - before.value
        if change > rise + self.rise_per_h * hours:
            return _JUMP
        haste = -change - self.fall - self.usual_fall_per_h * hours
        if haste <= 0:
            return 0.0
        room = (self.fall_per_h - self.usual_fall_per_h) * hours
        return _HASTE * haste / room if haste <= room else _JUMP


def split_believable(
    points: Sequence[Point], pace: Pace, mistakes: Mistakes
) -> tuple[list[Point], list[Point]]:
    """The believed and the doubted among `points`, which stand in time order."""
    believed = _restore_between(points, _explain_cheaply(points, pace), pace)
    believed = _restore_before_rise(points, believed, pace)
    for _ in range(_MOST_OFF_CURVE):
        worst = _farthest_off_curve(believed, pace, mistakes)
        if worst is None:
            break
        del believed[worst]
    if believed and believed[-1] is points[-1] and _fell_too_far(believed, pace, mistakes):
        del believed[-1]
    kept = {id(point) for point in believed}
    return believed, [point for point in points if id(point) not in kept]


def _explain_cheaply(points: Sequence[Point], pace: Pace) -> list[Point]:
    """The points to believe: dynamic programming over which one was believed last."""
    costs: list[float] = []  # of the cheapest explanation in which this point is believed
    sources: list[int] = []  # the point believed before it there, -1 for none
    least = 0.0  # cost of the cheapest explanation of all points so far
    all_doubted = 0.0
    for index, point in enumerate(points):
        cost, source, skipped = all_doubted, -1, 0.0
        for earlier in range(index - 1, max(-1, index - 1 - _LOOK_BACK), -1):
            here = costs[earlier] + skipped + pace.cost(points[earlier], point)
            if here < cost or (here == cost and source < 0):
                cost, source = here, earlier
            if cost <= least:
                break
            skipped += points[earlier].trust
        costs.append(cost)
        sources.append(source)
        least = min(cost, least + point.trust)
        all_doubted += point.trust
    return [points[index] for index in _trace_back(points, costs, sources)]


def _trace_back(points: Sequence[Point], costs: list[float], sources: list[int]) -> list[int]:
    best, last, doubted_after = float("inf"), -1, 0.0
    for index in range(len(points) - 1, -1, -1):
        if costs[index] + doubted_after <= best:  # in a draw the later reading is doubted
            best, last = costs[index] + doubted_after, index
        doubted_after += points[index].trust
    chain = []
    while last >= 0:
        chain.append(last)
        last = sources[last]
    return chain[::-1]


def _restore_between(points: Sequence[Point], believed: Sequence[Point], pace: Pace) -> list[Point]:
    """`believed` and, beside them, the doubted that lie between their believed neighbours.

    A steep but steady fall can make one reading on the way look superfluous; it is not wrong.
    """
    kept = {id(point) for point in believed}
    restored: list[Point] = []
    ahead = iter(believed)
    after = next(ahead, None)
    for point in points:
        if id(point) in kept:
            restored.append(point)
            after = next(ahead, None)
        elif restored and after is not None:
            low, high = sorted((restored[-1].value, after.value))
            if low - pace.noise <= point.value <= high + pace.noise:
                restored.append(point)
    return restored


def _restore_before_rise(
    points: Sequence[Point], believed: Sequence[Point], pace: Pace
) -> list[Point]:
    """`believed` and, beside them, a doubted reading where the fall before it led, with a rise behind it that lasted.

    Sugar that was added looks like one low reading to who does not count what the must fermented meanwhile: the readings
    behind it then lie too high by about the same, and go on falling as before.
    """
    kept = {id(point) for point in believed}
    restored = list(believed)
    for at, point in enumerate(points):
        if id(point) in kept:
            continue
        before = [p for p in points[max(at - 3, 0) : at] if id(p) in kept][-2:]
        after = [p for p in points[at + 1 : at + 4] if id(p) in kept][:2]
        if len(before) < 2 or len(after) < 2 or point.trust < TRUST:
            continue
        if _leads_to(before, point, pace) and _rises_behind(point, before, after, pace):
            restored.append(point)
    return sorted(restored, key=lambda p: (p.hours, p.sample_id))


def _leads_to(before: Sequence[Point], point: Point, pace: Pace) -> bool:
    fall = _fall_per_h(*before) * (point.hours - before[-1].hours)
    return abs(before[-1].value - fall - point.value) <= 2.5 * pace.noise + 0.3 * max(fall, 0.0)


def _rises_behind(
    point: Point, before: Sequence[Point], after: Sequence[Point], pace: Pace
) -> bool:
    fall = max(min(_fall_per_h(*before), _fall_per_h(*after)), 0.0)
    rises = [later.value - point.value + fall * (later.hours - point.hours) for later in after]
    return after[0].value > point.value and min(rises) >= pace.rise and max(rises) <= _MOST_ADDED


def _fall_per_h(one: Point, two: Point) -> float:
    return (one.value - two.value) / (two.hours - one.hours) if two.hours > one.hours else 0.0


def _farthest_off_curve(points: Sequence[Point], pace: Pace, mistakes: Mistakes) -> int | None:
    """Index of the reading that is farthest beyond what the curve through its neighbours allows.

    The curve is the cubic through two readings on either side. Where it differs from the straight
    line the must is turning, and over long gaps its pace can change: both allow more. Half the
    distance will do when a mistaken unit explains the value. Neighbours across a change of level
    do not count, nor does a reading that a person confirmed.
    """
    if len(points) < 5:
        return None
    hours = np.array([point.hours for point in points])
    values = np.array([point.value for point in points])
    smooth = np.array([pace.cost(before, after) < _JUMP for before, after in pairwise(points)])
    free = np.array([point.trust < TRUST_CONFIRMED for point in points[2:-2]])
    cubic, straight, apart, unsure = _guess_from_neighbours(hours, values)
    usable = smooth[:-3] & smooth[1:-2] & smooth[2:-1] & smooth[3:] & free & apart
    distance = np.where(usable, np.abs(values[2:-2] - cubic), 0.0)
    turning = 0.35 * pace.gain_per_h2 * (hours[2:-2] - hours[1:-3]) * (hours[3:-1] - hours[2:-2])
    noise = max(pace.noise, _spread(distance[usable]))
    allowed = max(pace.off_curve, _FAR * noise) * np.maximum(unsure / _EVEN_UNSURE, 1.0)
    limits = allowed + 0.8 * np.abs(cubic - straight) + turning
    excess = distance - limits
    odd = np.maximum(np.maximum(1.0, _ODD * noise * unsure), limits / 2)
    for index in np.flatnonzero((excess <= 0) & (distance > odd)):
        if _explains(mistakes(points[int(index) + 2]), float(cubic[index]), distance[index]):
            excess[index] = distance[index]
    worst = int(np.argmax(excess))
    return worst + 2 if excess[worst] > 0 else None


def _guess_from_neighbours(
    hours: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """For each inner reading: the cubic and the straight guess, whether they can be made, and how unsure the distance is.

    That is the standard error of reading minus cubic guess, in those of one reading; uneven pauses make it larger.
    """
    at = hours[2:-2]
    times = np.stack([hours[:-4], hours[1:-3], hours[3:-1], hours[4:]])
    known = np.stack([values[:-4], values[1:-3], values[3:-1], values[4:]])
    apart = np.all(np.diff(times, axis=0) > 0.5, axis=0)
    times = np.where(apart, times, np.arange(4.0)[:, None])
    cubic, squares = np.zeros_like(at), np.ones_like(at)
    for one in range(4):
        weight = np.ones_like(at)
        for other in range(4):
            if other != one:
                weight *= (at - times[other]) / (times[one] - times[other])
        cubic += weight * known[one]
        squares += weight**2
    share = (at - times[1]) / (times[2] - times[1])
    return cubic, known[1] + share * (known[2] - known[1]), apart, np.sqrt(squares)


def _spread(distances: NDArray[np.float64]) -> float:
    """Robust standard deviation (1.4826 MAD) of a reading, from distances to the cubic guess.

    At even intervals such a distance has 1.4 times the deviation of a reading.
    """
    return float(1.4826 * np.median(distances) / 1.4) if len(distances) >= 6 else 0.0


def _fell_too_far(points: Sequence[Point], pace: Pace, mistakes: Mistakes) -> bool:
    """Whether the last reading fell more than the pace before it can explain.

    Half of that will do when a slip explains the value, but no more than a brisk must falls is never a slip: swapped, the
    digits of many a true reading of a must that gets under way lie where it was yesterday.
    """
    *earlier, last = points
    if not earlier or last.trust >= TRUST_CONFIRMED:
        return False
    hours = last.hours - earlier[-1].hours
    usual = hours * recent_fall_per_h(earlier, pace)
    past_peak = earlier[-1].value < 0.6 * max(point.value for point in earlier)
    gain = pace.gain_per_h2 / 2 if past_peak else pace.gain_per_h2
    spare = pace.fall + 0.5 * usual + gain * hours * (hours + 12)
    excess = earlier[-1].value - usual - last.value
    if excess > spare:
        return True
    if earlier[-1].value - last.value <= pace.usual_fall_per_h * hours + _UNSURE_FALL * pace.noise:
        return False
    expected = earlier[-1].value - usual
    return excess > max(1.0, spare / 2) and _explains(mistakes(last), expected, excess)


def _explains(alternatives: Iterable[float], expected: float, distance: float) -> bool:
    return any(abs(value - expected) < 0.25 * distance for value in alternatives)


def recent_fall_per_h(points: Sequence[Point], pace: Pace) -> float:
    """How fast the series fell over its last 18 hours or more; a fair guess from one reading."""
    last = points[-1]
    early = next((p for p in reversed(points) if last.hours - p.hours >= 18), points[0])
    hours = last.hours - early.hours
    if hours < 6:
        return 0.0 if last.hours < 60 else pace.usual_fall_per_h / 2
    return max(0.0, (early.value - last.value) / hours)
