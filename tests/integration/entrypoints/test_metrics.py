"""Numbers for the collector: there for it and for nobody else, and all that rules and dashboards ask for."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from backup.proofs import Proof
from sync.configuration import sync_dir
from sync.reports import (
    COPIES,
    LOG,
    RUN,
    CopiesReport,
    LogReport,
    RunReport,
    save_report,
)
from tests.conftest import Cast, Winery
from tests.integration.conftest import Tank
from tests.unit.backup.test_health import Machine
from winery_appliance.core.clock import now
from winery_appliance.core.db import Database
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings, SettingsError, read_settings
from winery_appliance.entrypoints.metrics import MachineCollector

MONITORING = Path(__file__).parents[3] / "monitoring"


@pytest.fixture
def copies(book: Winery) -> Iterator[Machine]:
    """Notes of copies as a NAS that works leaves them."""
    machine = Machine(book.settings.data)
    machine.proofs.append(Proof(at=now() - timedelta(hours=1), ok=True, words="", rto_s=12.0))
    machine.save()
    yield machine
    for path in ("site.json", "status.json", "base.json", "dump.json", "proofs.jsonl"):
        (book.settings.data / "backup" / path).unlink(missing_ok=True)


def scrape(app: Flask, address: str = "127.0.0.1") -> dict[str, dict[str, float]]:
    """Every sample by its name and the values of its labels."""
    answer = app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 200
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = ",".join(sample.labels[name] for name in sorted(sample.labels))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


@pytest.mark.parametrize("address", ["192.168.1.20", "198.18.77.10", "2001:db8::1", "unknown"])
def test_nobody_outside_sees_them(app: Flask, address: str) -> None:
    answer = app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == 404
    assert "winery_" not in answer.text


def test_who_may_read_them_is_a_list_of_networks() -> None:
    settings = read_settings({"WINERY_METRICS_FROM": "10.0.0.0/8, ::1"})
    assert settings.metrics_from == "10.0.0.0/8, ::1"
    with pytest.raises(SettingsError, match="WINERY_METRICS_FROM"):
        read_settings({"WINERY_METRICS_FROM": "everybody"})


def test_requests_are_counted_and_timed_by_what_they_ask_for(app: Flask, cast: Cast) -> None:
    assert cast
    client = app.test_client()
    for path in ("/sign-in", "/sign-in", "/nowhere", "/nowhere-else", "/healthz"):
        client.get(path)
    found = scrape(app)
    assert found["winery_http_requests_total"]["auth.sign_in,GET,200"] == 2
    assert found["winery_http_requests_total"]["unknown,GET,404"] == 2
    assert found["winery_http_request_seconds_count"]["auth.sign_in,GET"] == 2


def test_work_is_told_as_the_rows_have_it(app: Flask, book: Winery, tank: Tank) -> None:
    assert tank.record("24.0").status_code == 201
    found = scrape(app)
    assert found["winery_samples_last_hour"][""] == 1
    assert found["winery_outbox_pending"][""] >= 1
    assert found["winery_outbox_oldest_seconds"][""] >= 0
    with book.worker.transaction() as session:
        session.execute(text("INSERT INTO worker_heartbeats VALUES ('w', now() - interval '90 s')"))
    assert 89 < scrape(app)["winery_worker_age_seconds"][""] < 150


def test_rows_are_read_with_the_rights_of_an_appliance(template: Settings) -> None:
    """Copies of the template let everybody connect; what `winery prepare` made does not."""
    with psycopg.connect(role_url(template, "app")) as app:
        found = app.execute("SELECT door_read_measures()").fetchone()
    assert found is not None
    assert found[0]["database_bytes"] > 0


def test_they_tell_how_long_an_analysis_took(app: Flask, tank: Tank, work_off: object) -> None:
    tank.record("24.0")
    work_off()  # type: ignore[operator]
    found = scrape(app)["winery_analysis_seconds"]
    assert 0 < found["0.5"] <= found["0.95"] < 60


def test_a_database_that_is_away_is_told_and_breaks_nothing(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Database("postgresql://winery_app@127.0.0.1:1/winery")
    monkeypatch.setattr(app.extensions["winery_database"], "engine", away.engine)
    found = scrape(app)
    assert found["winery_database_up"] == {"": 0}
    assert "winery_disk_free_bytes" in found


@pytest.fixture
def offsite(book: Winery) -> Iterator[Settings]:
    """The settings of an appliance whose copies leave the house, with 3 MB of records and a copy on their way."""
    settings = book.settings.model_copy(update={"offsite": "s3://cellar/winery"})
    moment = now()
    save_report(settings, RUN, RunReport(at=moment))
    log = LogReport(at=moment, sent_at=moment - timedelta(minutes=5), waiting_bytes=3_000_000)
    save_report(settings, LOG, log)
    copies = CopiesReport(at=moment, doing="base", done_bytes=4_000, of_bytes=9_000, waiting=["d"])
    save_report(settings, COPIES, copies)
    yield settings
    shutil.rmtree(sync_dir(settings))


def collect(settings: Settings) -> dict[str, float]:
    """What the machine's notes tell, by name and labels."""
    return {
        f"{sample.name}{''.join(sample.labels.values())}": sample.value
        for family in MachineCollector(settings).collect()
        for sample in family.samples
    }


def test_what_waits_for_the_line_is_told(offsite: Settings) -> None:
    found = collect(offsite)
    assert found["winery_sync_backlog_bytes"] == 3_005_000
    assert found["winery_sync_copies_waiting"] == 1
    assert 300 <= found["winery_wal_lag_secondscloud"] < 360


def test_an_appliance_without_a_bucket_tells_nothing_of_one(
    book: Winery, offsite: Settings
) -> None:
    assert offsite.offsite
    assert not [name for name in collect(book.settings) if "sync" in name or "cloud" in name]


@pytest.mark.usefixtures("copies")
def test_rules_and_dashboards_ask_only_for_what_is_there(
    app: Flask, book: Winery, tank: Tank, work_off: object, offsite: Settings
) -> None:
    tank.record("24.0")
    work_off()  # type: ignore[operator]
    with book.worker.transaction() as session:
        session.execute(text("INSERT INTO worker_heartbeats VALUES ('w', now())"))
        session.execute(
            text("INSERT INTO periodic_jobs (name, last_started_at) VALUES ('j', now())")
        )
    book.settings.secrets_dir.mkdir(exist_ok=True)
    scrape(app)
    there = set(scrape(app)) | set(collect(offsite)) | {"up"}
    there |= {"winery_certificate_left_seconds", "winery_clock_followed"}  # not on every machine
    asked = set()
    for path in (*MONITORING.rglob("*.json"), MONITORING / "prometheus" / "rules.yml"):
        written = path.read_text()
        texts = (
            [t["expr"] for panel in json.loads(written)["panels"] for t in panel["targets"]]
            if path.suffix == ".json"
            else re.findall(r"expr: (.*)", written)
        )
        for expression in texts:
            asked |= set(re.findall(r"\b(?:winery|process)_\w+|\bup\b", expression))
    assert len(asked) > 30
    assert asked - there == set()
