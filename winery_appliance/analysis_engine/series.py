"""Turns the readings of one type into a series and sets aside those that cannot be right.

Sugar is apparent °Bx at 20 °C, temperature °C, hours count from the start of the ferment. Figures
without a source are house defaults.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

import numpy as np

from winery_appliance.analysis_engine.corrections import list_plain_slips, read_in_other_units
from winery_appliance.analysis_engine.measurements import Ferment, Reading
from winery_appliance.analysis_engine.plausibility import (
    TRUST,
    TRUST_CONFIRMED,
    TRUST_ODD,
    Pace,
    Point,
    recent_fall_per_h,
    split_believable,
)
from winery_appliance.core.units import (
    UNITS,
    Range,
    SampleType,
    Unit,
    from_canonical,
    to_canonical,
)

# No must falls by 12 °Bx in a day; 8 was measured in laboratory reds (Stellenbosch University,
# "Lab-scale red wine fermentation"). Skins and raisins give a red 1 to 2 °Bx in its first two days.
_SUGAR_ON_SKINS = Pace(
    rise=1.3,
    rise_per_h=0.0,
    fall=1.2,
    fall_per_h=0.5,
    settling_h=60.0,
    rise_settling=2.8,
    usual_fall_per_h=0.25,
    gain_per_h2=0.012,
    noise=0.25,
    off_curve=1.3,
)
_SUGAR_IN_JUICE = Pace(
    rise=0.8,
    rise_per_h=0.0,
    fall=0.8,
    fall_per_h=0.5,
    settling_h=36.0,
    rise_settling=1.5,
    usual_fall_per_h=0.1,
    gain_per_h2=0.006,
    noise=0.12,
    off_curve=0.9,
)
# The heat of fermentation gives at most 1.5 °C/h. A cap is up to 12 °C hotter than the juice under
# it (sawine.co.za), so one hot reading is a question only when nothing else can explain it.
_TEMPERATURE = Pace(
    rise=6.0,
    rise_per_h=1.5,
    fall=8.0,
    fall_per_h=1.5,
    settling_h=0.0,
    rise_settling=6.0,
    usual_fall_per_h=0.5,
    gain_per_h2=0.03,
    noise=0.8,
    off_curve=9.0,
)
_SUGAR_PACES: Mapping[str, Pace] = {"red": _SUGAR_ON_SKINS, "orange": _SUGAR_ON_SKINS}

_RECENT = 100  # readings that tell the pace
_FIRST_DAY_H = 24.0
_FRESH_MUST = Range(12.0, 35.0)
_RARE_SUGAR = Range(-3.0, 35.0)
_RARE_TEMPERATURE = Range(0.0, 42.0)
_LIKE_SG = Range(0.97, 1.2)
# No must reads so, whatever else is known: it is a slip, or another unit (16 °C is 61 °F).
_POSSIBLE_SUGAR = Range(-5.0, 45.0)
_POSSIBLE_TEMPERATURE = Range(-5.0, 45.0)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reading that cannot be right, and the values expected in its place (°Bx or °C).

    `between` says that believed readings stand before and behind it.
    """

    reading: Reading
    value: float
    expected: Range
    near: float
    tolerance: float
    between: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """The believed readings of one type as points in time order, and the doubted ones."""

    points: tuple[Point, ...]
    doubts: tuple[Doubt, ...]


def build_series(
    ferment: Ferment,
    readings: Sequence[Reading],
    kind: SampleType,
    moved_at: Sequence[datetime] = (),
) -> Series:
    """The series of `kind` (sugar or temperature) from `readings`, each id once, in time order.

    Readings before and after a moment of `moved_at` are judged apart.
    """
    pace = _TEMPERATURE
    if kind is SampleType.sugar:
        pace = _SUGAR_PACES.get(ferment.style, _SUGAR_IN_JUICE)
    by_id = {reading.sample_id: reading for reading in readings if reading.sample_type is kind}
    points = [_make_point(ferment, reading) for reading in by_id.values()]
    points = [point for point in points if isfinite(point.value)]
    slips = _find_impossible(points, kind)
    if kind is SampleType.sugar:
        slips |= _find_sg_in_brix([p for p in points if p.sample_id not in slips], by_id)
    rest = [point for point in points if point.sample_id not in slips]
    believed: list[Point] = []
    doubted: list[Point] = []
    moved_h = [(moment - ferment.started_at).total_seconds() / 3600 for moment in moved_at]
    for stretch in _split_at(rest, moved_h):
        kept, left_out = split_believable(
            stretch, pace, lambda point: _read_otherwise(by_id[point.sample_id])
        )
        believed += kept
        doubted += left_out
    doubted += [point for point in points if point.sample_id in slips]
    doubts = [_explain_doubt(p, by_id[p.sample_id], believed, pace) for p in doubted]
    doubts.sort(key=lambda doubt: (doubt.reading.measured_at, doubt.reading.sample_id))
    return Series(tuple(believed), tuple(doubts))


