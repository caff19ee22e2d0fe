"""Numbers for Prometheus: what this process answers, and of the whole appliance what rows, notes and the machine tell.

Only addresses of `WINERY_METRICS_FROM` are answered (this machine by itself), and the front server passes none on.
"""

import ipaddress
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backup.health import LEVELS, Health, assess
from sync.health import OffsiteHealth, assess_offsite
from winery_appliance.core import clock, web
from winery_appliance.core.db import Database
from winery_appliance.core.errors import NotFound
from winery_appliance.core.machine_facts import find_expiry, is_clock_followed, read_room
from winery_appliance.core.read_replica import ReadReplica
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import say
from winery_appliance.entrypoints.certificates import CERTIFICATE
from winery_appliance.entrypoints.copies import find_copies

blueprint = Blueprint("metrics", __name__)
# From what a hand does not notice to what makes it go away.
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def set_up_metrics(app: Flask, db: Database, settings: Settings) -> None:
    """Count and time every request of this process, and let `/metrics` tell of it."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(WorkCollector(db))
    registry.register(MachineCollector(settings))
    replica: ReadReplica | None = app.extensions.get("winery_read_replica")
    if replica is not None:
        used = Gauge(
            "winery_read_replica_used",
            "Whether this process does its heavy reading on the read replica.",
            registry=registry,
        )
        used.set_function(lambda: replica.is_used)
    answered = Counter(
        "winery_http_requests",
        "Requests that were answered.",
        ("endpoint", "method", "status"),
        registry=registry,
    )
    taken = Histogram(
        "winery_http_request_seconds",
        "Time from a request's arrival in the application to its answer.",
        ("endpoint", "method"),
        buckets=BUCKETS_S,
        registry=registry,
    )

    def note(response: Response) -> Response:
        # An address that nobody knows is one label, or whoever guesses addresses would fill the memory.
        endpoint = request.endpoint or "unknown"
        if endpoint != "metrics.show":
            answered.labels(endpoint, request.method, str(response.status_code)).inc()
            begun = g.get("started")
            if begun is not None:
                taken.labels(endpoint, request.method).observe(clock.monotonic_s() - begun)
        return response

    app.after_request(note)
    app.extensions["winery_metrics"] = registry


@blueprint.get("/metrics")
def show() -> ResponseReturnValue:
    """Everything, in Prometheus' text format; not there for anybody outside."""
    if not _is_inside(web.client_address(), web.settings().metrics_from):
        raise NotFound(say("There is no such page."))
    registry: CollectorRegistry = current_app.extensions["winery_metrics"]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _is_inside(address: str, networks: str) -> bool:
    try:
        asking = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(
        asking in ipaddress.ip_network(network.strip(), strict=False)
        for network in networks.split(",")
    )


def _gauge(name: str, words: str, value: float | None) -> Iterator[Metric]:
    if value is not None:
        yield GaugeMetricFamily(f"winery_{name}", words, value=float(value))


MEASURES = {
    "outbox_pending": ("outbox_pending", "Events that are due and not handled."),
    "outbox_oldest_s": ("outbox_oldest_seconds", "Age of the oldest of them."),
    "outbox_failing": ("outbox_failing", "Events whose reactions fail again and again."),
    "queue_messages": ("queue_messages", "Messages that wait for a worker."),
    "samples_last_hour": ("samples_last_hour", "Samples that came in the last hour."),
    "readings_last_hour": ("device_readings_last_hour", "Readings that came in the last hour."),
    "notices_waiting": ("notices_waiting", "Notices that are due and not delivered."),
    "notices_oldest_s": ("notices_oldest_seconds", "Age of the oldest of them."),
    "worker_age_s": ("worker_age_seconds", "Since a worker was last seen."),
    "database_bytes": ("database_bytes", "Size of the database."),
    "analyses": ("analyses_last_quarter_hour", "Samples judged in the last 15 minutes."),
}


class WorkCollector(Collector):
    """What rows tell about the work of all wineries together."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: registering asks no database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The numbers as they are now; while the database is away only that it is."""
        try:
            with self._db.transaction() as session:
                found: dict[str, Any] = session.execute(
                    text("SELECT door_read_measures()")
                ).scalar_one()
        except SQLAlchemyError:
            yield from _gauge("database_up", "Whether the database answers.", 0)
            return
        yield from _gauge("database_up", "Whether the database answers.", 1)
        for key, (name, words) in MEASURES.items():
            yield from _gauge(name, words, found[key])
        offset_s = clock.now().timestamp() - float(found["now_s"])
        yield from _gauge("clock_offset_seconds", "This clock against the database's.", offset_s)
        yield from _tell_families(found)


