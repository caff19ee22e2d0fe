"""Measures imports on this machine: ./.venv/bin/python -m tests.bench.imports [ROWS] [LAYOUT]

Ten thousand past wines of a hundred rows by default, after a tenth of that for the memory. `plain` has a reading a row;
`history` is a row a sample as past books have it: density and temperature, and the facts of the wine with its fruit. A file
is read up to its preview, then saved, each in a process of its own whose memory is measured; beside it stands PostgreSQL's
COPY of the same rows into a plain table, in the same run. Processor seconds (ours + the server's) tell what a busy machine
hides. Meanwhile the book answers requests: how long they take at their slowest twentieth, beside when nothing is imported.
"""

import csv
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import structlog
from flask import Flask
from sqlalchemy import text

from tests.bench.book import running_server
from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor, issue_token
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.roles import role_url
from winery_appliance.core.secret_files import read_or_make_secret
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.web import create_app
from winery_appliance.historical_data import import_service as service
from winery_appliance.historical_data.import_commands import Answers, BeginImport
from winery_appliance.historical_data.import_job import find_path
from winery_appliance.winery.service import create_winery

ROWS_OF_A_WINE = 100
TICKS_A_SECOND = 100
PAUSE_S = 0.05
# Runs one stage in a process of its own and tells its seconds, its processor seconds and its memory.
STAGE = r"""
import json, re, sys, time
from pathlib import Path
from winery_appliance.core.clock import monotonic_s
from winery_appliance.core.db import Database
from winery_appliance.historical_data.import_job import run_import, stand_back
url, folder, winery, number = sys.argv[1:]
db = Database(url, application="bench")
stand_back()
start = monotonic_s()
assert run_import(db, Path(folder), int(winery), int(number))
taken = monotonic_s() - start
# Its own most, which the kernel counts from the start of this program; what it was forked from does not count.
most = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([taken, time.process_time(), int(most[1]) / 1024]))
"""
PLAIN = ("wine", "timestamp", "sg", "style")
HISTORY = (
    "fermentation_code", "fermentation_start_date", "fermentation_end_date", "harvest_date", "harvest_mass_kg",
    "sample_date", "density", "temperature_celsius", "vineyard_name", "grape_variety",
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """What a stage took; `answers_ms` are the requests that were answered meanwhile."""

    seconds: float
    cpu_s: float
    server_cpu_s: float
    megabytes: float
    answers_ms: list[float]


def make_rows(layout: str, rows: int) -> Iterator[list[str]]:
    """Past wines, a row every six hours."""
    begin = datetime(2015, 9, 1, 6)  # noqa: DTZ001 - as a spreadsheet has it
    for n in range(rows):
        wine, step = divmod(n, ROWS_OF_A_WINE)
        start = begin + timedelta(days=30 * (wine % 100), minutes=wine // 100)
        at, density = start + timedelta(hours=6 * step), f"{1.098 - 0.00105 * step:.4f}"
        if layout == "plain":
            yield [f"W{wine:05}", at.isoformat(" "), density, "red"]
        else:
            end = start + timedelta(days=26)
            picked = str(start.date())
            yield [
                f"W{wine:05}", picked, str(end.date()), picked, str(4000 + wine % 900), at.isoformat(" "), density,
                f"{18 + step * 7 % 90 / 10:.1f}", f"Vineyard {wine % 12}", f"Variety {wine % 20}",
            ]  # fmt: skip


def write_file(path: Path, layout: str, rows: int) -> None:
    """The file to be imported."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(PLAIN if layout == "plain" else HISTORY)
        writer.writerows(make_rows(layout, rows))


def read_server_cpu(settings: Settings) -> float:
    """Processor seconds of the server's processes, those that are over included."""
    with psycopg.connect(role_url(settings, "owner")) as connection:
        postmaster = _read_stat(connection.info.backend_pid)[1]
    ticks = sum(map(int, _read_stat(postmaster)[13:15]))
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = _read_stat(int(folder.name))
        except OSError:
            continue
        if stat[1] == postmaster:
            ticks += int(stat[11]) + int(stat[12])
    return ticks / TICKS_A_SECOND


def _read_stat(pid: int | str) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


class Phone:
    """Asks the book for its wines and writes a reading, in turn, at the pace of a round with many hands."""

    def __init__(self, app: Flask, token: str) -> None:
        self.client, self.headers = app.test_client(), {"Authorization": f"Bearer {token}"}
        begun = self._post(
            "/api/v1/fermentations",
            code="RUNNING",
            vessel_code="T-01",
            yeast_strain="EC-1118",
            style="red",
            started_at=(clock.now() - timedelta(days=3)).isoformat(),
        )
        self.path, self.turn = f"/api/v1/fermentations/{begun['id']}/samples", 0

    def _post(self, path: str, **body: object) -> dict[str, object]:
        answer = self.client.post(path, json=body, headers=self.headers)
        assert answer.status_code == 201, answer.text
        told: dict[str, object] = answer.json
        return told

    def ask(self) -> float:
        """Milliseconds of one request."""
        self.turn += 1
        start = clock.monotonic_s()
        if self.turn % 2:
            at = clock.now() - timedelta(days=2) + timedelta(seconds=self.turn)
            self._post(
                self.path,
                client_uuid=str(uuid4()),
                sample_type="temperature",
                value="24.1",
                unit="celsius",
                measured_at=at.isoformat(),
                confirm=True,
            )
        else:
            answer = self.client.get("/api/v1/fermentations?limit=50", headers=self.headers)
            assert answer.status_code == 200
        return (clock.monotonic_s() - start) * 1000

    def ask_while(self, goes_on: Callable[[], bool]) -> list[float]:
        """Milliseconds of each request."""
        taken = []
        while goes_on():
            taken.append(self.ask())
            time.sleep(PAUSE_S)
        return taken


def run_stage(
    settings: Settings, folder: Path, winery_id: int, import_id: int, phone: Phone
) -> Stage:
    """One stage in a process of its own, with the phone asking meanwhile."""
    arguments = [role_url(settings, "worker"), str(folder), str(winery_id), str(import_id)]
    before_s = read_server_cpu(settings)
    with subprocess.Popen(
        [sys.executable, "-c", STAGE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        answers = phone.ask_while(lambda: running.poll() is None)
        told, _ = running.communicate()
    assert running.returncode == 0, told
    taken_s, cpu_s, mb = json.loads(told.splitlines()[-1])
    return Stage(taken_s, cpu_s, read_server_cpu(settings) - before_s, mb, answers)


def copy_bare(settings: Settings, layout: str, rows: int) -> float:
    """Seconds of COPY of the same rows into a plain logged table without an index."""
    columns = ", ".join(f"c{n} text" for n in range(len(PLAIN if layout == "plain" else HISTORY)))
    with psycopg.connect(role_url(settings, "owner")) as connection:
        connection.execute(f"CREATE TABLE plain ({columns})")
        lines = "".join("\t".join(row) + "\n" for row in make_rows(layout, rows))
        start = clock.monotonic_s()
        with connection.cursor().copy("COPY plain FROM STDIN") as copy:
            copy.write(lines)
        connection.commit()
        taken_s = clock.monotonic_s() - start
        connection.execute("DROP TABLE plain")
        return taken_s


def make_winery(db: Database, code: str) -> Actor:
    """A winery with one owner."""
    with db.transaction() as session:
        winery_id = create_winery(session, code=code, name=code)
        user_id = session.execute(
            text(
                "INSERT INTO users (winery_id, username, display_name, role, hashed_password)"
                " VALUES (:w, :code, 'Bench', 'owner', '-') RETURNING id"
            ),
            {"w": winery_id, "code": code.lower()},
        ).scalar_one()
    return Actor(user_id, winery_id, Role.OWNER, "Bench")


def measure_import(
    settings: Settings,
    app: Database,
    actor: Actor,
    folder: Path,
    layout: str,
    rows: int,
    phone: Phone,
) -> tuple[Stage, Stage]:
    """One file from the disk into the book: what reading and what saving took."""
    source = folder / "past.csv"
    write_file(source, layout, rows)
    command = BeginImport(
        client_uuid=uuid4(), file_name=f"{rows}.csv", size_bytes=source.stat().st_size
    )
    with app.transaction(actor.winery_id) as session:
        view, _ = service.begin_import(session, command, actor=actor)
    path = find_path(folder, actor.winery_id, view.id)
    source.rename(path)
    with app.transaction(actor.winery_id) as session:
        service.receive(session, view.id, service.hash_file(path))
        service.answer_import(session, view.id, Answers(styles={"": "red"}), actor=actor)
    read = run_stage(settings, folder, actor.winery_id, view.id, phone)
    with app.transaction(actor.winery_id) as session:
        ready = service.get_import(session, view.id)
        assert ready.state == "ready", ready
        assert ready.counts["new"] == rows * (1 if layout == "plain" else 2), ready.counts
        service.save_import(session, view.id, actor=actor)
    saved = run_stage(settings, folder, actor.winery_id, view.id, phone)
    with app.transaction(actor.winery_id) as session:
        assert service.get_import(session, view.id).state == "saved"
    return read, saved


def take_p95(answers_ms: list[float]) -> float:
    """The slowest twentieth begins here; of too few requests the slowest."""
    return statistics.quantiles(answers_ms, n=20)[-1] if len(answers_ms) > 1 else max(answers_ms)


def measure(settings: Settings, folder: Path, layout: str, rows: int) -> tuple[Stage, Stage]:
    """Print one file's two lines; what they tell."""
    app = Database(role_url(settings, "app"), application="bench")
    web = create_app(settings)
    try:
        actor = make_winery(app, f"{layout[0].upper()}{rows}")
        key = read_or_make_secret(settings, "token_key")
        with app.transaction(actor.winery_id) as session:
            token = issue_token(session, actor, key=key, lasts=timedelta(hours=12))
        phone = Phone(web, token)
        [phone.ask() for _ in range(20)]
        until_s = clock.monotonic_s() + 10
        idle_ms = take_p95(phone.ask_while(lambda: clock.monotonic_s() < until_s))
        bare_s = copy_bare(settings, layout, rows)
        stages = measure_import(settings, app, actor, folder, layout, rows, phone)
        for name, stage in zip(("preview", "save"), stages, strict=True):
            ms = take_p95(stage.answers_ms)
            print(
                f"{layout:8} {rows:>9} {name:8} {stage.seconds:7.1f} s {stage.cpu_s:6.1f} + {stage.server_cpu_s:5.1f} s"
                f" {stage.megabytes:5.0f} MB {bare_s:6.2f} s {stage.seconds / bare_s:5.0f} x"
                f" {ms:6.1f} ms {idle_ms:6.1f} ms {ms / idle_ms:5.1f} x",
                flush=True,
            )
        return stages
    finally:
        app.dispose()
        web.extensions["winery_database"].dispose()


def main() -> None:
    """A tenth first, then all of it."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    layouts = sys.argv[2:] or ["plain", "history"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(
        "layout        rows stage       took    ours + server  memory     COPY  ratio   p95     p95 idle ratio"
    )
    with running_server() as settings, tempfile.TemporaryDirectory() as folder:
        for layout in layouts:
            small, large = (
                measure(settings, Path(folder), layout, part) for part in (rows // 10, rows)
            )
            for name, less, more in zip(("preview", "save"), small, large, strict=True):
                growth = more.megabytes / less.megabytes
                print(f"{layout:8} ten times the rows {name:8} {growth:5.2f} x memory (reach 1.2)")
            print("reach: preview 60 s, save 90 s, p95 1.5 x", flush=True)


if __name__ == "__main__":
    main()
