"""The invented ferments behave as ferments do."""

from dataclasses import replace

import numpy as np
import pytest

from winery_appliance.demo.kinetics import NEVER, Courses, Musts, ferment, stack_musts


def must(brix: float = 24.0, hold_c: float = 25.0, **changes: float) -> Musts:
    values = {
        "brix": brix,
        "yan_mg_l": 220.0,
        "fill_c": 19.0,
        "hold_c": hold_c,
        "ambient_c": 19.0,
        "lag_h": 20.0,
        "pace": 1.0,
        "cooling_c_per_h": 2.0,
        "change_h": NEVER,
        "changed_to_c": hold_c,
        "cooling_fails_h": NEVER,
        "arrest_h": NEVER,
    } | changes
    return Musts(**{name: np.array([float(value)]) for name, value in values.items()})


def dry_after_d(course: Courses) -> float:
    dry = course.sugar_g_l[:, 0] < 2
    return float(course.hours[np.argmax(dry)] / 24) if dry.any() else float("inf")


@pytest.mark.parametrize(
    ("brix", "hold_c", "earliest_d", "latest_d"), [(24, 26, 5, 12), (22, 15, 10, 25)]
)
def test_a_sound_must_gets_dry_in_due_time(
    brix: float, hold_c: float, earliest_d: float, latest_d: float
) -> None:
    course = ferment(must(brix, hold_c), hours=40 * 24)
    assert earliest_d < dry_after_d(course) < latest_d
    assert -3.0 < course.brix[-1, 0] < -1.5
    assert course.alcohol_pct_vol[-1, 0] == pytest.approx(0.605 * brix, rel=0.03)


def test_sugar_only_falls_and_no_faster_than_yeast_can() -> None:
    musts = stack_musts([must(), must(21, 15), must(27, 30, yan_mg_l=300)])
    course = ferment(musts, hours=20 * 24)
    assert np.all(np.diff(course.sugar_g_l, axis=0) <= 0)
    assert np.all(course.sugar_g_l >= 0)
    a_day = course.brix[:-48] - course.brix[48:]
    assert a_day.max() < 10


def test_the_jacket_holds_the_temperature() -> None:
    course = ferment(must(24, 25), hours=15 * 24)
    assert course.celsius[72:, 0].min() > 23.5
    assert course.celsius.max() < 26.5


def test_without_cooling_a_red_cooks_and_stops() -> None:
    course = ferment(must(cooling_fails_h=60.0), hours=20 * 24)
    assert course.celsius.max() > 35
    assert dry_after_d(course) == float("inf")


def test_cold_is_slower_and_hunger_is_slower() -> None:
    usual = dry_after_d(ferment(must(), hours=40 * 24))
    assert dry_after_d(ferment(must(hold_c=19.0), hours=40 * 24)) > usual
    assert dry_after_d(ferment(must(yan_mg_l=80.0), hours=60 * 24)) > 1.3 * usual


def test_an_arrest_leaves_the_sugar_where_it_was() -> None:
    course = ferment(must(arrest_h=110.0, change_h=100.0, changed_to_c=18.0), hours=12 * 24)
    stopped, later = course.brix[2 * 114, 0], course.brix[2 * 210, 0]
    assert 3 < stopped < 15
    assert stopped - later < 0.5


def test_tanks_do_not_know_each_other() -> None:
    alone = ferment(must(22, 16), hours=240)
    together = ferment(stack_musts([must(), must(22, 16)]), hours=240)
    np.testing.assert_allclose(together.brix[:, 1], alone.brix[:, 0])


def test_the_step_is_fine_enough() -> None:
    """A must that starts half a step later must not end elsewhere."""
    early = ferment(must(lag_h=20.0), hours=300)
    late = ferment(replace(must(), lag_h=np.array([20.25])), hours=300)
    assert np.abs(early.brix - late.brix).max() < 0.15
