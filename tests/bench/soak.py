"""Load with kills at random, then an audit: ./.venv/bin/python -m tests.bench.soak [--minutes 45] [--seed N]

Phones send readings to the whole appliance as their outbox does, again with the same UUID until they are answered, while
PostgreSQL, web, worker, scheduler, and what makes copies are killed (SIGKILL) one after the other at random moments.
For the last third nobody is killed, and the memory of each part is watched. At the end: every reading that was acknowledged
stands in the book exactly once, nothing else does, each wine's analysis covers all of its readings, and nothing waits.
Exit code 0 when all of that holds.
"""

import argparse
import math
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.main_job import read_pss_mb
from tests.integration.runtime.running_appliance import wait_for
from tests.system.appliance import LiveTank, RealAppliance
from winery_appliance.core.postgres import find_free_port

PARTS = ("postgres", "web", "worker", "scheduler", "stream", "sync")
WATCHED = ("web", "worker", "scheduler", "stream")
TANKS, PHONES = 24, 4
PAUSE_S = 1.0  # of a phone between two readings
KILL_EVERY_S = (10.0, 40.0)
CALM_SHARE = 1 / 3
WARM_SHARE = 1 / 3  # of the calm time: what was just started still fills its caches


@dataclass
class Soak:
    """What was acknowledged, who was killed, and how much memory each part took when."""

    acknowledged: list[tuple[int, str]] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


def phone(tanks: Sequence[LiveTank], number: int, soak: Soak, stopping: threading.Event) -> None:
    """Send one reading after the other until it is told to stop; what is under way is sent to its end."""
    sent = 0
    while not stopping.wait(PAUSE_S):
        tank = tanks[sent % len(tanks)]
        # A moment of its own for each, within the ten days that the wine runs.
        hours = 1 + (sent // len(tanks)) * 0.01 + number * 0.002
        body = tank.body(f"{24 - min(hours, 200) / 10:.2f}", hours) | {"confirm": True}
        sent += 1
        try:
            answer = tank.send_until_kept(body)
        except AssertionError as error:
            soak.broken.append(f"phone {number}: {str(error)[:300]}")
            return
        soak.acknowledged.append((tank.id, answer.body["client_uuid"]))


def kill_at_random(
    appliance: RealAppliance, soak: Soak, dice: random.Random, until_s: float
) -> None:
    """Kill one part after the other, at random."""
    while True:
        pause_s = dice.uniform(*KILL_EVERY_S)
        if time.monotonic() + pause_s > until_s:
            return
        time.sleep(pause_s)
        part = dice.choice(PARTS)
        pid = appliance.part(part)
        if pid:
            os.kill(pid, signal.SIGKILL)
            soak.kills[part] += 1


def watch_memory(appliance: RealAppliance, soak: Soak, until_s: float) -> None:
    """Note the memory of each part every few seconds."""
    begun = time.monotonic()
    while time.monotonic() < until_s:
        for part in WATCHED:
            pid = appliance.part(part)
            if pid:
                row = ((time.monotonic() - begun) / 60, read_pss_mb(pid))
                soak.memory.setdefault(part, []).append(row)
        time.sleep(5.0)


def audit(appliance: RealAppliance, tanks: Sequence[LiveTank], soak: Soak) -> list[str]:
    """What is wrong with the book; nothing, if all is well."""
    ids = [tank.id for tank in tanks]
    with appliance.admin() as admin:
        rows = admin.execute(
            "SELECT fermentation_id, client_uuid::text FROM samples WHERE fermentation_id = ANY(%s)",
            [ids],
        ).fetchall()
    stored = Counter((int(wine), uuid) for wine, uuid in rows)
    expected = set(soak.acknowledged)
    faults = list(soak.broken)
    for name, found in (
        ("lost", expected - stored.keys()),
        ("never acknowledged, and there", stored.keys() - expected),
        ("twice", {key for key, times in stored.items() if times > 1}),
    ):
        if found:
            faults.append(f"{len(found)} readings {name}, such as {next(iter(found))}")
    if len(expected) != len(soak.acknowledged):
        faults.append("a UUID was acknowledged for two readings")
    pending = "SELECT count(*) FROM outbox WHERE done_at IS NULL"
    try:
        wait_for(lambda: appliance.count(pending) == 0, "the outbox", timeout_s=300)
    except AssertionError:
        faults.append(f"{appliance.count(pending)} events wait")
    for tank in tanks:
        wanted = sum(1 for wine, _ in expected if wine == tank.id)
        covers = tank.analysis()["covers_samples"]
        if covers != wanted:
            faults.append(f"the analysis of {tank.id} covers {covers} of {wanted} readings")
    return faults


def find_slope(rows: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """MB a minute, and twice its standard error: a least-squares line through (minute, MB)."""
    if len(rows) < 4:
        return 0.0, math.inf
    times, sizes = zip(*rows, strict=True)
    middle = statistics.fmean(times)
    spread = sum((t - middle) ** 2 for t in times)
    slope, start = statistics.linear_regression(times, sizes)
    left = sum((size - start - slope * t) ** 2 for t, size in rows)
    return slope, 2 * math.sqrt(left / (len(rows) - 2) / spread)


def run(folder: Path, minutes: float, seed: int) -> int:
    """Load, kill, watch, audit; the exit code."""
    appliance, soak = RealAppliance(folder / "var", find_free_port()), Soak()
    dice, stopping = random.Random(seed), threading.Event()
    try:
        appliance.start()
        tanks = [appliance.start_fermentation(f"soak-{n}") for n in range(TANKS)]
        phones = [
            threading.Thread(target=phone, args=(tanks[n::PHONES], n, soak, stopping))
            for n in range(PHONES)
        ]
        for each in phones:
            each.start()
        begun = time.monotonic()
        calm_s = begun + minutes * 60 * (1 - CALM_SHARE)
        kill_at_random(appliance, soak, dice, calm_s)
        time.sleep(max(calm_s - time.monotonic(), 0.0))
        watch_memory(appliance, soak, begun + minutes * 60)
        stopping.set()
        for each in phones:
            each.join(180)
        faults = audit(appliance, tanks, soak)
        appliance.stop()
    finally:
        stopping.set()
        appliance.kill_all()
    print(f"{len(soak.acknowledged)} readings acknowledged in {minutes:.0f} min, seed {seed}")
    print(f"kills: {', '.join(f'{part} {n}' for part, n in sorted(soak.kills.items()))}")
    for part, rows in sorted(soak.memory.items()):
        warm = rows[int(len(rows) * WARM_SHARE) :]
        slope, noise = find_slope(warm)
        last = warm[-1][1] if warm else math.nan
        print(f"memory of {part:<10} {last:6.0f} MB, {slope:+.2f} MB a minute (noise {noise:.2f})")
    for fault in faults:
        print(f"FAULT {fault}")
    print("nothing lost, nothing twice, nothing waits" if not faults else "NOT as it should be")
    return 1 if faults else 0


def main() -> None:
    """What the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(run(Path(folder), given.minutes, given.seed))


if __name__ == "__main__":
    main()
