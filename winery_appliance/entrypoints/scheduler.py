"""The scheduler process: decides when a periodic job is due and puts its run into the queue. Does no work itself.

Intervals are kept on the monotonic clock: when the wall clock jumps, every planned run is moved along with it, so that a
jump neither skips nor doubles a run. What was due while the box was off is queued at start, once.
"""

import signal
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import DBAPIError

from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.jobs import PeriodicJob, Queue, build_queue, find_runs
from winery_appliance.core.log import send_lines_on, set_up_logging
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.periodic import JOBS

log = structlog.get_logger("winery.scheduler")

# Time servers slew by less than this within a watch; more is a jump.
JUMP = timedelta(seconds=2)
WATCH_EVERY_S = 5.0


def next_due(
    job: PeriodicJob, started_at: datetime | None, finished_at: datetime | None, now: datetime
) -> datetime:
    """When the job is due, from its own row.

    At once when it never ran, was cut off in the middle, or ran "in the future" (the clock was set back since, so nobody
    knows how long ago that was); else one interval after it last started.
    """
    if started_at is None or finished_at is None or finished_at < started_at or started_at > now:
        return now
    return max(now, started_at + job.every)


class ClockWatch:
    """Notices when the wall clock moves against the monotonic one."""

    def __init__(self) -> None:
        self._offset_s = self._measure()

    def _measure(self) -> float:
        return clock.now().timestamp() - clock.monotonic_s()

    def read_jump(self) -> timedelta:
        """How far the wall clock has jumped since the last call; nothing for less than two seconds."""
        offset_s = self._measure()
        jump = timedelta(seconds=offset_s - self._offset_s)
        if abs(jump) < JUMP:
            return timedelta(0)
        self._offset_s = offset_s
        return jump


class Scheduler:
    """The periodic jobs on APScheduler, with runs queued by the counter in each job's row."""

    def __init__(self, db: Database, queue: Queue, jobs: Mapping[str, PeriodicJob]) -> None:
        self._db = db
        self._queue = queue
        self._jobs = jobs
        self._watch = ClockWatch()
        self.timer = BackgroundScheduler(timezone="UTC", daemon=True)

    def plan(self) -> None:
        """Plan every job from its row."""
        now = clock.now()
        with self._db.transaction() as session:
            runs = find_runs(session)
        for job in self._jobs.values():
            _, started_at, finished_at = runs.get(job.name, (0, None, None))
            self.timer.add_job(
                self.queue_run,
                "interval",
                seconds=job.every.total_seconds(),
                args=[job.name],
                id=job.name,
                next_run_time=next_due(job, started_at, finished_at, now),
                replace_existing=True,
                coalesce=True,
                misfire_grace_time=None,  # late is better than never: boxes sleep
            )

    def queue_run(self, name: str) -> None:
        """Put one run of the job into the queue, marked with how often the job has run so far."""
        try:
            with self._db.transaction() as session:
                runs = find_runs(session).get(name, (0, None, None))[0]
            self._queue.run_periodic(name, runs)
        except DBAPIError as error:
            log.warning("run not queued", job=name, error=str(error).splitlines()[0])

    def follow_clock(self) -> None:
        """Move every planned run along with a jump of the wall clock."""
        jump = self._watch.read_jump()
        if not jump:
            return
        log.warning("clock jumped", seconds=jump.total_seconds())
        for planned in self.timer.get_jobs():
            if planned.next_run_time is not None:
                planned.modify(next_run_time=planned.next_run_time + jump)


def run_scheduler(settings: Settings) -> None:
    """Schedule until SIGTERM or SIGINT."""
    set_up_logging("scheduler")
    db = Database(role_url(settings, "worker"), pool_size=3, application="winery-scheduler")
    send_lines_on(db, settings)
    scheduler = Scheduler(db, build_queue(role_url(settings, "worker"), db), JOBS)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    while not stopping.is_set():
        try:
            scheduler.plan()
            break
        except DBAPIError as error:
            log.warning("database not reached, trying again", error=str(error).splitlines()[0])
            stopping.wait(2)
    scheduler.timer.start()
    log.info("scheduler started", jobs=sorted(JOBS))
    while not stopping.wait(WATCH_EVERY_S):
        scheduler.follow_clock()
        if settings.heartbeat is not None:
            settings.heartbeat.touch()
    scheduler.timer.shutdown(wait=False)
    db.dispose()
