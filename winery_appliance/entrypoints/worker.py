"""The worker process: drains the outbox and runs periodic jobs, in a pool of threads that Huey keeps."""

import os
import socket
import threading

import structlog

from winery_appliance.core.db import Database
from winery_appliance.core.jobs import Queue, beat, build_queue, run_job
from winery_appliance.core.log import set_up_logging
from winery_appliance.core.outbox import drain
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.periodic import JOBS
from winery_appliance.entrypoints.reactions import REACTIONS

log = structlog.get_logger("winery.worker")

BEAT_EVERY_S = 15.0


def build_worker_queue(settings: Settings, db: Database) -> Queue:
    """The queue whose messages do work on `db`."""
    return build_queue(
        role_url(settings, "worker"),
        db,
        drain_outbox=lambda: drain(db, REACTIONS),
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
    queue = build_worker_queue(settings, db)
    stopping = threading.Event()
    heart = threading.Thread(
        target=_beat_until, args=(db, settings, stopping), daemon=True, name="heart"
    )
    heart.start()
    # Whatever was committed while no worker was there is taken up before the first message arrives.
    queue.wake()
    consumer = queue.huey.create_consumer(workers=settings.workers, periodic=False)
    log.info("worker started", threads=settings.workers)
    try:
        consumer.run()
    finally:
        stopping.set()
        heart.join(timeout=5)
        db.dispose()


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
