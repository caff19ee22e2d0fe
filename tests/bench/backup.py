"""Measures the copies on this machine and prints one table: ./.venv/bin/python -m tests.bench.backup

Every figure is a ratio to something measured in the same run, or a loss in seconds. With the arguments `cuts N`, N times
everything is killed under load and restored from the NAS alone; `restore`, `memory` and `web` are parts of the table.
"""

import contextlib
import hashlib
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from backup.bases import load_newest_base
from tests.integration.backup.conftest import BACKUP, Cellar, making_cellars
from tests.integration.backup.test_restore import read_control, restore
from tests.integration.backup.test_stream import writing
from tests.integration.runtime.running_appliance import wait_for
from tests.system.appliance import RealAppliance
from winery_appliance.core import postgres
from winery_appliance.core.postgres_programs import find_programs
from winery_appliance.core.settings import Settings, child_environment

ROWS_A_GB = 9_500_000
WEB_REQUESTS, WEB_FEWEST, WEB_TURNS = 400, 60, 5
PATIENCE_S = 1800.0


def measure_loss(
    make: Callable[..., Cellar], folder: Path, every_s: float, cuts: int
) -> list[float]:
    """Seconds of commits lost at each of `cuts`: from the first lost commit to the kill."""
    cellar = make(backup_every_s=every_s)
    cellar.start_stream()
    cellar.await_shipped(PATIENCE_S)
    lost_s, first = [], 0
    for cut in range(cuts):
        with writing(cellar, first) as committed:
            wait_for(lambda: len(committed) > 20, "rows")
            time.sleep(random.uniform(0.5, 1.5) + every_s)
            killed_at = datetime.now(UTC)
            cellar.kill_stream()
            cellar.kill_server()
        target = folder / f"cut-{every_s}-{cut}"
        done = restore(cellar, target)
        assert done.returncode == 0, done.stderr
        rows = read_control(target)
        assert [number for number, _ in rows] == list(range(len(rows)))
        gone = [at for number, at in committed if number >= len(rows)]
        lost_s.append((killed_at - gone[0]).total_seconds() if gone else 0.0)
        shutil.rmtree(target)
        cellar.start_server()
        assert hash_rows(rows) == hash_rows(read_first(cellar, len(rows))), "contents differ"
        with cellar.connect() as connection:
            row = connection.execute("SELECT coalesce(max(number) + 1, 0) FROM control").fetchone()
        assert row is not None
        first = row[0]
        cellar.start_stream()
        cellar.await_shipped(PATIENCE_S)
    cellar.end()
    return lost_s


def read_first(cellar: Cellar, count: int) -> list[tuple[int, str]]:
    """What the cellar itself holds of its first `count` control rows."""
    query = "SELECT number, content FROM control WHERE number < %s ORDER BY 1"
    with cellar.connect() as connection:
        return [(int(number), str(text)) for number, text in connection.execute(query, [count])]


def hash_rows(rows: list[tuple[int, str]]) -> str:
    """SHA-256 of numbers and contents, in hex."""
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def fill(cellar: Cellar, rows: int) -> float:
    """Fill a table as sensors would; the database's size, GB."""
    with psycopg.connect(
        postgres.admin_url(cellar.settings), dbname="winery", autocommit=True
    ) as admin:
        admin.execute(
            "CREATE TABLE readings AS SELECT g AS id, now() - g * interval '1 s' AS at, "
            "(random() * 30)::numeric(6, 3) AS value, md5(g::text) AS sensor "
            f"FROM generate_series(1, {rows}) g"
        )
        admin.execute("CREATE INDEX ON readings (id)")
        row = admin.execute("SELECT pg_database_size('winery')").fetchone()
    assert row is not None
    return int(row[0]) / 1e9


class Timed:
    """Seconds of the wall clock and of the processors that a block and its programs took."""

    def __enter__(self) -> "Timed":
        self._wall, self._cpu = time.monotonic(), read_cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.monotonic() - self._wall, read_cpu() - self._cpu


