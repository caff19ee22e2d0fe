"""Trains the early classifier that comes with the appliance: ./.venv/bin/python scripts/train_prior.py

Its teachers are imagined ferments of many kinds of cellar: the kinetics of the demo with everything that differs from
lot to lot drawn widely, some slow from the start, read once to three times a day with the errors of a hydrometer. None
meets an accident later: the first days cannot tell of it, and the forecast adds the chance of a stop by itself. None of
the fleets that the engine is measured on is among them. Writes `forecasting/early_prior.bin` and prints its digest, which
belongs into `forecasting/shipped.py`. The same seed gives the same file on the same machine; the seed of the shipped one
is the default.
"""

import argparse
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np

from winery_appliance.analysis_engine.forecasting.finished import Finished, PastFerment
from winery_appliance.analysis_engine.forecasting.learning import look_back
from winery_appliance.analysis_engine.forecasting.own_errors import teach_early
from winery_appliance.analysis_engine.forecasting.shipped import FILE, pack_early
from winery_appliance.analysis_engine.measurements import Ferment, Reading
from winery_appliance.core.units import SampleType, Unit, to_canonical
from winery_appliance.demo.kinetics import NEVER, Courses, Musts, ferment

START = datetime(2024, 9, 1, 8, tzinfo=UTC)
HOURS = 42 * 24.0
BATCH = 300


def draw_musts(number: int, rng: np.random.Generator) -> tuple[np.ndarray, Musts]:
    """Which are reds, and the musts; about one in eight is slow from the start."""
    red = rng.random(number) < 0.5
    slow = rng.random(number) < 0.14
    hungry = rng.random(number) < 0.1
    pace = rng.lognormal(0.0, 0.28, number) * np.where(slow, rng.uniform(0.25, 0.55, number), 1.0)
    return red, Musts(
        brix=np.where(red, rng.normal(24.3, 1.6, number), rng.normal(21.8, 1.7, number)),
        yan_mg_l=np.where(
            hungry, rng.uniform(40, 95, number), rng.lognormal(np.log(215), 0.32, number)
        ),
        fill_c=np.where(red, rng.normal(18.5, 2.2, number), rng.normal(14.3, 1.4, number)),
        hold_c=np.where(red, rng.normal(26, 2.0, number), rng.normal(16, 1.7, number)),
        ambient_c=np.where(red, 21.0, 16.5),
        lag_h=np.where(red, rng.gamma(5, 4.5, number), rng.gamma(5, 7, number)) + 3,
        pace=pace,
        cooling_c_per_h=rng.lognormal(0.0, 0.2, number),
        change_h=np.full(number, NEVER),
        changed_to_c=np.full(number, NEVER),
        cooling_fails_h=np.full(number, NEVER),
        arrest_h=np.full(number, NEVER),
    )


def read_tank(
    courses: Courses, at: int, red: bool, rng: np.random.Generator, ids: Iterator[int]
) -> list[Reading]:
    """What people wrote down of a tank until some days after it was dry."""
    brix, celsius = courses.brix[:, at], courses.celsius[:, at]
    dry = np.flatnonzero(brix <= -1.4)
    end = min(float(courses.hours[dry[0]]) + 60 if len(dry) else HOURS, HOURS - 1)
    every = 24 / rng.choice([1, 2, 3], p=[0.35, 0.5, 0.15])
    times = np.arange(rng.uniform(0, 3), end, every)
    times = np.sort(np.clip(times + rng.normal(0, 0.7, len(times)), 0, end))
    spread = 0.22 if red else 0.11
    readings = []
    for hour in times[rng.random(len(times)) > 0.06]:
        moment = START + timedelta(hours=float(hour))
        figures = (
            (SampleType.sugar, Unit.brix, brix, spread * rng.standard_t(6)),
            (SampleType.temperature, Unit.celsius, celsius, 0.5 * rng.standard_normal()),
        )
        for kind, unit, curve, error in figures:
            shown = round(float(np.interp(hour, courses.hours, curve) + error), 1)
            readings.append(
                Reading(
                    sample_id=next(ids),
                    sample_type=kind,
                    value=to_canonical(kind, shown, unit),
                    qualifier=None,
                    measured_at=moment,
                    recorded_at=moment + timedelta(minutes=float(abs(rng.normal(15, 10)))),
                    confirmed=False,
                    unit=unit,
                )
            )
    return readings


def imagine(number: int, seed: int) -> Iterator[Finished]:
    """So many finished ferments; the must's sugar and nitrogen are known of some, as in a cellar."""
    rng, ids = np.random.default_rng(seed), count(1)
    for batch in range(0, number, BATCH):
        red, musts = draw_musts(min(BATCH, number - batch), rng)
        courses = ferment(musts, hours=HOURS)
        for at in range(len(musts)):
            facts = Ferment("red" if red[at] else "white", START, "")
            if rng.random() < 0.7:
                facts = replace(facts, brix0=round(float(musts.brix[at]), 1))
            if rng.random() < 0.7:
                facts = replace(facts, yan_mg_l=round(float(musts.yan_mg_l[at])))
            readings = read_tank(courses, at, bool(red[at]), rng, ids)
            yield look_back(PastFerment(facts, readings))


def main() -> None:
    """Write the file."""
    asked = argparse.ArgumentParser(description="Train the shipped early classifier.")
    asked.add_argument("--ferments", type=int, default=6000)
    asked.add_argument("--seed", type=int, default=7_001)
    asked.add_argument("--out", type=Path, default=Path(str(FILE)))
    options = asked.parse_args()
    early = teach_early(list(imagine(options.ferments, options.seed)))
    if early is None:
        raise SystemExit("These ferments teach nothing: too few of them were late, or in time.")
    packed = pack_early(early)
    options.out.write_bytes(packed)
    print(f"{options.out}: {len(packed)} bytes, {len(early.trees.roots)} trees.")
    print(f"SHA256 = {hashlib.sha256(packed).hexdigest()!r}")


if __name__ == "__main__":
    main()
