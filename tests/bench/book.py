"""Measures the book's queries on this machine: ./.venv/bin/python -m tests.bench.book

A winery of 200 vessels with a running harvest, and one, three and thirty years of history behind it. Every figure stands
beside a bare SELECT of the same rows in the same run; the exponent says how cost grows with history. A request is measured
inside the process, with everything but the network.
"""

import logging
import math
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import structlog
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.board import read_board
from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor, issue_token
from winery_appliance.core import clock, postgres
from winery_appliance.core.db import Database
from winery_appliance.core.roles import prepare_roles, role_url
from winery_appliance.core.schema import migrate
from winery_appliance.core.secret_files import read_or_make_secret
from winery_appliance.core.settings import Settings
from winery_appliance.core.units import SampleType, Unit
from winery_appliance.entrypoints.web import create_app, keep_for_good
from winery_appliance.fermentation.bulk import WholeFermentation, load_fermentations
from winery_appliance.fermentation.commands import RecordSample, StartFermentation
from winery_appliance.fermentation.queries import list_fermentations, list_samples
from winery_appliance.winery.commands import CreateVessel
from winery_appliance.winery.queries import Units
from winery_appliance.winery.service import create_winery
from winery_appliance.winery.vessels import add_vessel

VESSELS = 200
YEARS = (1, 3, 30)
LONG = 2000
BATCH = 200
ROUNDS = 28  # two a day for a fortnight, sugar and temperature each
REPEATS = 15


