"""Many readings at once: a round typed without Wi-Fi, or an instrument's file. One that is refused stops no other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.errors import (
    AppError,
    Conflict,
    FieldFault,
    Invalid,
    NeedsConfirmation,
    NotFound,
)
from winery_appliance.core.many_rows import insert_rows, is_among
from winery_appliance.core.words import say
from winery_appliance.fermentation.commands import BatchItem
from winery_appliance.fermentation.events import SampleRecorded
from winery_appliance.fermentation.models import Sample
from winery_appliance.fermentation.neighbours import Place, find_many_neighbours
from winery_appliance.fermentation.queries import (
    FermentationView,
    SampleView,
    find_fermentations,
    hold_fermentations,
)
from winery_appliance.fermentation.rules import Neighbour, Surroundings, judge
from winery_appliance.fermentation.service import fill_row, refuse_entries, view_same

Around = tuple[Neighbour | None, Neighbour | None]

STATUSES: dict[type[AppError], str] = {
    NeedsConfirmation: "needs_confirmation",
    Conflict: "conflict",
    NotFound: "not_found",
}


@dataclass(frozen=True)
class Outcome:
    """What became of one reading: created, repeated, refused, conflict, needs_confirmation or not_found."""

    status: str
    sample: SampleView | None = None
    problem: AppError | None = None


@dataclass
class _Book:
    """What the book knows around the readings of a batch, and what the batch adds on the way."""

    fermentations: dict[int, FermentationView]
    earlier: dict[UUID, Sample]
    around: dict[Place, Around]
    accepted: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    added: dict[tuple[int, str], list[Neighbour]] = field(default_factory=dict)


def record_batch(
    session: Session, items: Sequence[BatchItem | Invalid], *, actor: Actor, now: datetime
) -> list[Outcome]:
    """Put readings into the book as `record_sample` would one after the other; an outcome each, in the same order.

    An item that could not even be read comes in as the fault that was found. Raises NotAllowed.
    """
    require(actor, Permission.RECORD_SAMPLES)
    readable = [item for item in items if isinstance(item, BatchItem)]
    book = _look_up(session, readable)
    judged = [_judge_item(item, book, actor, now) for item in items]
    rows = _write(session, list(book.accepted.values()))
    outbox.publish_all(
        session,
        [
            SampleRecorded(actor.winery_id, row.fermentation_id, row.id)
            for row in rows.values()
            if isinstance(row, Sample)
        ],
    )
    if any(outcome is not None and outcome.status == "repeated" for outcome in judged):
        outbox.wake_after_commit(session)
    first: set[UUID] = set()
    return [
        outcome or _tell(session, item, rows, first)
        for item, outcome in zip(items, judged, strict=True)
    ]


def _look_up(session: Session, items: Sequence[BatchItem]) -> _Book:
    """Everything the rules ask for, in a handful of queries for the whole batch."""
    ids = sorted({item.fermentation_id for item in items})
    hold_fermentations(session, ids)
    found = session.scalars(
        select(Sample).where(is_among(Sample.client_uuid, [item.client_uuid for item in items]))
    )
    earlier = {row.client_uuid: row for row in found}
    places = [_place(item) for item in items if item.client_uuid not in earlier]
    around = find_many_neighbours(session, places)
    return _Book(find_fermentations(session, ids), earlier, dict(zip(places, around, strict=True)))


def _place(item: BatchItem) -> Place:
    return item.fermentation_id, item.sample_type, item.measured_at


def _judge_item(
    item: BatchItem | Invalid, book: _Book, actor: Actor, now: datetime
) -> Outcome | None:
    """What is already clear about an item; None when it is accepted, or sent twice, and must be written first."""
    try:
        if isinstance(item, Invalid):
            raise item
        fermentation = book.fermentations.get(item.fermentation_id)
        if fermentation is None:
            raise NotFound(say("There is no such fermentation in this winery."))
        earlier = book.earlier.get(item.client_uuid)
        if earlier is not None:
            same = view_same(earlier, item.fingerprint(item.fermentation_id))
            return Outcome("repeated", same)
        if item.client_uuid not in book.accepted:
            _accept(item, fermentation, book, actor, now)
    except AppError as problem:
        return Outcome(STATUSES.get(type(problem), "refused"), problem=problem)
    return None


def _accept(
    item: BatchItem, fermentation: FermentationView, book: _Book, actor: Actor, now: datetime
) -> None:
    refuse_entries(fermentation)
    added = book.added.setdefault((fermentation.id, item.sample_type), [])
    before, after = _nearest(item, book.around[_place(item)], added)
    around = Surroundings(
        fermentation.style, fermentation.started_at, fermentation.ended_at, before, after
    )
    judged = judge(item, around, now=now)
    book.accepted[item.client_uuid] = fill_row(fermentation.id, item, judged, actor)
    added.append(Neighbour(judged.value, item.measured_at))


def _nearest(item: BatchItem, around: Around, added: Iterable[Neighbour]) -> Around:
    """The neighbours in the book, or those that this batch has put nearer."""
    before, after = around
    for new in added:
        if new.measured_at <= item.measured_at:
            if before is None or new.measured_at >= before.measured_at:
                before = new
        elif after is None or new.measured_at < after.measured_at:
            after = new
    return before, after


Written = dict[UUID, Sample | IntegrityError | DataError | None]


def _write(session: Session, rows: list[dict[str, Any]]) -> Written:
    """All rows in one statement; where the database refuses it, each row by itself, to find out which one it was.

    A row is None when its UUID was taken at the same moment.
    """
    try:
        return _write_together(session, rows)
    except (IntegrityError, DataError):
        written: Written = {}
        for row in rows:
            try:
                written |= _write_together(session, [row])
            except (IntegrityError, DataError) as error:
                written[row["client_uuid"]] = error
        return written


def _write_together(session: Session, rows: list[dict[str, Any]]) -> Written:
    if not rows:
        return {}
    statement = insert_rows(Sample, rows).on_conflict_do_nothing(
        index_elements=["winery_id", "client_uuid"]
    )
    with session.begin_nested():
        found = session.scalars(statement.returning(Sample))
        by_uuid = {row.client_uuid: row for row in found}
    return {row["client_uuid"]: by_uuid.get(row["client_uuid"]) for row in rows}


def _tell(session: Session, item: BatchItem | Invalid, rows: Written, first: set[UUID]) -> Outcome:
    """The outcome of an item that was to be written; sent twice in one batch, the second is a repetition."""
    assert isinstance(item, BatchItem)
    row = rows[item.client_uuid]
    if isinstance(row, Exception):
        fault = FieldFault("client_uuid", "not_storable", say("The database refused this reading."))
        refusal = Invalid(
            say("The database refused this reading. It was not saved. Check it and send it again."),
            code="not_storable",
            fields=[fault],
        )
        return Outcome("refused", problem=refusal)
    created = row is not None and item.client_uuid not in first
    first.add(item.client_uuid)
    if row is None:
        row = session.scalars(select(Sample).where(Sample.client_uuid == item.client_uuid)).one()
    try:
        same = view_same(row, item.fingerprint(item.fermentation_id))
    except Conflict as problem:
        return Outcome("conflict", problem=problem)
    return Outcome("created" if created else "repeated", same)
