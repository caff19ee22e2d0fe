"""Readings that cannot be right: asked about, explained, and kept out of everything else."""

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis_engine.readings import (
    HEALTHY_RED,
    HEALTHY_WHITE,
    alarms,
    find,
    judge,
    read_at,
    replay,
    sugar,
    warmth,
)
from winery_appliance.analysis_engine.measurements import Finding, Reading
from winery_appliance.core import density
from winery_appliance.core.units import SampleType, Unit

# What a hand does to a true °Bx value, and the words that explain it.
SLIPS: dict[str, tuple[Callable[[float], float], str]] = {
    "sg": (lambda brix: round(density.sg_from_brix(brix), 3), "SG"),
    "baume": (lambda brix: round(density.baume_from_sg(density.sg_from_brix(brix)), 1), "°Bé"),
    "oechsle": (lambda brix: round(density.oechsle_from_sg(density.sg_from_brix(brix))), "°Oe"),
    "shift": (lambda brix: round(brix / 10, 1), "decimal mark"),
    "ten": (lambda brix: round(brix + 10, 1), "digit"),
}


def find_question(readings: Sequence[Reading], *, style: str = "red") -> Finding | None:
    """What is asked about a reading, as a slip or as a mixed-up unit."""
    return find("entry_error", readings, style=style) or find("unit_mixup", readings, style=style)


def with_slip(values: list[float], place: int, slip: str) -> list[float]:
    spoilt = list(values)
    spoilt[place] = SLIPS[slip][0](spoilt[place])
    return spoilt


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("place", [5, 7, 9])
def test_a_slip_between_readings_is_found_and_explained(slip: str, place: int) -> None:
    readings = sugar(with_slip(HEALTHY_RED[:14], place, slip))
    finding = find_question(readings)
    assert finding is not None
    assert finding.severity == "warning"
    assert finding.evidence == (readings[place].sample_id,)
    assert judge(readings).left_out == finding.evidence
    assert SLIPS[slip][1] in finding.explanation
    assert "fits, if" in finding.explanation


@pytest.mark.parametrize("slip", ["sg", "baume", "oechsle", "shift", "ten"])
@pytest.mark.parametrize(
    ("style", "curve", "length"), [("red", HEALTHY_RED, 9), ("white", HEALTHY_WHITE, 11)]
)
def test_a_slip_in_the_last_reading_is_found_at_once(
    slip: str, style: str, curve: list[float], length: int
) -> None:
    readings = sugar(with_slip(curve[:length], -1, slip))
    finding = find_question(readings, style=style)
    assert finding is not None
    assert finding.evidence == (readings[-1].sample_id,)


def test_swapped_digits_are_put_right() -> None:
    readings = sugar([22.0, 21.9, 20.6, 18.9, 16.9, 15.1, 13.4])
    readings[5] = read_at(61, 41.5)
    finding = find_question(readings)
    assert finding is not None
    assert finding.title == "41.5 °Bx does not fit"
    assert "14.5 fits, if two digits were swapped" in finding.explanation


def test_a_value_typed_in_sg_is_put_right_in_sg() -> None:
    readings = sugar([1.101, 1.097, 1.088, 1.079, 1.017, 1.062], unit=Unit.sg)
    finding = find_question(readings)
    assert finding is not None
    assert finding.title == "1.017 SG does not fit"
    assert "1.071 fits, if two digits were swapped" in finding.explanation


@pytest.mark.parametrize(("style", "curve"), [("red", HEALTHY_RED), ("white", HEALTHY_WHITE)])
@pytest.mark.parametrize("every_h", [8, 12, 24])
def test_a_healthy_ferment_is_never_asked_about(
    style: str, curve: list[float], every_h: int
) -> None:
    assert replay("entry_error", sugar(curve, every_h=every_h), style=style) == []


