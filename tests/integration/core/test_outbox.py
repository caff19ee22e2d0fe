"""The outbox: nothing lost, nothing twice, and trouble with one event does not hold up the others."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.conftest import Cast, Winery
from winery_appliance.core import outbox
from winery_appliance.core.outbox import Event, Reaction, drain, publish, wake_by


@dataclass(frozen=True)
class VatTasted(Event):
    vat: str

    @property
    def subject(self) -> str:
        return f"vat:{self.vat}"


@dataclass(frozen=True)
class CellarBookFound(VatTasted):
    """Old readings: nobody waits for them."""

    patient = True


@dataclass(frozen=True)
class UnheardOf(Event):
    @property
    def subject(self) -> str:
        return "unheard-of"


class Journal:
    """A reaction that keeps what it was given, with a hook in the middle."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self.between: Callable[[], None] = lambda: None

    def reaction(self) -> Reaction[list[str], list[str]]:
        def load(_: Session, events: Sequence[Event]) -> list[str]:
            return [event.vat for event in events if isinstance(event, VatTasted)]

        def compute(vats: list[str]) -> list[str]:
            self.between()
            return vats

        def store(session: Session, vats: list[str]) -> None:
            session.execute(text("SELECT 1"))
            self.seen.append(vats)

        return Reaction("journal", load, compute, store)


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def wakes(book: Winery) -> list[int]:
    """Counts how often a commit woke the worker."""
    calls: list[int] = []
    wake_by(book.app, lambda: calls.append(1))
    return calls


@pytest.fixture
def taste(book: Winery, cast: Cast, wakes: list[int]) -> Callable[..., None]:
    def publish_all(*vats: str, winery_id: int | None = None) -> None:
        winery = winery_id or cast.ana.winery_id
        with book.app.transaction(winery) as session:
            for vat in vats:
                publish(session, VatTasted(winery, vat))

    return publish_all


def pending(book: Winery) -> list[str]:
    with book.worker.transaction() as session:
        rows = session.execute(text("SELECT * FROM door_find_pending_events(1000)"))
        return [row.subject for row in rows]


def test_events_of_one_subject_are_handled_together(
    book: Winery, journal: Journal, taste: Callable[..., None]
) -> None:
    taste("a", "b", "a")
    taste("a")
    assert drain(book.worker, {VatTasted: [journal.reaction()]}) == 4
    assert sorted(journal.seen) == [["a", "a", "a"], ["b"]]
    assert pending(book) == []


def test_events_of_every_winery_are_handled(
    book: Winery, cast: Cast, journal: Journal, taste: Callable[..., None]
) -> None:
    taste("a")
    taste("a", winery_id=cast.carla.winery_id)
    assert drain(book.worker, {VatTasted: [journal.reaction()]}) == 2
    assert journal.seen == [["a"], ["a"]], "the same subject in two wineries is two subjects"