def _split_at(points: Sequence[Point], moved_h: Sequence[float]) -> Iterator[list[Point]]:
    stretch: list[Point] = []
    limits = sorted(moved_h)
    for point in points:
        if stretch and bisect_right(limits, point.hours) > bisect_right(limits, stretch[-1].hours):
            yield stretch
            stretch = []
        stretch.append(point)
    if stretch:
        yield stretch


def typed_unit(reading: Reading) -> Unit:
    """The unit the reading was typed in, the usual one of its type when that is not known."""
    return reading.unit or UNITS[reading.sample_type][0]


def _make_point(ferment: Ferment, reading: Reading) -> Point:
    hours = (reading.measured_at - ferment.started_at).total_seconds() / 3600
    sugar = reading.sample_type is SampleType.sugar
    shown = Unit.brix if sugar else Unit.celsius
    value = from_canonical(reading.sample_type, reading.value, shown)
    low, high = _RARE_SUGAR if sugar else _RARE_TEMPERATURE
    if sugar and hours < _FIRST_DAY_H:
        low, high = _FRESH_MUST
    trust = TRUST if low <= value <= high else TRUST_ODD
    return Point(reading.sample_id, hours, value, TRUST_CONFIRMED if reading.confirmed else trust)


def _find_impossible(points: Sequence[Point], kind: SampleType) -> set[int]:
    """Ids of values that no must has, but those that a person confirmed."""
    possible = _POSSIBLE_SUGAR if kind is SampleType.sugar else _POSSIBLE_TEMPERATURE
    return {
        point.sample_id
        for point in points
        if not possible.low <= point.value <= possible.high and point.trust < TRUST_CONFIRMED
    }


def _find_sg_in_brix(points: Sequence[Point], by_id: Mapping[int, Reading]) -> set[int]:
    """Ids of values such as 1.085 in a °Bx field whose other values have one decimal.

    Late in a ferment 1.012 could be either; the meaning nearer to the other readings is taken.
    """
    suspects = [
        point
        for point in points
        if _LIKE_SG.low <= point.value <= _LIKE_SG.high
        and point.trust < TRUST_CONFIRMED
        and typed_unit(by_id[point.sample_id]) is Unit.brix
        and not _is_one_decimal(point.value)
    ]
    marked = {point.sample_id for point in suspects}
    others = [point for point in points if point.sample_id not in marked]
    if len(others) < 3 or not all(_is_one_decimal(point.value) for point in others):
        return {point.sample_id for point in suspects if point.hours < _FIRST_DAY_H}
    hours, values = [p.hours for p in others], [p.value for p in others]
    slips = set()
    for point in suspects:
        expected = float(np.interp(point.hours, hours, values))
        meant = _as_brix(point.value, Unit.sg)
        if abs(meant - expected) < abs(point.value - expected):
            slips.add(point.sample_id)
    return slips


def _is_one_decimal(value: float) -> bool:
    return abs(value * 10 - round(value * 10)) < 1e-6


def _as_brix(value: float, unit: Unit) -> float:
    density = to_canonical(SampleType.sugar, value, unit)
    return from_canonical(SampleType.sugar, density, Unit.brix)


def _read_otherwise(reading: Reading) -> Iterable[float]:
    kind, unit = reading.sample_type, typed_unit(reading)
    shown = Unit.brix if kind is SampleType.sugar else Unit.celsius
    typed = from_canonical(kind, reading.value, unit)
    options = read_in_other_units(kind, typed, unit)
    if kind is SampleType.sugar:
        options = [option for _, option in list_plain_slips(kind, typed, unit)]
    for option in options:
        yield from_canonical(kind, to_canonical(kind, option.value, unit), shown)


def _explain_doubt(point: Point, reading: Reading, believed: Sequence[Point], pace: Pace) -> Doubt:
    split = bisect_right(believed, point.hours, key=lambda other: other.hours)
    before, after = believed[:split][-_RECENT:], believed[split : split + 1]
    if before and after:
        gap = after[0].hours - before[-1].hours
        share = (point.hours - before[-1].hours) / gap
        near = before[-1].value + share * (after[0].value - before[-1].value)
        low, high = sorted((before[-1].value, after[0].value))
    elif before:
        near, low, high = _look_ahead(before, point.hours, pace)
    elif after:
        near = low = after[0].value
        high = near + pace.usual_fall_per_h * min(after[0].hours - point.hours, 24.0)
    else:
        low, high = _FRESH_MUST
        near = (low + high) / 2
    margin = 2 * pace.noise
    expected = Range(low - margin, high + margin)
    between = bool(before and after)
    return Doubt(reading, point.value, expected, near, pace.off_curve, between)


def _look_ahead(before: Sequence[Point], hours: float, pace: Pace) -> tuple[float, float, float]:
    """Near, low and high of the next value, if the pace of `before` goes on or grows."""
    last = before[-1]
    ahead = hours - last.hours
    spare = 0.5 * pace.gain_per_h2 * ahead * min(ahead, 24.0)
    fall = recent_fall_per_h(before, pace) * ahead
    if pace.rise_per_h > 0:  # a temperature goes either way
        return last.value, last.value - spare, last.value + spare
    return last.value - fall, last.value - 1.5 * fall - spare, last.value
