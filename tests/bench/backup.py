"""Measures the copies on this machine and prints one table: ./.venv/bin/python -m tests.bench.backup

Every figure is a ratio to something measured in the same run, or a loss in seconds. With the arguments `cuts N`, N times
everything is killed under load and restored from the NAS alone.
"""

import os
import random
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

from tests.integration.backup.conftest import Cellar, making_cellars
from tests.integration.backup.test_restore import read_control, restore
from tests.integration.backup.test_stream import writing
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core import postgres
from winery_appliance.core.postgres_programs import find_programs

ROWS_A_GB = 6_000_000
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
        with cellar.connect() as connection:
            row = connection.execute("SELECT coalesce(max(number) + 1, 0) FROM control").fetchone()
        assert row is not None
        first = row[0]
        cellar.start_stream()
        cellar.await_shipped(PATIENCE_S)
    cellar.end()
    return lost_s


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


def measure_restore(cellar: Cellar, folder: Path) -> tuple[float, float]:
    """Seconds of our restore, and of plain programs for the same files: age, zstd and tar, sync, pg_verifybackup."""
    begun = time.monotonic()
    done = restore(cellar, folder / "ours")
    ours = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    shutil.rmtree(folder / "ours")
    (folder / "plain").mkdir()
    programs = find_programs(cellar.settings)
    script = """
    age -d -i "$KIT" base/*/base.tar.zst.age | zstd -q -d | tar x -C "$DIR"
    sync
    "$BIN/pg_verifybackup" -n -q "$DIR"
    """
    begun = time.monotonic()
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
    plain = time.monotonic() - begun
    shutil.rmtree(folder / "plain")
    return ours, plain


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name, making_cellars(Path(name)) as make:
        folder = Path(name)
        if sys.argv[1:2] == ["cuts"]:
            lost = measure_loss(make, folder, 5.0, int(sys.argv[2]))
            print(
                f"{len(lost)} cuts at 5 s: lost at most {max(lost):.2f} s, median {statistics.median(lost):.2f} s"
            )
            return
        for every_s, reach_s in ((5.0, 6.0), (1.0, 1.5)):
            lost = measure_loss(make, folder, every_s, 3)
            print(
                f"commits lost at a cadence of {every_s:.0f} s    {max(lost):6.2f} s   (reach {reach_s} s)"
            )
        cellar = make()
        size = fill(cellar, int(ROWS_A_GB * float(os.environ.get("BENCH_GB", "1"))))
        cellar.start_stream()
        begun = time.monotonic()
        cellar.await_shipped(PATIENCE_S)
        print(
            f"database {size:.2f} GB: base copy and log on the NAS after {time.monotonic() - begun:.0f} s"
        )
        ours, plain = measure_restore(cellar, folder)
        print(f"restore to writable                {ours:6.1f} s   plain programs {plain:.1f} s")
        print(f"ratio                              {ours / plain:6.2f}     (reach 2)")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"peak memory of any process         {peak:6.0f} MB")


if __name__ == "__main__":
    main()
