"""Harvest lots that a file of past vintages tells of."""

import contextlib
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.service import Actor
from winery_appliance.fruit_origin.commands import CreateLot, CreateVineyard
from winery_appliance.fruit_origin.models import HarvestLot, Vineyard
from winery_appliance.fruit_origin.queries import hold_living_lots
from winery_appliance.fruit_origin.service import create_lot, create_vineyard

_LONGEST_CODE = 40


def find_or_add_lot(
    session: Session,
    *,
    code: str,
    vineyard: str,
    variety: str,
    vintage: str,
    harvested_on: date,
    kg: Decimal,
    now: datetime,
    actor: Actor,
) -> tuple[int, bool]:
    """The id of the lot with this code and whether it had to be made, of the vineyard with that name or code.

    Raises Invalid and Conflict as the lot's own entry does.
    """
    known = hold_living_lots(session, [code])[0]
    if known is not None:
        return known, False
    lot = CreateLot(
        vineyard_code=_find_or_add_vineyard(session, vineyard, actor),
        code=code,
        variety=variety,
        vintage=vintage,
        harvested_on=harvested_on,
        kg_harvested=kg,
    )
    return create_lot(session, lot, actor=actor, now=now).view.id, True


def remove_unused_lot(session: Session, lot_id: int, *, now: datetime) -> None:
    """Take a lot that an import made out of use again, unless a wine came from it by now."""
    removing = update(HarvestLot).where(HarvestLot.id == lot_id).values(deleted_at=now)
    with contextlib.suppress(IntegrityError), session.begin_nested():
        session.execute(removing)


def _find_or_add_vineyard(session: Session, name: str, actor: Actor) -> str:
    code = name[:_LONGEST_CODE].translate({ord(sign): "-" for sign in "/?#"}).strip()
    wanted = (func.lower(Vineyard.code) == code.lower()) | (
        func.lower(Vineyard.name) == name.lower()
    )
    found = session.scalar(
        select(Vineyard.code).where(Vineyard.deleted_at.is_(None), wanted).order_by(Vineyard.id)
    )
    if found is not None:
        return found
    return create_vineyard(session, CreateVineyard(code=code, name=name), actor=actor).view.code
