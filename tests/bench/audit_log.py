"""Measures what the audit log costs on this machine: ./.venv/bin/python -m tests.bench.audit_log

A batch of 200 samples, committed, on one server with fsync: as delivered (a sample's insertion is its own entry), with an
entry for each insertion, and with no audit trigger at all. Then 200 vessels in one transaction. The kinds take turns.
"""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.bench.book import make_winery, running_server
from winery_appliance.auth.service import Actor
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings
from winery_appliance.core.units import SampleType, Unit
from winery_appliance.fermentation.bulk import WholeFermentation, load_fermentations
from winery_appliance.fermentation.commands import BatchItem, StartFermentation
from winery_appliance.fermentation.sample_batch import record_batch

ROWS = 200
ROUNDS = 15
KINDS = {
    "as delivered": "",
    "each insertion noted": "DROP TRIGGER audit ON samples; SELECT audit('samples')",
    "no audit triggers": "DROP TRIGGER audit ON samples; DROP TRIGGER audit ON vessels",
}


def arrange(settings: Settings, statements: str) -> None:
    """Bring the triggers back to how they are delivered, then run `statements`."""
    with psycopg.connect(role_url(settings, "owner")) as owner:
        owner.execute(
            "DROP TRIGGER IF EXISTS audit ON samples; DROP TRIGGER IF EXISTS audit ON vessels;"
            " SELECT audit('samples', inserts => false); SELECT audit('vessels');" + statements
        )


def send_batch(actor: Actor, ferment: int) -> Callable[[Session], object]:
    """A batch of new samples of one fermentation."""
    now = clock.now()
    samples = [
        BatchItem(
            fermentation_id=ferment,
            client_uuid=uuid4(),
            sample_type=SampleType.temperature,
            value="25.0",
            unit=Unit.celsius,
            measured_at=now - timedelta(minutes=n),
            confirm=True,
        )
        for n in range(ROWS)
    ]
    return lambda session: record_batch(session, samples, actor=actor, now=now)


def add_vessels(actor: Actor, _ferment: int) -> Callable[[Session], object]:
    """As many vessels, one statement each."""
    insert = text("INSERT INTO vessels (winery_id, code) VALUES (:w, :code)")
    rows = [{"w": actor.winery_id, "code": str(uuid4())} for _ in range(ROWS)]
    return lambda session: session.execute(insert, rows)


def main() -> None:
    """Print the milliseconds and ratios."""
    with running_server() as settings:
        db = Database(role_url(settings, "app"))
        actor, vessels = make_winery(db)
        start = StartFermentation(
            code="F",
            vessel_code="T-000",
            yeast_strain="EC-1118",
            style="red",
            started_at=clock.now() - timedelta(days=10),
        )
        with db.transaction(actor.winery_id) as session:
            load_fermentations(
                session,
                [WholeFermentation(start, vessels[0], None, [])],
                actor=actor,
                recorded_by=actor,
            )
            ferment = session.execute(text("SELECT max(id) FROM fermentations")).scalar_one()
        for name, make in (("200 samples in a batch", send_batch), ("200 vessels", add_vessels)):
            taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
            for _ in range(ROUNDS):
                for kind, statements in KINDS.items():
                    arrange(settings, statements)
                    act = make(actor, ferment)
                    begun = time.perf_counter()
                    with db.transaction(actor.winery_id) as session:
                        act(session)
                    taken[kind].append((time.perf_counter() - begun) * 1000)
            bare = statistics.median(taken["no audit triggers"])
            for kind, ms in taken.items():
                median = statistics.median(ms)
                print(f"{name:<24} {kind:<22} {median:7.1f} ms   ratio {median / bare:.2f}")
        db.dispose()


if __name__ == "__main__":
    main()
