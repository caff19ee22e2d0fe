"""What may be read of the winery and its vessels."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import inf
from operator import itemgetter

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from winery_appliance.auth.queries import read_chosen_units
from winery_appliance.core.db import Database
from winery_appliance.core.many_rows import is_among, read_rows
from winery_appliance.core.units import Unit
from winery_appliance.winery.models import Vessel, Winery

Place = tuple[float, list[tuple[int, int, str]], str]


@dataclass(frozen=True)
class WineryView:
    """The winery whose rows are visible.

    `country` by ISO 3166-1, `language` by ISO 639-1, latitude and longitude in degrees (WGS 84); `temperature_unit` is
    the one that entry begins with, `legal_region` whose limits apply, `walking_order` what a round goes by; `audit_months`
    is how many months of changes are kept, None for ever.
    """

    id: int
    code: str
    name: str
    sugar_unit: Unit
    time_zone: str
    location: str | None
    country: str | None
    latitude: float | None
    longitude: float | None
    language: str
    temperature_unit: Unit
    legal_region: str
    walking_order: str
    audit_months: int | None
    is_demo: bool


@dataclass(frozen=True)
class WineryName:
    """A winery as whoever runs the appliance sees it from outside."""

    id: int
    code: str
    name: str


@dataclass(frozen=True)
class VesselView:
    """One vessel; capacity in litres, position in walking order."""

    id: int
    code: str
    kind: str
    material: str | None
    jacket: str | None
    capacity_l: int | None
    position: int | None
    deleted_at: datetime | None


def read_winery(session: Session) -> WineryView:
    """The winery of this transaction."""
    row = session.execute(select(Winery)).scalar_one()
    return view_winery(row)


@dataclass(frozen=True)
class Units:
    """What a page shows sugar and temperature in."""

    sugar: Unit
    temperature: Unit


def read_units(session: Session, user_id: int, winery: WineryView) -> Units:
    """The units of a person: those that were chosen, else the winery's."""
    sugar, temperature = read_chosen_units(session, user_id)
    return Units(Unit(sugar or winery.sugar_unit), Unit(temperature or winery.temperature_unit))


def view_winery(row: Winery) -> WineryView:
    """A row as plain data."""
    return WineryView(
        row.id,
        row.code,
        row.name,
        Unit(row.sugar_unit),
        row.time_zone,
        row.location,
        row.country,
        row.latitude,
        row.longitude,
        row.language,
        Unit(row.temperature_unit),
        row.legal_region,
        row.walking_order,
        row.audit_months,
        row.is_demo,
    )


def list_wineries(session: Session) -> list[WineryName]:
    """Every winery of the appliance by its code; only the role `worker` has this door, and no winery need be entered."""
    rows = session.execute(text("SELECT id, code, name FROM door_list_wineries()"))
    return [WineryName(*row) for row in rows]


def find_in_wineries(db: Database, wanted: Select[int]) -> Iterator[tuple[int, int]]:
    """What `wanted` finds in each winery, one after the other: the winery's id and what was found.

    For `db` connected as the role `worker`.
    """
    with db.transaction() as session:
        wineries = list_wineries(session)
    for winery in wineries:
        with db.transaction(winery.id) as session:
            found = session.scalars(wanted).all()
        yield from ((winery.id, each) for each in found)


def find_vessel(session: Session, code: str) -> VesselView | None:
    """The vessel with this code; capitals do not matter."""
    row = session.scalar(
        select(Vessel).where(func.lower(Vessel.code) == code.lower(), Vessel.deleted_at.is_(None))
    )
    return _view(row) if row else None


def find_vessel_by_id(session: Session, vessel_id: int) -> VesselView | None:
    """The vessel with this id, be it deleted or not."""
    row = session.get(Vessel, vessel_id)
    return _view(row) if row else None


def read_vessel_codes(session: Session, vessel_ids: Collection[int]) -> dict[int, str]:
    """Codes of vessels by id, also of deleted ones."""
    if not vessel_ids:
        return {}
    rows = session.execute(select(Vessel.id, Vessel.code).where(is_among(Vessel.id, vessel_ids)))
    return {row.id: row.code for row in rows}


def hold_vessels(session: Session, codes: Collection[str]) -> dict[str, VesselView]:
    """The living vessels with these codes, by code in small letters.

    Until the transaction ends nobody can delete them.
    """
    small = [code.lower() for code in codes]
    rows = session.scalars(
        select(Vessel)
        .where(func.lower(Vessel.code).in_(small), Vessel.deleted_at.is_(None))
        .order_by(Vessel.id)
        .with_for_update(read=True)
    )
    return {row.code.lower(): _view(row) for row in rows}


def find_vessel_places(
    session: Session, vessel_ids: Collection[int]
) -> dict[int, tuple[Place, str]]:
    """By vessel what sorts it into the walking order, and its code; also of those that left the cellar."""
    rows = read_rows(
        session,
        select(Vessel.id, Vessel.code, Vessel.position, Winery.walking_order)
        .join(Winery, Winery.id == Vessel.winery_id)
        .where(is_among(Vessel.id, vessel_ids)),
    )
    return {of: (_place(code, *placed), code) for of, code, *placed in rows}


def list_vessels(session: Session, *, deleted: bool | None = False) -> list[VesselView]:
    """Every vessel in walking order: by position and then by code, or by code alone, as the winery chose.

    Numbers in codes count as numbers: T-2 comes before T-10. With `deleted` those that left the cellar
    instead; None lists both.
    """
    wanted = select(
        Vessel.id,
        Vessel.code,
        Vessel.kind,
        Vessel.material,
        Vessel.jacket,
        Vessel.capacity_l,
        Vessel.position,
        Vessel.deleted_at,
        Winery.walking_order,
    ).join(Winery, Winery.id == Vessel.winery_id)
    if deleted is not None:
        gone = Vessel.deleted_at
        wanted = wanted.where(gone.is_not(None) if deleted else gone.is_(None))
    placed = [
        (_place(code, position, walking_order), (of, code, *rest, position, left))
        for of, code, *rest, position, left, walking_order in read_rows(session, wanted)
    ]
    placed.sort(key=itemgetter(0))
    return [VesselView(*row) for _, row in placed]


@lru_cache(4096)
def _place(code: str, position: int | None, walking_order: str) -> Place:
    ranked = walking_order == "position" and position is not None
    parts = [
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in re.findall(r"[0-9]+|[^0-9]+", code.lower())
    ]
    return float(position or 0) if ranked else inf, parts, code


def _view(row: Vessel) -> VesselView:
    return VesselView(
        row.id,
        row.code,
        row.kind,
        row.material,
        row.jacket,
        row.capacity_l,
        row.position,
        row.deleted_at,
    )