@pytest.mark.parametrize("lag_h", [12, 24, 36])
@pytest.mark.parametrize("every_h", [8, 12, 24])
def test_a_fast_red_is_not_an_error(lag_h: int, every_h: int) -> None:
    """Eight °Bx a day from one reading to the next is rare, and real."""
    hours = [every_h * n for n in range(1 + 120 // every_h)]
    curve = [round(max(-2.0, 24.0 - max(0, hour - lag_h) / 3), 1) for hour in hours]
    assert replay("entry_error", sugar(curve, every_h=every_h)) == []


@pytest.mark.parametrize("rise", [1.0, 1.5, 2.0])
def test_a_red_may_gain_sugar_in_its_first_two_days(rise: float) -> None:
    readings = sugar([22.5, 22.5 + rise, 22.4 + rise, 22.4 + rise, 21.5 + rise])
    assert replay("entry_error", readings) == []


def test_the_same_rise_in_the_middle_is_a_question() -> None:
    finding = find_question(sugar([24.0, 23.8, 22.0, 19.5, 17.0, 14.8, 16.8]))
    assert finding is not None
    assert finding.title == "Sugar rose"
    assert "addition, a blend, or another tank?" in finding.explanation


def test_a_second_reading_at_the_new_level_answers_the_question() -> None:
    before, after = [21.5, 21.3, 20.4, 19.1, 17.9], [20.4, 20.0, 19.1]
    assert find_question(sugar(before + after[:1]), style="white") is not None
    assert find_question(sugar(before + after[:2]), style="white") is None
    assert judge(sugar(before + after), style="white").left_out == ()


def test_a_person_s_word_ends_the_question() -> None:
    readings = sugar([22.0, 21.5, 20.0, 18.2, 16.4])
    wrong, vouched = read_at(61, 26.5), read_at(61, 26.5, confirmed=True)
    assert find_question([*readings, wrong]) is not None
    assert find_question([*readings, vouched]) is None


def test_a_confirmed_blip_is_not_asked_about_but_draws_no_curve() -> None:
    readings = sugar([22.0, 21.5, 20.0, 18.2, 16.4, 14.7, 13.1, 11.7])
    readings[4] = read_at(49, 26.4, confirmed=True)
    outcome = judge(readings)
    assert alarms(outcome) == []
    assert outcome.left_out == (readings[4].sample_id,)


@pytest.mark.parametrize(("sg", "brix"), [(1.083, "20.0"), (1.091, "21.8"), (1.108, "25.5")])
def test_a_first_reading_in_sg_is_found_without_any_neighbour(sg: float, brix: str) -> None:
    finding = find_question(sugar([sg]))
    assert finding is not None
    assert f"{brix} fits, if it was meant in SG" in finding.explanation


def test_a_wrong_first_reading_is_blamed_not_the_second() -> None:
    readings = sugar([2.4, 23.9])
    finding = find_question(readings)
    assert finding is not None
    assert finding.evidence == (readings[0].sample_id,)


def test_fine_brix_near_one_is_not_taken_for_sg() -> None:
    """A meter with two decimals reads 1.05 °Bx near the end, as it read 2.15 before."""
    fine = [24.03, 23.91, 22.14, 19.36, 16.52, 13.71, 10.88, 8.02, 5.33, 3.14, 2.15, 1.05, 0.21]
    assert replay("entry_error", sugar(fine)) == []


def test_a_fine_meter_passing_one_is_not_taken_for_sg() -> None:
    fine = [24.03, 23.91, 22.14, 19.36, 16.52, 13.71, 10.88, 8.02, 5.93, 3.84, 1.01]
    assert replay("entry_error", sugar(fine)) == []


def test_one_fine_value_on_the_curve_is_believed() -> None:
    readings = sugar([*HEALTHY_RED[:14], 2.1, 1.05, -0.3])
    assert judge(readings).left_out == ()


@pytest.mark.parametrize(
    ("values", "place", "style"),
    [
        ([24.0, 23.9, 22.5, 19.5, 16.5, 10.8, 10.5, 7.5, 4.5], 5, "red"),
        ([21.5, 20.9, 18.9, 16.8, 14.8, 12.0, 8.9, 3.2, 3.0, 0.9], 7, "white"),
    ],
    ids=["off the curve", "in °Bé"],
)
def test_a_slip_that_still_falls_in_order_is_seen_by_the_curve(
    values: list[float], place: int, style: str
) -> None:
    every_h = 12 if style == "red" else 24
    readings = sugar(values, every_h=every_h)
    assert judge(readings, style=style).left_out == (readings[place].sample_id,)


def test_the_first_true_reading_after_a_dead_sensor_is_believed() -> None:
    readings = sugar([21.5, 20.4, 18.6, 16.4, 13.9, 13.9, 13.9, 13.9, 13.9, 4.6, 4.1, 2.8])
    assert judge(readings, style="white").left_out == ()


def test_fahrenheit_is_put_right_in_celsius() -> None:
    readings = warmth([9.0, 9.2, 9.1, 48.4, 9.2, 9.0])
    finding = find_question(readings, style="white")
    assert finding is not None
    assert "9.1 fits, if it was meant in °F" in finding.explanation


def test_a_shifted_decimal_of_a_temperature_is_found() -> None:
    finding = find_question(warmth([24.8, 25.2, 25.0, 2.5]))
    assert finding is not None
    assert "25.0 fits, if the decimal mark slipped" in finding.explanation


def test_a_hot_cap_is_not_an_error() -> None:
    assert replay("entry_error", warmth([25, 26, 33, 26, 25, 34, 25])) == []


def test_several_slips_are_one_question() -> None:
    readings = sugar(with_slip(with_slip(HEALTHY_RED[:15], 5, "ten"), 10, "ten"))
    finding = find_question(readings)
    assert finding is not None
    assert finding.evidence == (readings[5].sample_id, readings[10].sample_id)
    assert "One other does not fit either." in finding.explanation


def test_two_values_at_one_moment_leave_the_plausible_one() -> None:
    readings = sugar(HEALTHY_RED[:9])
    double = read_at(97, 3.2, sample_id=999_999)
    assert judge([*readings, double]).left_out == (999_999,)


@given(seed=st.integers(0, 10_000), place=st.integers(3, 11), far=st.floats(5, 15))
def test_a_lone_reading_far_above_is_always_left_out(seed: int, place: int, far: float) -> None:
    noise = random.Random(seed)
    curve = [round(value + noise.uniform(-0.2, 0.2), 1) for value in HEALTHY_RED[:14]]
    curve[place] = round(curve[place] + far, 1)
    readings = sugar(curve)
    assert judge(readings).left_out == (readings[place].sample_id,)


@given(seed=st.integers(0, 10_000))
def test_honest_noise_is_never_left_out(seed: int) -> None:
    noise = random.Random(seed)
    for style, curve in (("red", HEALTHY_RED), ("white", HEALTHY_WHITE)):
        spread = 0.2 if style == "red" else 0.15
        shaken = [round(value + noise.uniform(-spread, spread), 1) for value in curve]
        assert judge(sugar(shaken), style=style).left_out == ()


def _with_temperatures(readings: list[Reading]) -> list[Reading]:
    return readings + warmth([25.0] * len(readings))


def test_a_wrong_sugar_does_not_touch_the_temperatures() -> None:
    readings = _with_temperatures(sugar(with_slip(HEALTHY_RED[:12], 6, "ten")))
    outcome = judge(readings)
    kinds = {r.sample_type for r in readings if r.sample_id in outcome.left_out}
    assert kinds == {SampleType.sugar}
    assert outcome.used == len(readings) - 1


def faults(readings: Sequence[Reading], place: int) -> list[str]:
    """How the reading at a place is flagged."""
    of = readings[place].sample_id
    return [flag.fault for flag in judge(readings).flags if flag.reading.sample_id == of]


def test_swapped_digits_are_found_where_one_reading_a_day_leaves_much_room() -> None:
    readings = sugar([24.3, 23.4, 17.0, 11.5, 2.5, 0.6, -1.9], every_h=24)
    assert faults(readings, 4) in (["typo"], ["unit"])
    readings[4] = read_at(97, 5.2)
    assert faults(readings, 4) == []


@pytest.mark.parametrize(
    "read",
    [
        [25.7, 25.6, 25.8, 25.5, 22.5],  # swapped 25.2, as it stood yesterday
        [26.2, 26.0, 26.0, 25.6, 24.7, 21.4],  # swapped 24.1
        [22.1, 22.4, 22.4, 22.1, 20.4, 16.9],  # swapped 19.6
    ],
)
def test_a_must_that_gets_under_way_is_not_a_slip_because_swapped_digits_would_stand(
    read: list[float],
) -> None:
    readings = sugar(read)
    assert find_question(readings) is None
    assert faults(readings, len(read) - 1) == []


def test_what_no_brisk_must_falls_is_still_a_slip() -> None:
    readings = sugar([24.1, 24.0, 24.2, 23.9, 23.6, 13.2])
    assert find_question(readings) is not None
    assert faults(readings, 5) in (["typo"], ["unit"])


def test_an_honest_outlier_is_not_called_a_typo_because_some_digit_explains_it() -> None:
    standing = [24.0, 23.0, 19.5, 16.2, 14.1, 13.7, 13.6, 13.5, 12.2, 13.9, 13.7, 13.6, 13.5, 13.6]
    readings = sugar(standing)
    assert faults(readings, 8) == ["rate"]
