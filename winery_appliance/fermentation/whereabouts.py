"""Which vessels a wine lies in, and which are taken."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from winery_appliance.core.many_rows import is_among, read_rows
from winery_appliance.fermentation.models import VesselOccupancy
from winery_appliance.winery.queries import Place, find_vessel_places


def find_vessel_codes(
    session: Session, fermentation_ids: Sequence[int]
) -> dict[int, tuple[str, ...]]:
    """The codes of the vessels each fermentation left last, or has not left, in walking order."""
    if not fermentation_ids:
        return {}
    end = func.coalesce(func.upper(VesselOccupancy.during), text("'infinity'"))
    latest = (
        select(
            VesselOccupancy.fermentation_id,
            VesselOccupancy.vessel_id,
            func.rank()
            .over(partition_by=VesselOccupancy.fermentation_id, order_by=end.desc())
            .label("place"),
        )
        .where(is_among(VesselOccupancy.fermentation_id, fermentation_ids))
        .subquery()
    )
    rows = read_rows(
        session, select(latest.c.fermentation_id, latest.c.vessel_id).where(latest.c.place == 1)
    )
    places = find_vessel_places(session, {vessel_id for _, vessel_id in rows})
    found: dict[int, list[tuple[Place, str]]] = {}
    for fermentation_id, vessel_id in rows:
        found.setdefault(fermentation_id, []).append(places[vessel_id])
    return {of: tuple(code for _, code in sorted(those)) for of, those in found.items()}


@dataclass(frozen=True)
class Occupancy:
    """A fermentation lies in a vessel from `since` until before `until`; None is until further notice."""

    vessel_id: int
    fermentation_id: int
    since: datetime
    until: datetime | None


def list_occupancies(
    session: Session,
    *,
    vessel_ids: Collection[int] | None = None,
    fermentation_id: int | None = None,
    fermentation_ids: Collection[int] | None = None,
) -> list[Occupancy]:
    """What lay in these vessels, or where one or some fermentations lay, without what was withdrawn."""
    wanted = select(VesselOccupancy).where(VesselOccupancy.withdrawn.is_(False))
    if vessel_ids is not None:
        wanted = wanted.where(is_among(VesselOccupancy.vessel_id, vessel_ids))
    if fermentation_id is not None:
        wanted = wanted.where(VesselOccupancy.fermentation_id == fermentation_id)
    if fermentation_ids is not None:
        wanted = wanted.where(is_among(VesselOccupancy.fermentation_id, fermentation_ids))
    found = []
    for row in session.scalars(wanted):
        assert row.during.lower is not None, "a start has a moment"
        found.append(
            Occupancy(row.vessel_id, row.fermentation_id, row.during.lower, row.during.upper)
        )
    return found


def find_occupied(session: Session, at: datetime) -> set[int]:
    """Ids of the vessels that hold a fermentation at that moment."""
    return set(
        session.scalars(
            select(VesselOccupancy.vessel_id).where(
                VesselOccupancy.during.contains(at), VesselOccupancy.withdrawn.is_(False)
            )
        )
    )


def find_occupant(session: Session, vessel_id: int, at: datetime) -> int | None:
    """The id of the fermentation that lay in a vessel at a moment."""
    return session.scalar(
        select(VesselOccupancy.fermentation_id).where(
            VesselOccupancy.vessel_id == vessel_id,
            VesselOccupancy.during.contains(at),
            VesselOccupancy.withdrawn.is_(False),
        )
    )
