"""The forecast: wide when little is known, narrower later, and the same whatever the clock of the cellar says."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.analysis_engine.readings import (
    HEALTHY_RED,
    HEALTHY_WHITE,
    START,
    at,
    judge,
    read_at,
    sugar,
    warmth,
)
from winery_appliance.analysis_engine.assessment import assess
from winery_appliance.analysis_engine.forecasting import kept_lessons
from winery_appliance.analysis_engine.forecasting.finished import PastFerment
from winery_appliance.analysis_engine.forecasting.kept_lessons import pack_lessons, unpack_lessons
from winery_appliance.analysis_engine.forecasting.learning import learn
from winery_appliance.analysis_engine.forecasting.lessons import Lessons, StyleLessons
from winery_appliance.analysis_engine.forecasting.sources import guess_bank_prior
from winery_appliance.analysis_engine.measurements import Addition, Ferment
from winery_appliance.analysis_engine.situation import FEEDS_YEAST, MOVES_SUGAR

RED = Ferment("red", START, "EC1118")
KEY = b"of this winery"


def test_two_readings_are_not_enough_yet() -> None:
    assert judge(sugar([24.0, 23.9])).forecast is None
    assert judge(sugar([24.0, 23.9, 23.5])).forecast is not None


def test_the_interval_narrows_around_the_truth() -> None:
    dry_h = 1 + 12 * next(n for n, value in enumerate(HEALTHY_RED) if value <= -1.0)
    widths = []
    for count in (4, 14):
        made = judge(sugar(HEALTHY_RED[:count]) + warmth([25.0] * count)).forecast
        assert made is not None
        assert made.dry_h.p10 <= made.dry_h.p50 <= made.dry_h.p90
        widths.append(min(made.dry_h.p90, 1080.0) - made.dry_h.p10)
    assert widths[1] < widths[0] / 2
    assert abs(made.dry_h.p50 - dry_h) < 18


def test_a_dry_wine_is_told_with_the_moment_it_was_found() -> None:
    made = judge(sugar(HEALTHY_RED)).forecast
    assert made is not None
    assert made.found_dry
    assert made.dry_h.p10 == made.dry_h.p90 == 1 + 12 * 17
    assert made.p_not_dry == 0


@pytest.mark.parametrize("offset_h", [-8, 2, 9])
def test_the_time_zone_changes_nothing(offset_h: int) -> None:
    zone = timezone(timedelta(hours=offset_h))
    readings = sugar(HEALTHY_WHITE[:12]) + warmth([15.0] * 12)
    moved = [
        replace(
            r,
            measured_at=r.measured_at.astimezone(zone),
            recorded_at=r.recorded_at.astimezone(zone),
        )
        for r in readings
    ]
    here = assess(Ferment("white", START, ""), readings, as_of=at(150))
    there = assess(Ferment("white", START.astimezone(zone), ""), moved, as_of=at(150))
    assert there == here


@settings(max_examples=25)
@given(
    values=st.lists(st.floats(-3, 30), min_size=3, max_size=14),
    kind=st.sampled_from(
        [*MOVES_SUGAR, *FEEDS_YEAST, "cap"],
    ),
    hours=st.floats(0, 170),
)
def test_a_logged_addition_never_opens_an_alarm(
    values: list[float], kind: str, hours: float
) -> None:
    readings = sugar([round(value, 1) for value in values])
    unlogged = assess(RED, readings, as_of=at(170))
    logged = assess(RED, readings, as_of=at(170), additions=[Addition(kind, at(hours))])
    assert {f.check for f in logged.findings} <= {f.check for f in unlogged.findings}


def test_a_logged_addition_explains_its_rise() -> None:
    juice = [21.5, 21.4, 21.0, 20.2, 19.3, 18.4, 20.8, 20.1, 19.3]
    white, readings = Ferment("white", START, ""), sugar(juice)
    rang = {f.check for f in assess(white, readings, as_of=at(98)).findings}
    log = [Addition("addition_sugar", at(68), 26, "g/L")]
    quiet = {f.check for f in assess(white, readings, as_of=at(98), additions=log).findings}
    assert "sugar_rise" in rang
    assert not quiet & {"sugar_rise", "entry_error", "unit_mixup"}


def test_the_past_of_a_winery_teaches_it() -> None:
    past = [
        PastFerment(RED, sugar([v + n % 3 * 0.1 for v in HEALTHY_RED]) + warmth([25.0] * 22))
        for n in range(8)
    ]
    lessons = learn(past)
    readings = sugar(HEALTHY_RED[:6]) + warmth([25.0] * 6)
    cold = assess(RED, readings, as_of=at(62)).forecast
    taught = assess(RED, readings, as_of=at(62), lessons=lessons).forecast
    assert cold is not None
    assert taught is not None
    dry_h = 1 + 12 * 16.8
    assert abs(taught.dry_h.p50 - dry_h) <= abs(cold.dry_h.p50 - dry_h)
    assert lessons.of("red").ferments == 8
    assert lessons.of("white").ferments == 0
    kept = unpack_lessons(pack_lessons(lessons, KEY), KEY)
    assert kept is not None
    assert assess(RED, readings, as_of=at(62), lessons=kept).forecast == taught


def test_lessons_of_another_bank_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    lessons = Lessons({"red": StyleLessons(prior=guess_bank_prior("red"))})
    packed = pack_lessons(lessons, KEY)
    again = unpack_lessons(packed, KEY)
    assert again is not None
    assert again.of("red").prior.tobytes() == lessons.of("red").prior.tobytes()
    smaller = Lessons({"red": StyleLessons(prior=guess_bank_prior("red")[:-1])})
    assert unpack_lessons(pack_lessons(smaller, KEY), KEY) is None
    monkeypatch.setattr(kept_lessons, "FORMAT", 0)
    assert unpack_lessons(packed, KEY) is None


def test_a_probe_that_hangs_while_a_must_gets_under_way_stops_no_forecast() -> None:
    hanging = sugar([25.8, 26.0, 25.2, 24.2, 21.5, 21.5, 21.5]) + warmth([25.0] * 7)
    made = assess(RED, hanging, as_of=at(74)).forecast
    assert made is not None
    assert made.dry_h.p50 < 400


@pytest.mark.parametrize("falls", [0.6, 0.7, 0.8, 1.0])
def test_a_probe_that_hangs_in_a_cool_white_stops_no_forecast_at_its_third_value(
    falls: float,
) -> None:
    """A must that stopped would differ by its noise; one that falls 1.2 °Bx a day cannot read the same for a day."""
    going = [21.5, 21.4, 21.2, *(round(21.0 - falls * n, 1) for n in range(12))]
    white = Ferment("white", START, "", brix0=21.5)

    def ask(values: list[float]) -> float:
        readings = sugar(values) + warmth([15.5] * len(values))
        made = assess(white, readings, as_of=at(1.5 + 12 * (len(values) - 1))).forecast
        assert made is not None
        return made.dry_h.p50

    before = ask(going)
    assert ask([*going, going[-1], going[-1]]) == pytest.approx(before, rel=0.15)
    # And a week later it is still the probe that stands, not the must.
    assert ask([*going, *[going[-1]] * 14]) < 1.5 * before


@pytest.mark.parametrize(("again", "hears"), [(14.5, False), (14.3, True)])
def test_one_value_read_again_in_a_red_that_races_stops_no_forecast(
    again: float, hears: bool
) -> None:
    """It fell by six degrees from one day to the next; to stop to the decimal meanwhile is not how a must stops."""

    def ask(values: list[float]) -> float:
        readings = [read_at(1 + 24 * n, value) for n, value in enumerate(values)]
        readings += warmth([26.0] * (2 * len(values)))
        made = assess(RED, readings, as_of=at(2 + 24 * (len(values) - 1))).forecast
        assert made is not None
        return made.dry_h.p50

    before = ask([24.0, 23.6, 20.9, 14.5])
    after = ask([24.0, 23.6, 20.9, 14.5, again])
    assert (after > 1.5 * before) is hears
