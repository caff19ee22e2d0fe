"""`winery check` says nothing of a sound appliance, and names each fault that is put into it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.cli.conftest import Shell, make_shell
from tests.integration.conftest import Tank
from winery_appliance.core.db import Database
from winery_appliance.core.jobs import PeriodicJob, beat, find_runs, register_jobs, run_job
from winery_appliance.core.postgres import find_free_port
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.checkup.database import check_database
from winery_appliance.entrypoints.checkup.finding import Finding, Level
from winery_appliance.entrypoints.checkup.machine import (
    check_data_directory,
    check_disk,
    check_secrets,
    check_settings,
)
from winery_appliance.entrypoints.checkup.work import check_work
from winery_appliance.entrypoints.periodic import JOBS


def faults(findings: Iterator[Finding]) -> list[tuple[str, str]]:
    """What is not as it should be: the check and the level; each tells what to do."""
    found = [finding for finding in findings if finding.level != Level.PASS]
    assert all(finding.advice and finding.sentence.endswith(".") for finding in found), found
    return [(finding.check, str(finding.level)) for finding in found]


@pytest.fixture
def working(book: Winery, cast: Cast) -> Winery:
    """A book whose worker has just done everything that is due."""
    assert cast
    beat(book.worker, "w1")
    idle = {name: PeriodicJob(name, job.every, lambda _: None) for name, job in JOBS.items()}
    with book.worker.transaction() as session:
        register_jobs(session, JOBS)
    for name in idle:
        assert run_job(book.worker, idle, name, 0)
    return book


def test_a_sound_appliance_passes(working: Winery, shell: Shell) -> None:
    working.settings.data.chmod(0o700)
    told = shell.run("check", "--json").json
    assert {finding["level"] for finding in told["findings"]} == {"PASS"}
    assert told["counts"] == {"PASS": len(told["findings"]), "WARN": 0, "FAIL": 0}
    assert {finding["check"] for finding in told["findings"]} == {
        "settings",
        "data_directory",
        "secrets",
        "disk",
        "database",
        "roles",
        "migrations",
        "row_policies",
        "grants",
        "clock",
        "worker",
        "periodic_jobs",
        "outbox",
        "time_zone",
    }


def test_a_fault_is_a_line_and_an_exit_code(
    working: Winery, shell: Shell, server: str, tmp_path: Path
) -> None:
    with altered(server, working, "ALTER TABLE vessels NO FORCE ROW LEVEL SECURITY"):
        ended = shell.run("check", code=1, WINERY_PROT="8080")
    lines = [line for line in ended.out.splitlines() if not line.startswith("PASS")]
    assert [line.partition(":")[0] for line in lines] == ["WARN  settings", "FAIL  row_policies"]
    assert "WINERY_PROT" in lines[0]
    assert "Vessels does not keep the wineries apart" in lines[1]
    nowhere = make_shell(Settings(data=tmp_path / "nowhere"), tmp_path)
    told = nowhere.run("check", "--json", code=1).json
    assert told["counts"]["FAIL"] >= 3
    assert not (tmp_path / "nowhere").exists()
    assert "WINERY_PORT" in shell.run("check", code=1, WINERY_PORT="x").out
    shell.run("check", "--fix", code=2)


@contextmanager
def altered(server: str, book: Winery, *statements: str) -> Iterator[None]:
    """The database as somebody with the administrator's password left it; roles are set right again."""
    database = book.url("app").rpartition("/")[2]
    with psycopg.connect(server, dbname=database, autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement)  # type: ignore[arg-type]
        try:
            yield
        finally:
            admin.execute("ALTER ROLE winery_app NOSUPERUSER NOBYPASSRLS NOCREATEROLE LOGIN")
            admin.execute("ALTER ROLE winery_backup BYPASSRLS")
            admin.execute("REVOKE winery_owner FROM winery_app")
            admin.execute("REVOKE pg_read_all_data FROM winery_worker")


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("ALTER ROLE winery_app BYPASSRLS", "roles"),
        ("ALTER ROLE winery_app SUPERUSER", "roles"),
        ("ALTER ROLE winery_app CREATEROLE", "roles"),
        ("ALTER ROLE winery_backup NOBYPASSRLS", "roles"),
        ("GRANT winery_owner TO winery_app", "roles"),
        ("GRANT pg_read_all_data TO winery_worker", "roles"),
        ("ALTER ROLE winery_app NOLOGIN", "database"),
        ("UPDATE alembic_version SET version_num = '0001_main_job'", "migrations"),
        ("DROP TABLE alembic_version", "migrations"),
        ("ALTER TABLE samples DISABLE ROW LEVEL SECURITY", "row_policies"),
        ("ALTER TABLE samples NO FORCE ROW LEVEL SECURITY", "row_policies"),
        ("DROP POLICY tenant ON fermentations", "row_policies"),
        ("ALTER POLICY tenant ON vessels USING (true)", "row_policies"),
        ("ALTER POLICY tenant ON vessels WITH CHECK (true)", "row_policies"),
        ("CREATE POLICY wide ON vessels USING (true)", "row_policies"),
        ("CREATE TABLE casks (id int, winery_id bigint)", "row_policies"),
        ("GRANT SELECT ON samples TO PUBLIC", "grants"),
        ("GRANT UPDATE ON samples TO winery_app", "grants"),
        ("GRANT TRUNCATE ON vessels TO winery_worker", "grants"),
        ("GRANT INSERT ON vessels TO winery_backup", "grants"),
        ("GRANT SELECT ON vessels TO winery_app WITH GRANT OPTION", "grants"),
        ("REVOKE ALL ON vessels FROM winery_app", "grants"),
        ("ALTER TABLE vessels OWNER TO winery_worker", "grants"),
        ("GRANT EXECUTE ON FUNCTION door_list_wineries TO PUBLIC", "grants"),
    ],
)
def test_what_was_done_to_the_database_is_found(
    book: Winery, server: str, statement: str, check: str
) -> None:
    assert faults(check_database(book.settings)) == []
    with altered(server, book, statement):
        assert (check, "FAIL") in faults(check_database(book.settings))


