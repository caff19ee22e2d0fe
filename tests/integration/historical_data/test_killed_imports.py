"""Whatever ends an import in the middle, a wine is whole in the book or not there, and running it again finishes it."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.exc import OperationalError

from tests.conftest import Winery
from tests.integration.historical_data.importer import HEAD, Importer, wine
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core.errors import Conflict
from winery_appliance.historical_data import import_service as service
from winery_appliance.historical_data.import_job import PENDING, run_import

WINES = {f"G23-{n}": 10 for n in range(1, 6)}
CONTENT = HEAD + "".join(wine(code) for code in WINES)

# A worker that is killed when it calls a function for the given time.
WORKER = """
import os, pkgutil, signal, sys
from pathlib import Path
url, folder, winery, number, owner, name, turn = sys.argv[1:]
from winery_appliance.core.db import Database
from winery_appliance.core.outbox import drain
from winery_appliance.entrypoints.reactions import REACTIONS
from winery_appliance.historical_data.import_job import run_import
place = pkgutil.resolve_name("winery_appliance.historical_data." + owner)
real, calls = getattr(place, name), []
def die(*given, **named):
    calls.append(name)
    if len(calls) == int(turn):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given, **named)
setattr(place, name, die)
db = Database(url)
run_import(db, Path(folder), int(winery), int(number))
drain(db, REACTIONS)
"""
READING = [
    ("import_job", "open_file", 1),  # read
    ("import_job", "recognise", 1),  # recognise
    ("import_job", "_recall", 1),  # map
    ("import_job:_Work", "_survey", 1),
    ("import_job", "make_parser", 1),  # parse
    ("staging", "_write_row", 12),  # match, in the middle of the COPY
    ("staging", "stage_wines", 1),
    ("import_job", "weigh", 1),  # validate
    ("weighing", "count", 1),  # preview
]
SAVING = [
    ("saving:_Saver", "save", 1),  # before the first wine
    ("saving:_Saver", "_add_lots", 2),  # a wine without its readings
    ("saving", "insert_rows", 3),  # two wines with their readings, before the commit
    ("saving:_Saver", "save", 4),
    ("saving", "count", 1),  # all saved, and nobody told
    ("projection", "_write", 1),  # extract
]


def kill_worker(importer: Importer, import_id: int, spot: tuple[str, str, int]) -> None:
    where = (importer.book.url("worker"), importer.folder, importer.actor.winery_id, import_id)
    command = [sys.executable, "-c", WORKER, *map(str, (*where, *spot))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    readings = {code: len(found) for code, found in importer.wines().items()}
    assert readings.items() <= WINES.items(), "every wine that is there is whole"


def finish(importer: Importer, import_id: int) -> str:
    """Work until nothing is left to do; the server frees a killed worker's lock a moment later."""
    return wait_for(
        lambda: None if (s := importer.work(import_id).state) in PENDING else s, "it is done"
    )


@pytest.mark.parametrize("spot", READING, ids=lambda spot: "-".join(map(str, spot)))
def test_a_worker_killed_while_it_reads_leaves_nothing_and_reads_again(
    importer: Importer, spot: tuple[str, str, int]
) -> None:
    view = importer.upload(CONTENT, styles={"": "red"})
    kill_worker(importer, view.id, spot)
    assert importer.wines() == {}
    assert finish(importer, view.id) == "ready"
    assert importer.work(view.id).counts == {"rows": 25, "new": 50, "wines_new": 5}


@pytest.mark.parametrize("spot", SAVING, ids=lambda spot: "-".join(map(str, spot)))
def test_a_worker_killed_while_it_saves_leaves_whole_wines_and_goes_on(
    importer: Importer, work_off: Callable[[], int], spot: tuple[str, str, int]
) -> None:
    view = importer.take_in(CONTENT, styles={"": "red"})
    importer.confirm(view.id)
    kill_worker(importer, view.id, spot)
    assert finish(importer, view.id) == "saved"
    assert {code: len(found) for code, found in importer.wines().items()} == WINES
    wait_for(lambda: work_off() or importer.count_history() == 50, "the past readings are there")
    assert importer.count_history() == 50
    importer.undo(view.id)
    assert importer.wines() == {}


@pytest.mark.parametrize("turn", [1, 3])
def test_a_worker_killed_while_it_undoes_goes_on(importer: Importer, turn: int) -> None:
    view = importer.save(importer.take_in(CONTENT, styles={"": "red"}).id)
    with importer.book.app.transaction(importer.actor.winery_id) as session:
        service.undo_import(session, view.id, actor=importer.actor)
    kill_worker(importer, view.id, ("saving", "_undo", turn))
    assert finish(importer, view.id) == "undone"
    assert importer.wines() == {}


