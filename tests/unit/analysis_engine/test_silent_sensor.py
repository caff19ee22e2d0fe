"""A probe that falls silent is missed, by its own rhythm; one that is short of a few words is not."""

import pytest

from tests.unit.analysis_engine.readings import HEALTHY_RED, START, at, sugar
from winery_appliance.analysis_engine.assessment import assess
from winery_appliance.analysis_engine.measurements import Addition, Ferment, Finding, Probe

RED = Ferment("red", START, "")
NOW_H = 75.0


def find(*probes: Probe, hours: float = NOW_H, logged: bool = False) -> Finding | None:
    work = [Addition("addition_water", at(20), 50.0, "ml/L")] if logged else []
    values = HEALTHY_RED[: int(hours // 12)]
    said = assess(RED, sugar(values), as_of=at(hours), probes=probes, additions=work)
    return next((each for each in said.findings if each.check == "silent_sensor"), None)


def probe(silent_h: float, usual_min: float | None, code: str = "P-1") -> Probe:
    heard = at(NOW_H - silent_h)
    return Probe(code, START, heard, None if usual_min is None else usual_min * 60)


@pytest.mark.parametrize(
    ("silent_h", "usual_min", "rings"),
    [
        (2.9, 15, False),  # a router that was started anew
        (3.1, 15, True),
        (5.9, 60, False),  # six of its own pauses
        (6.1, 60, True),
        (3.1, None, True),  # it said one word and no more
        (2.9, None, False),
    ],
)
def test_it_is_missed_after_six_of_its_pauses_and_three_hours(
    silent_h: float, usual_min: float | None, rings: bool
) -> None:
    assert (find(probe(silent_h, usual_min)) is not None) == rings


def test_it_names_the_probe_since_when_and_its_rhythm() -> None:
    found = find(probe(0.2, 15, "P-1"), probe(9, 15, "P-2"), probe(4, 15, "P-3"))
    assert found is not None
    assert (found.since, found.severity) == (at(NOW_H - 9), "warning")
    assert "P-2" in found.explanation
    assert "15 min" in found.explanation


def test_one_that_was_hung_and_never_spoke_is_missed_since_then() -> None:
    assert find(Probe("P-1", at(NOW_H - 2), None, None)) is None
    found = find(Probe("P-1", at(NOW_H - 4), None, None))
    assert found is not None
    assert "has not been heard yet" in found.explanation


def test_in_a_dry_wine_nobody_misses_it_and_logged_work_explains_nothing() -> None:
    assert find(probe(9, 15), hours=12.0 * len(HEALTHY_RED)) is None
    assert find(probe(9, 15), logged=True) is not None
