"""What a read replica takes off the primary: ./.venv/bin/python -m tests.bench.reading

A book of ten years with a running harvest, on a primary and a standby that our own copies made, both on this machine. While
readings come in at a steady pace, a few programs read history as fast as they are answered, first without the standby and
then with it. On one machine the standby takes its share of the same processors: what the primary no longer does is what a
second machine would give.
"""

import logging
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import psycopg
import structlog
import structlog.testing
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import text

from tests.bench.book import Bench, load_vintage, make_winery, measure
from tests.integration.backup.conftest import Cellar, making_cellars
from tests.integration.entrypoints.standby import Standby, make_standby
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.auth.service import Actor, issue_token
from winery_appliance.core import postgres, web
from winery_appliance.core.db import Database
from winery_appliance.core.roles import role_url
from winery_appliance.core.schema import migrate
from winery_appliance.core.secret_files import read_or_make_secret
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.web import create_app

YEARS = 10
READERS = 3
WRITES_S = 5.0
LASTS_S = 30.0
PATHS = (
    "/api/v1/historical_samples?limit=2000",
    "/api/v1/search?q=10",
    "/api/v1/fermentations/1/similar",
    "/api/v1/audit-log",
)


@dataclass
class Round:
    """What one round came to: milliseconds by kind of request."""

    reads_ms: dict[str, list[float]] = field(default_factory=lambda: {path: [] for path in PATHS})
    writes_ms: list[float] = field(default_factory=list)
    left_alone: int = 0  # how often the standby was found behind


def _ask(app: Flask, path: str, headers: dict[str, str]) -> float:
    begun = time.perf_counter()
    answer = app.test_client().get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.get_data()
    return (time.perf_counter() - begun) * 1000


def load(bench: Bench) -> Round:
    """Read and write for `LASTS_S`."""
    found, until = Round(), time.perf_counter() + LASTS_S

    def read(number: int) -> None:
        turn = number
        while time.perf_counter() < until:
            path = PATHS[turn % len(PATHS)]
            found.reads_ms[path].append(_ask(bench.app, path, bench.headers))
            turn += 1

    def write() -> None:
        n, due = 0, time.perf_counter()
        while due < until:
            time.sleep(max(0.0, due - time.perf_counter()))
            begun = time.perf_counter()
            item = bench._item(n)
            of = item.pop("fermentation_id")
            answer = bench.app.test_client().post(
                f"/api/v1/fermentations/{of}/samples", json=item, headers=bench.headers
            )
            assert answer.status_code == 201, answer.text
            found.writes_ms.append((time.perf_counter() - begun) * 1000)
            n, due = n + 1, due + 1 / WRITES_S

    threads = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
    threads.append(threading.Thread(target=write))
    for thread in threads:
        thread.start()
    with structlog.testing.capture_logs() as lines:
        for thread in threads:
            thread.join()
    found.left_alone = sum(line["event"] == "read replica left alone" for line in lines)
    return found


def _busy_s(server: postgres.Server | None) -> float:
    """Processor seconds of a server: of its processes that live, and of those that have ended."""
    assert server is not None
    pid, ticks = server.process.pid, 0
    for one in [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]:
        words = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, words[11:15] if one == pid else words[11:13]))
    return ticks / 100


@contextmanager
def full_book() -> Iterator[tuple[Cellar, Standby, Actor]]:
    """The primary with ten years in it, its standby, and the owner."""
    with tempfile.TemporaryDirectory() as folder, making_cellars(Path(folder)) as make:
        cellar = make()
        migrate(role_url(cellar.settings, "owner"))
        db = Database(role_url(cellar.settings, "app"))
        actor, vessels = make_winery(db)
        for year in range(YEARS + 1):
            load_vintage(db, actor, vessels, year)
        db.dispose()
        with psycopg.connect(role_url(cellar.settings, "owner"), autocommit=True) as owner:
            owner.execute("ANALYZE")
        cellar.start_stream()
        cellar.await_shipped()
        cellar.kill_stream()
        standby = make_standby(cellar, Path(folder) / "standby")
        standby.start()
        try:
            yield cellar, standby, actor
        finally:
            standby.kill()


@contextmanager
def web_process(settings: Settings, actor: Actor) -> Iterator[Bench]:
    """The application by these settings."""
    app = create_app(settings)
    db: Database = app.extensions["winery_database"]
    replica = app.extensions.get("winery_read_replica")
    if replica is not None:
        wait_for(lambda: replica.is_used, "the standby", 60)
    with db.transaction(actor.winery_id) as session:
        key = read_or_make_secret(settings, "token_key")
        token = issue_token(session, actor, key=key, lasts=timedelta(hours=1))
    yield Bench(db, app, actor, {"Authorization": f"Bearer {token}"}, 0)
    if replica is not None:
        replica.dispose()
    db.dispose()


def _open_reading(bench: Bench) -> None:
    with bench.app.test_request_context("/"), web.reading(bench.actor.winery_id) as session:
        session.execute(text("SELECT 1"))


def _drop(_logger: object, _name: str, _line: object) -> NoReturn:
    raise structlog.DropEvent


def _show(name: str, taken: list[float]) -> None:
    p95 = statistics.quantiles(taken, n=20)[-1]
    print(f"  {name:<42} {len(taken):>6} {statistics.median(taken):>8.1f} {p95:>8.1f}")


def main() -> None:
    """Print what each round came to."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO), processors=[_drop]
    )
    with full_book() as (cellar, standby, actor):
        address = SecretStr(f"postgresql://127.0.0.1:{standby.port}")
        alone = cellar.settings.model_copy(update={"web_threads": READERS + 1})
        beside = alone.model_copy(update={"read_database_url": address})
        for name, settings in (
            ("without", alone),
            ("with", beside),
            ("without", alone),
            ("with", beside),
        ):
            with web_process(settings, actor) as bench:
                for path in PATHS:
                    _ask(bench.app, path, bench.headers)
                opened = measure(lambda bench=bench: _open_reading(bench))  # type: ignore[misc]
                busy = [_busy_s(cellar.server), _busy_s(standby.server)]
                found = load(bench)
                primary_s = _busy_s(cellar.server) - busy[0]
                standby_s = _busy_s(standby.server) - busy[1]
                reads = sum(map(len, found.reads_ms.values()))
            print(
                f"{name} a read replica: {reads / LASTS_S:.1f} readings/s; of {LASTS_S:.0f} s the primary's"
                f" processes worked {primary_s:.1f} s, the standby's {standby_s:.1f} s;"
                f" it was behind {found.left_alone} times"
            )
            print(f"  {'':<42} {'number':>6} {'median':>8} {'p95':>8}  ms")
            print(f"  {'a reading of nothing':<42} {'':>6} {opened.median:>8.1f}")
            for path, taken in found.reads_ms.items():
                _show(path.removeprefix("/api/v1"), taken)
            _show(f"a sample saved ({WRITES_S:.0f}/s)", found.writes_ms)


if __name__ == "__main__":
    main()
