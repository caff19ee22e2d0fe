"""What is healthy is left in peace: each of these ferments once raised an alarm for nothing."""

import random
from dataclasses import replace
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.analysis_engine.readings import (
    HEALTHY_RED,
    START,
    alarms,
    at,
    find,
    judge,
    read_at,
    replay,
    sugar,
    warmth,
)
from winery_appliance.analysis_engine.checks.atypical import Atypical
from winery_appliance.analysis_engine.checks.slow_start import SlowStart
from winery_appliance.analysis_engine.checks.sluggish import Sluggish
from winery_appliance.analysis_engine.forecasting.forecast import Band
from winery_appliance.analysis_engine.forecasting.lessons import UNTAUGHT
from winery_appliance.analysis_engine.measurements import Ferment, Reading
from winery_appliance.analysis_engine.situation import Situation, describe_situation

ARRESTED = [21.5, 20.0, 17.0, 14.0, 11.0, 8.5, 6.5, 5.0, 3.8, 2.8, 2.0, 1.3, 0.7, 0.2, -0.2, -0.5]


def creep(seed: int, *, slows_h: float = 140, count: int = 56) -> list[Reading]:
    """A white that falls by 1.4 °Bx a day and, from 6.3 °Bx on, in step with what is left; read to 0.1 °Bx twice a day.

    What is left comes to a third in `slows_h` hours.
    """
    draw = random.Random(seed)
    readings = []
    for n in range(count):
        hours = 1 + 12 * n
        true = min(21.5, 21.5 - 1.4 * (hours - 36) / 24)
        if true < 6.3:
            true = -1.9 + 8.2 * exp(-(hours - 36 - 15.2 * 24 / 1.4) / slows_h)
        readings.append(read_at(hours, round(true + draw.gauss(0, 0.1), 1)))
    return readings


def describe(readings: list[Reading], *, style: str = "white", hours: float) -> Situation:
    return describe_situation(Ferment(style, START, ""), readings, at(hours), UNTAUGHT)


@pytest.mark.parametrize("seed", range(8))
def test_a_white_that_creeps_to_its_end_is_not_stuck(seed: int) -> None:
    readings = creep(seed)
    for count in range(40, len(readings) + 1):
        assert find("stuck", readings[:count], style="white") is None, readings[count - 1]


@pytest.mark.parametrize("seed", range(6))
def test_a_white_whose_last_degrees_take_a_fortnight_is_not_stuck(seed: int) -> None:
    readings = creep(seed, slows_h=190, count=62)
    for count in range(42, len(readings) + 1):
        assert find("stuck", readings[:count], style="white") is None, readings[count - 1]


@pytest.mark.parametrize("seed", range(6))
def test_an_arrest_near_the_end_is_found_within_the_week(seed: int) -> None:
    draw = random.Random(seed)
    stands = [round(-0.5 + draw.gauss(0, 0.08), 1) for _ in range(14)]
    assert find("stuck", sugar([*ARRESTED, *stands]), style="white") is not None


@pytest.mark.parametrize("level", [-1.0, -1.6, -2.3])
def test_a_finished_wine_does_not_hang_like_a_probe(level: float) -> None:
    fall = [24.0, 22.1, 18.0, 13.6, 9.4, 5.8, 3.0, 0.7]
    assert replay("flat_sensor", sugar([*fall, *[level] * 8])) == []


def test_a_probe_that_hangs_above_dryness_is_found() -> None:
    assert replay("flat_sensor", sugar([24.0, 22.1, 18.0, 13.6, *[9.4] * 4])) != []


def test_a_pause_that_ended_with_a_dry_wine_is_not_missed() -> None:
    falling = sugar([22.9, 22.0, 19.6, 17.2, 14.8, 11.9, 8.9, 6.4, 3.7, 1.4, -0.3], every_h=24)
    assert "missing_reading" in alarms(judge(falling, style="white", hours=241 + 72))
    assert find("missing_reading", [*falling, read_at(313, -2.1)], style="white") is None


def test_a_must_that_has_not_begun_has_no_pace_to_be_sluggish_by() -> None:
    still = sugar([24.0, 24.1, 24.0, 23.9, 23.8, 23.7])
    waiting = describe(still, style="red", hours=62)
    assert waiting.forecast is not None
    doubted = replace(waiting, forecast=replace(waiting.forecast, p_not_dry=0.95))
    assert Sluggish().run(doubted) is None
    creeping = describe(sugar([24.0, 23.6, 23.2, 22.8, 22.6, 22.4, 22.2]), style="red", hours=74)
    assert creeping.forecast is not None
    doubted = replace(creeping, forecast=replace(creeping.forecast, p_not_dry=0.95))
    assert Sluggish().run(doubted) is not None