def _tell_families(found: dict[str, Any]) -> Iterator[Metric]:
    took = GaugeMetricFamily(
        "winery_analysis_seconds",
        "From the commit of a sample to its analysis, of the last 15 minutes.",
        labels=["quantile"],
    )
    for quantile, key in (("0.5", "analysis_p50_s"), ("0.95", "analysis_p95_s")):
        if found[key] is not None:
            took.add_metric([quantile], float(found[key]))
    yield took
    alarms = GaugeMetricFamily("winery_alarms_open", "Alarms that stand open.", labels=["severity"])
    for severity in ("critical", "warning", "info"):
        alarms.add_metric([severity], found["alarms"].get(severity, 0))
    yield alarms
    age = GaugeMetricFamily(
        "winery_periodic_job_age_seconds", "Since a job last started.", labels=["name"]
    )
    failed = GaugeMetricFamily(
        "winery_periodic_job_failed", "Whether its last run failed.", labels=["name"]
    )
    for name, job in sorted(found["jobs"].items()):
        if job["age_s"] is not None:
            age.add_metric([name], float(job["age_s"]))
        failed.add_metric([name], float(job["failed"]))
    yield from (age, failed)


class MachineCollector(Collector):
    """What the machine and the notes of the copies tell."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The numbers as they are now."""
        settings, moment = self._settings, clock.now()
        room = read_room(settings.data) or read_room(settings.data.parent)
        if room is not None:
            yield from _gauge("disk_free_bytes", "Free room on the disk of the data.", room[0])
            yield from _gauge("disk_size_bytes", "All room on the disk of the data.", room[1])
        expiry = find_expiry(settings.certificate or settings.secrets_dir / CERTIFICATE)
        if expiry is not None:
            left_s = (expiry - moment).total_seconds()
            yield from _gauge("certificate_left_seconds", "Until the certificate ends.", left_s)
        followed = is_clock_followed()
        yield from _gauge("clock_followed", "Whether a time server is followed.", followed)
        copies = assess(find_copies(settings), moment)
        offsite = assess_offsite(find_copies(settings), moment)
        yield from _tell_lag({"nas": copies.rpo_s, "cloud": offsite.rpo_s})
        yield from _tell_copies(copies)
        yield from _tell_offsite(offsite)


def _tell_lag(seconds: dict[str, float | None]) -> Iterator[Metric]:
    lag = GaugeMetricFamily(
        "winery_wal_lag_seconds",
        "What would be lost if the house burned now.",
        labels=["destination"],
    )
    for destination, value in seconds.items():
        if value is not None:
            lag.add_metric([destination], value)
    yield lag


def _tell_copies(health: Health) -> Iterator[Metric]:
    moment = clock.now()

    def age_s(at: Any) -> float | None:
        return (moment - at).total_seconds() if at else None

    proof = health.trend[-1] if health.trend else None
    yield from _gauge(
        "copies_level", "Of the copies: 0 green, 1 amber, 2 red.", LEVELS.index(health.level)
    )
    states = {finding.name: finding.level for finding in health.findings}
    yield from _gauge(
        "nas_up",
        "Whether copies reach a NAS.",
        states.get("log") == "green" and "stream" not in states,
    )
    yield from _gauge("nas_mounted", "Whether it is another machine.", states.get("nas") == "green")
    yield from _gauge("spool_bytes", "Records that wait for the NAS.", health.spool_bytes)
    yield from _gauge("base_age_seconds", "Age of the newest base copy.", age_s(health.base_at))
    yield from _gauge("dump_age_seconds", "Age of the newest dump.", age_s(health.dump_at))
    yield from _gauge(
        "restore_proof_age_seconds", "Since a restore was last proven.", age_s(health.proven_at)
    )
    if proof is not None:
        yield from _gauge("restore_proof_success", "Whether the last trial worked.", proof.ok)
        yield from _gauge("restore_rto_seconds", "How long it took to come back.", proof.rto_s)


def _tell_offsite(health: OffsiteHealth) -> Iterator[Metric]:
    """Nothing of an appliance whose copies do not leave the house."""
    if health.bucket is None:
        return
    moment = clock.now()
    carried = health.of_bytes - health.done_bytes if health.doing else 0
    yield from _gauge(
        "sync_level", "Off-site: 0 green, 1 amber, 2 red.", LEVELS.index(health.level)
    )
    yield from _gauge(
        "sync_backlog_bytes",
        "Records that wait for the line, and what is left of the copy under way.",
        health.waiting_bytes + carried,
    )
    yield from _gauge("sync_copies_waiting", "Copies that wait for the line.", len(health.waiting))
    for name, words, at in (
        ("sync_base_age_seconds", "Age of the newest base copy off-site.", health.base_at),
        ("sync_proof_age_seconds", "Since a restore from there was proven.", health.proven_at),
    ):
        yield from _gauge(name, words, (moment - at).total_seconds() if at else None)
