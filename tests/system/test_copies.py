"""The running appliance copies itself from the first minute, and comes back from its copies."""

import http.client
import http.cookiejar
import json
import os
import re
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.integration.backup.conftest import BACKUP
from tests.integration.runtime.running_appliance import wait_for
from tests.read_files import read_files
from tests.system.appliance import RealAppliance
from winery_appliance.core.postgres import find_free_port

PATIENCE_S = 120.0


def ask(appliance: RealAppliance, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`winery-backup` on the appliance's data directory."""
    return subprocess.run(
        [BACKUP, *arguments], env=appliance.environment, capture_output=True, text=True
    )


def start_patiently(appliance: RealAppliance, nas: Path, *options: str) -> None:
    """Start with copies to `nas`, on a machine that may be busy."""
    appliance.environment["WINERY_NAS"] = str(nas)
    appliance.launch("--nas", str(nas), *options)
    wait_for(lambda: "ready: http" in appliance.shown(), "the address", PATIENCE_S)


def read_status(appliance: RealAppliance) -> dict[str, Any]:
    """What `winery-backup status --json` says."""
    found: dict[str, Any] = json.loads(ask(appliance, "status", "--json").stdout)
    return found


def await_copies(appliance: RealAppliance) -> None:
    """Return when a base copy is there and the log is shipped beyond what is committed now."""
    goal = appliance.count("SELECT pg_current_wal_flush_lsn() - '0/0'")

    def done() -> bool:
        file = appliance.data / "backup" / "status.json"
        state = json.loads(file.read_text()) if file.exists() else {}
        return (state.get("end") or 0) >= goal - 8 and not state["trouble"]

    wait_for(done, "the copies", PATIENCE_S)


def await_past(appliance: RealAppliance) -> None:
    """Return when all that was told of has been worked on: the past wines of the demo, too."""
    left = "SELECT count(*) FROM outbox WHERE done_at IS NULL"
    wait_for(lambda: appliance.count(left) == 0, "the past wines", PATIENCE_S)


def count_rows(appliance: RealAppliance) -> dict[str, int]:
    """Rows and a hash of all rows of every table, but those that the running processes keep changing."""
    restless = (
        "('worker_heartbeats', 'periodic_jobs', 'lessons', 'huey_task', 'huey_kv', 'huey_schedule',"
        " 'log_lines', 'notices', 'outbox')"
    )
    found = {}
    with appliance.admin() as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            f"AND tablename NOT IN {restless}"
        ).fetchall()
        for (name,) in names:
            query = (
                f'SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM "{name}" t'
            )
            row = connection.execute(query).fetchone()  # type: ignore[arg-type]
            assert row is not None
            found[f"{name} rows"], found[f"{name} hash"] = int(row[0]), int(row[1])
    return found


def copy_a_wine(appliance: RealAppliance, nas: Path, code: str, sugar: str) -> dict[str, int]:
    """Start it, record a reading of a new wine and wait until all of it is copied; what `count_rows` counted."""
    start_patiently(appliance, nas)
    tank = appliance.start_fermentation(code)
    assert tank.send(tank.body(sugar, 2)).status == 201
    tank.await_coverage(1)
    await_past(appliance)
    counted = count_rows(appliance)
    await_copies(appliance)
    return counted