def test_an_event_of_an_undone_transaction_never_happened(
    book: Winery, cast: Cast, wakes: list[int]
) -> None:
    def publish_and_fail() -> None:
        with book.app.transaction(cast.ana.winery_id) as session:
            publish(session, VatTasted(cast.ana.winery_id, "a"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        publish_and_fail()
    assert pending(book) == []
    assert wakes == []


def test_the_worker_is_woken_once_a_commit_and_only_after_it(
    taste: Callable[..., None], wakes: list[int]
) -> None:
    taste("a", "b", "c")
    assert len(wakes) == 1


def test_a_worker_that_cannot_be_woken_does_not_undo_the_change(
    book: Winery, cast: Cast, wakes: list[int]
) -> None:
    def broken() -> None:
        raise ConnectionError

    wake_by(book.app, broken)
    with book.app.transaction(cast.ana.winery_id) as session:
        publish(session, VatTasted(cast.ana.winery_id, "a"))
    assert pending(book) == ["vat:a"]


def test_a_failing_reaction_waits_and_holds_up_nobody_else(
    book: Winery, cast: Cast, journal: Journal, taste: Callable[..., None]
) -> None:
    taste("bad", "good")
    broken = [True]
    sound = journal.reaction()

    def compute(vats: list[str]) -> list[str]:
        if vats == ["bad"] and broken[0]:
            raise ArithmeticError("no such taste")
        return vats

    reactions = {VatTasted: [Reaction("journal", sound.load, compute, sound.store)]}
    assert drain(book.worker, reactions) == 1
    assert journal.seen == [["good"]]
    assert pending(book) == [], "the bad one is not due at once"
    with book.app.transaction(cast.ana.winery_id) as session:
        row = session.execute(
            text(
                "SELECT attempts, last_error, run_after > now() AS waits FROM outbox WHERE subject = 'vat:bad'"
            )
        ).one()
        assert outbox.has_failing_event(session, "vat:bad")
        assert not outbox.has_failing_event(session, "vat:good")
    assert (row.attempts, row.last_error, row.waits) == (1, "ArithmeticError: no such taste", True)
    broken[0] = False
    with book.worker.transaction(cast.ana.winery_id) as session:
        session.execute(text("UPDATE outbox SET run_after = now()"))
    assert drain(book.worker, reactions) == 1
    assert journal.seen == [["good"], ["bad"]]


def test_waits_grow_to_an_hour_and_no_further(
    book: Winery, cast: Cast, taste: Callable[..., None]
) -> None:
    taste("bad")

    def fail(_: object) -> None:
        raise ArithmeticError

    reactions = {VatTasted: [Reaction("broken", lambda *_: None, fail, lambda *_: None)]}
    waits = []
    for _ in range(14):
        drain(book.worker, reactions)
        with book.worker.transaction(cast.ana.winery_id) as session:
            waits.append(
                session.scalar(
                    text("SELECT extract(epoch FROM run_after - now())::int FROM outbox")
                )
            )
            session.execute(text("UPDATE outbox SET run_after = now()"))
    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-1] == 3600


def test_an_event_this_worker_does_not_know_waits_for_one_that_does(
    book: Winery, cast: Cast, journal: Journal, taste: Callable[..., None]
) -> None:
    with book.app.transaction(cast.ana.winery_id) as session:
        publish(session, UnheardOf(cast.ana.winery_id))
    taste("a")
    assert drain(book.worker, {VatTasted: [journal.reaction()]}) == 1
    assert pending(book) == ["unheard-of"]
    assert drain(book.worker, {UnheardOf: []}) == 1


def test_two_workers_at_once_handle_each_event_once(
    book: Winery, journal: Journal, taste: Callable[..., None]
) -> None:
    taste(*[f"v{n}" for n in range(30)])
    reactions = {VatTasted: [journal.reaction()]}
    threads = [threading.Thread(target=drain, args=(book.worker, reactions)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain(book.worker, reactions)
    assert sorted(journal.seen) == sorted([f"v{n}"] for n in range(30))


def test_no_transaction_is_open_while_a_reaction_computes(
    book: Winery, journal: Journal, taste: Callable[..., None]
) -> None:
    taste("a")
    states: list[str] = []

    def look() -> None:
        with book.app.engine.connect() as connection:
            states.extend(
                connection.scalars(
                    text(
                        "SELECT state FROM pg_stat_activity WHERE usename = 'winery_worker'"
                        " AND datname = current_database() AND xact_start IS NOT NULL"
                    )
                )
            )

    journal.between = look
    drain(book.worker, {VatTasted: [journal.reaction()]})
    assert journal.seen == [["a"]]
    assert states == []


def test_events_taken_by_somebody_else_meanwhile_are_not_stored_twice(
    book: Winery, cast: Cast, journal: Journal, taste: Callable[..., None]
) -> None:
    taste("a")

    def steal() -> None:
        with book.worker.transaction(cast.ana.winery_id) as session:
            session.execute(text("UPDATE outbox SET done_at = now()"))

    journal.between = steal
    assert drain(book.worker, {VatTasted: [journal.reaction()]}) == 0
    assert journal.seen == []


def test_patient_events_wait_for_all_others_also_for_those_that_come_meanwhile(
    book: Winery, cast: Cast, journal: Journal, taste: Callable[..., None]
) -> None:
    winery = cast.ana.winery_id
    with book.app.transaction(winery) as session:
        outbox.publish_all(session, [CellarBookFound(winery, f"old {n}") for n in range(300)])
    taste("today")
    late = iter(["just now"])

    def come_in() -> None:
        if len(journal.seen) == 5:
            taste(*late)

    journal.between = come_in
    reactions = {kind: [journal.reaction()] for kind in (VatTasted, CellarBookFound)}
    assert drain(book.worker, reactions) == 302
    seen = [vat for (vat,) in journal.seen]
    assert seen.index("today") == 0
    assert seen.index("just now") == 6, "after the one that was under way"
    assert seen[1:4] == ["old 0", "old 1", "old 2"], "the oldest first"


def test_one_worker_at_a_time_sees_to_patient_events(
    book: Winery, cast: Cast, journal: Journal, taste: Callable[..., None]
) -> None:
    winery = cast.ana.winery_id
    with book.app.transaction(winery) as session:
        outbox.publish_all(session, [CellarBookFound(winery, f"old {n}") for n in range(3)])
    reactions = {kind: [journal.reaction()] for kind in (VatTasted, CellarBookFound)}
    others: list[int] = []

    def work_too() -> None:
        journal.between = lambda: None
        taste("today")
        others.append(drain(book.worker, reactions))

    journal.between = work_too
    assert drain(book.worker, reactions) == 3
    assert others == [1], "the other one has hands for what cannot wait"
    assert [vat for (vat,) in journal.seen] == ["today", "old 0", "old 1", "old 2"]
