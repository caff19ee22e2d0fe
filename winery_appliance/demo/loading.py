"""Puts the two invented wineries into the book, in one transaction: they are there whole or not at all."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy.orm import Session

from winery_appliance.auth.commands import CreateUser
from winery_appliance.auth.passwords import hash_password
from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor, create_user
from winery_appliance.core import clock, outbox
from winery_appliance.core.db import Database
from winery_appliance.core.settings import Settings
from winery_appliance.demo.harvest import (
    VINEYARDS,
    PlannedFerment,
    PlannedVessel,
    plan_history,
    plan_neighbour,
    plan_running,
    plan_vessels,
)
from winery_appliance.demo.people import NEIGHBOUR, PEOPLE, make_password
from winery_appliance.fermentation.bulk import WholeFermentation, load_fermentations
from winery_appliance.fermentation.commands import LotSource, RecordSample, StartFermentation
from winery_appliance.fruit_origin.imported import ImportedLot, find_or_add_lots
from winery_appliance.historical_data.events import tell_of_past
from winery_appliance.winery.commands import CreateVessel
from winery_appliance.winery.service import create_winery
from winery_appliance.winery.vessels import add_vessel

SEED = 2026
# A kilogram of grapes gives this much must, litres; and a tank is filled so far that its cap has room.
LITRES_A_KG, FILLED = Decimal("0.72"), Decimal("0.85")


def load_demo(db: Database, settings: Settings) -> None:
    """Make both wineries with people, tanks, three past vintages and a running harvest."""
    hashed = hash_password(make_password(settings))
    now = clock.now().replace(microsecond=0)
    with db.transaction() as session:
        _, marco, bruno = _make_people(session, "DEMO", "Bodega Demo", PEOPLE, hashed)
        past = plan_history(SEED, today=now.date())
        running = plan_running(SEED, now=now)
        _load(session, plan_vessels(SEED), [*past, *running], marco, bruno, now)
        (carla,) = _make_people(session, "OTHER", "Other Winery", NEIGHBOUR, hashed)
        neighbour = plan_neighbour(SEED, now=now)
        vessels = [PlannedVessel(f.vessel_code, 5000, n, "tank") for n, f in enumerate(neighbour)]
        _load(session, vessels, neighbour, carla, carla, now)


def _make_people(
    session: Session,
    code: str,
    name: str,
    people: dict[str, tuple[str, Role]],
    hashed: str,
) -> list[Actor]:
    winery_id = create_winery(session, code=code, name=name, is_demo=True)
    actors = []
    for email, (display_name, role) in people.items():
        command = CreateUser(email=email, display_name=display_name, role=role)
        user_id = create_user(session, winery_id, command, hashed)
        actors.append(Actor(user_id, winery_id, role, display_name))
    return actors


def _load(
    session: Session,
    vessels: Sequence[PlannedVessel],
    ferments: Sequence[PlannedFerment],
    winemaker: Actor,
    hand: Actor,
    now: datetime,
) -> None:
    ids = {}
    for vessel in vessels:
        command = CreateVessel(
            code=vessel.code,
            kind=vessel.kind,
            capacity_l=vessel.capacity_l,
            position=vessel.position,
        )
        ids[vessel.code] = add_vessel(session, command, actor=winemaker)[0].id
    volumes = {vessel.code: vessel.capacity_l * FILLED for vessel in vessels}
    fruit = [_to_lot(ferment, volumes[ferment.vessel_code]) for ferment in ferments]
    find_or_add_lots(session, fruit, now=now, actor=winemaker)
    whole = [
        _to_fermentation(ferment, ids[ferment.vessel_code], lot, volumes[ferment.vessel_code])
        for ferment, lot in zip(ferments, fruit, strict=True)
    ]
    loaded = load_fermentations(session, whole, actor=winemaker, recorded_by=hand)
    over = [row_id for row_id, one in zip(loaded, whole, strict=True) if one.ended_at]
    outbox.publish_all(session, tell_of_past(winemaker.winery_id, over))


def _to_lot(planned: PlannedFerment, volume_l: Decimal) -> ImportedLot:
    """The fruit of one wine, picked in the afternoon before it began."""
    picked = planned.started_at - timedelta(hours=14)
    return ImportedLot(
        code=f"L-{planned.code}",
        vineyard=VINEYARDS[planned.variety],
        variety=planned.variety,
        vintage=str(picked.year),
        harvested_on=picked.date(),
        kg=round(volume_l / LITRES_A_KG / 10) * Decimal(10),
    )


def _to_fermentation(
    planned: PlannedFerment, vessel_id: int, lot: ImportedLot, volume_l: Decimal
) -> WholeFermentation:
    start = StartFermentation(
        code=planned.code,
        vessel_code=planned.vessel_code,
        yeast_strain=planned.yeast_strain,
        style=planned.style,
        started_at=planned.started_at,
        start_volume_l=volume_l,
        vintage=int(lot.vintage),
        lot_sources=(LotSource(harvest_lot_code=lot.code, percentage=Decimal(100), kg=lot.kg),),
    )
    samples = [
        RecordSample(
            client_uuid=uuid5(
                NAMESPACE_URL, f"{planned.code}/{reading.sample_type}/{reading.measured_at}"
            ),
            sample_type=reading.sample_type,
            value=reading.value_typed,
            unit=reading.unit,
            measured_at=reading.measured_at,
        )
        for reading in planned.readings
    ]
    return WholeFermentation(start, vessel_id, planned.ended_at, samples)
