"""Use cases of vineyards, blocks and harvest lots. Nothing is removed: what is deleted can be restored.

Each takes its lock before it looks, so that what it checked still holds when it commits: a change locks its row, and who
refers to a vineyard or block shares a lock on it that a deletion waits for.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import Text, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.coded_rows import (
    add_row,
    code_taken,
    found,
    hold_row,
    name_constraint,
    write_row,
)
from winery_appliance.core.errors import Conflict, refuse_field
from winery_appliance.core.many_rows import insert_rows
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say
from winery_appliance.fruit_origin.commands import (
    ChangeBlock,
    ChangeLot,
    ChangeVineyard,
    CreateBlock,
    CreateLot,
    CreateVineyard,
)
from winery_appliance.fruit_origin.events import LotChanged
from winery_appliance.fruit_origin.models import HarvestLot, Vineyard, VineyardBlock
from winery_appliance.fruit_origin.queries import (
    BlockView,
    LotView,
    VineyardView,
    find_block,
    find_lot,
    find_vineyard,
)

# East of us it may be tomorrow already.
FUTURE_HARVEST = timedelta(days=1)

View = TypeVar("View")
Seen = Collection[str] | None


@dataclass(frozen=True)
class Created(Generic[View]):
    """What is in the book, and whether this call put it there or an earlier one with the same content did."""

    view: View
    created: bool


def create_vineyard(
    session: Session, command: CreateVineyard, *, actor: Actor
) -> Created[VineyardView]:
    """Add a vineyard; the same again finds the first. Raises NotAllowed, or Conflict when the code is in use."""
    require(actor, Permission.CONFIGURE_CELLAR)
    row_id, created = add_row(session, Vineyard, actor.winery_id, command.model_dump())
    return Created(get_vineyard(session, row_id), created)


def get_vineyard(session: Session, vineyard_id: int) -> VineyardView:
    """The vineyard. Raises NotFound, also for one that is deleted or another winery's."""
    return found(find_vineyard(session, vineyard_id), Vineyard)


def change_vineyard(
    session: Session, vineyard_id: int, command: ChangeVineyard, *, actor: Actor, seen: Seen
) -> VineyardView:
    """Change a vineyard. Raises NotAllowed, NotFound, ChangedMeanwhile, or Conflict when the code is in use."""
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, Vineyard, vineyard_id)
    refuse_stale(get_vineyard(session, vineyard_id), seen)
    write_row(session, row, command.model_dump(exclude_unset=True))
    return get_vineyard(session, vineyard_id)


def delete_vineyard(session: Session, vineyard_id: int, *, actor: Actor, seen: Seen) -> None:
    """Take a vineyard out of use; its lots keep it.

    Raises NotAllowed, NotFound, ChangedMeanwhile, or Conflict while it has blocks.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, Vineyard, vineyard_id)
    refuse_stale(get_vineyard(session, vineyard_id), seen)
    blocks = select(VineyardBlock.id).where(
        VineyardBlock.vineyard_id == vineyard_id, VineyardBlock.deleted_at.is_(None)
    )
    if session.scalar(blocks.limit(1)) is not None:
        raise Conflict(
            say(
                "%(code)s still has blocks. Nothing was deleted. Delete its blocks first.",
                code=row.code,
            ),
            code="vineyard_has_blocks",
        )
    write_row(session, row, {"deleted_at": func.now()})


def restore_vineyard(session: Session, vineyard_id: int, *, actor: Actor) -> VineyardView:
    """Bring a deleted vineyard back. Raises NotAllowed, NotFound, or Conflict when its code is in use by now."""
    require(actor, Permission.CONFIGURE_CELLAR)
    write_row(
        session, hold_row(session, Vineyard, vineyard_id, also_deleted=True), {"deleted_at": None}
    )
    return get_vineyard(session, vineyard_id)


def create_block(session: Session, command: CreateBlock, *, actor: Actor) -> Created[BlockView]:
    """Add a block; the same again finds the first.

    Raises NotAllowed, Invalid for an unknown vineyard, and Conflict when the vineyard has a block of this code.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    vineyard = _share_vineyard(session, command.vineyard_code)
    values = command.model_dump(exclude={"vineyard_code"}) | {"vineyard_id": vineyard.id}
    row_id, created = add_row(session, VineyardBlock, actor.winery_id, values)
    return Created(get_block(session, row_id), created)


