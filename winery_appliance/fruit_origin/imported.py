"""Harvest lots that a file of past vintages tells of."""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Text, any_, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.service import Actor
from winery_appliance.fruit_origin.commands import CreateLot, CreateVineyard
from winery_appliance.fruit_origin.models import HarvestLot, Vineyard
from winery_appliance.fruit_origin.queries import hold_living_lots
from winery_appliance.fruit_origin.service import create_lots, create_vineyard

_LONGEST_CODE = 40


@dataclass(frozen=True)
class ImportedLot:
    """A lot as a file tells it; the vineyard is named by its name or its code."""

    code: str
    vineyard: str
    variety: str
    vintage: str
    harvested_on: date
    kg: Decimal


def find_or_add_lots(
    session: Session, lots: Sequence[ImportedLot], *, now: datetime, actor: Actor
) -> list[tuple[int, bool]]:
    """Of each the id of the lot with this code and whether it had to be made; the first of several makes it.

    Raises Invalid and Conflict as the lot's own entry does.
    """
    known = hold_living_lots(session, [lot.code for lot in lots])
    new = {
        lot.code.lower(): lot
        for lot, lot_id in reversed(list(zip(lots, known, strict=True)))
        if lot_id is None
    }
    vineyards = _find_or_add_vineyards(session, {lot.vineyard for lot in new.values()}, actor)
    commands = [
        CreateLot(
            vineyard_code=vineyards[lot.vineyard],
            code=lot.code,
            variety=lot.variety,
            vintage=lot.vintage,
            harvested_on=lot.harvested_on,
            kg_harvested=lot.kg,
        )
        for lot in new.values()
    ]
    made = create_lots(session, commands, actor=actor, now=now) if commands else []
    ids = dict(zip(new, made, strict=True))
    told = []
    for lot, lot_id in zip(lots, known, strict=True):
        is_first = new.get(lot.code.lower()) is lot
        told.append((ids[lot.code.lower()], is_first) if lot_id is None else (lot_id, False))
    return told


def remove_unused_lot(session: Session, lot_id: int, *, now: datetime) -> None:
    """Take a lot that an import made out of use again, unless a wine came from it by now."""
    removing = update(HarvestLot).where(HarvestLot.id == lot_id).values(deleted_at=now)
    with contextlib.suppress(IntegrityError), session.begin_nested():
        session.execute(removing)


def _find_or_add_vineyards(
    session: Session, names: Collection[str], actor: Actor
) -> dict[str, str]:
    """By what a file calls a vineyard its code: of the first that has it as its code or its name, else of a new one."""
    codes = {
        name: name[:_LONGEST_CODE].translate({ord(sign): "-" for sign in "/?#"}).strip()
        for name in sorted(names)
    }
    wanted = literal(sorted({word.lower() for pair in codes.items() for word in pair}), ARRAY(Text))
    rows = session.execute(
        select(Vineyard.code, Vineyard.name)
        .where(
            Vineyard.deleted_at.is_(None),
            or_(
                func.lower(Vineyard.code) == any_(wanted), func.lower(Vineyard.name) == any_(wanted)
            ),
        )
        .order_by(Vineyard.id)
    ).all()
    found: dict[str, str] = {}
    for name, code in codes.items():
        known = (
            row.code
            for row in rows
            if row.code.lower() == code.lower() or row.name.lower() == name.lower()
        )
        found[name] = next(known, None) or _add_vineyard(session, code, name, actor)
    return found


def _add_vineyard(session: Session, code: str, name: str, actor: Actor) -> str:
    return create_vineyard(session, CreateVineyard(code=code, name=name), actor=actor).view.code
