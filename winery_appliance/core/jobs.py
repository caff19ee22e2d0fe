"""The queue and the periodic jobs. Huey wakes and pools; what must happen stands in rows, never in the queue alone.

A periodic job has a row that tells when it last ran. Its run is claimed by a counter in that row, so a run that was
queued twice happens once, whatever the clock did meanwhile.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from huey import Huey
from huey.storage import PostgresStorage
from sqlalchemy import BigInteger, DateTime, Text, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from winery_appliance.core.db import Base, Database

log = structlog.get_logger("winery.jobs")

QUEUE = "winery"
WORKER_SEEN_S = 60


class PeriodicJobRow(Base):
    """The last run of one periodic job."""

    __tablename__ = "periodic_jobs"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    runs: Mapped[int] = mapped_column(BigInteger, server_default="0")
    last_started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_error: Mapped[str | None] = mapped_column(Text)


class WorkerHeartbeat(Base):
    """When a worker process was last alive."""

    __tablename__ = "worker_heartbeats"

    worker: Mapped[str] = mapped_column(Text, primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


@dataclass(frozen=True)
class PeriodicJob:
    """Work that comes round: its name, how often, and what it does."""

    name: str
    every: timedelta
    run: Callable[[Database], None]


@dataclass(frozen=True)
class Queue:
    """The queue with its two kinds of message: "look into the outbox" and "run this periodic job"."""

    huey: Huey
    wake: Callable[[], object]
    run_periodic: Callable[[str, int], object]


class PooledStorage(PostgresStorage):  # type: ignore[misc]
    """Huey's own tables and messages, but sent over our pool: a web thread needs no second connection for it."""

    def __init__(self, name: str, *, db: Database, **options: Any) -> None:
        self._db = db
        super().__init__(name, **options)

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        """Add a message and wake whoever listens, in a transaction of its own."""
        with self._db.transaction() as session:
            session.execute(
                text(
                    f"INSERT INTO {self.table_task} (queue, data, priority) "  # noqa: S608
                    "VALUES (:queue, :data, :priority)"
                ),
                {"queue": self.name, "data": data, "priority": priority or 0},
            )
            session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": self.channel})


def _not_a_worker(*_: object) -> None:
    raise RuntimeError("this process queues work and does none")


def build_queue(
    url: str,
    db: Database,
    *,
    drain_outbox: Callable[[], object] = _not_a_worker,
    run_periodic_job: Callable[[str, int], object] = _not_a_worker,
) -> Queue:
    """The queue in the database; a worker passes what its messages do and listens at `url`, others only send."""

    def connect() -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(url, connect_timeout=5, application_name="winery-queue")

    huey = Huey(
        QUEUE,
        storage_class=PooledStorage,
        db=db,
        connection=connect,
        create_tables=False,
        results=False,
        utc=True,
    )

    @huey.task(name="wake")  # type: ignore[untyped-decorator]
    def wake() -> None:
        drain_outbox()

    @huey.task(name="run_periodic")  # type: ignore[untyped-decorator]
    def run_periodic(name: str, runs: int) -> None:
        run_periodic_job(name, runs)

    return Queue(huey, wake, run_periodic)


def claim_run(session: Session, name: str, runs: int) -> bool:
    """Take the run that was queued when the job had run `runs` times; False when someone took it already."""
    claimed = session.scalar(
        update(PeriodicJobRow)
        .where(PeriodicJobRow.name == name, PeriodicJobRow.runs == runs)
        .values(runs=runs + 1, last_started_at=func.now(), last_error=None)
        .returning(PeriodicJobRow.name)
    )
    return claimed is not None


def run_job(db: Database, jobs: Mapping[str, PeriodicJob], name: str, runs: int) -> bool:
    """Run the periodic job `name` unless this run is taken or another one is still at it; whether it ran."""
    job = jobs.get(name)
    if job is None:
        log.warning("unknown periodic job", job=name)
        return False
    with db.advisory_lock(f"job/{name}") as mine:
        if not mine:
            return False
        with db.transaction() as session:
            if not claim_run(session, name, runs):
                return False
        error = _attempt(db, job)
        with db.transaction() as session:
            session.execute(
                update(PeriodicJobRow)
                .where(PeriodicJobRow.name == name)
                .values(last_finished_at=func.now(), last_error=error)
            )
    return True


def _attempt(db: Database, job: PeriodicJob) -> str | None:
    structlog.contextvars.bind_contextvars(job_id=f"periodic-{job.name}")
    try:
        job.run(db)
    except Exception as error:
        log.exception("periodic job failed", job=job.name)
        return f"{type(error).__name__}: {error}"[:500]
    finally:
        structlog.contextvars.unbind_contextvars("job_id")
    return None


def register_jobs(session: Session, jobs: Mapping[str, PeriodicJob]) -> None:
    """Give every periodic job its row."""
    for name in jobs:
        session.execute(insert(PeriodicJobRow).values(name=name).on_conflict_do_nothing())


def find_runs(session: Session) -> dict[str, tuple[int, datetime | None, datetime | None]]:
    """Of each periodic job: how often it ran, and when its last run started and finished."""
    return {
        row.name: (row.runs, row.last_started_at, row.last_finished_at)
        for row in session.scalars(select(PeriodicJobRow))
    }


def find_job_errors(session: Session) -> dict[str, str]:
    """Of each periodic job whose last run failed: why."""
    return {
        row.name: row.last_error
        for row in session.scalars(select(PeriodicJobRow))
        if row.last_error is not None
    }


def beat(db: Database, worker: str) -> None:
    """Note that this worker is alive."""
    with db.transaction() as session:
        session.execute(
            insert(WorkerHeartbeat)
            .values(worker=worker, seen_at=func.now())
            .on_conflict_do_update(index_elements=["worker"], set_={"seen_at": func.now()})
        )


def is_worker_alive(session: Session) -> bool:
    """Whether any worker was seen in the last minute."""
    limit = func.now() - timedelta(seconds=WORKER_SEEN_S)
    return bool(
        session.scalar(
            select(WorkerHeartbeat.worker).where(WorkerHeartbeat.seen_at > limit).limit(1)
        )
    )
