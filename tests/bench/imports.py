"""Measures imports on this machine: ./.venv/bin/python -m tests.bench.imports [ROWS]

Ten thousand past wines of a hundred readings by default. The file is read up to its preview, then saved, each in a process
of its own whose memory is measured; beside it stands PostgreSQL's COPY of the same rows into a plain table.
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import text

from tests.bench.book import running_server
from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings
from winery_appliance.historical_data import import_service as service
from winery_appliance.historical_data.import_commands import Answers, BeginImport
from winery_appliance.historical_data.import_job import find_path
from winery_appliance.winery.service import create_winery

READINGS = 100
# Runs one stage in a process of its own and tells its seconds and its memory.
STAGE = """
import json, resource, sys
from pathlib import Path
from winery_appliance.core.clock import monotonic_s
from winery_appliance.core.db import Database
from winery_appliance.historical_data.import_job import run_import
url, folder, winery, number = sys.argv[1:]
db = Database(url, application="bench")
start = monotonic_s()
assert run_import(db, Path(folder), int(winery), int(number))
taken = monotonic_s() - start
print(json.dumps([taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def make_rows(rows: int) -> Iterator[list[str]]:
    """Past wines, a reading of the density every six hours."""
    begin = datetime(2015, 9, 1, 6)  # noqa: DTZ001 - as a spreadsheet has it
    for n in range(rows):
        wine, step = divmod(n, READINGS)
        at = begin + timedelta(days=30 * (wine % 100), hours=6 * step)
        yield [f"W{wine:05}", at.isoformat(" "), f"{1.098 - 0.00105 * step:.4f}", "red"]


def write_file(path: Path, rows: int) -> None:
    """The file to be imported."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["wine", "timestamp", "sg", "style"])
        writer.writerows(make_rows(rows))


def run_stage(
    settings: Settings, folder: Path, winery_id: int, import_id: int
) -> tuple[float, float]:
    """Seconds and MB of one stage."""
    arguments = [role_url(settings, "worker"), str(folder), str(winery_id), str(import_id)]
    done = subprocess.run(
        [sys.executable, "-c", STAGE, *arguments], capture_output=True, text=True, check=True
    )
    taken_s, mb = json.loads(done.stdout.splitlines()[-1])
    return taken_s, mb


def copy_bare(settings: Settings, rows: int) -> float:
    """Seconds of COPY of the same rows into a plain table with one index."""
    lines = "".join("\t".join(row) + "\n" for row in make_rows(rows))
    with psycopg.connect(role_url(settings, "owner")) as connection:
        connection.execute(
            "CREATE UNLOGGED TABLE plain (wine text, at timestamptz, value double precision, style text)"
        )
        start = clock.monotonic_s()
        with connection.cursor().copy("COPY plain FROM STDIN") as copy:
            copy.write(lines)
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
    settings: Settings, app: Database, actor: Actor, folder: Path, rows: int
) -> None:
    """One file from the disk into the book."""
    source = folder / "past.csv"
    write_file(source, rows)
    command = BeginImport(
        client_uuid=uuid4(), file_name=f"{rows}.csv", size_bytes=source.stat().st_size
    )
    with app.transaction(actor.winery_id) as session:
        view, _ = service.begin_import(session, command, actor=actor)
    path = find_path(folder, actor.winery_id, view.id)
    source.rename(path)
    with app.transaction(actor.winery_id) as session:
        service.receive(session, view.id, service.hash_file(path))
        service.answer_import(session, view.id, Answers(), actor=actor)
    read_s, read_mb = run_stage(settings, folder, actor.winery_id, view.id)
    with app.transaction(actor.winery_id) as session:
        ready = service.get_import(session, view.id)
        assert ready.state == "ready", ready
        assert ready.counts["new"] == rows, ready.counts
        service.save_import(session, view.id, actor=actor)
    save_s, save_mb = run_stage(settings, folder, actor.winery_id, view.id)
    with app.transaction(actor.winery_id) as session:
        assert service.get_import(session, view.id).state == "saved"
    bare_s = copy_bare(settings, rows)
    print(
        f"{rows:>9} rows: preview {read_s:6.1f} s ({read_mb:.0f} MB), save {save_s:6.1f} s ({save_mb:.0f} MB); "
        f"bare COPY {bare_s:.2f} s, so {read_s / bare_s:.0f} and {save_s / bare_s:.0f} times that",
        flush=True,
    )


def main() -> None:
    """A tenth first, then all of it."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with running_server() as settings, tempfile.TemporaryDirectory() as folder:
        for part in (rows // 10, rows):
            app = Database(role_url(settings, "app"), application="bench")
            try:
                actor = make_winery(app, f"B{part}")
                measure_import(settings, app, actor, Path(folder), part)
            finally:
                app.dispose()


if __name__ == "__main__":
    main()
