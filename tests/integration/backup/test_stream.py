"""The log reaches the NAS without a gap, whatever dies, fills up or goes away in between."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from backup.status import load_status
from tests.integration.backup.conftest import Cellar
from tests.integration.backup.test_restore import read_control, restore
from tests.integration.runtime.running_appliance import needs_root, wait_for
from winery_appliance.core import postgres

MIB = 1 << 20


def stretches(cellar: Cellar) -> list[str]:
    return sorted(path.name for path in (cellar.repository / "wal").iterdir())


def partial_file(cellar: Cellar) -> Path:
    spool = cellar.settings.data / "backup" / "spool"
    return wait_for(lambda: next(spool.rglob("*.partial"), None), "a growing segment")


def fill_log(cellar: Cellar, mib: int) -> None:
    """Write so much log, in a table of its own."""
    url = postgres.admin_url(cellar.settings)
    with psycopg.connect(url, dbname="winery", autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS ballast (content text)")
        for _ in range(mib):
            connection.execute(
                "INSERT INTO ballast SELECT string_agg(md5(random()::text), '') "
                "FROM generate_series(1, 500), generate_series(1, 60) g GROUP BY g"
            )
        connection.execute("CHECKPOINT")


@contextlib.contextmanager
def writing(cellar: Cellar, first: int) -> Iterator[list[tuple[int, datetime]]]:
    """Rows committed one by one all the time, with the moment each was known to be; until the server dies."""
    committed: list[tuple[int, datetime]] = []
    ending = threading.Event()

    def write() -> None:
        with contextlib.suppress(psycopg.Error), cellar.connect() as connection:
            for number in range(first, first + 10**6):
                connection.execute(
                    "INSERT INTO control VALUES (%s, md5(%s))", (number, str(number))
                )
                committed.append((number, datetime.now(UTC)))
                if ending.wait(0.003):
                    return

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield committed
    finally:
        ending.set()
        thread.join()


def test_records_reach_the_nas_and_a_base_copy_is_made_by_itself(cellar: Cellar) -> None:
    cellar.start_stream()
    cellar.write(0, 20)
    cellar.await_shipped()

    manifests = list(cellar.repository.glob("base/*/manifest.json"))
    assert len(manifests) == 1
    facts = json.loads(manifests[0].read_text().splitlines()[0])
    assert facts["stretch"] == 1
    assert (manifests[0].parent / "files.tar.zst.age").stat().st_size == facts["files"]["size"]
    assert cellar.status().trouble == []


def test_nothing_is_written_before_there_are_keys(cellar: Cellar) -> None:
    (cellar.settings.data / "backup" / "site.json").unlink()
    before = sorted(cellar.nas.rglob("*"))
    cellar.start_stream()
    wait_for(lambda: load_status(cellar.settings), "the status")

    assert "There are no keys" in str(cellar.status().trouble[0])
    assert sorted(cellar.nas.rglob("*")) == before
    done = cellar.run("status")
    assert (done.returncode, done.stdout.splitlines()[0]) == (4, "RED")


def test_cuts_under_load_lose_seconds_and_never_the_order(cellar: Cellar, tmp_path: Path) -> None:
    """Server, receiver and shipper killed at once, at random moments. Each time the NAS alone gives back a prefix of what
    was committed that lacks the last seconds at most, and the log goes on without a gap.
    """
    first, chance = 0, random.Random(7)
    cellar.start_stream()
    cellar.await_shipped()
    for cut in range(3):
        with writing(cellar, first) as committed:
            wait_for(lambda: len(committed) > 50, "rows")
            time.sleep(chance.uniform(0.5, 2.5))
            killed_at = datetime.now(UTC)
            cellar.kill_stream()
            cellar.kill_server()
        done = restore(cellar, tmp_path / f"cut{cut}")
        assert done.returncode == 0, done.stderr
        rows = read_control(tmp_path / f"cut{cut}")
        assert [number for number, _ in rows] == list(range(len(rows))), "a prefix, in order"
        lost = [at for number, at in committed if number >= len(rows)]
        assert not lost or killed_at - lost[0] < timedelta(seconds=6), killed_at - lost[0]
        cellar.start_server()
        with cellar.connect() as connection:
            row = connection.execute("SELECT max(number) + 1 FROM control").fetchone()
        assert row is not None
        first = row[0]
        cellar.start_stream()
        cellar.await_shipped()
    assert stretches(cellar) == ["0001"]
    assert cellar.run("check").returncode == 0
    assert json.loads(cellar.run("check", "--json").stdout)["gaps"] == []


def test_a_file_cut_off_by_a_full_disk_heals_without_a_gap(cellar: Cellar) -> None:
    cellar.start_stream()
    cellar.write(0, 5)
    cellar.await_shipped()
    partial = partial_file(cellar)
    cellar.kill_stream()
    os.truncate(partial, 8 * MIB)
    cellar.write(5, 5)

    cellar.start_stream()
    cellar.await_shipped()

    assert stretches(cellar) == ["0001"]


def test_a_lost_slot_is_repaired_and_the_gap_is_named(
    make_cellar: Callable[..., Cellar], tmp_path: Path
) -> None:
    cellar = make_cellar(options={"max_slot_wal_keep_size": "16MB", "max_wal_size": "32MB"})
    cellar.start_stream()
    cellar.write(0, 5)
    cellar.await_shipped()
    cellar.kill_stream()
    cellar.write(5, 5)
    time_in_gap = datetime.now(UTC).isoformat()
    fill_log(cellar, 80)

    cellar.start_stream()
    wait_for(lambda: (cellar.status().stretch or 0) > 1, "a new stretch")
    cellar.await_shipped()

    assert stretches(cellar) == ["0001", "0002"]
    gaps = json.loads(cellar.run("check", "--json").stdout)["gaps"]
    assert "gave up the slot" in gaps[0]
    assert restore(cellar, tmp_path / "gap", "--time", time_in_gap).returncode == 5
    done = restore(cellar, tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert len(read_control(tmp_path / "new")) == 10


def test_while_the_nas_is_away_records_wait_and_nothing_is_lost(cellar: Cellar) -> None:
    cellar.start_stream()
    cellar.await_shipped()
    hidden = cellar.nas.with_name("unmounted")
    cellar.nas.rename(hidden)
    cellar.write(0, 20)
    wait_for(lambda: any("is not there" in str(t) for t in cellar.status().trouble), "the alarm")
    assert not cellar.nas.exists(), "the folder is never made"

    hidden.rename(cellar.nas)
    cellar.await_shipped()

    assert stretches(cellar) == ["0001"]


@pytest.fixture
def small_nas(cellar: Cellar) -> Iterator[Cellar]:
    """Its NAS is a disk of 48 MB."""
    kept = cellar.nas.with_name("kept")
    shutil.copytree(cellar.nas, kept)
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(cellar.nas)]
    subprocess.run(command, check=True)
    try:
        shutil.copytree(kept, cellar.nas, dirs_exist_ok=True)
        yield cellar
        cellar.end()
    finally:
        subprocess.run(["umount", "--lazy", str(cellar.nas)], check=True)


@needs_root
def test_while_the_nas_is_full_records_wait_and_no_half_copy_lies_there(small_nas: Cellar) -> None:
    cellar = small_nas
    cellar.start_stream()
    cellar.await_shipped()
    other = cellar.nas / "of somebody else"
    with other.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(os.urandom(MIB))
            file.flush()
    cellar.write(0, 20)

    wait_for(lambda: any("is full" in str(t) for t in cellar.status().trouble), "the alarm", 60.0)

    assert [path for path in (cellar.nas / ".drafts").rglob("*") if path.is_file()] == []
    other.unlink()
    cellar.await_shipped()
    assert stretches(cellar) == ["0001"]
    checked = cellar.run("check", "--json")
    assert (checked.returncode, json.loads(checked.stdout)["gaps"]) == (0, [])


def test_a_full_spool_stops_the_copies_and_not_the_records(
    make_cellar: Callable[..., Cellar],
) -> None:
    cellar = make_cellar(backup_spool_mb=64)
    cellar.start_stream()
    cellar.await_shipped()
    hidden = cellar.nas.with_name("unmounted")
    cellar.nas.rename(hidden)
    fill_log(cellar, 120)
    wait_for(
        lambda: any("Recording goes on" in str(t) for t in cellar.status().trouble), "the alarm"
    )
    cellar.write(0, 10)
    assert cellar.status().spool_bytes < 64 * MIB + 64 * MIB, "what came in until it was stopped"

    hidden.rename(cellar.nas)
    cellar.await_shipped()

    assert stretches(cellar) == ["0001"], "the slot held the rest back"


def test_a_hanging_nas_hangs_nobody(cellar: Cellar) -> None:
    cellar.start_stream()
    cellar.await_shipped()
    hanging = wait_for(lambda: cellar.stream_children().get("ship"), "the shipper")
    os.kill(hanging, signal.SIGSTOP)
    cellar.write(0, 10)

    # The log keeps the alarm; the status shows it until the next shipper has reported, which may be soon.
    log = cellar.settings.data / "stream.log"
    wait_for(lambda: "hangs. New records wait on this machine" in log.read_text(), "the alarm")
    cellar.await_shipped()

    assert cellar.stream_children()["ship"] != hanging
    assert not Path(f"/proc/{hanging}").exists()


def find_program(name: str, word: str) -> int | None:
    """The process of a program that has `word` among its arguments."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_text().split("\0") if entry.name.isdecimal() else [""]
            if Path(line[0]).name == name and any(word in argument for argument in line):
                return int(entry.name)
    return None


@pytest.mark.parametrize("victim", ["pg_basebackup", "base"])
def test_a_base_copy_cut_off_is_none_and_the_next_one_is_made_unaided(
    cellar: Cellar, victim: str
) -> None:
    fill_log(cellar, 60)
    cellar.start_stream()
    port = f"port={cellar.port}"
    producer = wait_for(lambda: find_program("pg_basebackup", port), "the producer")
    pid = producer if victim == "pg_basebackup" else cellar.stream_children()["base"]
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: find_program("pg_basebackup", port) is None, "its end")
    assert list(cellar.repository.glob("base/*/manifest.json")) == []

    cellar.await_shipped()

    assert len(list(cellar.repository.glob("base/*/manifest.json"))) == 1
    assert list((cellar.nas / ".drafts").rglob("*base*/*")) == []
