"""Measures tracing on this machine: ./.venv/bin/python -m tests.bench.tracing

Forty wines of forty lots, blended into each other 250 and 1000 times. Every figure stands beside a bare SELECT of the
flows in the same run.
"""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.bench.book import make_winery, measure, running_server
from winery_appliance.auth.service import Actor
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.roles import role_url
from winery_appliance.fermentation.blending import blend_into_fermentation
from winery_appliance.fermentation.commands import (
    BlendIntoFermentation,
    BlendPart,
    LotSource,
    StartFermentation,
)
from winery_appliance.fermentation.lineage import list_destinations, list_uses, trace_back
from winery_appliance.fermentation.service import get_fermentation, start_fermentation

WINES = 40
FLOWS = (250, 1000)
BEGAN = clock.now() - timedelta(days=20)


def make_wines(session: Session, actor: Actor) -> tuple[list[int], int]:
    """Wines of a lot each; their ids, and the id of the first lot."""
    values = {"w": actor.winery_id, "n": WINES}
    session.execute(
        text("INSERT INTO vineyards (winery_id, code, name) VALUES (:w, 'V', 'V')"), values
    )
    lot_id = session.execute(
        text(
            "WITH made AS (INSERT INTO harvest_lots (winery_id, vineyard_id, code, variety, vintage, harvested_on,"
            " kg_harvested) SELECT :w, v.id, 'L' || i, 'Tempranillo', '2026', '2026-09-01', 9000"
            " FROM vineyards v, generate_series(0, :n - 1) i RETURNING id) SELECT min(id) FROM made"
        ),
        values,
    ).scalar_one()
    wines = []
    for n in range(WINES):
        lot = LotSource(harvest_lot_code=f"L{n}", percentage=Decimal(100))
        command = StartFermentation(
            code=f"W{n}",
            vessel_code=f"T-{n:03d}",
            yeast_strain="EC-1118",
            style="red",
            started_at=BEGAN,
            start_volume_l=Decimal(9000),
            lot_sources=(lot,),
        )
        wines.append(start_fermentation(session, command, actor=actor, now=clock.now()).id)
    return wines, lot_id


def blend(session: Session, actor: Actor, wines: list[int], n: int) -> None:
    """The n-th blend: a little of one wine into another."""
    part = BlendPart(fermentation_code=f"W{n % WINES}", volume_l=Decimal(7))
    command = BlendIntoFermentation(
        client_uuid=uuid4(), moved_at=BEGAN + timedelta(minutes=n + 1), flows=(part,)
    )
    into = wines[(n + 1 + n // WINES % (WINES - 1)) % WINES]
    blend_into_fermentation(session, into, command, actor=actor, now=clock.now())


def main() -> None:
    """Print the table."""
    with running_server() as settings:
        db = Database(role_url(settings, "app"))
        actor, _ = make_winery(db)
        with db.transaction(actor.winery_id) as session:
            wines, lot_id = make_wines(session, actor)
        flows = text(
            "SELECT * FROM transfer_flows f JOIN transfers t ON t.winery_id = f.winery_id AND t.id = f.transfer_id"
        )
        acts = {
            "bare flows": lambda s: s.execute(flows).all(),
            "origin": lambda s: trace_back(s, get_fermentation(s, wines[0]), None),
            "destinations": lambda s: list_destinations(s, get_fermentation(s, wines[0]), None),
            "lot forward": lambda s: list_uses(s, [lot_id], None),
        }
        done = 0
        for count in FLOWS:
            for n in range(done, count):
                with db.transaction(actor.winery_id) as session:
                    blend(session, actor, wines, n)
            done = count
            taken = {name: measure(db, actor.winery_id, act) for name, act in acts.items()}
            bare = taken["bare flows"]
            told = ", ".join(f"{name} {ms:.1f} ms ({ms / bare:.1f}x)" for name, ms in taken.items())
            print(f"{count} flows: {told}")
        db.dispose()


if __name__ == "__main__":
    main()
