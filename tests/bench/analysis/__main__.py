"""Measures the engine and prints one table: ./.venv/bin/python -m tests.bench.analysis

Without arguments it makes fleets of our own simulator, with seeds that nothing was tuned on. `--fleet` and `--history` take
labelled fleets from elsewhere.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.bench.analysis.baselines import BASELINES, tell
from tests.bench.analysis.scoring import (
    SHARES,
    Case,
    Figure,
    bootstrap,
    print_table,
    read_cases,
    score_alarms,
    score_early,
    score_flags,
    score_forecasts,
    score_next_day,
)
from tests.bench.analysis.simulator import write_fleet
from winery_appliance.analysis_engine.replay import replay_tables


def score_baselines(cases: Sequence[Case], history: Sequence[Case]) -> list[Figure]:
    """Days-to-dry error of the simple methods on ferments without faults."""
    normal = [case for case in cases if case.is_normal]
    figures = []
    for name, forecast in BASELINES.items():
        for share in SHARES:
            errors = np.array(
                [
                    abs(np.clip(forecast(tell(c, share * c.dry_h), history), 0, 1080) - c.dry_h)
                    / 24
                    for c in normal
                ]
            )
            label = f"MAE d, normal, {share:.0%}: {name}"
            figures.append(
                Figure(label, f"{errors.mean():.2f}", bootstrap(errors), f"n={len(errors)}")
            )
    return figures


def main() -> None:
    """Print the tables."""
    asked = argparse.ArgumentParser(description="Measure the analysis engine.")
    asked.add_argument("--fleet", type=Path, help="labelled fleet; else one is made")
    asked.add_argument(
        "--history", type=Path, help="labelled fleet to learn from; else one is made"
    )
    asked.add_argument("--count", type=int, default=300, help="ferments of a fleet that is made")
    asked.add_argument("--seed", type=int, default=20_001)
    asked.add_argument("--cold", action="store_true", help="a new winery, without any history")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fleet = options.fleet or Path(folder) / "fleet"
        past = options.history or Path(folder) / "history"
        if options.fleet is None:
            write_fleet(fleet, options.count, options.seed)
        if options.history is None:
            write_fleet(past, options.count, options.seed + 1)
        out = Path(folder) / "out"
        begun = time.monotonic()
        replay_tables(
            fleet / "readings.csv",
            fleet / "meta.csv",
            out,
            history=None if options.cold else (past / "readings.csv", past / "meta.csv"),
            processes=2,
        )
        took = time.monotonic() - begun
        cases = read_cases(fleet, out)
        judged = sum(len(case.forecasts) for case in cases)
        figures = [
            *score_forecasts(cases),
            *score_next_day(cases),
            *score_alarms(cases),
            *score_early(cases),
            *score_flags(cases),
            Figure("replay, s", f"{took:.0f}", "", f"{len(cases)} ferments, {judged} forecasts"),
        ]
        print_table("the engine", figures)
        print_table("simple methods", score_baselines(cases, read_cases(past)))


if __name__ == "__main__":
    main()
