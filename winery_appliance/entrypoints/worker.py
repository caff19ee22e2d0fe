"""The worker process: drains the outbox and runs periodic jobs, in a pool of threads that Huey keeps."""

import os
import socket
import threading
from collections.abc import Callable

import structlog

from winery_appliance.analysis_engine.replaying import run_pending_replays
from winery_appliance.core.child_process import give_way
from winery_appliance.core.db import Database
from winery_appliance.core.error_tracking import NotReported, report_errors
from winery_appliance.core.jobs import Queue, beat, build_queue, run_job
from winery_appliance.core.log import send_lines_on, set_up_logging
from winery_appliance.core.outbox import drain
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.periodic import JOBS
from winery_appliance.entrypoints.reactions import REACTIONS
from winery_appliance.historical_data.import_job import run_pending_imports, stand_back
from winery_appliance.notifications.delivery import deliver_due

log = structlog.get_logger("winery.worker")

BEAT_EVERY_S = 15.0
# A tenth of the share of a page, where both want the processor: an analysis may come a moment later, a page may not.
BEHIND_PAGES = 10
# Imports and replays may take minutes: they have a thread of their own, so that no analysis waits for them.
IMPORTS_EVERY_S = 60.0
# A mail server that does not answer costs its time-out: in a thread of its own, so that no analysis waits for it either.
DELIVERIES_EVERY_S = 5.0
ERRORS_EVERY_S = 30.0


def build_worker_queue(
    settings: Settings, db: Database, *, also_wake: Callable[[], object] = lambda: None
) -> Queue:
    """The queue whose messages do work on `db`; `also_wake` is told of every wish to look into the outbox."""

    def look() -> None:
        also_wake()
        drain(db, REACTIONS)

    return build_queue(
        role_url(settings, "worker"),
        db,
        drain_outbox=look,
        run_periodic_job=lambda name, runs: run_job(db, JOBS, name, runs),
    )


def work(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM; on SIGINT, what is being done is finished first."""
    set_up_logging("worker")
    give_way(BEHIND_PAGES)
    db = Database(
        role_url(settings, "worker"),
        pool_size=settings.workers * 2 + 8,
        application="winery-worker",
    )
    send_lines_on(db, settings)
    stopping, imports_wait, replays_wait = threading.Event(), threading.Event(), threading.Event()

    def wake_others() -> None:
        imports_wait.set()
        replays_wait.set()

    queue = build_worker_queue(settings, db, also_wake=wake_others)
    heart = threading.Thread(
        target=_beat_until, args=(db, settings, stopping), daemon=True, name="heart"
    )
    heart.start()
    # A daemon: what it is in the middle of when the process ends is taken up again by the next one.
    for name, act, waiting, every_s in (
        (
            "imports",
            lambda: _import_pending(db, settings, queue.wake),
            imports_wait,
            IMPORTS_EVERY_S,
        ),
        ("replays", lambda: run_pending_replays(db), replays_wait, IMPORTS_EVERY_S),
        ("deliveries", lambda: deliver_due(db, settings), stopping, DELIVERIES_EVERY_S),
        ("errors", lambda: _tell_tracker(db, settings), stopping, ERRORS_EVERY_S),
    ):
        threading.Thread(
            target=_repeat_until,
            args=(name, act, waiting, every_s, stopping),
            daemon=True,
            name=name,
        ).start()
    # Whatever was committed while no worker was there is taken up before the first message arrives.
    queue.wake()
    consumer = queue.huey.create_consumer(workers=settings.workers, periodic=False)
    log.info("worker started", threads=settings.workers)
    try:
        consumer.run()
    finally:
        stopping.set()
        wake_others()
        heart.join(timeout=5)
        db.dispose()


def _import_pending(db: Database, settings: Settings, wake: Callable[[], object]) -> None:
    stand_back()
    if run_pending_imports(db, settings.imports_dir):
        wake()  # what was imported becomes history, and history patterns


def _tell_tracker(db: Database, settings: Settings) -> None:
    if settings.error_dsn is None:
        return
    try:
        report_errors(db, settings.error_dsn.get_secret_value())
    except NotReported as error:
        log.info("errors wait", reason=str(error))  # an error would be one more to tell


def _repeat_until(
    name: str,
    act: Callable[[], object],
    waiting: threading.Event,
    every_s: float,
    stopping: threading.Event,
) -> None:
    """Do `act` again and again, sooner when `waiting` is set."""
    while not stopping.is_set():
        try:
            act()
        except Exception:
            # What was not done waits in its rows, and is taken up again.
            log.exception("a part of the worker failed", part=name)
        waiting.wait(every_s)
        if waiting is not stopping:
            waiting.clear()


def _beat_until(db: Database, settings: Settings, stopping: threading.Event) -> None:
    name = f"{socket.gethostname()}/{os.getpid()}"
    while True:
        try:
            beat(db, name)
            if settings.heartbeat is not None:
                settings.heartbeat.touch()
        except Exception as error:  # noqa: BLE001 - the database is away; the next beat will tell
            log.warning("heartbeat missed", error=str(error).splitlines()[0])
        if stopping.wait(BEAT_EVERY_S):
            return
