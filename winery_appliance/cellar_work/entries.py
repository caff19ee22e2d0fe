"""Additions and cap work are entries of one kind: put into the book once, and mended by a new row.

Who writes one holds its fermentation alone, so that two at once see each other, and what was had before is summed right.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.cellar_work.models import Addition, CapWork
from winery_appliance.cellar_work.queries import Entry, View, is_superseded
from winery_appliance.core.errors import Conflict, FieldFault, NotFound
from winery_appliance.core.words import say
from winery_appliance.fermentation.queries import FermentationView, hold_fermentation
from winery_appliance.fermentation.sample_corrections import refuse_strange_or_old
from winery_appliance.fermentation.service import get_fermentation, refuse_entries

# What a correction or void repeats of the entry it takes the place of, besides the columns that every row has anew.
_OWN = {"id", "client_uuid", "received_at", "recorded_by", "body_hash", "supersedes_id", "reason"}


@dataclass(frozen=True)
class Recorded(Generic[View]):
    """An entry in the book, and whether this call put it there or an earlier one did."""

    view: View
    created: bool


def begin_entry(session: Session, fermentation_id: int, actor: Actor) -> FermentationView:
    """The fermentation that is written to, held. Raises NotAllowed and NotFound."""
    require(actor, Permission.RECORD_CELLAR_WORK)
    hold_fermentation(session, fermentation_id, alone=True)
    return get_fermentation(session, fermentation_id)


def hold_entry(session: Session, table: type[Entry], entry_id: int, actor: Actor) -> Entry:
    """The entry, its fermentation held so that of two who mend it at once the second sees the first.

    Raises NotAllowed and NotFound.
    """
    require(actor, Permission.RECORD_CELLAR_WORK)
    found = session.get(table, entry_id)
    if found is None:
        raise NotFound(say("There is no such entry in this winery."))
    hold_fermentation(session, found.fermentation_id, alone=True)
    return found


def find_earlier(
    session: Session, table: type[Entry], client_uuid: UUID, body_hash: bytes
) -> Entry | None:
    """What an earlier try of the same body saved. Raises Conflict when the UUID came with another body."""
    found = session.scalar(select(table).where(table.client_uuid == client_uuid))
    if found is not None and found.body_hash != body_hash:
        raise Conflict(
            say(
                "This UUID belongs to another entry. The first one stands; this one was not saved."
            ),
            code="uuid_reused",
            fields=[FieldFault("client_uuid", "reused", say("Belongs to another entry."))],
        )
    return found


def refuse_unmendable(
    session: Session, entry: Entry, actor: Actor, now: datetime
) -> FermentationView:
    """The entry's fermentation, when this person may mend the entry now. Raises NotAllowed, NotFound and Conflict."""
    if entry.voids or is_superseded(session, entry):
        raise Conflict(
            say(
                "This entry was corrected or voided before. Nothing was saved. Look at its history."
            ),
            code="superseded",
        )
    if not actor.may(Permission.CORRECT_ANY_WORK):
        refuse_strange_or_old(session, entry, actor, now)
    fermentation = get_fermentation(session, entry.fermentation_id)
    refuse_entries(fermentation)
    return fermentation


def add_entry(
    session: Session, table: type[Entry], actor: Actor, values: dict[str, Any]
) -> tuple[Entry, bool]:
    """Put a row into the book: the row and True, or the one that the same body put there before and False.

    Raises Conflict when the UUID came with another body.
    """
    row_id = session.scalar(
        insert(table)
        .values(winery_id=actor.winery_id, recorded_by=actor.user_id, **values)
        .on_conflict_do_nothing(index_elements=["winery_id", "client_uuid"])
        .returning(table.id)
    )
    if row_id is not None:
        return session.get_one(table, row_id), True
    # The UUID was used for another fermentation at the same moment.
    winner = find_earlier(session, table, values["client_uuid"], values["body_hash"])
    assert winner is not None
    return winner, False


def repeat_columns(entry: Addition | CapWork) -> dict[str, Any]:
    """What a row that voids this entry says again."""
    names = set(type(entry).__table__.columns.keys()) - _OWN - {"winery_id"}
    return {name: getattr(entry, name) for name in names}