@given(chance=st.floats(0.0, 1.0), days=st.integers(4, 15))
@settings(max_examples=12, deadline=None)
def test_slowness_must_be_the_surer_the_more_time_is_left(chance: float, days: int) -> None:
    readings = sugar([24.0 - 1.1 * n for n in range(days)], every_h=24)
    slow = describe(readings, style="red", hours=24 * days)
    assert slow.forecast is not None
    told = replace(slow, forecast=replace(slow.forecast, p_not_dry=chance))
    rings = Sluggish().run(told) is not None
    if chance >= 0.95:
        assert rings
    if chance < 0.7 or (chance < 0.8 and days < 8):
        assert not rings


@pytest.mark.parametrize(("chance", "warm_h", "rings"), [(0.75, 60, 0), (0.9, 60, 1), (0.1, 80, 1)])
def test_a_cold_white_may_take_its_time_unless_the_doubt_is_strong(
    chance: float, warm_h: float, rings: int
) -> None:
    readings = sugar([21.5, 21.5, 21.4, 21.4, 21.3, 21.2, 21.0]) + warmth([14.5] * 7)
    waiting = describe(readings, hours=74)
    assert waiting.forecast is not None
    told = replace(waiting.forecast, p_not_dry=chance, warm_h=warm_h)
    assert bool(SlowStart().run(replace(waiting, forecast=told))) == bool(rings)


def test_a_ferment_ahead_of_the_past_is_told_and_alarms_nobody() -> None:
    going = describe(sugar(HEALTHY_RED[:9]), style="red", hours=98)
    assert going.forecast is not None
    share = going.forecast.share
    ahead = Band(share + 0.15, share + 0.3, 1.0, 80)
    behind = Band(0.0, share - 0.3, share - 0.15, 80)
    told = {
        name: Atypical().run(replace(going, forecast=replace(going.forecast, band=band)))
        for name, band in (("ahead", ahead), ("behind", behind))
    }
    assert told["ahead"] is not None
    assert told["ahead"].severity == "info"
    assert told["behind"] is not None
    assert told["behind"].severity == "warning"


def test_after_one_low_reading_the_next_two_are_no_rise() -> None:
    readings = sugar([20.3, 20.7, 20.4, 20.4, 20.4, 19.7, 20.2, 19.8])
    assert "sugar_rise" not in alarms(judge(readings, style="white"))


def test_an_addition_that_nobody_wrote_down_is_still_asked_about() -> None:
    readings = sugar([21.5, 21.4, 21.0, 20.2, 19.3, 18.4, 20.8, 20.1, 19.3])
    assert "sugar_rise" in alarms(judge(readings, style="white"))


def test_a_must_that_comes_up_to_where_it_is_held_has_no_failed_cooling() -> None:
    must = [23.7, 23.6, 23.5, 23.4, 23.5, 22.8, 22.1, 20.8, 19.3]
    warming = [17.2, 17.0, 18.4, 20.1, 22.4, 25.0, 28.1, 29.3, 29.3]
    assert "cooling_failure" not in alarms(
        judge(sugar(must, every_h=8) + warmth(warming, every_h=8))
    )


def test_a_must_that_nothing_cools_is_told_while_it_rises() -> None:
    must = [24.0, 23.6, 22.5, 20.6, 18.2, 15.6, 12.6]
    failing = [18.0, 22.0, 25.0, 26.4, 26.2, 29.0, 32.0]
    assert "cooling_failure" in alarms(judge(sugar(must) + warmth(failing)))


def test_what_a_must_warms_itself_is_no_jump() -> None:
    must = [24.0, 23.9, 23.4, 21.9, 19.0]
    assert "temp_rate" not in alarms(judge(sugar(must) + warmth([17.0, 18.0, 20.0, 23.5, 29.3])))
    heated = sugar([24.0, 23.9, 23.0, 21.9, 21.2]) + warmth([17.0, 18.0, 20.0, 21.0, 27.8])
    assert "temp_rate" in alarms(judge(heated))
    chilled = sugar([24.0, 23.9, 22.4, 19.9, 17.4]) + warmth([17.0, 22.0, 25.0, 25.5, 18.0])
    assert "temp_rate" in alarms(judge(chilled))
