"""Advice: fits the finding and the state of the wine, and never doses without the caution."""

import re

import pytest

from tests.unit.analysis_engine.readings import HEALTHY_RED, judge, sugar, warmth
from winery_appliance.analysis_engine.measurements import Advice, Reading
from winery_appliance.analysis_engine.recommendations import CAUTION

EARLY_STOP = [24.0, 24.1, 23.4, 21.0, 18.4, 16.6, 15.9, *[15.8] * 6]
LATE_STOP = [26.0, 26.1, 25.0, 22.0, 18.0, 14.0, 10.0, 6.5, 3.4, 2.1, *[2.0] * 6]

DOSE = re.compile(r"\d\s*(g/hL|mg/L)")


def advice_for(check: str, readings: list[Reading], style: str = "red") -> list[Advice]:
    return [advice for advice in judge(readings, style=style).advice if advice.check == check]


@pytest.mark.parametrize(
    ("check", "readings", "style"),
    [
        ("stuck", sugar(EARLY_STOP), "red"),
        ("stuck", sugar(LATE_STOP) + warmth([25] * 16), "red"),
        ("temp_high", warmth([28, 36.5]), "red"),
        ("temp_high", warmth([18, 22.0]), "white"),
        ("temp_low", sugar(HEALTHY_RED[:12]) + warmth([24] * 9 + [15, 14, 14]), "red"),
        ("entry_error", sugar([22.0, 21.0, 31.5]), "red"),
    ],
)
def test_every_advice_is_usable(check: str, readings: list[Reading], style: str) -> None:
    found = advice_for(check, readings, style)
    assert found
    for advice in found:
        assert advice.action.endswith(".")
        assert advice.instructions
        assert all(step.endswith((".", "?")) for step in advice.instructions)
        assert advice.reasoning
        assert 0 < advice.confidence < 1
        if DOSE.search(" ".join(advice.instructions)):
            assert CAUTION in advice.instructions


def test_a_stop_is_measured_before_anything_is_added() -> None:
    first = advice_for("stuck", sugar(EARLY_STOP))[0]
    assert first.action == "Measure before you add anything."
    assert not DOSE.search(" ".join(first.instructions))


def waking(readings: list[Reading]) -> Advice:
    """The advice to wake the yeast; where it stands depends on how likely it is."""
    (found,) = [a for a in advice_for("stuck", readings) if a.code == "stuck_encourage"]
    return found


def test_a_cold_stop_is_warmed_slowly() -> None:
    advice = waking(sugar(EARLY_STOP) + warmth([25] * 6 + [17.0] * 7))
    assert advice.instructions[0] == "Warm from 17.0 to 20 °C, at most 3 °C a day."


def test_a_hot_stop_is_cooled() -> None:
    advice = waking(sugar(EARLY_STOP) + warmth([27.0] * 13))
    assert advice.instructions[0].startswith("Cool from 27.0")


def test_ammonium_is_refused_when_alcohol_is_high() -> None:
    late = " ".join(waking(sugar(LATE_STOP)).instructions)
    early = " ".join(waking(sugar(EARLY_STOP)).instructions)
    assert "Do not add ammonium phosphate" in late
    assert "ammonium" not in early


def test_a_rescue_is_likelier_the_more_alcohol_there_is() -> None:
    late = {a.action: a.confidence for a in advice_for("stuck", sugar(LATE_STOP))}
    early = {a.action: a.confidence for a in advice_for("stuck", sugar(EARLY_STOP))}
    assert late["Prepare a rescue culture."] > early["Prepare a rescue culture."]


def test_an_emergency_says_so_first() -> None:
    steps = advice_for("temp_high", warmth([30, 35.2]))[0].instructions
    assert steps[0].startswith("Act at once")
    assert any("gas" in step for step in steps)


@pytest.mark.parametrize(("style", "pumped"), [("red", True), ("orange", True), ("white", False)])
def test_only_a_cap_is_pumped_over(style: str, pumped: bool) -> None:
    steps = " ".join(advice_for("temp_high", warmth([28, 33.0]), style)[0].instructions)
    assert ("Pump over" in steps) is pumped


def test_the_original_of_a_slip_is_kept() -> None:
    steps = " ".join(advice_for("entry_error", sugar([22.0, 21.0, 31.5]))[0].instructions)
    assert "stays in the history" in steps