def test_the_demo_is_copied_and_comes_back_on_another_directory(tmp_path: Path) -> None:
    nas = tmp_path / "nas"
    nas.mkdir()
    first = RealAppliance(tmp_path / "var", find_free_port())
    second = RealAppliance(tmp_path / "other", find_free_port())
    try:
        before = copy_a_wine(first, nas, "copy", "24.0")
        kit = first.data / "backup" / "demo-kit.txt"
        first.kill_all()

        environment = {n: v for n, v in os.environ.items() if not n.startswith("WINERY_")}
        command = [BACKUP, "restore", "--repo", str(nas), "--target", str(second.data)]
        done = subprocess.run(
            [*command, "--identity", str(kit)], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

        start_patiently(second, nas)
        assert count_rows(second) == before
        await_copies(second)
        repos = nas / "v1" / "sites" / "demo" / "repos"
        assert len(list(repos.iterdir())) == 2, (
            "after a restore copies go to a repository of their own"
        )
        health = read_status(second)
        assert health["level"] == "amber", health
        assert second.stop() == 0
        assert second.processes() == set()
    finally:
        first.kill_all()
        second.kill_all()


class Visitor:
    """Somebody at a browser without scripts, who keeps cookies."""

    def __init__(self, appliance: RealAppliance) -> None:
        self._root = f"http://127.0.0.1:{appliance.port}"
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )

    def open(self, path: str, **form: str) -> tuple[str, str]:
        """Path and text of the page that comes, after sending the form if there is one."""
        if form:
            token = re.search(r'name="csrf_token" value="([^"]+)"', self.open(path)[1])
            assert token
            form["csrf_token"] = token[1]
        data = urllib.parse.urlencode(form).encode() if form else None
        with self._opener.open(self._root + path, data, timeout=20) as answer:
            return urllib.parse.urlsplit(answer.url).path, answer.read().decode()

    def try_open(self, path: str) -> tuple[str, str]:
        """As `open`; nothing while nobody answers."""
        try:
            return self.open(path)
        except (OSError, http.client.HTTPException):
            return "", ""


def test_a_new_machine_comes_back_by_its_first_page(tmp_path: Path) -> None:
    """Setup code and kit, typed at a machine that only knows its NAS: the winery of another one is there again."""
    nas = tmp_path / "nas"
    nas.mkdir()
    first = RealAppliance(tmp_path / "var", find_free_port())
    second = RealAppliance(tmp_path / "other", find_free_port())
    try:
        before = copy_a_wine(first, nas, "back", "23.0")
        kit = (first.data / "backup" / "demo-kit.txt").read_text()
        first.kill_all()

        start_patiently(second, nas, "--no-demo")
        code = re.search(r"Setup code: (\S+)", second.shown())
        assert code, second.shown()
        visitor = Visitor(second)
        assert 'href="/setup/restore"' in visitor.open("/setup")[1]
        web = second.part("web")
        path, page = visitor.open("/setup/restore", setup_code=code[1], identity=kit, repo="nas")
        assert path == "/setup/restore"
        assert "The winery comes back" in page, page
        seen = set[str]()

        def has_come_back() -> bool:
            found = re.search(r'<p class="lead">([^<]+)</p>', visitor.try_open("/setup/restore")[1])
            seen.add(found[1] if found else "")
            return (
                second.part("web") not in (0, web)
                and second.try_call("GET", "/readyz").status == 200
            )

        wait_for(has_come_back, "the restored winery", PATIENCE_S)

        assert len(seen - {""}) > 1, "the page told how far it was"
        assert visitor.open("/setup/restore")[0] != "/setup/restore", "there is a winery now"
        assert count_rows(second) == before
        assert second.call("GET", "/api/v1/fermentations", who="ana").status == 200
        await_copies(second)
        assert len(list((nas / "v1" / "sites" / "demo" / "repos").iterdir())) == 2
        assert second.stop() == 0
        # Looked for when all has stopped, so that no file is missed that moves meanwhile.
        key = kit.splitlines()[-1].encode()
        held = [path for path, told in read_files(second.data) if key in told]
        assert held == [], "it is kept nowhere"
    finally:
        first.kill_all()
        second.kill_all()


def test_copies_into_the_data_directory_are_called_no_help(appliance: RealAppliance) -> None:
    assert f"Copies go to {appliance.data / 'nas'}, on this machine: no help" in appliance.shown()
    await_copies(appliance)
    health = read_status(appliance)
    assert any("no help when it is lost" in reason for reason in health["reasons"])


def test_a_drill_beside_the_running_appliance_proves_the_copies(appliance: RealAppliance) -> None:
    await_copies(appliance)

    done = ask(appliance, "drill", "--json")

    assert done.returncode == 0, done.stderr
    proof = json.loads(done.stdout.splitlines()[-1])
    assert proof["ok"] is True
    assert proof["tables"] > 20
    assert read_status(appliance)["proof"]["lsn"] == proof["lsn"]
    assert not (appliance.data / "backup" / "drill").exists()
