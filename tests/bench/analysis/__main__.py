"""Measures the engine and prints one table: ./.venv/bin/python -m tests.bench.analysis

Without arguments it makes fleets of our own simulator, with seeds that nothing was tuned on. `--fleet` and `--history`
take labelled fleets from elsewhere, `--real` series of real ferments; `--book` also measures in a database, which
tests.bench.analysis.book does alone. A fleet of 300 takes some two minutes of two cores.
"""

import argparse
import csv
import os
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.bench.analysis.asking import ask_at_shares, mend_all
from tests.bench.analysis.baselines import BASELINES, tell
from tests.bench.analysis.book import score_in_the_book
from tests.bench.analysis.figures import Figure, at_most, bootstrap, print_table, share_of
from tests.bench.analysis.real import score_real
from tests.bench.analysis.scoring import (
    SHARES,
    Case,
    group_by_fault,
    list_covered,
    list_errors,
    read_cases,
    score_alarms,
    score_alarms_further,
    score_early,
    score_flags,
    score_forecasts,
    score_next_day,
)
from tests.bench.analysis.simulator import ADDED_G_L, write_fleet
from winery_appliance.analysis_engine.forecasting.finished import PastFerment
from winery_appliance.analysis_engine.forecasting.learning import learn
from winery_appliance.analysis_engine.forecasting.lessons import UNTAUGHT, Lessons
from winery_appliance.analysis_engine.replay import replay_all, write_replayed
from winery_appliance.analysis_engine.replay_files import RecordedFerment, read_ferments

PROCESSES = 2
MUST_MAE_D = (2.0, 0.9, 0.5)
# The kinetic bank of the same family on a fleet of its kind, without any history: normal, data faults, process faults.
COLD_MAE_D = {
    "normal": (2.9, 1.8, 1.3),
    "data faults": (3.4, 3.0, 1.0),
    "process faults": (6.3, 4.3, 3.6),
}
REPLAY_READINGS, REPLAY_MOST_S = 21_000, 300


def find_events(fleet: Path, folder: Path) -> Path | None:
    """The log of a fleet; where it has none it is written from what was injected."""
    if (fleet / "events.csv").exists():
        return fleet / "events.csv"
    with (fleet / "meta.csv").open(newline="", encoding="utf-8") as file:
        given = [row for row in csv.DictReader(file) if row["fault"] == "chaptalised"]
    log = folder / "events.csv"
    rows = [f"{r['ferment_id']},{r['fault_start_h']},addition_sugar,{ADDED_G_L},g/L" for r in given]
    log.write_text("\n".join(["ferment_id,t_h,kind,amount,unit", *rows, ""]), encoding="utf-8")
    return log


def score_goals(cases: Sequence[Case]) -> list[Figure]:
    """Forecasts with the winery's own history: error and coverage of ferments without faults."""
    normal = group_by_fault(cases)["normal"]
    figures = [
        at_most(f"days to dry, MAE d, normal, {share:.0%}", list_errors(normal, share), must)
        for share, must in zip(SHARES, MUST_MAE_D, strict=True)
    ]
    covered = [list_covered(normal, share) for share in SHARES]
    figures += [
        share_of(f"80 % interval covers, normal, {share:.0%}", hits, least=75, most=88)
        for share, hits in zip(SHARES, covered, strict=True)
    ]
    every = [hit for hits in covered for hit in hits]
    figures.append(share_of("80 % interval covers, normal, all three", every, least=75, most=88))
    return figures


def score_against_clean(
    cases: Sequence[Case], recorded: Mapping[str, RecordedFerment], lessons: Lessons
) -> list[Figure]:
    """Errors of ferments with faults of the data, over those of the same ferments without them."""
    spoiled = group_by_fault(cases)["data faults"]
    clean = ask_at_shares(spoiled, mend_all(spoiled, recorded), lessons, processes=PROCESSES)
    figures = []
    for share in SHARES:
        pairs = [
            (list_errors([one], share), list_errors([twin], share))
            for one, twin in zip(spoiled, clean, strict=True)
        ]
        both = np.array([(float(a[0]), float(b[0])) for a, b in pairs if len(a) and len(b)])
        ratio = float(both[:, 0].mean() / both[:, 1].mean())
        figures.append(
            Figure(
                f"days to dry with data faults over the clean fleet, {share:.0%}",
                f"{ratio:.2f}",
                bootstrap(both, lambda v: float(v[:, 0].mean() / v[:, 1].mean())),
                f"{both[:, 0].mean():.2f} over {both[:, 1].mean():.2f} d, n={len(both)}",
                "≤ 1.2",
                ratio <= 1.2,
            )
        )
    return figures


