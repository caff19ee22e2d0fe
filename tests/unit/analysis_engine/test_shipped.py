"""The early classifier that comes with the appliance: only as it was trained, and only until the own past speaks."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.analysis_engine.readings import START, at, sugar, warmth
from winery_appliance.analysis_engine.assessment import assess
from winery_appliance.analysis_engine.forecasting import forecast, kept_lessons
from winery_appliance.analysis_engine.forecasting.lessons import Early, Lessons, Mix
from winery_appliance.analysis_engine.forecasting.shipped import (
    FILE,
    SHA256,
    load_shipped_early,
    unpack_early,
)
from winery_appliance.analysis_engine.measurements import Ferment, Reading

ROOT = Path(__file__).parents[3]
RED = Ferment("red", START, "", brix0=24.0, yan_mg_l=210.0)
BRISK = sugar([24.0, 24.1, 23.0, 20.6, 17.9, 15.2, 12.9]) + warmth([25.0] * 7)
SLOW = sugar([24.0, 24.0, 23.9, 23.7, 23.4, 23.1, 22.8]) + warmth([25.0] * 7)


def late(readings: list[Reading], lessons: Lessons) -> float:
    made = assess(RED, readings, as_of=at(74), lessons=lessons).forecast
    assert made is not None
    return made.p_not_dry


@pytest.fixture
def early() -> Early:
    shipped = load_shipped_early()
    assert shipped is not None, "train it again: scripts/train_prior.py"
    return shipped


def test_the_shipped_classifier_belongs_to_the_locked_library(early: Early) -> None:
    assert early.mix.own > early.mix.courses > 0
    assert early.mix.others == 0


def test_only_the_file_that_was_trained_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = FILE.read_bytes()
    assert unpack_early(packed, SHA256) is not None
    other = packed[:-1] + bytes([packed[-1] ^ 1])
    assert unpack_early(other, SHA256) is None
    assert unpack_early(other, hashlib.sha256(other).hexdigest()) is None
    monkeypatch.setattr(kept_lessons, "LIBRARY", "scikit-learn 0.0")
    assert unpack_early(packed, SHA256) is None


def test_a_winery_without_a_past_heeds_it(early: Early, monkeypatch: pytest.MonkeyPatch) -> None:
    untaught = Lessons()
    slow, brisk = late(SLOW, untaught), late(BRISK, untaught)
    assert slow > 0.4 > 0.2 > brisk
    own = replace(early, mix=Mix(0.0, 1.0, 0.0, 0.0))
    by_courses = late(SLOW, Lessons(early=own))
    assert late(SLOW, untaught) != by_courses, "its own past says how much it is heeded"
    monkeypatch.setattr(forecast, "load_shipped_early", lambda: None)
    assert late(SLOW, untaught) == pytest.approx(by_courses)


def test_a_winery_with_a_past_heeds_it_as_much_as_it_would_have_helped(
    early: Early, monkeypatch: pytest.MonkeyPatch
) -> None:
    courses_only = Lessons(early=replace(early, mix=Mix(0.0, 1.0, 0.0, 0.0)))
    others_too = Lessons(early=replace(early, mix=Mix(0.0, 0.5, 0.0, 0.5)))
    assert late(SLOW, others_too) > late(SLOW, courses_only)
    assert late(BRISK, others_too) < 0.2
    own = late(SLOW, Lessons(early=replace(early, mix=Mix(0.0, 0.5, 0.5, 0.0))))
    monkeypatch.setattr(forecast, "load_shipped_early", lambda: None)
    assert late(SLOW, others_too) == pytest.approx(own), (
        "where it may not be asked, the trees speak"
    )


def test_the_chance_of_a_stop_is_added_to_what_it_says(early: Early) -> None:
    """None of its teachers stopped without notice."""
    never, often = late(BRISK, Lessons(stops=0.0)), late(BRISK, Lessons(stops=0.3))
    assert never < 0.1
    assert often - never > 0.1


def test_the_slower_the_likelier_it_is_late(early: Early) -> None:
    said = []
    for fall in (0.8, 1.4, 2.0, 2.6):
        readings = sugar([round(24 - fall * max(n - 1, 0), 1) for n in range(7)])
        said.append(late(readings + warmth([25.0] * 7), Lessons()))
    assert said == sorted(said, reverse=True)
    assert said[0] > 0.5 > 0.2 > said[-1]


def test_the_command_trains_one(tmp_path: Path) -> None:
    made = [tmp_path / "one.bin", tmp_path / "two.bin"]
    for out in made:
        command = [sys.executable, "scripts/train_prior.py", "--ferments", "140", "--out", str(out)]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        digest = hashlib.sha256(out.read_bytes()).hexdigest()
        assert digest in told
        assert unpack_early(out.read_bytes(), digest) is not None
    assert made[0].read_bytes() == made[1].read_bytes(), "the same seed, the same file"
