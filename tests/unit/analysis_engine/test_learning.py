"""Learning from the past: the hour a wine was dry is told better than two readings tell it."""

import random
from statistics import mean

import pytest

from tests.unit.analysis_engine.readings import START, read_at
from winery_appliance.analysis_engine.forecasting.finished import PastFerment
from winery_appliance.analysis_engine.forecasting.learning import look_back
from winery_appliance.analysis_engine.measurements import Ferment

WHITE = Ferment("white", START, "")


def read_noisily(hours: float, draw: random.Random) -> float:
    """A white that is dry after 300 h: the tail of an exponential to -1.8 °Bx, read to 0.15 °Bx."""
    true = -1.8 + 0.8 * 2 ** ((300 - hours) / 60)
    return round(min(true, 22.0) + draw.gauss(0, 0.15), 1)


def test_the_hour_a_wine_was_dry_bears_the_noise_of_its_readings() -> None:
    off = []
    for seed in range(40):
        draw = random.Random(seed)
        readings = [read_at(12 * n + 3, read_noisily(12 * n + 3, draw)) for n in range(32)]
        finished = look_back(PastFerment(WHITE, readings))
        assert finished.dry_h is not None
        off.append(finished.dry_h - 300)
    # Two readings alone are late by 13 h, and off by 15.
    assert abs(mean(off)) < 10
    assert mean(map(abs, off)) < 12.5


def test_a_wine_whose_book_ends_at_once_keeps_its_two_readings() -> None:
    readings = [read_at(12 * n, value) for n, value in enumerate([2.6, 1.3, 0.0, -2.0])]
    assert look_back(PastFerment(WHITE, readings)).dry_h == pytest.approx(30.0, abs=0.1)