def test_a_database_that_is_away_is_one_finding_a_role(book: Winery) -> None:
    nobody = f"postgresql://postgres@127.0.0.1:{find_free_port()}/book"
    away = book.settings.model_copy(update={"database_url": SecretStr(nobody)})
    assert faults(check_database(away)) == [("database", "FAIL")] * 4


class TestMachine:
    """The files of the appliance and the surroundings it was given."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        settings = Settings(data=tmp_path / "data", database_url=SecretStr("postgresql://x/y"))
        settings.secrets_dir.mkdir(mode=0o700, parents=True)
        settings.data.chmod(0o700)
        for name in ("database_app", "token_key"):
            (settings.secrets_dir / name).touch(mode=0o600)
        return settings

    def _faults(self, settings: Settings) -> list[tuple[str, str]]:
        checks: list[Callable[[Settings], Iterator[Finding]]]
        checks = [check_settings, check_data_directory, check_secrets]
        return [fault for check in checks for fault in faults(check(settings))]

    def test_all_is_well(self, settings: Settings) -> None:
        assert self._faults(settings) == []

    @pytest.mark.parametrize(
        ("path", "mode", "fault"),
        [
            ("", 0o750, ("data_directory", "WARN")),
            ("secrets", 0o705, ("secrets", "FAIL")),
            ("secrets/token_key", 0o640, ("secrets", "FAIL")),
            ("secrets/token_key", 0o604, ("secrets", "FAIL")),
        ],
    )
    def test_what_others_can_reach(
        self, settings: Settings, path: str, mode: int, fault: tuple[str, str]
    ) -> None:
        (settings.data / path).chmod(mode)
        assert self._faults(settings) == [fault]

    def test_handed_secrets_may_be_read_by_a_group(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        handed = tmp_path / "handed"
        handed.mkdir()
        (handed / "database_app").touch(mode=0o440)
        settings = settings.model_copy(update={"secrets": handed})
        assert self._faults(settings) == []
        (handed / "database_app").chmod(0o444)
        assert self._faults(settings) == [("secrets", "FAIL")]

    def test_what_is_not_there(self, settings: Settings, tmp_path: Path) -> None:
        gone = settings.model_copy(update={"data": tmp_path / "gone"})
        assert self._faults(gone) == [("data_directory", "FAIL"), ("secrets", "FAIL")]
        own = settings.model_copy(update={"database_url": None})
        assert self._faults(own) == [("data_directory", "FAIL")]

    def test_settings_that_are_hardly_meant_so(self, settings: Settings) -> None:
        open_to_all = settings.model_copy(update={"host": "0.0.0.0"})
        assert self._faults(open_to_all) == [("settings", "WARN")]
        behind_https = open_to_all.model_copy(update={"secure_cookies": True})
        assert self._faults(behind_https) == []

    def test_a_full_disk(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        assert faults(check_disk(settings)) == []
        module = "winery_appliance.entrypoints.checkup.machine"
        monkeypatch.setattr(f"{module}.SPACE_WARNS_BYTES", 10**18)
        assert faults(check_disk(settings)) == [("disk", "WARN")]
        monkeypatch.setattr(f"{module}.SPACE_FAILS_BYTES", 10**18)
        assert faults(check_disk(settings)) == [("disk", "FAIL")]


class TestWork:
    """What rows tell about the work."""

    def test_an_idle_worker_that_did_everything_is_well(self, working: Winery) -> None:
        assert faults(check_work(working.worker)) == []

    def test_nobody_works(self, book: Winery, cast: Cast) -> None:
        assert cast
        expected = [("worker", "WARN")] + [("periodic_jobs", "WARN")] * len(JOBS)
        assert faults(check_work(book.worker)) == expected

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ("last_error = 'ValueError: no'", ("periodic_jobs", "FAIL")),
            ("last_started_at = now() - interval '1 year'", ("periodic_jobs", "WARN")),
            ("last_finished_at = last_started_at - interval '1 s'", None),
            (
                "last_started_at = now() - interval '2 min', last_finished_at = NULL",
                ("periodic_jobs", "FAIL"),
            ),
            (
                "last_started_at = now() + interval '1 h', last_finished_at = now() + interval '1 h'",
                ("clock", "WARN"),
            ),
        ],
    )
    def test_a_periodic_job(
        self, working: Winery, change: str, fault: tuple[str, str] | None
    ) -> None:
        name = "sweep_outbox"  # every minute: two minutes are late for it, and not so late that nothing runs
        assert JOBS[name].every < timedelta(minutes=2)
        with working.worker.transaction() as session:
            session.execute(
                text(f"UPDATE periodic_jobs SET {change} WHERE name = :name"), {"name": name}
            )
        assert faults(check_work(working.worker)) == ([fault] if fault else [])

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ("created_at = now() - interval '1 min'", []),
            ("created_at = now() - interval '1 h'", [("outbox", "WARN")]),
            ("last_error = 'x', run_after = now() + interval '1 h'", [("outbox", "FAIL")]),
            ("created_at = now() - interval '1 h', done_at = now(), last_error = 'x'", []),
        ],
    )
    def test_events(
        self, working: Winery, tank: Tank, cast: Cast, change: str, expected: list[Any]
    ) -> None:
        assert tank.record("24.0").status_code == 201
        with working.worker.transaction(cast.ana.winery_id) as session:
            session.execute(text(f"UPDATE outbox SET {change}"))
        assert faults(check_work(working.worker)) == expected

    def test_a_time_zone_that_nobody_knows(self, working: Winery, cast: Cast) -> None:
        with working.app.transaction(cast.carla.winery_id) as session:
            session.execute(text("UPDATE wineries SET time_zone = 'Mars/Olympus'"))
        assert faults(check_work(working.worker)) == [("time_zone", "FAIL")]

    def test_looking_changes_nothing(self, working: Winery) -> None:
        before = _read_runs(working.worker)
        list(check_work(working.worker))
        assert _read_runs(working.worker) == before


def _read_runs(worker: Database) -> object:
    with worker.transaction() as session:
        return find_runs(session)
