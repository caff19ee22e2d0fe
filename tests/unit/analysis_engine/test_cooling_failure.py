"""Cooling fails: a rise of the must's own making, not a low reading before it nor the way up to where it is held."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.analysis_engine.readings import START, at, sugar, warmth
from winery_appliance.analysis_engine.checks.cooling_failure import CoolingFailure
from winery_appliance.analysis_engine.forecasting.lessons import UNTAUGHT
from winery_appliance.analysis_engine.measurements import Ferment, Finding
from winery_appliance.analysis_engine.situation import describe_situation


def find(
    brix: list[float], celsius: list[float], *, every_h: float = 24, style: str = "red"
) -> Finding | None:
    readings = sugar(brix, every_h=every_h) + warmth(celsius, every_h=every_h)
    last = at(1.5 + every_h * (len(celsius) - 1))
    situation = describe_situation(Ferment(style, START, ""), readings, last, UNTAUGHT)
    return CoolingFailure().run(situation)


@settings(max_examples=60, deadline=None)
@given(
    held=st.floats(27.0, 31.5),
    too_low=st.floats(1.0, 4.0),
    looks_after=st.integers(1, 2),
    pace=st.floats(1.5, 5.0),
    every_h=st.sampled_from([8.0, 12.0, 24.0]),
)
def test_one_low_reading_is_no_rise(
    held: float, too_low: float, looks_after: int, pace: float, every_h: float
) -> None:
    count = int(96 / every_h)
    brix = [24.0 - pace * max(n * every_h - 18, 0) / 24 for n in range(count)]
    celsius = [held] * count
    celsius[-1 - looks_after] -= too_low
    assert find(brix, celsius, every_h=every_h) is None


@pytest.mark.parametrize("low_before", [30.1, 31.0])
def test_a_low_reading_and_a_high_one_are_no_rise(low_before: float) -> None:
    assert find([24.0, 23.5, 21.5, 19.5], [30.5, low_before, 27.6, 31.0]) is None


def test_a_must_that_passes_its_hold_on_the_first_way_up_is_not_failing() -> None:
    brix = [25.7, 25.8, 25.7, 25.8, 26.0, 25.4, 22.5, 20.4]
    warming = [15.9, 15.8, 16.8, 18.8, 20.7, 23.6, 28.9, 30.5]
    assert find(brix, warming, every_h=8) is None


@pytest.mark.parametrize("every_h", [8.0, 12.0, 24.0])
@given(held=st.floats(27.5, 28.5), pace=st.floats(4.0, 5.5))
@settings(max_examples=20, deadline=None)
def test_a_jacket_that_stops_is_told_within_a_day_and_a_half(
    every_h: float, held: float, pace: float
) -> None:
    """A red held warm; four fifths of its own heat stay in it from the third day on."""
    hours = [n * every_h for n in range(int(108 / every_h) + 1)]
    brix = [24.0 - pace * max(hour - 18, 0) / 24 for hour in hours]
    celsius = [held + 0.8 * 1.4 * pace / 24 * max(hour - 72, 0) for hour in hours]
    assert find(brix, celsius, every_h=every_h) is not None
