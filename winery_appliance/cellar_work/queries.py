"""What may be read of additions and cap work: plain data, never rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from winery_appliance.cellar_work.dosing import AdditionKind, DoseUnit
from winery_appliance.cellar_work.models import Addition, CapWork
from winery_appliance.core.paging import Page, cut_page, read_cursor, read_moment

Entry = TypeVar("Entry", Addition, CapWork)
View = TypeVar("View")


@dataclass(frozen=True)
class AdditionView:
    """One addition: the dose as typed; `amount` in g or mL as `counts` says, `per_litre` in the same for each litre."""

    id: int
    client_uuid: UUID
    fermentation_id: int
    kind: AdditionKind
    product: str | None
    dose: str
    unit: DoseUnit
    counts: str
    amount: float | None
    per_litre: float | None
    volume_l: Decimal | None
    stock_lot: str | None
    done_at: datetime
    note: str
    received_at: datetime
    recorded_by: int
    confirmed: bool
    supersedes_id: int | None
    reason: str | None
    voids: bool


@dataclass(frozen=True)
class CapWorkView:
    """One entry of cap work."""

    id: int
    client_uuid: UUID
    fermentation_id: int
    kind: str
    started_at: datetime
    duration_min: int | None
    note: str
    received_at: datetime
    recorded_by: int
    confirmed: bool
    supersedes_id: int | None
    reason: str | None
    voids: bool


def list_additions(
    session: Session,
    fermentation_id: int | None,
    *,
    kind: AdditionKind | None = None,
    history: bool = False,
    cursor: str | None = None,
    limit: int = 200,
) -> Page[AdditionView]:
    """Current additions to one fermentation, or to all, in the order they were done; with `history` also what was
    superseded and voided.

    Raises Invalid for a cursor that is not ours.
    """
    return _list(session, Addition, view_addition, fermentation_id, kind, history, cursor, limit)


def list_cap_work(
    session: Session,
    fermentation_id: int | None,
    *,
    kind: str | None = None,
    history: bool = False,
    cursor: str | None = None,
    limit: int = 200,
) -> Page[CapWorkView]:
    """Current cap work on one fermentation, or on all, in the order it was begun; with `history` also what was
    superseded and voided.

    Raises Invalid for a cursor that is not ours.
    """
    return _list(session, CapWork, view_cap_work, fermentation_id, kind, history, cursor, limit)


def _list(
    session: Session,
    table: type[Entry],
    view: Callable[[Entry], View],
    fermentation_id: int | None,
    kind: str | None,
    history: bool,
    cursor: str | None,
    limit: int,
) -> Page[View]:
    when = when_of(table)
    wanted = select(table).order_by(when, table.id)
    if fermentation_id is not None:
        wanted = wanted.where(table.fermentation_id == fermentation_id)
    if not history:
        wanted = wanted.where(is_current_entry(table))
    if kind is not None:
        wanted = wanted.where(table.kind == kind)
    if cursor is not None:
        wanted = wanted.where(tuple_(when, table.id) > tuple_(*read_cursor(cursor, read_moment)))
    page = cut_page(
        session.scalars(wanted.limit(limit + 1)).all(),
        limit,
        lambda row: (getattr(row, when.key).isoformat(), row.id),
    )
    return Page([view(row) for row in page.items], page.next_cursor)


def read_addition_history(session: Session, addition_id: int) -> list[AdditionView]:
    """The chain an addition belongs to, from what was first recorded to what now counts; empty for an unknown id."""
    return [view_addition(row) for row in _read_chain(session, Addition, addition_id)]


def read_cap_work_history(session: Session, cap_work_id: int) -> list[CapWorkView]:
    """The chain an entry belongs to, from what was first recorded to what now counts; empty for an unknown id."""
    return [view_cap_work(row) for row in _read_chain(session, CapWork, cap_work_id)]


def _read_chain(session: Session, table: type[Entry], entry_id: int) -> list[Entry]:
    found = (
        select(table.id, table.supersedes_id)
        .where(table.id == entry_id)
        .cte("chain", recursive=True)
    )
    linked = or_(table.id == found.c.supersedes_id, table.supersedes_id == found.c.id)
    chain = found.union(select(table.id, table.supersedes_id).join(found, linked))
    wanted = select(table).where(table.id.in_(select(chain.c.id))).order_by(table.id)
    return list(session.scalars(wanted))


def sum_per_litre(
    session: Session, fermentation_id: int, kind: AdditionKind, counts: str, *, without: int | None
) -> float:
    """What a wine had of one kind so far, in g/L or mL/L as `counts` says, the entry `without` left out.

    Additions of which only the whole quantity is known are not in it.
    """
    wanted = select(func.sum(Addition.per_litre)).where(
        Addition.fermentation_id == fermentation_id,
        Addition.kind == kind,
        Addition.counts == counts,
        is_current_entry(Addition),
    )
    if without is not None:
        wanted = wanted.where(Addition.id != without)
    return session.scalars(wanted).one() or 0.0


def is_superseded(session: Session, entry: Entry) -> bool:
    """Whether another row took this one's place."""
    table = type(entry)
    newer = select(table.id).where(table.supersedes_id == entry.id)
    return session.scalar(newer) is not None


def when_of(table: type[Entry]) -> InstrumentedAttribute[datetime]:
    """When the work of an entry was done."""
    column: InstrumentedAttribute[datetime] = (
        Addition.done_at if table is Addition else CapWork.started_at
    )
    return column


@cache
def is_current_entry(table: type[Addition] | type[CapWork]) -> ColumnElement[bool]:
    """Whether a row is what its entry now is: neither superseded nor voided."""
    newer: Any = aliased(table)
    superseded = (
        select(newer.id)
        .where(newer.winery_id == table.winery_id, newer.supersedes_id == table.id)
        .correlate(table)
        .exists()
    )
    return and_(table.voids.is_(False), ~superseded)


def view_addition(row: Addition) -> AdditionView:
    """A row as plain data."""
    return AdditionView(
        row.id,
        row.client_uuid,
        row.fermentation_id,
        AdditionKind(row.kind),
        row.product,
        row.dose_typed,
        DoseUnit(row.unit),
        row.counts,
        row.amount,
        row.per_litre,
        row.volume_l,
        row.stock_lot,
        row.done_at,
        row.note,
        row.received_at,
        row.recorded_by,
        row.confirmed,
        row.supersedes_id,
        row.reason,
        row.voids,
    )


def view_cap_work(row: CapWork) -> CapWorkView:
    """A row as plain data."""
    return CapWorkView(
        row.id,
        row.client_uuid,
        row.fermentation_id,
        row.kind,
        row.started_at,
        row.duration_min,
        row.note,
        row.received_at,
        row.recorded_by,
        row.confirmed,
        row.supersedes_id,
        row.reason,
        row.voids,
    )
