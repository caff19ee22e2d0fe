"""The work that goes on: outbox, periodic jobs, worker, clock and time zones."""

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import text

from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.jobs import find_job_errors, find_runs, is_worker_alive
from winery_appliance.core.outbox import read_backlog
from winery_appliance.entrypoints.checkup.finding import Finding, failed, passed, warned
from winery_appliance.entrypoints.periodic import JOBS
from winery_appliance.winery.queries import list_wineries, read_winery

LOG = "Look into the log for the reason."
START = "Start the appliance, or look into its log."
# The minute's sweep handles what the wake-up missed: older than a few sweeps means that nobody handles it.
OLDEST_EVENT = timedelta(minutes=5)
SKEW = timedelta(seconds=5)


def check_work(worker: Database) -> Iterator[Finding]:
    """Everything that rows tell about the work, read as the role that does it."""
    yield from check_clock(worker)
    yield from check_worker(worker)
    yield from check_jobs(worker)
    yield from check_wineries(worker)


def check_clock(worker: Database) -> Iterator[Finding]:
    """This machine and the database agree about the time, and nothing was written in the future."""
    with worker.transaction() as session:
        theirs = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        ours = clock.now()
        starts = [started for _, started, _ in find_runs(session).values() if started is not None]
    if abs(theirs - ours) > SKEW:
        yield warned(
            "clock",
            f"The clocks of this machine and of the database differ by {abs(theirs - ours)}.",
            "Let both follow the same time server.",
        )
    elif starts and max(starts) > ours + timedelta(minutes=1):
        yield warned(
            "clock",
            f"Work was done at {max(starts):%Y-%m-%d %H:%M} UTC, which is still to come.",
            "Set the clock right, and let it follow a time server.",
        )
    else:
        yield passed("clock", f"It is {ours:%Y-%m-%d %H:%M:%S} UTC.")


def check_worker(worker: Database) -> Iterator[Finding]:
    """Somebody does the queued work."""
    with worker.transaction() as session:
        alive = is_worker_alive(session)
    if alive:
        yield passed("worker", "A worker was seen in the last minute.")
    else:
        yield warned("worker", "No worker was seen in the last minute.", START)


def check_jobs(worker: Database) -> Iterator[Finding]:
    """Every periodic job runs when it is due, and ends well."""
    with worker.transaction() as session:
        runs, errors = find_runs(session), find_job_errors(session)
    now, fine = clock.now(), True
    for name, job in JOBS.items():
        _, started, finished = runs.get(name, (0, None, None))
        if name in errors:
            yield failed("periodic_jobs", f"{name} failed: {errors[name].splitlines()[0]}.", LOG)
        elif started is None or now - started > 3 * job.every:
            since = f"since {started:%Y-%m-%d %H:%M} UTC" if started else "ever"
            yield warned("periodic_jobs", f"{name} has not run {since}.", START)
        elif (finished is None or finished < started) and now - started > job.every:
            yield failed(
                "periodic_jobs", f"{name} has been running since {started:%H:%M} UTC.", LOG
            )
        else:
            continue
        fine = False
    if fine:
        yield passed("periodic_jobs", "Every periodic job runs when it is due.")


def check_wineries(worker: Database) -> Iterator[Finding]:
    """Of each winery: no event waits long or fails, and its time zone is known."""
    with worker.transaction() as session:
        wineries = list_wineries(session)
    fine_events = fine_zones = True
    for winery in wineries:
        with worker.transaction(winery.id) as session:
            backlog = read_backlog(session)
            time_zone = read_winery(session).time_zone
        if backlog.failing:
            fine_events = False
            yield failed(
                "outbox",
                f"{winery.code}: {backlog.failing} events fail again and again "
                f"({(backlog.error or '').splitlines()[0]}).",
                LOG + " They are tried again by themselves.",
            )
        elif backlog.oldest and clock.now() - backlog.oldest > OLDEST_EVENT:
            fine_events = False
            yield warned(
                "outbox",
                f"{winery.code}: {backlog.pending} events wait since {backlog.oldest:%Y-%m-%d %H:%M} UTC.",
                START,
            )
        try:
            ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            fine_zones = False
            yield failed(
                "time_zone",
                f"{winery.code}: this machine does not know the time zone {time_zone}.",
                "Install tzdata, or choose another in the winery's settings.",
            )
    if fine_events:
        yield passed("outbox", "No event waits or fails.")
    if fine_zones:
        yield passed("time_zone", "Every winery's time zone is known here.")
