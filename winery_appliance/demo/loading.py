"""Puts the two invented wineries into the book, in one transaction: they are there whole or not at all."""

from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy.orm import Session

from winery_appliance.auth.commands import CreateUser
from winery_appliance.auth.passwords import hash_password
from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor, create_user
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.settings import Settings
from winery_appliance.demo.harvest import (
    PlannedFerment,
    PlannedVessel,
    plan_history,
    plan_neighbour,
    plan_running,
    plan_vessels,
)
from winery_appliance.demo.people import NEIGHBOUR, PEOPLE, make_password
from winery_appliance.fermentation.bulk import WholeFermentation, load_fermentations
from winery_appliance.fermentation.commands import RecordSample, StartFermentation
from winery_appliance.winery.commands import CreateVessel
from winery_appliance.winery.service import create_winery
from winery_appliance.winery.vessels import add_vessel

SEED = 2026


def load_demo(db: Database, settings: Settings) -> None:
    """Make both wineries with people, tanks, three past vintages and a running harvest."""
    hashed = hash_password(make_password(settings))
    now = clock.now().replace(microsecond=0)
    with db.transaction() as session:
        _, marco, bruno = _make_people(session, "DEMO", "Bodega Demo", PEOPLE, hashed)
        past = plan_history(SEED, today=now.date())
        _load(session, plan_vessels(SEED), [*past, *plan_running(SEED, now=now)], marco, bruno)
        (carla,) = _make_people(session, "OTHER", "Other Winery", NEIGHBOUR, hashed)
        neighbour = plan_neighbour(SEED, now=now)
        vessels = [PlannedVessel(f.vessel_code, 5000, n, "tank") for n, f in enumerate(neighbour)]
        _load(session, vessels, neighbour, carla, carla)


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
    whole = [_to_fermentation(ferment, ids[ferment.vessel_code]) for ferment in ferments]
    load_fermentations(session, whole, actor=winemaker, recorded_by=hand)


def _to_fermentation(planned: PlannedFerment, vessel_id: int) -> WholeFermentation:
    start = StartFermentation(
        code=planned.code,
        vessel_code=planned.vessel_code,
        yeast_strain=planned.yeast_strain,
        style=planned.style,
        started_at=planned.started_at,
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