def score_cold(cases: Sequence[Case], recorded: Mapping[str, RecordedFerment]) -> list[Figure]:
    """A new winery without any history: beside the row of the bank alone."""
    asked = ask_at_shares(cases, recorded, UNTAUGHT, processes=PROCESSES)
    return [
        at_most(f"no history: MAE d, {group}, {share:.0%}", list_errors(members, share), most)
        for group, members in group_by_fault(asked).items()
        for share, most in zip(SHARES, COLD_MAE_D[group], strict=True)
    ]


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


def measure_replay(
    recorded: Sequence[RecordedFerment], past: Sequence[PastFerment], out: Path
) -> tuple[Lessons, Figure]:
    """Learn and replay, as the command does; what was learned, and how long a harvest of the issue's size would take."""
    begun, used = time.monotonic(), _processor_s()
    lessons = learn(past)
    learned, learned_used = time.monotonic() - begun, _processor_s() - used
    write_replayed(out, list(replay_all(recorded, lessons, PROCESSES)))
    took, used = time.monotonic() - begun, _processor_s() - used
    rows = sum(len({r.measured_at for r in one.readings}) for one in recorded)
    scaled = learned + (took - learned) * REPLAY_READINGS / rows
    atleast = learned_used + (used - learned_used) / PROCESSES * REPLAY_READINGS / rows
    label = f"replay of {REPLAY_READINGS} readings, {len(past)} of history, s (from {rows})"
    base = f"of the processor {atleast:.0f} s; learning {learned_used:.0f} s"
    must = f"≤ {REPLAY_MOST_S}"
    return lessons, Figure(label, f"{scaled:.0f}", "", base, must, scaled <= REPLAY_MOST_S)


def _processor_s() -> float:
    times = (resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in times)


def main() -> None:
    """Print the tables; the one that must be reached comes first."""
    asked = argparse.ArgumentParser(description="Measure the analysis engine.")
    asked.add_argument("--fleet", type=Path, help="labelled fleet; else one is made")
    asked.add_argument(
        "--history", type=Path, help="labelled fleet to learn from; else one is made"
    )
    asked.add_argument("--count", type=int, default=300, help="ferments of a fleet that is made")
    asked.add_argument("--past", type=int, default=300, help="ferments of its history")
    asked.add_argument("--seed", type=int, default=20_001)
    asked.add_argument("--real", type=Path, action="append", default=[], help="series of real reds")
    asked.add_argument("--book", action="store_true", help="also measure in a database")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fleet = options.fleet or Path(folder) / "fleet"
        past = options.history or Path(folder) / "history"
        if options.fleet is None:
            write_fleet(fleet, options.count, options.seed)
        if options.history is None:
            write_fleet(past, options.past, options.seed + 1)
        log = find_events(fleet, Path(folder))
        recorded = read_ferments(fleet / "readings.csv", fleet / "meta.csv", log)
        finished = [
            PastFerment(one.ferment, one.readings)
            for one in read_ferments(past / "readings.csv", past / "meta.csv")
        ]
        lessons, speed = measure_replay(recorded, finished, Path(folder) / "out")
        cases = read_cases(fleet, Path(folder) / "out")
        by_name = {one.name: one for one in recorded}
        goals = [
            *score_goals(cases),
            *score_against_clean(cases, by_name, lessons),
            *score_alarms(cases),
            *(figure for figure in score_early(cases) if figure.must),
            *(figure for figure in score_flags(cases) if figure.must),
            *(figure for series in options.real for figure in score_real(series, "red")),
            *score_cold(cases, by_name),
            speed,
            *(score_in_the_book() if options.book else ()),
        ]
        print(f"load of the machine {os.getloadavg()[0]:.1f}")
        title = f"what the engine must reach: {len(cases)} ferments, {len(finished)} of history"
        print_table(title, goals)
        further = [
            *score_forecasts(cases),
            *score_next_day(cases),
            *score_alarms_further(cases),
            *(figure for figure in score_early(cases) if not figure.must),
            *(figure for figure in score_flags(cases) if not figure.must),
        ]
        print_table("further figures", further)
        print_table("simple methods", score_baselines(cases, read_cases(past)))


if __name__ == "__main__":
    main()
