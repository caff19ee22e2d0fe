"""The whole judgement: pure, steady, in order, and never in error."""

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis_engine.readings import (
    HEALTHY_RED,
    START,
    alarms,
    at,
    judge,
    read_at,
    sugar,
    warmth,
)
from winery_appliance.analysis_engine.assessment import assess
from winery_appliance.analysis_engine.checks import find_checks
from winery_appliance.analysis_engine.measurements import Ferment, Reading
from winery_appliance.core.units import UNITS, SampleType, hard_range, to_canonical

RED = Ferment("red", START, "EC1118")


@st.composite
def valid_readings(draw: st.DrawFn) -> list[Reading]:
    """Anything that passes validation, in any order, with any time."""
    readings = []
    for _ in range(draw(st.integers(0, 25))):
        kind = draw(st.sampled_from(SampleType))
        unit = draw(st.sampled_from(UNITS[kind]))
        low, high = hard_range(kind, unit)
        moment = START + timedelta(minutes=draw(st.integers(-3000, 60_000)))
        readings.append(
            Reading(
                sample_id=draw(st.integers(1, 30)),
                sample_type=kind,
                value=to_canonical(kind, draw(st.floats(low, high)), unit),
                qualifier=draw(st.sampled_from([None, None, None, "<", ">"])),
                measured_at=moment,
                recorded_at=moment + timedelta(minutes=draw(st.integers(0, 5000))),
                confirmed=draw(st.booleans()),
                unit=draw(st.sampled_from([None, unit])),
            )
        )
    return readings


@given(
    readings=valid_readings(),
    style=st.sampled_from(["red", "white", "rose", "orange"]),
    hours=st.integers(-100, 1200),
    seed=st.randoms(use_true_random=False),
)
def test_any_valid_input_is_judged_and_its_order_does_not_matter(
    readings: list[Reading], style: str, hours: int, seed: random.Random
) -> None:
    ferment = Ferment(style, START, "EC1118")
    unique = list({reading.sample_id: reading for reading in readings}.values())
    first = assess(ferment, unique, as_of=at(hours))
    seed.shuffle(unique)
    assert assess(ferment, unique, as_of=at(hours)) == first
    checks = [finding.check for finding in first.findings]
    assert len(checks) == len(set(checks))
    ids = {reading.sample_id for reading in unique}
    for finding in first.findings:
        assert finding.evidence
        assert set(finding.evidence) <= ids
        assert finding.explanation.endswith((".", "?"))
        assert finding.deviation_score >= 0
        if finding.check in ("stuck", "temp_high", "temp_low", "entry_error", "unit_mixup"):
            assert any(advice.check == finding.check for advice in first.advice)
    assert first.used + len(first.left_out) <= len(unique)


@given(readings=valid_readings())
def test_the_same_sample_twice_counts_once(readings: list[Reading]) -> None:
    unique = list({reading.sample_id: reading for reading in readings}.values())
    assert assess(RED, unique + unique, as_of=at(2000)) == assess(RED, unique, as_of=at(2000))


@pytest.mark.parametrize(
    "readings",
    [[], sugar([24.0]), warmth([25.0]), sugar([24.0, 23.5, 23.0, 22.5], every_h=2)],
    ids=["none", "one sugar", "one temperature", "one day"],
)
def test_little_is_not_an_alarm(readings: list[Reading]) -> None:
    outcome = judge(readings)
    assert alarms(outcome) == []
    assert outcome.advice == ()
    assert outcome.used == len(readings)


def test_five_hundred_readings_at_one_moment_are_one_look() -> None:
    same = [read_at(10, 20.0, sample_id=number) for number in range(500)]
    outcome = judge(same)
    assert alarms(outcome) == []
    assert outcome.used == 500


def test_the_gravest_finding_stands_first() -> None:
    values = [24.0, 24.1, 23.0, 20.0, 16.5, 13.0, 10.0, 7.6, 26.0, 6.2, 6.1, 6.2, 6.1, 6.2, 6.1]
    readings = sugar(values) + warmth([25] * 13 + [15.2, 15.1])
    severities = [f.severity for f in judge(readings).findings if f.severity != "info"]
    assert alarms(judge(readings)) == [
        "stuck",
        "temp_low",
        "unit_mixup",
    ]
    assert severities == ["critical", "warning", "warning"]


def test_the_future_is_not_looked_at() -> None:
    readings = warmth([25, 25, 25, 33, 34])
    assert alarms(judge(readings, hours=30)) == []
    assert judge(readings, hours=30).used == 3


def test_a_phone_a_few_minutes_ahead_is_heard() -> None:
    readings = warmth([25, 25, 33], every_h=12)
    assert judge(readings, hours=25 - 0.2).findings != ()
    assert alarms(judge(readings, hours=25 - 0.3)) == []


def test_results_below_the_instrument_s_reach_draw_no_curve() -> None:
    readings = sugar(HEALTHY_RED[:8])
    censored = read_at(97, 44.0, qualifier="<")
    outcome = judge([*readings, censored])
    assert alarms(outcome) == []
    assert outcome.used == len(readings)


def test_a_reading_that_arrives_late_can_close_an_alarm() -> None:
    early = sugar([24.0, 24.1, 23.4, 21.0, 17.8, 14.5, 11.4, 8.6, 6.4, 5.7])
    flat = [read_at(121, 5.7), read_at(157, 5.6)]
    late = [read_at(133, 5.0), read_at(145, 3.9), read_at(158, 2.8)]
    assert [f.check for f in judge([*early, *flat]).findings] == ["stuck"]
    assert "stuck" not in [f.check for f in judge([*early, *flat[:1], *late]).findings]


def test_the_zone_of_a_moment_does_not_matter() -> None:
    readings = sugar(HEALTHY_RED[:8]) + warmth([25] * 6 + [33, 33])
    madrid = timezone(timedelta(hours=2))
    moved = [
        Reading(
            reading.sample_id,
            reading.sample_type,
            reading.value,
            reading.qualifier,
            reading.measured_at.astimezone(madrid),
            reading.recorded_at.astimezone(madrid),
            reading.confirmed,
        )
        for reading in readings
    ]
    assert judge(moved) == judge(readings)


@pytest.mark.parametrize(
    "as_of", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]
)
def test_the_ends_of_time_are_survived(as_of: datetime) -> None:
    outcome = assess(RED, sugar(HEALTHY_RED), as_of=as_of)
    assert alarms(outcome) == []


def test_the_checks_are_found_by_their_folder() -> None:
    assert {"entry_error", "stuck", "temp_high", "temp_low"} <= {c.id for c in find_checks()}
    ids = [check.id for check in find_checks()]
    assert ids == sorted(set(ids))
    assert all(check.title for check in find_checks())