def get_block(session: Session, block_id: int) -> BlockView:
    """The block. Raises NotFound, also for one that is deleted or another winery's."""
    return found(find_block(session, block_id), VineyardBlock)


def change_block(
    session: Session, block_id: int, command: ChangeBlock, *, actor: Actor, seen: Seen
) -> BlockView:
    """Change a block. Raises NotAllowed, NotFound, ChangedMeanwhile, or Conflict when the code is in use."""
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, VineyardBlock, block_id)
    refuse_stale(get_block(session, block_id), seen)
    write_row(session, row, command.model_dump(exclude_unset=True))
    return get_block(session, block_id)


def delete_block(session: Session, block_id: int, *, actor: Actor, seen: Seen) -> None:
    """Take a block out of use; lots picked there keep it. Raises NotAllowed, NotFound or ChangedMeanwhile."""
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, VineyardBlock, block_id)
    refuse_stale(get_block(session, block_id), seen)
    write_row(session, row, {"deleted_at": func.now()})


def restore_block(session: Session, block_id: int, *, actor: Actor) -> BlockView:
    """Bring a deleted block back.

    Raises NotAllowed, NotFound, and Conflict when its code is in use by now or its vineyard is deleted.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, VineyardBlock, block_id, also_deleted=True)
    vineyard = session.scalar(
        select(Vineyard)
        .where(Vineyard.id == row.vineyard_id, Vineyard.deleted_at.is_(None))
        .with_for_update(read=True)
    )
    if vineyard is None:
        raise Conflict(
            say(
                "The vineyard of %(code)s is deleted. Nothing was changed. Restore the vineyard first.",
                code=row.code,
            ),
            code="vineyard_deleted",
        )
    write_row(session, row, {"deleted_at": None})
    return get_block(session, block_id)


def create_lot(
    session: Session, command: CreateLot, *, actor: Actor, now: datetime
) -> Created[LotView]:
    """Add a harvest lot; the same again finds the first.

    Raises NotAllowed, Invalid for an unknown vineyard or block or a day to come, and Conflict when the code is in use.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    _refuse_future(command, now)
    vineyard = _share_vineyard(session, command.vineyard_code)
    values = command.model_dump(exclude={"vineyard_code", "block_code"})
    values |= {
        "vineyard_id": vineyard.id,
        "block_id": _share_block(session, vineyard, command.block_code),
    }
    row_id, created = add_row(session, HarvestLot, actor.winery_id, values)
    return Created(get_lot(session, row_id), created)


def create_lots(
    session: Session, commands: Sequence[CreateLot], *, actor: Actor, now: datetime
) -> list[int]:
    """Add harvest lots without a block, all new; their ids. Raises as `create_lot` does, then none is added."""
    require(actor, Permission.CONFIGURE_CELLAR)
    for command in commands:
        _refuse_future(command, now)
    vineyards = _share_vineyards(session, {command.vineyard_code for command in commands})
    rows = [
        command.model_dump(exclude={"vineyard_code", "block_code"})
        | {"winery_id": actor.winery_id, "vineyard_id": vineyards[command.vineyard_code.lower()]}
        for command in commands
    ]
    added = session.execute(
        insert_rows(HarvestLot, rows)
        .on_conflict_do_nothing()
        .returning(HarvestLot.code, HarvestLot.id)
    )
    ids = {code: row_id for code, row_id in added}
    taken = next((command.code for command in commands if command.code not in ids), None)
    if taken is not None:
        raise code_taken(HarvestLot, taken)
    return [ids[command.code] for command in commands]


def get_lot(session: Session, lot_id: int) -> LotView:
    """The harvest lot. Raises NotFound, also for one that is deleted or another winery's."""
    return found(find_lot(session, lot_id), HarvestLot)


