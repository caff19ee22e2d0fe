"""Periodic jobs: what is overdue runs once, and a clock that jumps neither skips nor doubles a run."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Winery
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.jobs import (
    PeriodicJob,
    Queue,
    find_runs,
    register_jobs,
    run_job,
)
from winery_appliance.entrypoints.scheduler import Scheduler, next_due

NOW = datetime(2026, 9, 24, 6, 30, tzinfo=UTC)
HOURLY = PeriodicJob("hourly", timedelta(hours=1), lambda _: None)
moments = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2032, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(started=st.none() | moments, finished=st.none() | moments)
def test_the_next_run_is_never_past_and_never_later_than_one_interval(
    started: datetime | None, finished: datetime | None
) -> None:
    due = next_due(HOURLY, started, finished, NOW)
    assert NOW <= due <= NOW + HOURLY.every


@pytest.mark.parametrize(
    ("started", "finished", "due"),
    [
        (None, None, NOW),
        (NOW - timedelta(minutes=20), NOW - timedelta(minutes=19), NOW + timedelta(minutes=40)),
        (NOW - timedelta(days=3), NOW - timedelta(days=3), NOW),
        (NOW - timedelta(minutes=20), None, NOW),  # cut off in the middle
        (NOW - timedelta(minutes=20), NOW - timedelta(hours=2), NOW),
        (NOW + timedelta(days=400), NOW + timedelta(days=400), NOW),  # the clock was set back
    ],
)
def test_what_is_overdue_is_due_now(
    started: datetime | None, finished: datetime | None, due: datetime
) -> None:
    if started and finished and started == finished:
        finished = finished + timedelta(seconds=1)
    assert next_due(HOURLY, started, finished, NOW) == due


class Counter:
    """A job that counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, _: Database) -> None:
        self.runs += 1


@pytest.fixture
def counter(book: Winery) -> Counter:
    with book.worker.transaction() as session:
        register_jobs(session, {"count": HOURLY})
    return Counter()


def test_a_run_that_was_queued_twice_happens_once(book: Winery, counter: Counter) -> None:
    jobs = {"count": PeriodicJob("count", timedelta(hours=1), counter)}
    assert run_job(book.worker, jobs, "count", 0) is True
    assert run_job(book.worker, jobs, "count", 0) is False
    assert run_job(book.worker, jobs, "count", 1) is True
    assert counter.runs == 2


def test_a_failing_job_leaves_its_reason_and_runs_again(book: Winery, counter: Counter) -> None:
    def fail(_: Database) -> None:
        raise OSError("disk gone")

    assert run_job(book.worker, {"count": PeriodicJob("count", HOURLY.every, fail)}, "count", 0)
    with book.worker.transaction() as session:
        runs, started, finished = find_runs(session)["count"]
    assert runs == 1
    assert started is not None
    assert finished is not None
    jobs = {"count": PeriodicJob("count", HOURLY.every, counter)}
    assert run_job(book.worker, jobs, "count", 1)
    assert counter.runs == 1


@pytest.fixture
def scheduler(book: Winery, counter: Counter) -> Iterator[Scheduler]:
    queued: list[tuple[str, int]] = []
    queue = Queue(None, lambda: None, lambda name, runs: queued.append((name, runs)))
    made = Scheduler(
        book.worker, queue, {"count": PeriodicJob("count", timedelta(hours=1), counter)}
    )
    made.timer.start(paused=True)
    yield made
    made.timer.shutdown(wait=False)


@pytest.mark.parametrize("jump", [timedelta(hours=5), timedelta(hours=-5), timedelta(days=-400)])
def test_planned_runs_move_along_with_a_clock_that_jumps(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    scheduler.plan()
    before = scheduler.timer.get_job("count").next_run_time
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + jump)
    scheduler.follow_clock()
    moved = scheduler.timer.get_job("count").next_run_time - before
    assert abs(moved - jump) < timedelta(seconds=2)
    scheduler.follow_clock()
    again = scheduler.timer.get_job("count").next_run_time - before
    assert again == moved, "one jump moves once"


def test_a_clock_that_is_slewed_moves_nothing(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler.plan()
    before = scheduler.timer.get_job("count").next_run_time
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=1))
    scheduler.follow_clock()
    assert scheduler.timer.get_job("count").next_run_time == before
