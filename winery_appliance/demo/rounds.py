"""How people read tanks: two rounds a day in walking order, figures with one decimal."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import numpy as np

from winery_appliance.core.units import SampleType, Unit
from winery_appliance.demo.kinetics import Numbers

_ROUNDS = (time(7, 0), time(17, 30))
_PER_TANK = timedelta(seconds=50)
_NOISE_BRIX = {"red": 0.12, "orange": 0.12}
_NOISE_BRIX_JUICE = 0.07
_NOISE_C = 0.3
_MISSED = 0.04


@dataclass(frozen=True, slots=True)
class PlannedReading:
    """One sample as somebody typed it."""

    sample_type: SampleType
    value_typed: str
    unit: Unit
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class Course:
    """The true course of one tank on an even grid of hours since `started_at`."""

    started_at: datetime
    hours: Numbers
    brix: Numbers
    celsius: Numbers

    def brix_at(self, hours: float) -> float:
        """True °Bx so many hours after the filling."""
        return float(np.interp(hours, self.hours, self.brix))

    def celsius_at(self, hours: float) -> float:
        """True °C so many hours after the filling."""
        return float(np.interp(hours, self.hours, self.celsius))


def type_figure(value: float, decimals: int = 1) -> str:
    """`value` as a person types it, without a minus before zero."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def walk_rounds(
    course: Course, *, style: str, position: int, until: datetime, rng: np.random.Generator
) -> list[PlannedReading]:
    """Sugar and temperature of one tank on every round before `until`.

    A few rounds are missed, but neither the first nor the last two.
    """
    moments = list(_list_rounds(course.started_at, until, position, rng))
    readings: list[PlannedReading] = []
    noise = _NOISE_BRIX.get(style, _NOISE_BRIX_JUICE)
    for number, at in enumerate(moments):
        missed = rng.random() < _MISSED and 0 < number < len(moments) - 2
        hours = (at - course.started_at).total_seconds() / 3600
        brix = course.brix_at(hours) + rng.normal(0, noise)
        celsius = course.celsius_at(hours) + rng.normal(0, _NOISE_C)
        if not missed:
            readings.append(PlannedReading(SampleType.sugar, type_figure(brix), Unit.brix, at))
            later = at + timedelta(seconds=15)
            typed = type_figure(celsius)
            readings.append(PlannedReading(SampleType.temperature, typed, Unit.celsius, later))
    return readings


def _list_rounds(
    since: datetime, until: datetime, position: int, rng: np.random.Generator
) -> Iterator[datetime]:
    day = since.date()
    while day <= until.date():
        for start in _ROUNDS:
            jitter = timedelta(seconds=int(rng.integers(-360, 360)))
            at = datetime.combine(day, start, since.tzinfo) + position * _PER_TANK + jitter
            if since + timedelta(minutes=30) <= at < until - timedelta(minutes=1):
                yield at
        day += timedelta(days=1)


def read_panel(style: str, at: datetime, rng: np.random.Generator) -> list[PlannedReading]:
    """The laboratory's figures of a fresh must."""
    ph = rng.normal(3.55 if style == "red" else 3.25, 0.08)
    return [
        PlannedReading(SampleType.ph, type_figure(ph, 2), Unit.ph, at),
        PlannedReading(SampleType.ta, type_figure(rng.normal(6.2, 0.5)), Unit.g_l, at),
        PlannedReading(SampleType.malic, type_figure(rng.uniform(1.2, 3.6)), Unit.g_l, at),
    ]


def read_wine(
    alcohol_pct_vol: float, at: datetime, rng: np.random.Generator
) -> list[PlannedReading]:
    """The laboratory's figures of a finished wine."""
    return [
        PlannedReading(SampleType.alcohol, type_figure(alcohol_pct_vol), Unit.pct_vol, at),
        PlannedReading(SampleType.va, type_figure(rng.uniform(0.2, 0.45), 2), Unit.g_l, at),
    ]


def slip_a_digit(typed: str, rng: np.random.Generator) -> str:
    """`typed` with a slip that a field still takes: ten too much, or two digits swapped.

    The slip is at least 5 °Bx for any value from 5 to 19 °Bx.
    """
    whole, _, decimal = typed.partition(".")
    if whole in ("12", "13", "14") and rng.random() < 0.5:
        return f"{whole[::-1]}.{decimal}"
    return type_figure(float(typed) + 10)
