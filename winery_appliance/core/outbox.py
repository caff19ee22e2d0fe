"""The outbox: what happened is a row in the same transaction as the change; the worker drains it afterwards.

An event can neither be lost (it commits with the change) nor act twice (its reaction's result and its mark "done" commit
together, under a row lock). A reaction loads in one transaction, computes in none, and stores in another. Events of one
subject are handled together and by one worker at a time, so a batch of 500 samples makes one analysis.

Patient events, of which a file of past vintages makes hundreds at once, wait until nothing else does, and one worker at a
time sees to them: a reading of this morning is analysed as if they were not there.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import structlog
from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Text,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Mapped, Session, mapped_column

from winery_appliance.core.db import Base, Database, run_after_commit
from winery_appliance.core.many_rows import insert_rows

log = structlog.get_logger("winery.outbox")

# Waits before a failed reaction is tried again: 2 s doubling up to an hour, for ever. Trouble that mends itself is over
# in seconds; trouble that does not is seen on the page long before the waits grow.
FIRST_RETRY_S = 2
LAST_RETRY_S = 3600
BATCH = 200
WAKE = "wake"


class OutboxRow(Base):
    """One event that happened in a winery, and whether every reaction to it is done."""

    __tablename__ = "outbox"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        Index("outbox_pending", "patient", "id", postgresql_where=text("done_at IS NULL")),
        Index(
            "outbox_pending_of_subject",
            "winery_id",
            "subject",
            postgresql_where=text("done_at IS NULL"),
        ),
        Index("outbox_of_late", "created_at", postgresql_where=text("event = 'SampleRecorded'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    event: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    request_id: Mapped[str | None] = mapped_column(Text)
    patient: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("now()")
    )
    run_after: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("now()")
    )
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_error: Mapped[str | None] = mapped_column(Text)
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


@dataclass(frozen=True)
class Event:
    """Something that happened in a winery; subclasses are past tense and carry plain values only.

    Nobody waits before a screen for what follows from a `patient` one.
    """

    patient: ClassVar[bool] = False

    winery_id: int

    @property
    def subject(self) -> str:
        """What the event is about; events of one subject are handled in order and together."""
        raise NotImplementedError


Loaded = TypeVar("Loaded")
Computed = TypeVar("Computed")


@dataclass(frozen=True)
class Reaction(Generic[Loaded, Computed]):
    """What follows an event: read, think, write. `load` and `store` run inside a transaction, `compute` outside."""

    name: str
    load: Callable[[Session, Sequence[Event]], Loaded]
    compute: Callable[[Loaded], Computed]
    store: Callable[[Session, Computed], None]


Reactions = Mapping[type[Event], Sequence[Reaction[Any, Any]]]


def wake_by(db: Database, wake: Callable[[], object]) -> None:
    """Let `wake` wake the worker after each commit on `db` that published something."""

    def try_to_wake() -> None:
        try:
            wake()
        except Exception as error:  # noqa: BLE001 - the change is committed; the minute's sweep finds the event
            log.warning("worker not woken", error=str(error))

    db.session_info[WAKE] = try_to_wake


def publish(session: Session, event: Event) -> None:
    """Write `event` into the outbox, in the caller's transaction, and wake the worker after the commit."""
    session.add(OutboxRow(**_fill_row(event)))
    wake_after_commit(session)


def publish_all(session: Session, events: Sequence[Event]) -> None:
    """Write `events` as `publish` does, in one statement."""
    if events:
        session.execute(insert_rows(OutboxRow, [_fill_row(event) for event in events]))
        wake_after_commit(session)


def _fill_row(event: Event) -> dict[str, Any]:
    return {
        "winery_id": event.winery_id,
        "event": type(event).__name__,
        "subject": event.subject,
        "payload": asdict(event),
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
        "patient": event.patient,
    }


def wake_after_commit(session: Session) -> None:
    """Make the worker look into the outbox once this transaction is committed."""
    if wake := session.info.get(WAKE):
        run_after_commit(session, wake)


def drain(db: Database, reactions: Reactions) -> int:
    """Handle pending events of every winery until none is left that this worker can take; their number.

    Raises OperationalError when the database goes away; what was not marked done stays pending.
    """
    handled = 0
    while True:
        progressed = sum(
            _try(db, reactions, *waiting) for waiting in _find_pending(db, patient=False)
        )
        progressed += _handle_patient(db, reactions)
        if not progressed:
            return handled
        handled += progressed


def _handle_patient(db: Database, reactions: Reactions) -> int:
    """Handle the patient events of one subject, unless another worker is at some; how many."""
    pending = _find_pending(db, patient=True)
    if not pending:
        return 0
    with db.advisory_lock("outbox/patient") as mine:
        if not mine:
            return 0
        tried = (_try(db, reactions, *waiting) for waiting in pending)
        return next((handled for handled in tried if handled), 0)


def _try(db: Database, reactions: Reactions, winery_id: int, subject: str) -> int:
    """Handle the events of one subject, unless another worker does; how many."""
    with db.advisory_lock(f"outbox/{winery_id}/{subject}") as mine:
        return _handle(db, reactions, winery_id, subject) if mine else 0


def _find_pending(db: Database, *, patient: bool) -> list[tuple[int, str]]:
    with db.transaction() as session:
        rows = session.execute(
            text("SELECT * FROM door_find_pending_events(:n, :patient)"),
            {"n": BATCH, "patient": patient},
        )
        return list(dict.fromkeys((row.winery_id, row.subject) for row in rows))


