"""The invented winery: the same from the same seed, consistent, and in trouble only where planned."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from winery_appliance.analysis_engine.assessment import Assessment, assess
from winery_appliance.analysis_engine.measurements import Ferment, Reading
from winery_appliance.core.units import SampleType, hard_range, parse_measurement, to_canonical
from winery_appliance.demo.harvest import (
    PlannedFerment,
    plan_history,
    plan_neighbour,
    plan_running,
    plan_vessels,
)

NOW = datetime(2026, 9, 24, 10, 30, tzinfo=UTC)
SEEDS = [0, 7, 2026]
MOMENTS = [
    NOW,
    NOW.replace(hour=6, minute=40),
    NOW.replace(hour=23),
    datetime(2024, 2, 29, 17, tzinfo=UTC),
]


def to_readings(planned: PlannedFerment) -> list[Reading]:
    return [
        Reading(
            sample_id=number,
            sample_type=reading.sample_type,
            value=to_canonical(
                reading.sample_type, parse_measurement(reading.value_typed).value, reading.unit
            ),
            qualifier=None,
            measured_at=reading.measured_at,
            recorded_at=reading.measured_at,
            confirmed=False,
            unit=reading.unit,
        )
        for number, reading in enumerate(planned.readings)
    ]


def judge(planned: PlannedFerment, as_of: datetime) -> Assessment:
    ferment = Ferment(planned.style, planned.started_at, planned.yeast_strain)
    return assess(ferment, to_readings(planned), as_of=as_of)


def typed_of(planned: PlannedFerment, kind: SampleType) -> list[float]:
    return [float(r.value_typed) for r in planned.readings if r.sample_type is kind]


@pytest.mark.parametrize("now", MOMENTS, ids=str)
@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_the_planned_troubles_are_found(seed: int, now: datetime) -> None:
    running = plan_running(seed, now=now)
    found = {
        p.code: [f.check for f in judge(p, now).findings if f.severity != "info"] for p in running
    }
    assert Counter(tuple(checks) for checks in found.values()) == {
        (): 21,
        ("stuck",): 1,
        ("temp_high",): 1,
        ("entry_error",): 1,
    }
    hours = {p.code: (now - p.readings[-1].measured_at) / timedelta(hours=1) for p in running}
    unread = [code for code, silent_h in hours.items() if silent_h > 26]
    assert len(unread) == 1
    assert found[unread[0]] == []
    assert max(h for code, h in hours.items() if code not in unread) < 20


@pytest.mark.parametrize("seed", SEEDS)
def test_the_troubles_are_what_they_say(seed: int) -> None:
    running = plan_running(seed, now=NOW)
    troubles = {f.check: (p, f) for p in running for f in judge(p, NOW).findings}
    stuck, finding = troubles["stuck"]
    last = typed_of(stuck, SampleType.sugar)[-4:]
    assert max(last) - min(last) < 1
    assert min(last) > 4
    assert NOW - finding.since > timedelta(0)
    hot, finding = troubles["temp_high"]
    assert finding.severity == "critical"
    assert min(typed_of(hot, SampleType.temperature)[-2:]) > 32
    slip, finding = troubles["entry_error"]
    assert len(finding.evidence) == 1
    sugars = [n for n, r in enumerate(slip.readings) if r.sample_type is SampleType.sugar]
    assert finding.evidence[0] in sugars[-3:]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_neighbour_is_well(seed: int) -> None:
    ferments = plan_neighbour(seed, now=NOW)
    assert 3 <= len(ferments) <= 8
    assert all(f.severity == "info" for planned in ferments for f in judge(planned, NOW).findings)
    mine = {planned.code for planned in plan_running(seed, now=NOW)}
    assert not mine & {planned.code for planned in ferments}


def plan_everything(seed: int) -> list[PlannedFerment]:
    past = plan_history(seed, today=NOW.date())
    return [*past, *plan_running(seed, now=NOW), *plan_neighbour(seed, now=NOW)]


@cache
def everything(seed: int) -> tuple[PlannedFerment, ...]:
    """Planned once for all tests that only look."""
    return tuple(plan_everything(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_all_readings_can_be_entered(seed: int) -> None:
    for planned in everything(seed):
        taken = set()
        for reading in planned.readings:
            low, high = hard_range(reading.sample_type, reading.unit)
            assert low <= parse_measurement(reading.value_typed).value <= high
            assert planned.started_at <= reading.measured_at <= (planned.ended_at or NOW)
            assert reading.measured_at.tzinfo is UTC
            taken.add((reading.sample_type, reading.measured_at))
        assert len(taken) == len(planned.readings)
        assert planned.readings == sorted(planned.readings, key=lambda r: r.measured_at)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_vessel_holds_two_at_once(seed: int) -> None:
    vessels = {vessel.code for vessel in plan_vessels(seed)}
    mine = [planned for planned in everything(seed) if planned.vessel_code in vessels]
    assert len(mine) > 180
    for code in {planned.vessel_code for planned in mine}:
        stays = sorted((p.started_at, p.ended_at or NOW) for p in mine if p.vessel_code == code)
        assert all(left <= filled for (_, left), (filled, _) in pairwise(stays))


@pytest.mark.parametrize("seed", SEEDS)
def test_codes_are_unique_without_regard_to_case(seed: int) -> None:
    codes = [planned.code.casefold() for planned in everything(seed)]
    assert len(set(codes)) == len(codes)


def test_vessels_stand_in_one_walking_order() -> None:
    vessels = plan_vessels(1)
    assert len(vessels) >= 30
    assert [vessel.position for vessel in vessels] == list(range(1, len(vessels) + 1))
    assert len({vessel.code for vessel in vessels}) == len(vessels)
    assert vessels[0].code == "T-01"
    assert all(vessel.capacity_l > 0 for vessel in vessels)


@pytest.mark.parametrize("today", [date(2026, 9, 24), date(2024, 2, 29), date(2025, 1, 1)])
def test_past_vintages_lie_before_the_day_of_their_year(today: date) -> None:
    history = plan_history(3, today=today)
    years: Counter[int] = Counter()
    for planned in history:
        assert planned.ended_at is not None
        assert planned.started_at < planned.ended_at
        back = next(
            back
            for back in (1, 2, 3)
            if timedelta(0)
            < datetime(today.year - back, today.month, min(today.day, 28), 23, tzinfo=UTC)
            - planned.started_at
            < timedelta(days=60)
        )
        years[back] += 1
    assert set(years) == {1, 2, 3}
    assert all(50 <= count <= 70 for count in years.values())
    codes = Counter(planned.vessel_code for planned in history)
    assert max(codes.values()) >= 3  # tanks are used again


def test_most_past_ferments_ended_dry_and_some_did_not() -> None:
    history = plan_history(5, today=NOW.date())
    last = [typed_of(planned, SampleType.sugar)[-1] for planned in history]
    dry = sum(brix <= -1.0 for brix in last)
    assert 0.85 < dry / len(history) < 1
    alarmed = [p for p in history if judge(p, p.ended_at or NOW).findings]
    assert 0 < len(alarmed) < 0.12 * len(history)


def test_the_running_harvest_shows_every_age() -> None:
    ages = [(NOW - planned.started_at).days for planned in plan_running(4, now=NOW)]
    assert len(ages) == 24
    assert min(ages) <= 1
    assert 12 <= max(ages) <= 14
    assert len(set(ages)) >= 8


def test_two_rounds_a_day() -> None:
    hours = Counter(
        reading.measured_at.hour
        for planned in plan_running(6, now=NOW)
        for reading in planned.readings
        if reading.sample_type is SampleType.sugar
    )
    assert set(hours) <= {6, 7, 17, 18}


def test_the_same_seed_and_moment_give_the_same_winery() -> None:
    assert plan_everything(SEEDS[0]) == list(everything(SEEDS[0]))
    assert everything(SEEDS[0]) != everything(SEEDS[1])


def test_a_moment_is_the_same_in_every_zone() -> None:
    there = NOW.astimezone(ZoneInfo("America/Los_Angeles"))
    assert plan_running(9, now=there) == plan_running(9, now=NOW)
