"""The curve: where it starts, when it began, when it is over."""

import pytest

from tests.unit.analysis_engine.readings import (
    HEALTHY_RED,
    START,
    at,
    read_at,
    sugar,
    warmth,
)
from winery_appliance.analysis_engine.features import ASSUMED_START_BRIX, Curve, trace_curve
from winery_appliance.analysis_engine.measurements import Ferment, Reading


def trace(readings: list[Reading], style: str = "red") -> Curve:
    return trace_curve(Ferment(style, START, "EC1118"), readings, at(10_000))


def test_a_healthy_red_has_a_start_a_beginning_and_an_end() -> None:
    curve = trace(sugar(HEALTHY_RED))
    assert curve.start_brix == pytest.approx(24.1, abs=0.11)
    assert curve.begun is not None
    assert 3 <= curve.begun <= 6
    assert curve.dry == HEALTHY_RED.index(-1.6)
    assert curve.dry_brix == -1.0


def test_a_fast_start_read_once_a_day_keeps_its_first_reading() -> None:
    assert trace(sugar([24.0, 21.5, 16.0, 10.0], every_h=24)).start_brix == pytest.approx(24.0)


def test_sugar_gained_from_the_skins_counts() -> None:
    assert trace(sugar([22.5, 23.4, 24.2, 24.3, 24.2])).start_brix == pytest.approx(24.2)


def test_one_wild_reading_begins_nothing() -> None:
    assert trace(sugar([24.0, 24.1, 22.8, 24.0, 24.1, 24.0])).begun is None


def test_one_low_reading_is_not_a_dry_wine() -> None:
    curve = trace(sugar([24.0, 22.0, 18.0, 14.0, 10.0, 6.0, 2.5, 0.2, -0.7, -1.1, -0.7, -0.8]))
    assert curve.dry is None


def test_a_book_that_begins_late_assumes_a_start() -> None:
    curve = trace(sugar([8.0, 6.0, 4.1]))
    assert curve.start_brix == ASSUMED_START_BRIX
    assert curve.begun == 0
    assert curve.sugar_left_g_l(4.1) > 40


def test_a_light_must_is_dry_above_minus_one() -> None:
    assert trace(sugar([13.5, 13.0, 12.0, 10.0])).dry_brix > -1.0


@pytest.mark.parametrize(("brix", "left"), [(5.5, 71), (0.0, 20), (-2.3, 0)])
def test_sugar_left_follows_the_start(brix: float, left: float) -> None:
    assert trace(sugar([24.0, 24.0, 24.0])).sugar_left_g_l(brix) == pytest.approx(left, abs=4)


def test_readings_close_in_time_are_one_look() -> None:
    readings = [read_at(1, 24.0), read_at(2.5, 23.8), read_at(12, 22.0)]
    looks = trace(readings).sugar
    assert [look.value for look in looks] == pytest.approx([23.9, 22.0])
    assert looks[0].measured_at == at(2.5)
    assert looks[0].sample_ids == (readings[0].sample_id, readings[1].sample_id)


def test_nothing_is_known_without_readings() -> None:
    curve = trace([])
    assert curve.sugar == curve.temperature == ()
    assert (curve.begun, curve.dry) == (None, None)
    assert trace(warmth([25.0])).begun is None
