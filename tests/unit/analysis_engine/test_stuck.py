"""Stuck: told when a ferment stops, and never of a cold soak or a finished wine."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis_engine.readings import (
    HEALTHY_RED,
    HEALTHY_WHITE,
    START,
    at,
    find,
    judge,
    read_at,
    replay,
    sugar,
)
from winery_appliance.analysis_engine.checks.stuck import Stuck, StuckLimits
from winery_appliance.analysis_engine.forecasting.lessons import UNTAUGHT
from winery_appliance.analysis_engine.measurements import Ferment
from winery_appliance.analysis_engine.situation import describe_situation

ARREST = [24.0, 24.1, 23.4, 21.0, 17.8, 14.5, 11.4, 8.6, 6.4, 5.7]
FLAT = [5.6, 5.7, 5.5, 5.6, 5.5]


def test_an_arrest_is_told_with_its_figures() -> None:
    readings = sugar(ARREST + FLAT)
    finding = find("stuck", readings)
    assert finding is not None
    assert finding.severity == "critical"
    assert finding.title == "Stuck"
    assert finding.explanation.startswith("Sugar fell 0.1 °Bx in 48 h, with about 6")
    assert finding.explanation.endswith("g/L still to ferment.")
    assert finding.evidence == tuple(reading.sample_id for reading in readings[-5:])
    assert finding.threshold.value == 0.3
    assert "−1.0 °Bx" in finding.clears_when


def test_the_alarm_opens_within_two_days_and_stays() -> None:
    readings = sugar(ARREST + FLAT + [5.5, 5.6, 5.5, 5.6])
    open_at = replay("stuck", readings)
    stopped_at = 1 + 12 * (len(ARREST) - 1)
    assert 12 <= open_at[0] - stopped_at <= 60
    assert open_at == [1 + 12 * n for n in range(round((open_at[0] - 1) / 12), len(readings))]
    for hour in open_at:
        finding = next(f for f in judge(readings, hours=hour).findings if f.check == "stuck")
        assert at(stopped_at) < finding.since <= at(hour)


@pytest.mark.parametrize(("style", "curve"), [("red", HEALTHY_RED), ("white", HEALTHY_WHITE)])
@pytest.mark.parametrize("every_h", [8, 12, 24])
def test_a_healthy_ferment_never_rings(style: str, curve: list[float], every_h: int) -> None:
    assert replay("stuck", sugar(curve, every_h=every_h), style=style) == []


@pytest.mark.parametrize("level", [-2.3, -2.1, -1.6, -1.1])
def test_a_dry_wine_is_not_stuck(level: float) -> None:
    readings = sugar(HEALTHY_RED + [level] * 12)
    assert replay("stuck", readings) == []


@pytest.mark.parametrize("days", [3, 6, 10])
def test_a_cold_soak_is_not_stuck(days: int) -> None:
    noise = random.Random(days)
    soak = [24.0 + noise.choice([-0.2, -0.1, 0.0, 0.1, 0.2]) for _ in range(2 * days)]
    assert replay("stuck", sugar(soak)) == []


def test_a_slow_start_after_a_long_soak_is_not_stuck() -> None:
    soak, start = [21.5] * 10, [21.5 - 0.2 * step for step in range(1, 12)]
    assert replay("stuck", sugar(soak + start), style="white") == []


def test_a_red_that_gains_sugar_from_its_skins_is_not_stuck() -> None:
    assert replay("stuck", sugar([22.5, 23.4, 24.2, 24.4, 24.3, 24.4, 24.3, 24.4])) == []


@given(seed=st.integers(0, 10_000))
def test_noise_neither_hides_an_arrest_nor_makes_one(seed: int) -> None:
    noise = random.Random(seed)

    def shaken(values: list[float]) -> list[float]:
        return [round(value + noise.uniform(-0.2, 0.2), 1) for value in values]

    assert find("stuck", sugar(shaken(ARREST + [5.6] * 7))) is not None
    assert find("stuck", sugar(shaken(HEALTHY_RED[:16]))) is None


@pytest.mark.parametrize("wrong", [25.6, 15.6, 0.6, 1.022])
@pytest.mark.parametrize("place", [-1, -2, -3])
def test_one_slip_in_the_window_changes_nothing(wrong: float, place: int) -> None:
    stuck = ARREST + FLAT + [5.5, 5.6]
    stuck[place] = wrong
    assert find("stuck", sugar(stuck)) is not None
    running = HEALTHY_RED[:13]
    running[place] = 23.9
    assert find("stuck", sugar(running)) is None


def test_it_clears_when_the_ferment_runs_again() -> None:
    readings = sugar(ARREST + FLAT + [5.3, 4.9, 4.3, 3.6])
    assert find("stuck", readings[:-4]) is not None
    assert find("stuck", readings) is None


def test_noise_alone_does_not_clear_it() -> None:
    """Half a degree from a high reading to a low one is no new low."""
    readings = sugar([*ARREST, 5.6, 5.5, 5.6, 5.7, 6.0, 5.7, 5.4, 5.5, 5.6])
    open_at = replay("stuck", readings)
    assert open_at == [1 + 12 * n for n in range(round((open_at[0] - 1) / 12), len(readings))]


def test_it_clears_when_the_wine_is_dry() -> None:
    creeping = [1.0, *[0.2, 0.1] * 6, -0.1, -0.3, -0.5, -0.7, -0.9, -1.1]
    readings = sugar([*ARREST[:-1], 4.0, 2.4, *creeping])
    assert find("stuck", readings) is not None
    assert find("stuck", [*readings, *sugar([-1.3], from_h=1 + 12 * len(readings))]) is None


def test_a_slow_crawl_does_not_clear_it() -> None:
    crawl = [5.4, 5.3, 5.1, 5.0, 4.9]
    assert find("stuck", sugar(ARREST + FLAT + crawl)) is not None


def test_two_readings_two_days_apart_are_enough() -> None:
    early = sugar([24.0, 21.0, 17.5, 14.0, 10.5, 8.0])
    last = early[-1].measured_at
    hours = (last - START).total_seconds() / 3600
    assert find("stuck", [*early, read_at(hours + 48, 7.9)]) is not None


def test_silence_does_not_clear_it() -> None:
    readings = sugar(ARREST + FLAT)
    assert any(f.check == "stuck" for f in judge(readings, hours=3000).findings)


def test_an_addition_of_sugar_starts_the_count_anew() -> None:
    juice = [21.5, 21.4, 21.0, 20.2, 19.3, 18.4, 20.8, 20.1, 19.3, 18.6]
    assert replay("stuck", sugar(juice), style="white") == []


def test_a_book_that_begins_in_mid_ferment_can_find_an_arrest() -> None:
    assert find("stuck", sugar([8.0, 7.9, 8.0, 7.9, 7.9, 8.0])) is not None


def test_limits_are_those_of_the_style() -> None:
    patient = Stuck({"red": StuckLimits(window_h=96.0, chance=2.0)})
    readings = sugar(ARREST + FLAT)
    ferment = Ferment("red", START, "EC1118")
    situation = describe_situation(ferment, readings, at(1000), UNTAUGHT)
    assert patient.run(situation) is None
    assert Stuck().run(situation) is not None


def test_the_score_grows_as_the_fall_shrinks() -> None:
    flat, creeping = sugar(ARREST + [5.6] * 6), sugar([*ARREST, 5.6, 5.6, 5.5, 5.5, 5.4, 5.4])
    worse, better = find("stuck", flat), find("stuck", creeping)
    assert worse is not None
    assert better is not None
    assert worse.deviation_score > better.deviation_score > 0
