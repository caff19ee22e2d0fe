"""What the round expects of the next reading: shape, limits, and how often a true ferment keeps to it."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.rounds.expectation import Expectation, expect_sugar

START = datetime(2026, 9, 24, 6, 30, tzinfo=UTC)
NOISE, DRIEST = 0.2, -2.0


def expect_after(
    values: list[tuple[float, float]], hours: float, shift: float = 0.0
) -> Expectation | None:
    """The expectation at `hours`, from (hour, value) pairs."""
    points = [(START + timedelta(hours=at + shift), value) for at, value in values]
    at = START + timedelta(hours=hours + shift)
    return expect_sugar(points, at, noise=NOISE, driest=DRIEST)


def test_too_little_is_no_expectation() -> None:
    assert expect_after([], 12) is None
    assert expect_after([(0, 22.0)], 12) is None
    assert expect_after([(0, 22.0), (1, 21.9)], 12) is None
    assert expect_after([(0, 22.0), (12, 20.0)], 90) is None
    assert expect_after([(0, 22.0), (12, 20.0)], 11) is None


curves = st.lists(st.floats(-2, 30), min_size=2, max_size=8)


@given(curves, st.floats(0, 40), st.floats(-1000, 1000))
def test_the_value_lies_in_its_band_above_dry_and_hangs_on_no_clock(
    values: list[float], ahead: float, shift: float
) -> None:
    points = [(12.0 * place, value) for place, value in enumerate(values)]
    hours = points[-1][0] + ahead
    found = expect_after(points, hours)
    assert found is not None
    assert found.low < found.value < found.high
    assert found.value <= values[-1]
    assert found.value >= min(values[-1] - NOISE, DRIEST)
    moved = expect_after(points, hours, shift)
    assert moved is not None
    assert math.isclose(moved.value, found.value, abs_tol=1e-6)


@pytest.mark.parametrize(("every", "most_outside"), [(8.0, 0.06), (12.0, 0.08), (24.0, 0.15)])
def test_ferments_of_many_paces_keep_to_their_band(every: float, most_outside: float) -> None:
    # Logistic falls from 18 to 27 °Bx, at most 8 °Bx a day, the fastest real ferment known (fermentation.rules).
    dice = random.Random(20260924)
    asked = outside = 0
    for _ in range(300):
        must, peak, middle = dice.uniform(18, 27), dice.uniform(0.04, 0.33), dice.uniform(30, 110)
        steepness = 4 * peak / (must - DRIEST)
        hours = [every * step for step in range(int(300 / every))]
        fallen = [1 + math.exp(steepness * (hour - middle)) for hour in hours]
        values = [DRIEST + (must - DRIEST) / part + dice.gauss(0, 0.15) for part in fallen]
        readings = list(zip(hours, values, strict=True))
        for place in range(3, len(readings)):
            found = expect_after(readings[:place], hours[place])
            if found is not None:
                asked += 1
                outside += not found.low <= values[place] <= found.high
    assert asked > 1000
    assert outside / asked <= most_outside
