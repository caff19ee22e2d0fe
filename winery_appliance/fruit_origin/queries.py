"""What may be read of vineyards, blocks and harvest lots: plain data, always as the database has it now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, Select, Text, cast, func, select, tuple_
from sqlalchemy.orm import Session

from winery_appliance.core.paging import Page, cut_page, read_cursor
from winery_appliance.fruit_origin.models import HarvestLot, Vineyard, VineyardBlock

Columns = Select[*tuple[Any, ...]]


@dataclass(frozen=True)
class VineyardView:
    """One vineyard."""

    id: int
    code: str
    name: str
    notes: str | None
    created_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True)
class BlockView:
    """One block and the vineyard it lies in."""

    id: int
    vineyard_id: int
    vineyard_code: str
    code: str
    hectares: Decimal | None
    variety: str | None
    clone: str | None
    planted_year: int | None
    created_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True)
class LotView:
    """One harvest lot and where it grew; weight in kg, sugar in °Bx."""

    id: int
    code: str
    variety: str
    vintage: str
    harvested_on: date
    kg_harvested: Decimal
    brix_at_intake: Decimal | None
    vineyard_id: int
    vineyard_code: str
    block_id: int | None
    block_code: str | None
    created_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True)
class LotOrigin:
    """A lot with all that is known of its ground, also of ground that left the book since."""

    lot: LotView
    vineyard: VineyardView
    block: BlockView | None


def find_vineyard(session: Session, vineyard_id: int) -> VineyardView | None:
    """The living vineyard with this id."""
    wanted = _vineyards().where(Vineyard.id == vineyard_id, Vineyard.deleted_at.is_(None))
    row = session.execute(wanted).one_or_none()
    return VineyardView(*row) if row else None


def list_vineyards(
    session: Session, *, deleted: bool = False, cursor: str | None = None, limit: int = 50
) -> Page[VineyardView]:
    """Living vineyards, or the `deleted` ones, by code. Raises Invalid for a cursor that is not ours."""
    wanted = _by_code(_vineyards(), Vineyard, deleted=deleted, cursor=cursor)
    rows = [VineyardView(*row) for row in session.execute(wanted.limit(limit + 1))]
    return cut_page(rows, limit, lambda view: (view.code, view.id))


def find_block(session: Session, block_id: int) -> BlockView | None:
    """The living block with this id."""
    wanted = _blocks().where(VineyardBlock.id == block_id, VineyardBlock.deleted_at.is_(None))
    row = session.execute(wanted).one_or_none()
    return BlockView(*row) if row else None


def list_blocks(
    session: Session,
    *,
    vineyard_id: int | None = None,
    deleted: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[BlockView]:
    """Living blocks, or the `deleted` ones, by code. Raises Invalid for a cursor that is not ours."""
    wanted = _by_code(_blocks(), VineyardBlock, deleted=deleted, cursor=cursor)
    if vineyard_id is not None:
        wanted = wanted.where(VineyardBlock.vineyard_id == vineyard_id)
    rows = [BlockView(*row) for row in session.execute(wanted.limit(limit + 1))]
    return cut_page(rows, limit, lambda view: (view.code, view.id))


def find_lot(session: Session, lot_id: int) -> LotView | None:
    """The living lot with this id."""
    wanted = _lots().where(HarvestLot.id == lot_id, HarvestLot.deleted_at.is_(None))
    row = session.execute(wanted).one_or_none()
    return LotView(*row) if row else None


def list_lots(
    session: Session, *, deleted: bool = False, cursor: str | None = None, limit: int = 50
) -> Page[LotView]:
    """Living lots, or the `deleted` ones, the last picked first. Raises Invalid for a cursor that is not ours."""
    gone = HarvestLot.deleted_at.is_not(None) if deleted else HarvestLot.deleted_at.is_(None)
    wanted = _lots().where(gone)
    if cursor is not None:
        place = read_cursor(cursor, date.fromisoformat)
        wanted = wanted.where(tuple_(HarvestLot.harvested_on, HarvestLot.id) < tuple_(*place))
    wanted = wanted.order_by(HarvestLot.harvested_on.desc(), HarvestLot.id.desc())
    rows = [LotView(*row) for row in session.execute(wanted.limit(limit + 1))]
    return cut_page(rows, limit, lambda view: (view.harvested_on.isoformat(), view.id))


def read_lots(session: Session, lot_ids: Sequence[int]) -> dict[int, LotView]:
    """Lots by id, also deleted ones; one query for all."""
    if not lot_ids:
        return {}
    rows = session.execute(_lots().where(HarvestLot.id.in_(lot_ids)))
    return {row.id: LotView(*row) for row in rows}


def list_lot_ids(session: Session, block_id: int) -> list[int]:
    """Ids of all lots that were picked in a block."""
    return list(session.scalars(select(HarvestLot.id).where(HarvestLot.block_id == block_id)))


def read_origins(session: Session, lot_ids: Sequence[int]) -> dict[int, LotOrigin]:
    """Lots by id with their blocks and vineyards, also deleted ones; three queries for all."""
    lots = read_lots(session, lot_ids)
    places = {lot.vineyard_id for lot in lots.values()}
    parts = {lot.block_id for lot in lots.values() if lot.block_id is not None}
    vineyards = {
        row.id: VineyardView(*row)
        for row in session.execute(_vineyards().where(Vineyard.id.in_(places)))
    }
    blocks = {
        row.id: BlockView(*row)
        for row in session.execute(_blocks().where(VineyardBlock.id.in_(parts)))
    }
    return {
        lot.id: LotOrigin(
            lot, vineyards[lot.vineyard_id], blocks[lot.block_id] if lot.block_id else None
        )
        for lot in lots.values()
    }


def hold_living_lots(session: Session, codes: Sequence[str]) -> list[int | None]:
    """For each code the id of the living lot, None where there is none; capitals do not matter.

    Until the transaction ends nobody can delete these lots.
    """
    given = (
        func.unnest(cast(codes, ARRAY(Text)))
        .table_valued("code", with_ordinality="place")
        .render_derived()
    )
    rows = session.execute(
        select(given.c.place, HarvestLot.id)
        .join(HarvestLot, func.lower(HarvestLot.code) == func.lower(given.c.code))
        .where(HarvestLot.deleted_at.is_(None))
        .with_for_update(read=True, of=HarvestLot)
    )
    found = {row.place: row.id for row in rows}
    return [found.get(place) for place in range(1, len(codes) + 1)]


def _by_code(
    wanted: Columns,
    kind: type[Vineyard] | type[VineyardBlock],
    *,
    deleted: bool,
    cursor: str | None,
) -> Columns:
    wanted = wanted.where(kind.deleted_at.is_not(None) if deleted else kind.deleted_at.is_(None))
    if cursor is not None:
        code, row_id = read_cursor(cursor, str)
        wanted = wanted.where(
            tuple_(func.lower(kind.code), kind.id) > tuple_(func.lower(code), row_id)
        )
    return wanted.order_by(func.lower(kind.code), kind.id)


def _vineyards() -> Columns:
    return select(
        Vineyard.id,
        Vineyard.code,
        Vineyard.name,
        Vineyard.notes,
        Vineyard.created_at,
        Vineyard.deleted_at,
    )


def _blocks() -> Columns:
    return select(
        VineyardBlock.id,
        VineyardBlock.vineyard_id,
        Vineyard.code,
        VineyardBlock.code,
        VineyardBlock.hectares,
        VineyardBlock.variety,
        VineyardBlock.clone,
        VineyardBlock.planted_year,
        VineyardBlock.created_at,
        VineyardBlock.deleted_at,
    ).join(Vineyard, Vineyard.id == VineyardBlock.vineyard_id)


def _lots() -> Columns:
    return (
        select(
            HarvestLot.id,
            HarvestLot.code,
            HarvestLot.variety,
            HarvestLot.vintage,
            HarvestLot.harvested_on,
            HarvestLot.kg_harvested,
            HarvestLot.brix_at_intake,
            HarvestLot.vineyard_id,
            Vineyard.code,
            HarvestLot.block_id,
            VineyardBlock.code,
            HarvestLot.created_at,
            HarvestLot.deleted_at,
        )
        .join(Vineyard, Vineyard.id == HarvestLot.vineyard_id)
        .outerjoin(VineyardBlock, VineyardBlock.id == HarvestLot.block_id)
    )
