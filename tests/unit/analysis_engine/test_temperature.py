"""Too hot and too cold, by style, with a memory that does not flicker."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.analysis_engine.readings import (
    HEALTHY_RED,
    HEALTHY_WHITE,
    alarms,
    at,
    find,
    judge,
    replay,
    sugar,
    warmth,
)


@pytest.mark.parametrize(
    ("style", "celsius", "severity"),
    [
        ("red", 31.2, "warning"),
        ("red", 32.4, "critical"),
        ("white", 21.5, "warning"),
        ("white", 24.0, "critical"),
        ("rose", 24.5, "critical"),
        ("orange", 27.5, "warning"),
    ],
)
def test_heat_is_told_by_style(style: str, celsius: float, severity: str) -> None:
    finding = find("temp_high", warmth([celsius - 2, celsius - 1, celsius]), style=style)
    assert finding is not None
    assert finding.severity == severity
    assert f"{celsius:.1f} °C" in finding.explanation


@pytest.mark.parametrize(
    ("style", "celsius"), [("red", 20.0), ("red", 28.5), ("white", 14.0), ("white", 18.9)]
)
def test_ordinary_temperatures_are_quiet(style: str, celsius: float) -> None:
    curve = HEALTHY_RED if style == "red" else HEALTHY_WHITE
    readings = sugar(curve[:14]) + warmth([celsius] * 14)
    assert alarms(judge(readings, style=style)) == []


def test_one_reading_a_little_over_waits_for_a_second() -> None:
    assert find("temp_high", warmth([27, 28, 30.3])) is None
    assert find("temp_high", warmth([27, 28, 30.7, 30.4])) is not None


@given(
    st.lists(st.floats(-0.8, 0.45), min_size=2, max_size=14),
    st.sampled_from([("red", 30.0), ("white", 20.0), ("orange", 26.0)]),
)
@settings(max_examples=40, deadline=None)
def test_a_must_held_at_its_limit_does_not_ring_by_what_a_thermometer_errs(
    errors: list[float], held: tuple[str, float]
) -> None:
    style, limit = held
    celsius = [round(limit + error, 1) for error in errors]
    if all(one + two < 2 * limit + 1 for one, two in pairwise(celsius)):
        assert find("temp_high", warmth(celsius), style=style) is None


@given(over=st.floats(0.6, 1.0), style=st.sampled_from(["red", "white"]))
@settings(max_examples=20, deadline=None)
def test_a_must_clearly_over_its_limit_rings_at_the_second_reading(over: float, style: str) -> None:
    limit = {"red": 30.0, "white": 20.0}[style]
    assert find("temp_high", warmth([limit - 1, limit + over, limit + over]), style=style)


def test_one_critical_reading_is_enough() -> None:
    finding = find("temp_high", warmth([27, 32.1]))
    assert finding is not None
    assert finding.severity == "critical"


def test_heat_clears_with_two_readings_on_the_safe_side() -> None:
    hot = [27, 31.5, 32.5, 30.2, 29.4, 28.6, 29.2, 28.8, 28.7]
    open_at = replay("temp_high", warmth(hot))
    # 28.6 alone clears nothing, nor does 28.8 after 29.2; 28.7 is the second in a row.
    assert open_at == [13, 25, 37, 49, 61, 73, 85]


def test_the_alarm_keeps_the_date_it_opened() -> None:
    finding = find("temp_high", warmth([27, 31.5, 32.5, 33.0]))
    assert finding is not None
    assert finding.since == at(13)


def test_rising_heat_says_how_much_time_is_left() -> None:
    finding = find("temp_high", warmth([26, 28, 30.0, 32.4], every_h=4))
    assert finding is not None
    assert "rises by 0.6 °C/h: 35 °C in about 4 h" in finding.explanation
    assert finding.evidence


def test_beyond_35_degrees_no_countdown_is_given() -> None:
    finding = find("temp_high", warmth([33, 34, 36.4], every_h=4))
    assert finding is not None
    assert "in about" not in finding.explanation


def test_a_finished_wine_may_be_warm() -> None:
    readings = sugar([21.0, 18, 14, 10, 6, 2, -0.8, -1.5, -1.7, -1.8]) + warmth(
        [16] * 9 + [21.5, 21.5]
    )
    assert find("temp_high", readings, style="white") is None


def test_cold_is_told_while_sugar_ferments() -> None:
    readings = sugar(HEALTHY_RED[:11]) + warmth([24] * 9 + [15.0, 14.8])
    finding = find("temp_low", readings)
    assert finding is not None
    assert finding.severity == "warning"
    assert "14.8 °C" in finding.explanation


def test_a_cold_soak_is_not_too_cold() -> None:
    readings = sugar([24.0, 24.1, 24.0, 24.1, 24.0, 24.1]) + warmth([8, 7, 7, 8, 7, 7])
    assert alarms(judge(readings)) == []


def test_a_chilled_finished_wine_is_not_too_cold() -> None:
    readings = sugar([*HEALTHY_RED, -2.2, -2.2]) + warmth([25] * 20 + [12, 6, 4, 4])
    assert find("temp_low", readings) is None


def test_an_alarm_of_cold_ends_with_the_fermentation() -> None:
    cold = warmth([25] * 16 + [14.0] * 6)
    assert find("temp_low", sugar(HEALTHY_RED[:18]) + cold[:18]) is not None
    assert find("temp_low", sugar(HEALTHY_RED) + cold) is None


def test_cold_without_any_sugar_reading_is_not_judged() -> None:
    assert find("temp_low", warmth([8, 7, 6, 5])) is None


@pytest.mark.parametrize(("style", "celsius"), [("white", 10.5), ("rose", 11.0), ("red", 17.0)])
def test_cool_is_not_cold(style: str, celsius: float) -> None:
    curve = HEALTHY_RED if style == "red" else HEALTHY_WHITE
    readings = sugar(curve[:14]) + warmth([celsius] * 14)
    assert find("temp_low", readings, style=style) is None


def test_cold_clears_with_two_warmer_readings() -> None:
    cold = [22.0] * 8 + [15.5, 15.2, 15.8, 16.5, 17.1, 17.4]
    readings = sugar([*HEALTHY_RED[:12], 6.5, 6.0]) + warmth(cold)
    open_at = replay("temp_low", readings)
    assert open_at[0] == 1 + 9 * 12
    assert open_at[-1] == 1 + 12 * 12


def test_a_slip_of_the_hand_is_no_heat() -> None:
    readings = warmth([25.1, 25.4, 25.2, 42.5, 25.3, 25.1])
    assert find("temp_high", readings) is None


def test_real_heating_is_never_explained_away() -> None:
    """A failed jacket: +9 °C in twelve hours must ring at once."""
    assert find("temp_high", warmth([25, 25.5, 26, 35.0])) is not None


def test_the_score_is_one_at_the_critical_limit() -> None:
    finding = find("temp_high", warmth([28, 32.0]))
    assert finding is not None
    assert finding.deviation_score == pytest.approx(1.0)
