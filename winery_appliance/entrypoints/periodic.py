"""Every periodic job, in one table: the scheduler decides when, a worker does it."""

from datetime import timedelta

import structlog
from sqlalchemy import text

from winery_appliance.analysis_engine.past import learn_from_past
from winery_appliance.analysis_engine.silence import note_silent_tanks
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.jobs import PeriodicJob
from winery_appliance.core.outbox import drain
from winery_appliance.core.settings import read_settings
from winery_appliance.devices.sampling import sample_due_hours
from winery_appliance.entrypoints.reactions import REACTIONS
from winery_appliance.historical_data.import_job import tidy_imports
from winery_appliance.historical_data.watching import look_into_folder
from winery_appliance.notifications.periodic import (
    escalate_untaken,
    purge_notices,
    queue_summary,
)
from winery_appliance.winery.queries import list_wineries

log = structlog.get_logger("winery.periodic")

# Done events answer "when was this reading analysed" for a while; after that the analysis itself does.
KEEP_FINISHED = timedelta(days=30)
AUDIT_BATCH = 5000
# A winery's readings of months may come at once; after these many rounds the other wineries have their turn.
ROUNDS = 50
# A box that is off over the holidays still finds the months it needs.
MONTHS_AHEAD = 2


def sweep_outbox(db: Database) -> None:
    """Handle whatever the queue's wake-up missed. This is the guarantee; the wake-up is only for speed."""
    drain(db, REACTIONS)


def purge_finished(db: Database) -> None:
    """Forget old done events, run-out sign-ins and tokens, and old failed attempts."""
    with db.transaction() as session:
        removed = session.scalar(
            text("SELECT door_purge_finished(:before)"), {"before": clock.now() - KEEP_FINISHED}
        )
    log.info("finished rows purged", removed=removed)


def purge_audit_log(db: Database) -> None:
    """Forget what is older than each winery keeps of its audit log, a batch at a time so that nobody waits for it."""
    removed = 0
    while True:
        with db.transaction() as session:
            gone = session.scalar(text("SELECT purge_audit_log(:most)"), {"most": AUDIT_BATCH})
        removed += gone
        if gone < AUDIT_BATCH:
            break
    if removed:
        log.info("audit log purged", removed=removed)


def keep_device_reading_months(db: Database) -> None:
    """Make the tables of the months to come, and drop the oldest beyond those that are kept."""
    with db.transaction() as session:
        made, moved, dropped = session.execute(
            text("SELECT * FROM keep_device_reading_months(:ahead, :kept)"),
            {"ahead": MONTHS_AHEAD, "kept": read_settings().reading_months},
        ).one()
    log.info("months of readings kept", made=made, moved=moved, dropped=dropped)


def sample_device_readings(db: Database) -> None:
    """Make the samples of the hours that are over, and anew those whose readings came late or were moved."""
    with db.transaction() as session:
        wineries = list_wineries(session)
    hours = 0
    for winery in wineries:
        for _ in range(ROUNDS):
            with db.transaction(winery.id) as session:
                made = sample_due_hours(session, winery.id, now=clock.now())
            if not made:
                break
            hours += made
    if hours:
        log.info("hours of devices sampled", hours=hours)
        drain(db, REACTIONS)


def judge_silent_tanks(db: Database) -> None:
    """Judge wines anew that nobody has read for long: no reading comes that would do it."""
    with db.transaction() as session:
        wineries = list_wineries(session)
    silent = 0
    for winery in wineries:
        with db.transaction(winery.id) as session:
            silent += note_silent_tanks(session, winery.id, now=clock.now())
    if silent:
        log.info("silent tanks judged", tanks=silent)
        drain(db, REACTIONS)


def learn_from_finished(db: Database) -> None:
    """Learn from each winery's finished ferments, where there are others than last time."""
    with db.transaction() as session:
        wineries = list_wineries(session)
    for winery in wineries:
        if learn_from_past(db, winery.id, now=clock.now()):
            log.info("learned from finished ferments", winery_id=winery.id)


def tidy_finished_imports(db: Database) -> None:
    """Forget files and staged rows of imports that were over a month ago."""
    tidied = tidy_imports(db, read_settings().imports_dir, now=clock.now())
    log.info("imports tidied", imports=tidied)


def tell_by_the_clock(db: Database) -> None:
    """Queue what is told without an event: alarms that nobody took, the day's summary."""
    with db.transaction() as session:
        wineries = list_wineries(session)
    for winery in wineries:
        with db.transaction(winery.id) as session:
            escalate_untaken(session, winery.id, now=clock.now())
            queue_summary(session, winery.id, now=clock.now())


def purge_old_notices(db: Database) -> None:
    """Forget what was told three months ago."""
    with db.transaction() as session:
        wineries = list_wineries(session)
    for winery in wineries:
        with db.transaction(winery.id) as session:
            purge_notices(session, now=clock.now())


def purge_log_lines(db: Database) -> None:
    """Forget log lines of more than a month ago, and the oldest beyond what is kept, a batch at a time."""
    given = {"before": clock.now() - KEEP_FINISHED, "kept": read_settings().log_rows}
    while True:
        with db.transaction() as session:
            gone = session.scalar(
                text("SELECT door_purge_log_lines(:before, :kept, :most)"),
                given | {"most": AUDIT_BATCH},
            )
        if gone < AUDIT_BATCH:
            return


def watch_folder(db: Database) -> None:
    """Take in the files that were put into the watched folder, and carry those on that were taken in before."""
    settings = read_settings()
    look_into_folder(db, settings.watched_dir, settings.imports_dir)


JOBS: dict[str, PeriodicJob] = {
    job.name: job
    for job in (
        PeriodicJob("sweep_outbox", timedelta(minutes=1), sweep_outbox),
        PeriodicJob("purge_finished", timedelta(hours=6), purge_finished),
        PeriodicJob("sample_device_readings", timedelta(minutes=5), sample_device_readings),
        PeriodicJob("judge_silent_tanks", timedelta(minutes=30), judge_silent_tanks),
        PeriodicJob("purge_audit_log", timedelta(hours=6), purge_audit_log),
        PeriodicJob("learn_from_finished", timedelta(hours=6), learn_from_finished),
        PeriodicJob("tell_by_the_clock", timedelta(minutes=1), tell_by_the_clock),
        PeriodicJob("purge_log_lines", timedelta(hours=1), purge_log_lines),
        PeriodicJob("purge_notices", timedelta(hours=6), purge_old_notices),
        PeriodicJob("tidy_imports", timedelta(hours=6), tidy_finished_imports),
        PeriodicJob("watch_folder", timedelta(seconds=30), watch_folder),
        PeriodicJob("keep_device_reading_months", timedelta(hours=6), keep_device_reading_months),
    )
}
