"""A real Prometheus reads the running appliance; every rule and every expression of a dashboard is evaluated by it.

Run by `./scripts/test-system monitoring`, which installs Debian's Prometheus.
"""

import json
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runtime.running_appliance import wait_for
from tests.system.appliance import RealAppliance
from winery_appliance.core.postgres import find_free_port

ROOT = Path(__file__).parents[2]
RULES = ROOT / "monitoring" / "prometheus"
pytestmark = pytest.mark.skipif(
    "WINERY_TEST_MONITORING" not in os.environ, reason="./scripts/test-system monitoring runs this"
)
# What a machine without a certificate, a NAS of its own, or a line to a bucket does not tell.
MAY_BE_EMPTY = (
    "winery_certificate",
    "winery_restore",
    "winery_base",
    "winery_dump",
    "winery_wal_lag",
    "winery_sync",
    'status=~"[45].."',
)


def test_every_rule_speaks_when_it_should() -> None:
    for command in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
        ran = subprocess.run(["promtool", *command], cwd=RULES, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    named = {
        line.split()[-1]
        for line in (RULES / "rules.yml").read_text().splitlines()
        if "- alert:" in line
    }
    tests = (RULES / "rules_test.yml").read_text()
    for name in named:
        assert f"name: {name} speaks" in tests
        assert f"name: {name} is quiet" in tests


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAppliance]:
    """The appliance with a few samples in it."""
    made = RealAppliance(tmp_path_factory.mktemp("winery") / "var", find_free_port())
    try:
        made.start()
        tank = made.start_fermentation("watched")
        for hour in range(5):
            assert tank.send(tank.body(f"{24 - hour}.0", 12.0 * (hour + 1))).status == 201
        yield made
        made.stop()
    finally:
        made.kill_all()


@pytest.fixture(scope="module")
def prometheus(appliance: RealAppliance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus with our configuration, in which only the addresses of the containers are others."""
    folder = tmp_path_factory.mktemp("prometheus")
    shutil.copytree(RULES, folder, dirs_exist_ok=True)
    written = (RULES / "prometheus.yml").read_text()
    ours = written.replace('"app1:8080", "app2:8080"', f'"127.0.0.1:{appliance.port}"')
    ours = ours.replace("15s", "5s").replace("alertmanager:9093", "127.0.0.1:1")
    assert ours != written
    (folder / "prometheus.yml").write_text(ours)
    port = find_free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(lambda: _is_up(address), "Prometheus reads the appliance", timeout_s=60)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def ask(address: str, path: str, **query: str) -> Any:
    """What Prometheus answers."""
    url = f"{address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def _is_up(address: str) -> bool:
    try:
        found = ask(address, "query", query='up{job="winery"}')["result"]
    except OSError:
        return False
    return any(sample["value"][1] == "1" for sample in found)


def list_expressions() -> list[tuple[str, str]]:
    """Every expression of every dashboard, with the title it stands under."""
    return [
        (panel["title"], target["expr"])
        for path in sorted((ROOT / "monitoring" / "grafana" / "dashboards").glob("*.json"))
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    ]


def test_every_expression_of_a_dashboard_gives_numbers(
    prometheus: str, appliance: RealAppliance
) -> None:
    def is_counted() -> bool:
        # Somebody asks: a web process that was started anew has counted nothing yet.
        appliance.try_call("GET", "/api/v1/fermentations?limit=1", who="ana")
        counted = "rate(winery_http_requests_total[1m]) > 0"
        return bool(ask(prometheus, "query", query=counted)["result"])

    wait_for(is_counted, "two readings", timeout_s=60)
    empty = list_expressions()

    def all_given() -> bool:
        # One by one: a reading that came too late empties what was asked in that moment, and the next one fills it.
        given = [each for each in empty if ask(prometheus, "query", query=each[1])["result"]]
        for each in given:
            empty.remove(each)
        return all(any(part in expression for part in MAY_BE_EMPTY) for _, expression in empty)

    wait_for(all_given, f"numbers for {empty}", timeout_s=60)


def test_every_rule_is_evaluated_without_an_error(prometheus: str) -> None:
    def rules() -> list[Any]:
        return [rule for group in ask(prometheus, "rules")["groups"] for rule in group["rules"]]

    wait_for(
        lambda: all(rule["health"] == "ok" for rule in rules()), "rules evaluated", timeout_s=30
    )
    assert len(rules()) > 15
    firing = {rule["name"] for rule in rules() if rule["state"] == "firing"}
    assert firing <= {"RestoreNotProven", "CopiesRed", "NasAway", "ClockWrong", "DiskFull"}


def test_a_winery_that_is_gone_is_noticed(prometheus: str, appliance: RealAppliance) -> None:
    pid = appliance.kill_part("web")
    assert pid
    wait_for(lambda: not _is_up(prometheus), "it is seen to be away", timeout_s=60)
    begun = time.monotonic()
    wait_for(lambda: _is_up(prometheus), "and back by itself", timeout_s=120)
    assert time.monotonic() - begun < 120


def test_a_log_server_gets_every_line(tmp_path: Path) -> None:
    """Debian's rsyslog takes what the appliance ships, and keeps it as JSON."""
    port, web_port = find_free_port(), find_free_port()
    kept = tmp_path / "kept"
    (tmp_path / "rsyslog.conf").write_text(
        f'module(load="imtcp")\ninput(type="imtcp" port="{port}" address="127.0.0.1")\n'
        f'template(name="bare" type="string" string="%syslogseverity% %app-name% %msg%\\n")\n'
        f'*.* action(type="omfile" file="{kept}" template="bare")\n'
    )
    command = ["rsyslogd", "-n", "-f", str(tmp_path / "rsyslog.conf"), "-i", str(tmp_path / "pid")]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    appliance = RealAppliance(tmp_path / "var", web_port)
    appliance.environment["WINERY_LOG_SERVER"] = f"tcp://127.0.0.1:{port}"
    try:
        appliance.start()
        assert appliance.call("GET", "/api/v1/nowhere").status == 404
        wait_for(
            lambda: kept.exists() and "/api/v1/nowhere" in kept.read_text(),
            "the line",
            timeout_s=30,
        )
        line = next(row for row in kept.read_text().splitlines() if "/api/v1/nowhere" in row)
        severity, name, message = line.split(" ", 2)
        assert (severity, name) == ("6", "winery-web")
        assert json.loads(message)["status"] == 404
        appliance.stop()
    finally:
        appliance.kill_all()
        server.terminate()
        server.wait(timeout=20)
