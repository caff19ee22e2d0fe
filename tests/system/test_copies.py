"""The running appliance copies itself from the first minute, and comes back from its copies."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.integration.backup.conftest import BACKUP
from tests.integration.runtime.running_appliance import wait_for
from tests.system.appliance import RealAppliance
from winery_appliance.core.postgres import find_free_port

PATIENCE_S = 120.0


def ask(appliance: RealAppliance, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`winery-backup` on the appliance's data directory."""
    return subprocess.run(
        [BACKUP, *arguments], env=appliance.environment, capture_output=True, text=True
    )


def start_patiently(appliance: RealAppliance, nas: Path) -> None:
    """Start with copies to `nas`, on a machine that may be busy."""
    appliance.environment["WINERY_NAS"] = str(nas)
    appliance.launch("--nas", str(nas))
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


def count_rows(appliance: RealAppliance) -> dict[str, int]:
    """Rows and a hash of all rows of every table, but those that the running processes keep changing."""
    restless = (
        "('worker_heartbeats', 'periodic_jobs', 'lessons', 'huey_task', 'huey_kv', 'huey_schedule')"
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


def test_the_demo_is_copied_and_comes_back_on_another_directory(tmp_path: Path) -> None:
    nas = tmp_path / "nas"
    nas.mkdir()
    first = RealAppliance(tmp_path / "var", find_free_port())
    second = RealAppliance(tmp_path / "other", find_free_port())
    try:
        start_patiently(first, nas)
        tank = first.start_fermentation("copy")
        assert tank.send(tank.body("24.0", 2)).status == 201
        tank.await_coverage(1)
        before = count_rows(first)
        await_copies(first)
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
