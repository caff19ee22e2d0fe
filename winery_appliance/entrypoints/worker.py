"""The worker process: drains the outbox and runs periodic jobs, in a pool of threads that Huey keeps."""

import os
import socket
import threading
from collections.abc import Callable

import structlog

from winery_appliance.core.db import Database
from winery_appliance.core.jobs import Queue, beat, build_queue, run_job
from winery_appliance.core.log import set_up_logging
from winery_appliance.core.outbox import drain
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.periodic import JOBS
from winery_appliance.entrypoints.reactions import REACTIONS
from winery_appliance.historical_data.import_job import run_pending_imports

log = structlog.get_logger("winery.worker")

BEAT_EVERY_S = 15.0
# An import may take minutes: it has a thread of its own, so that no analysis waits for it.
IMPORTS_EVERY_S = 60.0


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
    db = Database(
        role_url(settings, "worker"),
        pool_size=settings.workers * 2 + 2,
        application="winery-worker",
    )
    stopping, imports_wait = threading.Event(), threading.Event()
    queue = build_worker_queue(settings, db, also_wake=imports_wait.set)
    heart = threading.Thread(
        target=_beat_until, args=(db, settings, stopping), daemon=True, name="heart"
    )
    heart.start()
    # A daemon: what it is in the middle of when the process ends is taken up again by the next one.
    threading.Thread(
        target=_import_until,
        args=(db, settings, imports_wait, stopping),
        daemon=True,
        name="imports",
    ).start()
    # Whatever was committed while no worker was there is taken up before the first message arrives.
    queue.wake()
    consumer = queue.huey.create_consumer(workers=settings.workers, periodic=False)
    log.info("worker started", threads=settings.workers)
    try:
        consumer.run()
    finally:
        stopping.set()
        imports_wait.set()
        heart.join(timeout=5)
        db.dispose()


def _import_until(
    db: Database, settings: Settings, waiting: threading.Event, stopping: threading.Event
) -> None:
    while not stopping.is_set():
        try:
            run_pending_imports(db, settings.imports_dir)
        except Exception:
            log.exception("imports failed")  # they wait in their rows, and are taken up again
        waiting.wait(IMPORTS_EVERY_S)
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
