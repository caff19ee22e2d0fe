"""Whatever stands in a book is endured, and too little is never answered as if it were enough."""

from collections.abc import Sequence
from math import isnan
from sys import float_info

import pytest

from tests.unit.analysis_engine.readings import START, at, read_at, sugar, warmth
from winery_appliance.analysis_engine.assessment import assess
from winery_appliance.analysis_engine.cleaning import propose_for
from winery_appliance.analysis_engine.forecasting.forecast import Forecast
from winery_appliance.analysis_engine.measurements import Ferment, Reading
from winery_appliance.analysis_engine.series import Doubt
from winery_appliance.core.units import SampleType, Unit, to_canonical

EDGES = (float_info.max, -float_info.max, float_info.min, 5e-324, 0.0, -0.0)
MONTHS_H = 60 * 24.0

BOOKS: dict[str, Sequence[Reading]] = {
    "none": [],
    "one sample": sugar([24.0]),
    "one temperature": warmth([25.0]),
    "all on one day": sugar([24.0, 23.9, 24.1, 23.8, 23.9, 23.7], every_h=4),
    "only temperature": warmth([18.0, 20.0, 24.0, 26.0, 27.0, 26.0, 25.0, 25.0]),
    "negative sugars": sugar([-2.0, -2.2, -3.9, -4.9, -2.1, -2.0]),
    "a series that rises": sugar([4.0 + 2 * n for n in range(11)]),
    "SG 2.138": [*sugar([24.0, 23.0]), read_at(30, 2.138, unit=Unit.sg), *sugar([20.0], from_h=40)],
    "SG 2.138 as Brix": [*sugar([24.0, 23.0]), read_at(30, 2.138), *sugar([20.0], from_h=40)],
    "a gap of ten days": [*sugar([24.0, 23.5, 22.0, 20.0]), *sugar([3.0, 2.4], from_h=290)],
    "the float's edge": [
        Reading(n, kind, value, None, at(n), at(n + 1), confirmed=False)
        for n, (kind, value) in enumerate((k, v) for k in SampleType for v in EDGES)
    ],
}


def forecast_of(readings: Sequence[Reading], style: str, hours: float) -> Forecast | None:
    return assess(Ferment(style, START, ""), readings, as_of=at(hours)).forecast


def is_sound(made: Forecast) -> bool:
    dry, tomorrow = made.dry_h, made.brix_24h
    figures = (dry.p10, dry.p50, dry.p90, tomorrow.p10, tomorrow.p50, tomorrow.p90)
    ordered = dry.p10 <= dry.p50 <= dry.p90 and tomorrow.p10 <= tomorrow.p50 <= tomorrow.p90
    return ordered and not any(map(isnan, figures)) and 0 <= made.p_not_dry <= 1


@pytest.mark.parametrize("style", ["red", "white"])
@pytest.mark.parametrize("book", BOOKS)
def test_no_book_is_an_error(book: str, style: str) -> None:
    for hours in (-5.0, 0.0, 30.0, 100.0, 320.0, MONTHS_H):
        made = forecast_of(BOOKS[book], style, hours)
        assert made is None or is_sound(made)


@pytest.mark.parametrize("book", ["none", "one sample", "one temperature"])
def test_too_little_is_not_enough_yet(book: str) -> None:
    assert forecast_of(BOOKS[book], "red", 30.0) is None


@pytest.mark.parametrize("book", ["all on one day", "only temperature"])
@pytest.mark.parametrize("style", ["red", "white"])
def test_what_tells_little_is_answered_widely(book: str, style: str) -> None:
    hours = max((r.measured_at - START).total_seconds() / 3600 for r in BOOKS[book])
    made = forecast_of(BOOKS[book], style, hours + 1)
    assert made is not None
    assert made.dry_h.p90 - made.dry_h.p10 >= 3 * 24
    assert 0.01 < made.p_not_dry < 0.99


def test_a_rising_series_is_not_promised_to_be_dry_tomorrow() -> None:
    made = forecast_of(BOOKS["a series that rises"], "red", 125.0)
    assert made is not None
    assert not made.found_dry
    assert made.dry_h.p90 - 125 > 48


def test_a_probe_that_reads_43_000_times_a_day_is_judged() -> None:
    count = 43_000
    falling = [
        Reading(
            n,
            SampleType.sugar,
            to_canonical(SampleType.sugar, round(24 - 5 * n / count, 2), Unit.brix),
            None,
            at(24 * n / count),
            at(24 * n / count),
            confirmed=False,
        )
        for n in range(count)
    ]
    outcome = assess(Ferment("red", START, ""), falling, as_of=at(24.1))
    assert outcome.forecast is not None
    assert is_sound(outcome.forecast)
    assert not [f for f in outcome.findings if f.severity != "info" and f.check != "too_fast"]


def test_an_expectation_that_the_fields_unit_cannot_say_proposes_nothing() -> None:
    """The scale of a must weight ends far below wine, and a wild series may be expected there."""
    reading = Reading(
        sample_id=1,
        sample_type=SampleType.sugar,
        value=1085.0,
        qualifier=None,
        measured_at=START,
        recorded_at=START,
        confirmed=False,
        unit=Unit.kmw,
    )
    assert propose_for(Doubt(reading, 20.0, (-150.0, 5.0), -70.0, 1.0)) is None
