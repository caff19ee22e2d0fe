"""Too fast: house limits for a new winery, its own pace for one with a past, and its own word before both."""

from dataclasses import replace

import pytest

from tests.unit.analysis_engine.readings import START, at, sugar
from winery_appliance.analysis_engine.checks import for_styles
from winery_appliance.analysis_engine.checks.too_fast import TooFast, TooFastLimits
from winery_appliance.analysis_engine.features import find_peak_pace, trace_curve
from winery_appliance.analysis_engine.forecasting.finished import PastFerment
from winery_appliance.analysis_engine.forecasting.learning import learn
from winery_appliance.analysis_engine.forecasting.lessons import Lessons, StyleLessons
from winery_appliance.analysis_engine.forecasting.sources import guess_bank_prior
from winery_appliance.analysis_engine.measurements import Ferment, Finding
from winery_appliance.analysis_engine.situation import describe_situation

RED = Ferment("red", START, "")


def falling(brix_per_day: float) -> list[float]:
    """Twice a day: a day of lag, then an even fall of two days."""
    return [24.0, 24.0, 24.0, *(round(24.0 - brix_per_day * n / 2, 2) for n in range(1, 5))]


def find(brix_per_day: float, own: float | None, check: TooFast | None = None) -> Finding | None:
    taught = replace(StyleLessons(prior=guess_bank_prior("red")), brisk_brix_per_day=own)
    lessons = Lessons({"red": taught})
    situation = describe_situation(RED, sugar(falling(brix_per_day)), at(75), lessons)
    return (check or TooFast()).run(situation)


@pytest.mark.parametrize(
    ("pace", "own", "rings"),
    [
        (8.0, None, False),
        (9.6, None, True),
        (9.6, 10.2, False),  # brisk, but so are this winery's reds
        (10.6, 10.2, True),
        (9.6, 5.0, True),  # a slow past makes nobody nervous below the house's limit
        (8.0, 5.0, False),
        (11.4, 20.0, True),  # no past makes a runaway usual
    ],
)
def test_a_brisk_past_raises_the_limit_as_far_as_a_critical_pace(
    pace: float, own: float | None, rings: bool
) -> None:
    assert (find(pace, own) is not None) == rings


def test_a_limit_that_the_winery_set_stays_as_it_is() -> None:
    own_word = TooFast(for_styles(TooFastLimits(6.0, 11.0), TooFastLimits(5.0, 7.0)))
    assert find(8.0, 10.2, own_word) is not None


def test_the_past_tells_its_pace_when_there_is_enough_of_it() -> None:
    def finished(number: int) -> PastFerment:
        pace = 5.0 + number / 10
        values = [max(value, -1.6) for value in falling(pace)]
        return PastFerment(RED, sugar([*values, *[-1.6] * 6]) + sugar([24.0], from_h=0.5))

    assert learn([finished(n) for n in range(6)]).of("red").brisk_brix_per_day is None
    curve = trace_curve(RED, sugar(falling(6.0)), at(75))
    assert find_peak_pace(curve.sugar) == pytest.approx(6.0, abs=0.05)
    assert find_peak_pace(curve.sugar[:1]) is None