def read_cpu() -> float:
    """Processor seconds of all programs that we ran to their end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_restore(cellar: Cellar, folder: Path) -> tuple[Timed, Timed]:
    """Our restore, and plain programs for the same files: age, zstd and tar, sync, pg_verifybackup."""
    with Timed() as ours:
        done = restore(cellar, folder / "ours")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(folder / "ours")
    (folder / "plain").mkdir()
    programs = find_programs(cellar.settings)
    script = """
    age -d -i "$KIT" base/*/base.tar.zst.age | zstd -q -d | tar x -C "$DIR"
    sync
    "$BIN/pg_verifybackup" -n -q "$DIR"
    """
    with Timed() as plain:
        subprocess.run(
            ["sh", "-euc", script],
            check=True,
            cwd=cellar.repository,
            env={
                **os.environ,
                "KIT": str(cellar.kit),
                "DIR": str(folder / "plain"),
                "BIN": str(programs),
            },
        )
    shutil.rmtree(folder / "plain")
    return ours, plain


def run_and_watch(command: list[str], environment: dict[str, str]) -> float:
    """The most memory a process of ours itself took until it ended, MB."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        with contextlib.suppress(OSError, AttributeError):
            text = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, int(re.search(r"VmHWM:\s+(\d+)", text).group(1)))  # type: ignore[union-attr]
        time.sleep(0.02)
    assert process.returncode == 0
    return peak / 1024


def compare_memory(make: Callable[..., Cellar], folder: Path) -> None:
    """The memory of base copy, dump and restore, for a small and a large database."""
    for share in (0.1, float(os.environ.get("BENCH_GB", "1"))):
        cellar = make()
        size = fill(cellar, int(ROWS_A_GB * share))
        cellar.start_stream()
        cellar.await_shipped(PATIENCE_S)
        environment = child_environment(cellar.settings)
        base = run_and_watch([BACKUP, "base", "--full"], environment)
        dump = run_and_watch([BACKUP, "dump"], environment)
        target = ["--target", str(folder / "m"), "--identity", str(cellar.kit)]
        back = run_and_watch([BACKUP, "restore", "--repo", str(cellar.nas), *target], environment)
        shutil.rmtree(folder / "m")
        print(
            f"memory at {size:5.2f} GB: base copy {base:.0f} MB, dump {dump:.0f} MB, restore {back:.0f} MB"
        )
        cellar.end()
        shutil.rmtree(cellar.settings.data)
        shutil.rmtree(cellar.nas)


def take_p95(appliance: RealAppliance, until: Callable[[], bool]) -> tuple[float, int]:
    """The 95th percentile of the answer times of the board and a list, ms, and of how many requests."""
    taken: list[float] = []
    while len(taken) < WEB_REQUESTS and not (until() and len(taken) > WEB_FEWEST):
        for path in ("/api/v1/fermentations", "/api/v1/vessels"):
            begun = time.monotonic()
            assert appliance.call("GET", path, who="ana").status == 200
            taken.append((time.monotonic() - begun) * 1000)
    return statistics.quantiles(taken, n=20)[-1], len(taken)


def watch_whole(appliance: RealAppliance, until: Callable[[], bool]) -> tuple[float, float]:
    """The most memory that all processes of the appliance and its database took together, MB: what they share counted once
    (PSS), and of it what is theirs alone to give back, without pages of files.
    """
    peak = anonymous = 0
    while not until():
        texts = []
        for pid in appliance.processes():
            with contextlib.suppress(OSError):
                texts.append(Path(f"/proc/{pid}/smaps_rollup").read_text())
        told = "\n".join(texts)
        peak = max(peak, sum(int(kib) for kib in re.findall(r"^Pss:\s+(\d+)", told, re.M)))
        own = re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+)", told, re.M)
        anonymous = max(anonymous, sum(int(kib) for kib in own))
    return peak / 1024, anonymous / 1024


def compare_web(folder: Path) -> None:
    """The web's p95 by itself and while base copies are made, in turns; and the memory of the whole during one."""
    appliance = RealAppliance(folder / "var", postgres.find_free_port())
    try:
        appliance.start()
        settings = Settings(data=folder / "var")
        wait_for(lambda: load_newest_base(settings), "the first base copy", PATIENCE_S)
        with appliance.admin() as admin:
            admin.autocommit = True
            admin.execute(
                "CREATE TABLE ballast AS SELECT g, md5(g::text) AS t, md5((-g)::text) AS u "
                f"FROM generate_series(1, {ROWS_A_GB // 4}) g"
            )
        idle, busy = list[float](), list[float]()

        def copy() -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                [BACKUP, "base", "--full", "--mb-s", str(settings.backup_mb_s)],
                env=os.environ | appliance.environment | {"WINERY_DATA": str(folder / "var")},
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # as the stream starts it
            )

        process = copy()
        peak, own = watch_whole(appliance, lambda: process.poll() is not None)
        print(
            f"all processes while a base copy is made: {peak:.0f} MB, {own:.0f} MB without pages of files"
        )
        for turn in range(1, WEB_TURNS + 1):
            idle.append(take_p95(appliance, lambda: False)[0])
            process = copy()
            p95, asked = take_p95(appliance, lambda: process.poll() is not None)  # noqa: B023
            busy.append(p95)
            assert process.wait() == 0
            print(
                f"web p95, turn {turn}: alone {idle[-1]:.0f} ms, while a base copy is made {p95:.0f} ms ({asked} requests)"
            )
        one, other = statistics.median(idle), statistics.median(busy)
        print(f"web p95 alone {one:.0f} ms, while a base copy is made {other:.0f} ms")
        print(f"ratio                              {other / one:6.2f}     (reach 1.3)")
    finally:
        appliance.stop()


def main() -> None:
    """Print the table, or a part of it: `cuts N`, `restore`, `memory`, `web`."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # who is cut off has told what was found
    print(f"load of the machine at the begin: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    part = sys.argv[1] if len(sys.argv) > 1 else "all"
    with tempfile.TemporaryDirectory() as name, making_cellars(Path(name)) as make:
        folder = Path(name)
        if part == "cuts":
            lost = measure_loss(make, folder, 5.0, int(sys.argv[2]))
            print(
                f"{len(lost)} cuts at 5 s: lost at most {max(lost):.2f} s, median {statistics.median(lost):.2f} s"
            )
        if part == "all":
            for every_s, reach_s in ((5.0, 6.0), (1.0, 1.5)):
                lost = measure_loss(make, folder, every_s, 3)
                print(
                    f"commits lost at a cadence of {every_s:.0f} s    {max(lost):6.2f} s   (reach {reach_s} s)"
                )
        if part in ("all", "restore"):
            compare_restores(make(), folder)
        if part in ("all", "memory"):
            compare_memory(make, folder)
        if part in ("all", "web"):
            compare_web(folder)
    print(f"load of the machine at the end: {os.getloadavg()[0]:.1f}")


def compare_restores(cellar: Cellar, folder: Path) -> None:
    """Our restore beside plain programs."""
    size = fill(cellar, int(ROWS_A_GB * float(os.environ.get("BENCH_GB", "1"))))
    cellar.start_stream()
    begun = time.monotonic()
    cellar.await_shipped(PATIENCE_S)
    print(
        f"database {size:.2f} GB: base copy and log on the NAS after {time.monotonic() - begun:.0f} s"
    )
    pairs = []
    for _ in range(3):
        ours, plain = measure_restore(cellar, folder)
        pairs.append((ours, plain))
        print(
            f"restore to writable {ours.wall:6.1f} s ({ours.cpu:.1f} s of processors)   "
            f"plain programs {plain.wall:.1f} s ({plain.cpu:.1f} s)"
        )
    wall = statistics.median(ours.wall / plain.wall for ours, plain in pairs)
    cpu = statistics.median(ours.cpu / plain.cpu for ours, plain in pairs)
    print(f"ratio, the median                  {wall:6.2f}     (reach 2); of processors {cpu:.2f}")
    cellar.end()


if __name__ == "__main__":
    main()
