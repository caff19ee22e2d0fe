"""Ferments as curves on grids, and the bands of many: what holds whatever was read."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core.density import density_from_brix
from winery_appliance.historical_data.band_pictures import draw_picture, even_ticks
from winery_appliance.historical_data.bands import draw_bands, name_band, take_quantiles
from winery_appliance.historical_data.courses import HOURS, SHARES, Course, trace_course
from winery_appliance.historical_data.vessel_sizes import name_vessel_size


def ferment(*, start: float = 24.0, days: float = 8.0, lag_h: float = 20.0, warm: float = 24.0) -> Course:  # fmt: skip
    """A ferment that waits, and then loses its sugar evenly until −1.5 °Bx."""
    end_h = days * 24
    hours = np.arange(0.0, end_h + 25, 6.0)
    brix = np.interp(hours, [0, lag_h, end_h, end_h + 99], [start, start, -1.5, -1.5])
    course = trace_course(
        [(h, density_from_brix(b)) for h, b in zip(hours, brix, strict=True)],
        [(h, warm) for h in hours],
    )
    assert course is not None
    return course


FERMENTS = st.builds(
    ferment,
    start=st.floats(18, 28),
    days=st.floats(4, 20),
    lag_h=st.floats(0, 60),
    warm=st.floats(10, 32),
)


def test_an_even_fall_is_told_as_it_was() -> None:
    course = ferment(start=24, days=9, lag_h=24)
    per_day = 25.5 / 8
    assert course.dry_h == pytest.approx(24 + 24 * 25 / per_day, abs=6)
    assert course.lag_h == pytest.approx(24 + 24 * 1.3 / per_day, abs=6)
    assert course.fastest == pytest.approx(per_day, rel=0.08)
    assert course.temperature_c == 24
    assert course.hours_at[0] == 0
    assert np.isnan(course.warmth_by[-1])
    assert not np.isnan(course.share_by[-1])  # a dry wine stays dry


@given(st.permutations(range(12)), st.sampled_from([4, 6, 8]), st.floats(-15, 15))
def test_neither_the_order_of_readings_nor_one_wild_one_tells(
    order: list[int], wild: int, by: float
) -> None:
    hours = [12.0 * n for n in range(12)]
    sugar = [(h, 1095.0 - h * 0.7) for h in hours]
    plain = trace_course(sugar, [])
    shuffled = trace_course([sugar[n] for n in order], [])
    assert plain is not None
    assert shuffled is not None
    assert np.array_equal(plain.hours_at, shuffled.hours_at, equal_nan=True)
    sugar[wild] = (hours[wild], sugar[wild][1] + by)
    moved = trace_course(sugar, [])
    assert moved is not None
    assert np.nanmax(np.abs(moved.share_by - plain.share_by)) < 0.11


@given(FERMENTS)
def test_sugar_never_comes_back(course: Course) -> None:
    reached = course.hours_at[~np.isnan(course.hours_at)]
    assert np.all(np.diff(reached) >= 0)
    assert np.all(np.diff(course.share_by[~np.isnan(course.share_by)]) >= 0)
    assert len(course.hours_at) == len(SHARES)
    assert len(course.share_by) == len(HOURS)


def test_too_few_readings_are_no_course() -> None:
    assert trace_course([(0, 1095.0), (1, 1095.0), (2, 1094.0), (20, 1090.0)], []) is None


@given(
    st.lists(
        st.lists(st.one_of(st.just(float("nan")), st.floats(-100, 100)), min_size=3, max_size=3),
        min_size=1,
        max_size=12,
    )
)
def test_quantiles_are_numpys_wherever_somebody_measured(rows: list[list[float]]) -> None:
    values = np.array(rows)
    ours = take_quantiles(values)
    for column in range(3):
        known = values[:, column][~np.isnan(values[:, column])]
        if len(known):
            theirs = np.quantile(known, [0.1, 0.25, 0.5, 0.75, 0.9])
            assert np.allclose(ours[:, column], theirs)
        else:
            assert np.isnan(ours[:, column]).all()


@given(st.lists(FERMENTS, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_bands_lie_in_order_and_do_not_depend_on_whom_one_asks_first(
    courses: list[Course], chance: Random
) -> None:
    drawn = draw_bands(courses)
    for table in (drawn.content["by_share"], drawn.content["by_time"]):
        for name, rows in table.items():
            if isinstance(rows[0], list):
                assert len(rows) == 5
                for quantiles in zip(*rows, strict=True):
                    known = [q for q in quantiles if q is not None]
                    assert known == sorted(known), name
    order = list(range(len(courses)))
    chance.shuffle(order)
    again = draw_bands([courses[n] for n in order])
    assert again.content == drawn.content
    assert again.places == tuple(drawn.places[n] for n in order)


def test_each_ferment_is_named_with_the_band_it_ran_in() -> None:
    drawn = draw_bands([ferment(days=days) for days in (12, 6, 8, 10, 14)])
    assert drawn.places == (75, 0, 25, 50, 100)
    assert [name_band(place) for place in drawn.places] == [
        "75-90", "0-10", "25-50", "50-75", "90-100",
    ]  # fmt: skip
    assert drawn.content["came_dry"] == 5
    assert drawn.content["by_share"]["ferments"][20] == 5


def test_a_vessel_is_of_one_size() -> None:
    told = [name_vessel_size(litres) for litres in (None, 0, 225, 600, 601, 20_000, 20_001)]
    assert told == [
        "unknown", "unknown", "up_to_600_l", "up_to_600_l", "up_to_5000_l", "up_to_20000_l", "over_20000_l",
    ]  # fmt: skip


@given(st.floats(-50, 2000), st.floats(0.001, 2000))
def test_ticks_are_few_even_and_hold_what_is_drawn(low: float, span: float) -> None:
    ticks = even_ticks(low, low + span)
    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= low + 1e-6 * abs(low) + 1e-6
    assert ticks[-1] >= low + span - 1e-6 * abs(low + span) - 1e-6
    steps = np.diff(ticks)
    assert np.allclose(steps, steps[0])


@given(st.lists(FERMENTS, min_size=1, max_size=5))
def test_a_picture_stays_in_its_field(courses: list[Course]) -> None:
    by_time = draw_bands(courses).content["by_time"]
    drawn = draw_picture("kg/m3", by_time["hours"], by_time["sugar"])
    assert drawn is not None
    for point in f"{drawn.outer} {drawn.inner} {drawn.middle}".split():
        x, y = map(int, point.split(","))
        assert 0 <= x <= 1000
        assert -1 <= y <= 401