def _handle(db: Database, reactions: Reactions, winery_id: int, subject: str) -> int:
    """Run the reactions to the pending events of one subject; how many events are done now."""
    # An event this process does not know was written by a newer version next door: it waits for a worker that does.
    known = {kind.__name__: kind for kind in reactions}
    rows = _load_pending(db, winery_id, subject, list(known))
    if not rows:
        return 0
    ids = [row.id for row in rows]
    events = [known[row.event](**row.payload) for row in rows]
    # A reaction is told of the events it asked for, not of whatever else waits under the same subject.
    follow_ups: dict[Reaction[Any, Any], list[Event]] = {}
    for event in events:
        for reaction in reactions[type(event)]:
            follow_ups.setdefault(reaction, []).append(event)
    structlog.contextvars.bind_contextvars(
        job_id=f"outbox-{ids[0]}", request_id=rows[-1].request_id, winery_id=winery_id
    )
    try:
        return _react(db, winery_id, ids, follow_ups)
    except OperationalError:
        raise
    except Exception as error:
        log.exception("reaction failed", subject=subject, events=ids)
        _postpone(db, winery_id, ids, error)
        return 0
    finally:
        structlog.contextvars.unbind_contextvars("job_id", "request_id", "winery_id")


def _load_pending(
    db: Database, winery_id: int, subject: str, known: list[str]
) -> Sequence[OutboxRow]:
    with db.transaction(winery_id) as session:
        return session.scalars(
            select(OutboxRow)
            .where(
                OutboxRow.subject == subject,
                OutboxRow.event.in_(known),
                OutboxRow.done_at.is_(None),
                OutboxRow.run_after <= func.now(),
            )
            .order_by(OutboxRow.id)
        ).all()


def _react(
    db: Database,
    winery_id: int,
    ids: list[int],
    follow_ups: dict[Reaction[Any, Any], list[Event]],
) -> int:
    with db.transaction(winery_id) as session:
        loaded = [reaction.load(session, events) for reaction, events in follow_ups.items()]
    computed = [reaction.compute(given) for reaction, given in zip(follow_ups, loaded, strict=True)]
    with db.transaction(winery_id) as session:
        # Whoever else took the same events meanwhile (after a server restart, say) has marked them; the lock decides.
        open_ids = session.scalars(
            select(OutboxRow.id)
            .where(OutboxRow.id.in_(ids), OutboxRow.done_at.is_(None))
            .with_for_update(skip_locked=True)
        ).all()
        if len(open_ids) < len(ids):
            return len(open_ids)  # what is left is taken in the next round
        for reaction, result in zip(follow_ups, computed, strict=True):
            reaction.store(session, result)
        session.execute(
            update(OutboxRow)
            .where(OutboxRow.id.in_(ids))
            .values(done_at=func.now(), last_error=None)
        )
    log.info("events handled", events=len(ids), reactions=[r.name for r in follow_ups])
    return len(ids)


def _postpone(db: Database, winery_id: int, ids: list[int], error: Exception) -> None:
    reason = f"{type(error).__name__}: {error}"[:500]
    try:
        with db.transaction(winery_id) as session:
            wait_s = func.least(FIRST_RETRY_S * func.power(2, OutboxRow.attempts), LAST_RETRY_S)
            session.execute(
                update(OutboxRow)
                .where(OutboxRow.id.in_(ids), OutboxRow.done_at.is_(None))
                .values(
                    attempts=OutboxRow.attempts + 1,
                    last_error=reason,
                    run_after=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, wait_s),
                )
            )
    except DBAPIError:
        log.exception("failure not noted", events=ids, reason=json.dumps(reason))


def is_pending(session: Session, subject: str) -> bool:
    """Whether an event of `subject` is due and its reactions are not done."""
    return bool(
        session.scalar(
            select(OutboxRow.id)
            .where(
                OutboxRow.subject == subject,
                OutboxRow.done_at.is_(None),
                OutboxRow.run_after <= func.now(),
            )
            .limit(1)
        )
    )


def has_failing_event(session: Session, subject: str) -> bool:
    """Whether a reaction to an event of `subject` failed and waits to be tried again."""
    return bool(
        session.scalar(
            select(OutboxRow.id)
            .where(
                OutboxRow.subject == subject,
                OutboxRow.done_at.is_(None),
                OutboxRow.last_error.is_not(None),
            )
            .limit(1)
        )
    )


def retry_failing(session: Session) -> None:
    """Let the events of this winery whose reactions failed be tried at once."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.done_at.is_(None), OutboxRow.last_error.is_not(None))
        .values(run_after=func.now())
    )


@dataclass(frozen=True)
class Backlog:
    """What is not handled in a winery: due events, when the oldest of them happened, how many failed and one's error."""

    pending: int
    oldest: datetime | None
    failing: int
    error: str | None


def read_backlog(session: Session) -> Backlog:
    """The backlog of this transaction's winery."""
    failing = OutboxRow.last_error.is_not(None)
    row = session.execute(
        select(
            func.count().filter(OutboxRow.run_after <= func.now()),
            func.min(OutboxRow.created_at).filter(OutboxRow.run_after <= func.now()),
            func.count().filter(failing),
            func.max(OutboxRow.last_error).filter(failing),
        ).where(OutboxRow.done_at.is_(None))
    ).one()
    return Backlog(*row)
