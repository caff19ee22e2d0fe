"""Measures the book's queries on this machine: ./.venv/bin/python -m tests.bench.book

A winery of 200 vessels with a running harvest, and one, three and thirty years of history behind it. Every figure stands
beside a bare SELECT of the same rows in the same run; the exponent says how cost grows with history.
"""

import math
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.board import read_board
from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor
from winery_appliance.core import clock, postgres
from winery_appliance.core.db import Database
from winery_appliance.core.roles import prepare_roles, role_url
from winery_appliance.core.schema import migrate
from winery_appliance.core.settings import Settings
from winery_appliance.core.units import SampleType, Unit
from winery_appliance.fermentation.bulk import WholeFermentation, load_fermentations
from winery_appliance.fermentation.commands import RecordSample, StartFermentation
from winery_appliance.fermentation.queries import list_fermentations, list_samples
from winery_appliance.winery.commands import CreateVessel
from winery_appliance.winery.service import add_vessel, create_winery

VESSELS = 200
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
            add_vessel(session, CreateVessel(code=f"T-{n:03d}", position=n), actor=actor).id
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


def measure(db: Database, winery_id: int, act: Callable[[Session], object]) -> float:
    """Median milliseconds of `act` in a transaction of its own."""
    taken = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        with db.transaction(winery_id) as session:
            act(session)
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def list_acts(ferment: int) -> list[Callable[[Session], object]]:
    """What is measured: board, the same rows bare, one ferment's samples, the same rows bare, the list."""
    sugar_of_running = text(
        "SELECT s.* FROM samples s JOIN fermentations f ON f.winery_id = s.winery_id"
        " AND f.id = s.fermentation_id WHERE f.status = 'active' AND s.sample_type = 'sugar'"
    )
    of_one = text("SELECT * FROM samples WHERE fermentation_id = :f")
    return [
        lambda s: read_board(s, now=clock.now()),
        lambda s: s.execute(sugar_of_running).all(),
        lambda s: list_samples(s, ferment, limit=2000),
        lambda s: s.execute(of_one, {"f": ferment}).all(),
        lambda s: list_fermentations(s, limit=50),
    ]


def measure_all(db: Database, winery_id: int) -> tuple[int, list[float]]:
    """How many samples there are, and the milliseconds of each act."""
    with db.transaction(winery_id) as session:
        total = session.execute(text("SELECT count(*) FROM samples")).scalar_one()
        ferment = session.execute(
            text("SELECT max(id) FROM fermentations WHERE status = 'active'")
        ).scalar_one()
    return total, [measure(db, winery_id, act) for act in list_acts(ferment)]


def main() -> None:
    """Print the table."""
    with running_server() as settings:
        db = Database(role_url(settings, "app"))
        actor, vessels = make_winery(db)
        load_vintage(db, actor, vessels, 0)
        print(
            "history    samples   board (bare)     samples?limit=2000 (bare)   list of 50    all in ms"
        )
        board_ms: dict[int, float] = {}
        done = 0
        for years in (1, 3, 30):
            for year in range(done + 1, years + 1):
                load_vintage(db, actor, vessels, year)
            done = years
            total, (board, bare, samples, bare_samples, listed) = measure_all(db, actor.winery_id)
            board_ms[years] = board
            print(
                f"{years:>5} y {total:>11} {board:>7.1f} ({bare:.1f})"
                f" {samples:>17.1f} ({bare_samples:.1f}) {listed:>19.1f}"
            )
        exponent = math.log(board_ms[30] / board_ms[3]) / math.log(10)
        print(f"board, growth with tenfold history: exponent {exponent:.2f} (flat is 0)")
        db.dispose()


if __name__ == "__main__":
    main()