def test_one_wine_that_the_book_refuses_stops_no_other(importer: Importer) -> None:
    """Wines are committed several at a time; of those, only the refused one stays out."""
    view = importer.take_in(CONTENT, styles={"": "red"})
    other = importer.take_in(HEAD + wine("g23-4", 3), styles={"": "red"})
    importer.save(other.id)
    saved = importer.save(view.id)
    assert saved.state == "saved"
    assert saved.counts["wines_refused"] == 1
    assert {code: len(found) for code, found in importer.wines().items()} == {
        code: 10 for code in WINES if code != "G23-4"
    } | {"g23-4": 6}
    assert {fault for _, _, fault in importer.odd(view.id)} == {"code_taken"}


def test_the_same_file_from_two_sides_at_once_comes_in_once(importer: Importer) -> None:
    told: list[str] = []
    ready = threading.Barrier(2)

    def send() -> None:
        ready.wait()
        try:
            told.append(importer.upload(CONTENT, styles={"": "red"}).state)
        except Conflict as refusal:
            told.append(refusal.code)

    writers = [threading.Thread(target=send) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(told) == ["same_file", "waiting"]


def test_two_workers_at_one_import_save_each_wine_once(importer: Importer) -> None:
    view = importer.take_in(CONTENT, styles={"": "red"})
    importer.confirm(view.id)
    given = (importer.book.worker, importer.folder, importer.actor.winery_id, view.id)
    workers = [threading.Thread(target=run_import, args=given) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert finish(importer, view.id) == "saved"
    assert {code: len(found) for code, found in importer.wines().items()} == WINES


@dataclass
class SmallDisk:
    """A disk of a megabyte that tables can be moved to, until it is enlarged."""

    admin: psycopg.Connection
    folder: Path
    moved: list[str] = field(default_factory=list)

    def take(self, table: str) -> None:
        """Move a table onto it, without the room that an earlier test's rows took."""
        self.admin.execute(sql.SQL("VACUUM FULL {}").format(sql.Identifier(table)))
        self._move(table, "small")
        self.moved.append(table)

    def enlarge(self) -> None:
        """Let there be space."""
        subprocess.run(["mount", "-o", "remount,size=64m", self.folder], check=True)

    def empty(self) -> None:
        """Move everything back."""
        self.enlarge()
        for table in self.moved:
            self._move(table, "pg_default")
        self.admin.execute("DROP TABLESPACE small")

    def _move(self, table: str, to: str) -> None:
        moving = sql.SQL("ALTER TABLE {} SET TABLESPACE {}")
        self.admin.execute(moving.format(sql.Identifier(table), sql.Identifier(to)))


@pytest.fixture
def small_disk(server: str, book: Winery) -> Iterator[SmallDisk]:
    """A real one, so only where root may mount it."""
    inside = server.rpartition("/")[0] + "/" + book.url("owner").rpartition("/")[2]
    with psycopg.connect(inside, autocommit=True) as admin:
        # Not below pytest's own folder, which the server's user may not enter.
        folder = Path(tempfile.mkdtemp(prefix="small-disk-"))
        mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        if subprocess.run(mounting, capture_output=True, check=False).returncode:
            folder.rmdir()
            pytest.skip("no right to mount a small disk")
        try:
            server_process = Path(f"/proc/{admin.info.backend_pid}").stat()
            os.chown(folder, server_process.st_uid, server_process.st_gid)
            admin.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(str(folder)))
            disk = SmallDisk(admin, folder)
            yield disk
            disk.empty()
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
            folder.rmdir()


def test_a_disk_that_fills_up_while_a_file_is_read_leaves_nothing_half(
    importer: Importer, small_disk: SmallDisk
) -> None:
    small_disk.take("staged_readings")
    many = HEAD + "".join(wine(f"G23-{n}", 14) for n in range(400))
    view = importer.upload(many, styles={"": "red"})
    with pytest.raises(psycopg.OperationalError, match="No space left"):
        importer.work(view.id)
    assert importer.wines() == {}
    assert importer.find(view.id).state == "waiting", "it is read again when there is space"
    small_disk.enlarge()
    assert importer.work(view.id).counts == {
        "rows": 5600,
        "new": 9600,
        "refused": 1600,
        "wines_new": 400,
    }


def test_a_disk_that_fills_up_while_wines_are_saved_leaves_whole_wines_and_goes_on(
    importer: Importer, small_disk: SmallDisk
) -> None:
    many = {f"G23-{n}": 24 for n in range(300)}
    view = importer.take_in(HEAD + "".join(wine(code, 14) for code in many), styles={"": "red"})
    small_disk.take("samples")
    importer.confirm(view.id)
    with pytest.raises(OperationalError, match="No space left"):
        importer.work(view.id)
    there = {code: len(found) for code, found in importer.wines().items()}
    assert there
    assert there.items() < many.items(), "some wines, each of them whole"
    small_disk.enlarge()
    assert importer.work(view.id).state == "saved"
    assert {code: len(found) for code, found in importer.wines().items()} == many