def change_lot(
    session: Session, lot_id: int, command: ChangeLot, *, actor: Actor, seen: Seen, now: datetime
) -> LotView:
    """Change a harvest lot, also one that ferments: a weight that was mistyped is put right.

    Raises NotAllowed, NotFound, ChangedMeanwhile, Invalid as `create_lot`, and Conflict when the code is in use.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, HarvestLot, lot_id)
    refuse_stale(get_lot(session, lot_id), seen)
    _refuse_future(command, now)
    values = command.model_dump(exclude_unset=True, exclude={"vineyard_code", "block_code"})
    write_row(session, row, values | _move_lot(session, row, command))
    outbox.publish(session, LotChanged(actor.winery_id, lot_id))
    return get_lot(session, lot_id)


def _move_lot(session: Session, row: HarvestLot, command: ChangeLot) -> dict[str, int | None]:
    """Where the lot grew after the change. A block cannot follow into another vineyard, so it has to be said anew."""
    given = command.model_fields_set & {"vineyard_code", "block_code"}
    if not given:
        return {}
    if "vineyard_code" in given:
        vineyard = _share_vineyard(session, command.vineyard_code)
    else:
        vineyard = session.get_one(Vineyard, row.vineyard_id)
    if "block_code" in given:
        block_id = _share_block(session, vineyard, command.block_code)
    elif vineyard.id == row.vineyard_id or row.block_id is None:
        block_id = row.block_id
    else:
        raise refuse_field(
            "block_code", "needed", say("Say the block in the new vineyard, or null.")
        )
    return {"vineyard_id": vineyard.id, "block_id": block_id}


def delete_lot(session: Session, lot_id: int, *, actor: Actor, seen: Seen) -> None:
    """Take a harvest lot out of use.

    Raises NotAllowed, NotFound, ChangedMeanwhile, or Conflict when a fermentation came from it.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, HarvestLot, lot_id)
    refuse_stale(get_lot(session, lot_id), seen)
    try:
        write_row(session, row, {"deleted_at": func.now()})
    except IntegrityError as error:
        if name_constraint(error) != "harvest_lots_used_stay":
            raise
        raise Conflict(
            say(
                "A fermentation came from %(code)s, so it stays in the book. Nothing was deleted.",
                code=row.code,
            ),
            code="lot_in_use",
        ) from error


def restore_lot(session: Session, lot_id: int, *, actor: Actor) -> LotView:
    """Bring a deleted harvest lot back. Raises NotAllowed, NotFound, or Conflict when its code is in use by now."""
    require(actor, Permission.CONFIGURE_CELLAR)
    write_row(
        session, hold_row(session, HarvestLot, lot_id, also_deleted=True), {"deleted_at": None}
    )
    return get_lot(session, lot_id)


def _share_vineyard(session: Session, code: str) -> Vineyard:
    return session.get_one(Vineyard, _share_vineyards(session, [code])[code.lower()])


def _share_vineyards(session: Session, codes: Collection[str]) -> dict[str, int]:
    """Ids of living vineyards by their codes in small letters; they stay while the transaction lasts."""
    wanted = sorted({code.lower() for code in codes})
    rows = session.execute(
        select(Vineyard.code, Vineyard.id)
        .where(func.lower(Vineyard.code) == any_(literal(wanted, ARRAY(Text))))
        .where(Vineyard.deleted_at.is_(None))
        .order_by(Vineyard.id)
        .with_for_update(read=True)
    )
    ids = {row.code.lower(): row.id for row in rows}
    missing = next((code for code in codes if code.lower() not in ids), None)
    if missing is not None:
        raise refuse_field(
            "vineyard_code", "unknown_vineyard", say("There is no vineyard %(code)s.", code=missing)
        )
    return ids


def _share_block(session: Session, vineyard: Vineyard, code: str | None) -> int | None:
    if code is None:
        return None
    row = session.scalar(
        select(VineyardBlock)
        .where(
            VineyardBlock.vineyard_id == vineyard.id,
            func.lower(VineyardBlock.code) == func.lower(code),
            VineyardBlock.deleted_at.is_(None),
        )
        .with_for_update(read=True)
    )
    if row is None:
        raise refuse_field(
            "block_code",
            "unknown_block",
            say("%(code)s has no block %(code_2)s.", code=vineyard.code, code_2=code),
        )
    return row.id


def _refuse_future(command: CreateLot | ChangeLot, now: datetime) -> None:
    if command.harvested_on > (now + FUTURE_HARVEST).date():
        raise refuse_field("harvested_on", "in_future", say("This day has not come yet."))
