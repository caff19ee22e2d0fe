"""Tanks that a round passed by: say so and why, once and for all, and list it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.cellar_work.commands import SkipReading
from winery_appliance.cellar_work.entries import Recorded
from winery_appliance.cellar_work.events import ReadingSkipped
from winery_appliance.cellar_work.models import SkippedReading
from winery_appliance.core import outbox
from winery_appliance.core.errors import Conflict, FieldFault, refuse_field
from winery_appliance.core.many_rows import is_among
from winery_appliance.core.paging import Page, cut_page, read_cursor, read_moment
from winery_appliance.core.words import say
from winery_appliance.fermentation.queries import hold_fermentation
from winery_appliance.fermentation.rules import FUTURE_TOLERANCE
from winery_appliance.fermentation.service import get_fermentation, refuse_entries


@dataclass(frozen=True)
class SkipView:
    """A tank was not read at a moment, by whom and why."""

    id: int
    client_uuid: UUID
    fermentation_id: int
    reason: str
    skipped_at: datetime
    received_at: datetime
    recorded_by: int


def skip_reading(
    session: Session, fermentation_id: int, command: SkipReading, *, actor: Actor, now: datetime
) -> Recorded[SkipView]:
    """Say that a tank was not read; a retry with the same UUID finds the first one and changes nothing.

    Raises NotAllowed, NotFound, Invalid for a time that has not come, and Conflict when the UUID belongs to another entry
    or the fermentation takes none.
    """
    require(actor, Permission.RECORD_SAMPLES)
    hold_fermentation(session, fermentation_id, alone=False)
    fermentation = get_fermentation(session, fermentation_id)
    earlier = _find_earlier(session, fermentation_id, command)
    if earlier is not None:
        return Recorded(earlier, created=False)
    refuse_entries(fermentation)
    if command.skipped_at > now + FUTURE_TOLERANCE:
        raise refuse_field("skipped_at", "in_future", say("This time has not come yet."))
    skip_id = session.scalar(
        insert(SkippedReading)
        .values(
            winery_id=actor.winery_id,
            fermentation_id=fermentation_id,
            recorded_by=actor.user_id,
            body_hash=command.fingerprint(fermentation_id),
            **command.model_dump(),
        )
        .on_conflict_do_nothing(index_elements=["winery_id", "client_uuid"])
        .returning(SkippedReading.id)
    )
    if skip_id is None:  # the same one arrived twice at once, and the other one was first
        winner = _find_earlier(session, fermentation_id, command)
        assert winner is not None
        return Recorded(winner, created=False)
    outbox.publish(session, ReadingSkipped(actor.winery_id, fermentation_id, skip_id))
    return Recorded(_view(session.get_one(SkippedReading, skip_id)), created=True)


def _find_earlier(session: Session, fermentation_id: int, command: SkipReading) -> SkipView | None:
    found = session.scalar(
        select(SkippedReading).where(SkippedReading.client_uuid == command.client_uuid)
    )
    if found is None:
        return None
    if found.body_hash != command.fingerprint(fermentation_id):
        raise Conflict(
            say(
                "This UUID belongs to another entry. The first one stands; this one was not saved."
            ),
            code="uuid_reused",
            fields=[FieldFault("client_uuid", "reused", say("Belongs to another entry."))],
        )
    return _view(found)


def list_skips(
    session: Session, fermentation_id: int, *, cursor: str | None = None, limit: int = 200
) -> Page[SkipView]:
    """When a wine was not read and why, in the order of time. Raises Invalid for a cursor that is not ours."""
    place = tuple_(SkippedReading.skipped_at, SkippedReading.id)
    wanted = select(SkippedReading).where(SkippedReading.fermentation_id == fermentation_id)
    if cursor is not None:
        wanted = wanted.where(place > tuple_(*read_cursor(cursor, read_moment)))
    wanted = wanted.order_by(SkippedReading.skipped_at, SkippedReading.id).limit(limit + 1)
    skips = [_view(row) for row in session.scalars(wanted)]
    return cut_page(skips, limit, lambda skip: (skip.skipped_at.isoformat(), skip.id))


def read_last_skips(session: Session, fermentation_ids: Sequence[int]) -> dict[int, SkipView]:
    """The last time each of these wines was not read, by the fermentation's id; one query for all."""
    rows = session.scalars(
        select(SkippedReading)
        .where(is_among(SkippedReading.fermentation_id, fermentation_ids))
        .ext(distinct_on(SkippedReading.fermentation_id))
        .order_by(
            SkippedReading.fermentation_id,
            SkippedReading.skipped_at.desc(),
            SkippedReading.id.desc(),
        )
    )
    return {row.fermentation_id: _view(row) for row in rows}


def _view(row: SkippedReading) -> SkipView:
    return SkipView(
        row.id,
        row.client_uuid,
        row.fermentation_id,
        row.reason,
        row.skipped_at,
        row.received_at,
        row.recorded_by,
    )