@contextmanager
def running_server() -> Iterator[Settings]:
    """A server with its usual settings, fsync included."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder) / "server")
        settings.data.mkdir()
        postgres.ensure_cluster(settings)
        port = postgres.choose_port(settings)
        server = postgres.start_server(
            settings, postgres.cluster_dir(settings), port, stderr=subprocess.DEVNULL
        )
        try:
            server.wait_until_ready()
            prepare_roles(settings)
            migrate(role_url(settings, "owner"))
            yield settings
        finally:
            server.stop()


def make_winery(db: Database) -> tuple[Actor, list[int]]:
    """A winery with its vessels and one owner."""
    with db.transaction() as session:
        winery_id = create_winery(session, code="BENCH", name="Bench")
        user_id = session.execute(
            text(
                "INSERT INTO users (winery_id, username, display_name, role, hashed_password)"
                " VALUES (:w, 'bench', 'Bench', 'owner', '-') RETURNING id"
            ),
            {"w": winery_id},
        ).scalar_one()
        actor = Actor(user_id, winery_id, Role.OWNER, "Bench")
        vessels = [
            add_vessel(session, CreateVessel(code=f"T-{n:03d}", position=n), actor=actor)[0].id
            for n in range(VESSELS)
        ]
    return actor, vessels


def load_vintage(db: Database, actor: Actor, vessels: list[int], years_ago: int) -> None:
    """One ferment in every vessel; those of this year still run."""
    begun = clock.now() - timedelta(days=ROUNDS / 2 + 365 * years_ago)
    whole = []
    for n, vessel_id in enumerate(vessels):
        start = StartFermentation(
            code=f"{years_ago}-{n}",
            vessel_code=f"T-{n:03d}",
            yeast_strain="EC-1118",
            style="red",
            started_at=begun,
        )
        samples = [
            RecordSample(
                client_uuid=uuid4(),
                sample_type=kind,
                value=f"{24 - r * 0.9:.1f}" if kind is SampleType.sugar else "25.0",
                unit=Unit.brix if kind is SampleType.sugar else Unit.celsius,
                measured_at=begun + timedelta(hours=12 * r, minutes=5),
            )
            for r in range(ROUNDS)
            for kind in (SampleType.sugar, SampleType.temperature)
        ]
        ended = begun + timedelta(days=20) if years_ago else None
        whole.append(WholeFermentation(start, vessel_id, ended, samples))
    with db.transaction(actor.winery_id) as session:
        load_fermentations(session, whole, actor=actor, recorded_by=actor)


def load_long_series(db: Database, actor: Actor, vessel_id: int) -> int:
    """A finished ferment with as many readings as one answer holds; its id."""
    begun = clock.now() - timedelta(days=900)
    start = StartFermentation(
        code="LONG", vessel_code="LONG", yeast_strain="EC-1118", style="red", started_at=begun
    )
    samples = [
        RecordSample(
            client_uuid=uuid4(),
            sample_type=SampleType.temperature,
            value="25.0",
            unit=Unit.celsius,
            measured_at=begun + timedelta(minutes=n),
        )
        for n in range(LONG)
    ]
    whole = WholeFermentation(start, vessel_id, begun + timedelta(days=20), samples)
    with db.transaction(actor.winery_id) as session:
        load_fermentations(session, [whole], actor=actor, recorded_by=actor)
        return session.execute(text("SELECT max(id) FROM fermentations")).scalar_one()


@dataclass(frozen=True)
class Taken:
    """How long something took, in ms: the median of all tries, and the best, which other programs disturbed least."""

    median: float
    best: float

    def __str__(self) -> str:
        return f"{self.median:>8.1f} {self.best:>8.1f}"


def measure(act: Callable[[], object]) -> Taken:
    """Time `act` over and over; the first two times only warm it up."""
    taken = []
    for _ in range(REPEATS + 2):
        begun = time.perf_counter()
        act()
        taken.append((time.perf_counter() - begun) * 1000)
    return Taken(statistics.median(taken[2:]), min(taken[2:]))


@dataclass(frozen=True)
class Bench:
    """A book with everything in it, and a program that is signed in to its application."""

    db: Database
    app: Flask
    actor: Actor
    headers: dict[str, str]
    long: int

    def ask(self, act: Callable[[Session], object]) -> Callable[[], object]:
        """`act` in a transaction of its own."""

        def run() -> None:
            with self.db.transaction(self.actor.winery_id) as session:
                act(session)

        return run

    def bare(self, statement: str) -> Callable[[], object]:
        """Just these rows."""
        return self.ask(lambda session: session.execute(text(statement)).all())

    def read_long(self) -> None:
        """The whole request for all readings of the long series, to its last byte; what a client makes of it is its own."""
        path = f"/api/v1/fermentations/{self.long}/samples?limit={LONG}"
        answer = self.app.test_client().get(path, headers=self.headers)
        assert answer.get_data().count(b'"client_uuid"') == LONG

    def show_board(self) -> None:
        """The whole request for the page that shows every tank."""
        answer = self.app.test_client().get("/", headers=self.headers)
        assert answer.text.count('class="tank"') == VESSELS

    def record_batch(self) -> None:
        """The whole request that puts a batch into the book, committed."""
        body = {"items": [self._item(n) for n in range(BATCH)]}
        path = "/api/v1/samples/batch"
        answer = self.app.test_client().post(path, json=body, headers=self.headers)
        told = {item["status"] for item in answer.json["items"]}  # type: ignore[index]
        assert told == {"created"}

    def _item(self, n: int) -> dict[str, object]:
        return {
            "fermentation_id": 1 + n % VESSELS,
            "client_uuid": str(uuid4()),
            "sample_type": "temperature",
            "value": "25.0",
            "unit": "celsius",
            "measured_at": (clock.now() - timedelta(minutes=n)).isoformat(),
        }

    def measure_all(self) -> dict[str, tuple[Taken, Taken]]:
        """Each act, and the same rows bare."""
        of_long = f"SELECT * FROM samples WHERE fermentation_id = {self.long}"
        ferments = "SELECT * FROM fermentations ORDER BY started_at DESC, id DESC LIMIT 50"
        acts = {
            f"board of {VESSELS} vessels": (
                self.ask(
                    lambda s: read_board(s, now=clock.now(), units=Units(Unit.brix, Unit.celsius))
                ),
                self.bare(
                    "SELECT s.* FROM samples s JOIN fermentations f ON f.winery_id = s.winery_id"
                    " AND f.id = s.fermentation_id WHERE f.status = 'active' AND s.sample_type = 'sugar'"
                ),
            ),
            f"board of {VESSELS}, the request": (self.show_board, self.bare(ferments)),
            f"samples, {LONG}, the query": (
                self.ask(lambda s: list_samples(s, self.long, limit=LONG)),
                self.bare(of_long),
            ),
            f"samples, {LONG}, the request": (self.read_long, self.bare(of_long)),
            "fermentations, 50, the query": (
                self.ask(lambda s: list_fermentations(s, limit=50)),
                self.bare(ferments),
            ),
            f"batch of {BATCH}, committed": (
                self.record_batch,
                self.bare(f"SELECT * FROM samples ORDER BY id DESC LIMIT {BATCH}"),
            ),
        }
        return {name: (measure(act), measure(bare)) for name, (act, bare) in acts.items()}


@contextmanager
def full_book() -> Iterator[tuple[Bench, list[int]]]:
    """A winery with this year's running ferments and one long series."""
    with running_server() as settings:
        db = Database(role_url(settings, "app"))
        app = create_app(settings)
        actor, vessels = make_winery(db)
        load_vintage(db, actor, vessels, 0)
        long = load_long_series(db, actor, vessels[0])
        with db.transaction(actor.winery_id) as session:
            key = read_or_make_secret(settings, "token_key")
            token = issue_token(session, actor, key=key, lasts=timedelta(hours=1))
        keep_for_good()
        yield Bench(db, app, actor, {"Authorization": f"Bearer {token}"}, long), vessels
        app.extensions["winery_database"].dispose()
        db.dispose()


def main() -> None:
    """Print a table for each length of history, and how the board grows with it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with full_book() as (bench, vessels):
        board: dict[int, Taken] = {}
        done = 0
        for years in YEARS:
            for year in range(done + 1, years + 1):
                load_vintage(bench.db, bench.actor, vessels, year)
            done = years
            print(
                f"{years} years of history   median     best   (the same rows bare)    ratio of medians"
            )
            for name, (taken, bare) in bench.measure_all().items():
                print(f"{name:<30} {taken}   ({bare}) {taken.median / bare.median:>12.1f}")
                if name.startswith("board"):
                    board[years] = taken
        grown = [math.log(b / a) / math.log(10) for a, b in _pairs(board)]
        print("board, growth with tenfold history (0 is flat): exponent", end=" ")
        print(" by medians, ".join(f"{exponent:.2f}" for exponent in grown), "by the best")


def _pairs(board: dict[int, Taken]) -> list[tuple[float, float]]:
    before, after = board[YEARS[-2]], board[YEARS[-1]]
    return [(before.median, after.median), (before.best, after.best)]


if __name__ == "__main__":
    main()
