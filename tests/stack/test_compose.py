"""The stack in containers: what a person sees through nginx and TLS, what survives, and what nobody can reach."""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import read_complaint
from tests.integration.sync.object_store import ObjectStore
from tests.stack.engine import run, wait_until
from tests.stack.machine import ROOT, say
from tests.stack.running_stack import NAME, OWNER, PASSWORD, SERVICES, Stack
from winery_appliance.core import postgres
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings

OURS = ("app1", "app2", "worker", "scheduler")
MEMORY_BUDGET_MIB = 4096


def test_01_first_run_in_a_browser_by_tls(stack: Stack, chromium: Browser) -> None:
    page = chromium.new_page(base_url=f"https://{NAME}")
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.extend(read_complaint(message)))
    page.goto(f"http://{NAME}/")
    assert page.url.startswith(f"https://{NAME}/"), "port 80 sends people on"
    for field, value in {
        "setup_code": stack.setup_code,
        "winery_name": "Torrevela",
        "winery_code": "torre",
        "display_name": "Inés",
        "email": OWNER,
        "password": PASSWORD,
        "password_again": PASSWORD,
    }.items():
        page.locator(f"#{field}").fill(value)
    page.locator("main button[type=submit]").click()
    expect(page.get_by_text("No ferment is running")).to_be_visible()
    cookie = next(c for c in page.context.cookies() if c["name"] == "winery_session")
    assert cookie["secure"]
    assert cookie["httpOnly"]
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Name or e-mail").fill(OWNER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("No ferment is running")).to_be_visible()

    stack.sign_in()
    tank = stack.start_fermentation("smoke")
    page.goto(f"/fermentations/{tank.id}")
    page.get_by_label("Sugar", exact=True).fill("23,5")
    page.get_by_label("Temperature", exact=True).fill("36,5")
    page.get_by_role("button", name="Save").click()
    if page.get_by_role("button", name="Keep it").count():
        page.get_by_role("button", name="Keep it").click()
    wait_until(lambda: tank.covered() >= 2, "the analysis", 30)
    page.goto(f"/fermentations/{tank.id}")
    expect(page.locator("#analysis .alarm").first).to_contain_text("36,5")
    assert complaints == []


def test_02_a_web_process_killed_under_load_fails_no_request(stack: Stack) -> None:
    tank = stack.start_fermentation("failover")
    stopping = threading.Event()
    failed: list[Any] = []
    taken: list[float] = []
    sent = [0]

    def write() -> None:
        while not stopping.is_set():
            begun = time.monotonic()
            status = tank.send(tank.body(sent[0] * 0.02))
            sent[0] += 1
            taken.append(time.monotonic() - begun)
            if status != 201:
                failed.append(("POST", status))
            status = stack.ask("GET", f"/fermentations/{tank.id}").status
            if status not in {200, 302}:
                failed.append(("GET", status))

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    for service in ("app1", "app2"):
        before = sent[0]
        wait_until(lambda before=before: sent[0] > before + 10, "requests", 60)
        stack.kill(service)
        before = sent[0]
        wait_until(lambda before=before: sent[0] > before + 20, "requests meanwhile", 60)
        stack.engine.docker("start", stack.container(service))
        wait_until(
            lambda service=service: (
                stack.inspect(service)["State"]["Health"]["Status"] == "healthy"
            ),
            f"{service} healthy again",
            90,
        )
    stopping.set()
    writer.join(timeout=30)
    assert failed == []
    say(
        f"{len(taken)} writes while app1, then app2 was killed: none failed,"
        f" median {statistics.median(taken) * 1000:.0f} ms, longest {max(taken) * 1000:.0f} ms"
    )
    answer = stack.ask("GET", f"/api/v1/fermentations/{tank.id}/samples?limit=500")
    uuids = [item["client_uuid"] for item in answer.json["items"]]
    assert len(uuids) == len(set(uuids))


def test_03_worker_and_database_come_back_and_the_analysis_with_them(stack: Stack) -> None:
    tank = stack.start_fermentation("faults")
    stack.kill("worker")
    assert tank.send(tank.body(6)) == 201
    stack.engine.docker("start", stack.container("worker"))
    wait_until(lambda: tank.covered() == 1, "the analysis after the worker's return", 90)
    stack.engine.docker("restart", stack.container("db"))
    body = tank.body(12)
    wait_until(lambda: tank.send(body) in {200, 201}, "writing after the database's restart", 60)
    wait_until(lambda: tank.covered() == 2, "the analysis after it", 90)


def test_04_copies_reach_the_nas_and_a_winery_comes_back_from_them(
    stack: Stack, tmp_path: Path
) -> None:
    """Nothing but the NAS and the kit is used on the other machine, which has no containers."""
    kit = stack.project / "kit"
    kit.mkdir()
    os.chown(kit, 10001, 10001)
    told = stack.compose(
        *("run", "--rm", "--no-deps", "--volume", f"{kit}:/kit", "backup"),
        *("keys", "init", "--site", "torre", "--kit", "/kit/kit.txt"),
    )
    assert "It is shown this once" in told
    tank = stack.start_fermentation("copied")
    assert tank.send(tank.body(6)) == 201
    wait_until(lambda: tank.covered() == 1, "the analysis", 60)
    goal = int(query(stack, "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint")[0])

    def is_copied() -> bool:
        text = in_backup(stack, "cat", "/var/lib/winery/backup/status.json")
        state = json.loads(text if text.startswith("{") else "{}")  # it may be starting
        is_well = (state.get("end") or 0) >= goal and not state.get("trouble")
        return is_well and has_base(stack)

    try:
        wait_until(is_copied, "the copies", 180)
    except RuntimeError:
        say(stack.logs("backup", "--tail=30"))
        raise
    shown = json.loads(in_backup(stack, "winery-backup", "status", "--json"))
    say(f"copies: {shown['level']}, {shown['reasons']}")

    assert count_restored(stack, tmp_path, "--repo", str(stack.nas)) == query(stack, COUNTED)


def count_restored(stack: Stack, folder: Path, *where: str) -> list[str]:
    """`COUNTED` of the winery that the kit brings back on this machine."""
    program = str(Path(sys.executable).with_name("winery-backup"))
    restored = folder / "restored"
    command = ["restore", *where, "--identity", str(stack.project / "kit" / "kit.txt")]
    surroundings = {n: v for n, v in os.environ.items() if not n.startswith("WINERY_")}
    done = run(program, *command, "--target", str(restored), env=surroundings)
    say(done.strip().splitlines()[-1])
    settings = Settings(data=restored)
    server = postgres.start_server(
        settings,
        postgres.cluster_dir(settings),
        postgres.choose_port(settings),
        stderr=subprocess.DEVNULL,
    )
    try:
        server.wait_until_ready()
        with psycopg.connect(role_url(settings, "backup")) as there:
            rows = there.execute(COUNTED).fetchall()
    finally:
        server.stop()
    return ["|".join(map(str, row)) for row in rows]


# What people wrote, with a hash of it.
COUNTED = """
SELECT 'samples', count(*), sum(hashtextextended(s::text, 0)) FROM samples s UNION ALL
SELECT 'fermentations', count(*), sum(hashtextextended(f::text, 0)) FROM fermentations f UNION ALL
SELECT 'users', count(*), sum(hashtextextended(u::text, 0)) FROM users u
"""


def in_backup(stack: Stack, *command: str) -> str:
    """What a command in the container of the copies prints, whatever its exit code."""
    return stack.engine.docker("exec", stack.container("backup"), *command, check=False)


def has_base(stack: Stack) -> bool:
    return any(stack.nas.glob("v1/sites/torre/repos/**/base/*/manifest.json"))


def test_05_with_both_web_processes_away_people_and_programs_are_told(stack: Stack) -> None:
    try:
        for service in ("app1", "app2"):
            stack.kill(service)
        page = stack.ask("GET", "/", Cookie="")
        assert page.status == 503
        assert b"being restarted" in page.body
        told = stack.ask("POST", "/api/v1/fermentations/1/samples", {"x": 1})
        assert (told.status, told.json["code"]) == (503, "maintenance")
        assert told.headers["Content-Type"] == "application/problem+json"
        assert told.headers["Retry-After"]
        stack.compose("restart", "nginx")  # it starts without them too
        wait_until(lambda: stack.ask("GET", "/static/css/app.css").status == 200, "nginx alone", 60)
    finally:
        for service in ("app1", "app2"):
            stack.engine.docker("start", stack.container(service))
        wait_until(lambda: stack.ask("GET", "/readyz").status == 200, "everything back", 60)


@pytest.mark.parametrize("service", SERVICES)
def test_06_a_container_can_do_little(stack: Stack, service: str) -> None:
    facts = stack.inspect(service)
    host = facts["HostConfig"]
    pid = facts["State"]["Pid"]
    status = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if ":" in line
    )
    assert set(status["Uid"].split()) <= {"10001", "999", "101"}
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    assert host["ReadonlyRootfs"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["LogConfig"]["Type"] == "local"
    refused = subprocess.run(
        [*stack.engine.docker_command, "exec", facts["Id"], "sh", "-c", "echo x > /etc/x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Read-only file system" in refused.stderr


@pytest.mark.parametrize("service", OURS)
def test_07_a_process_holds_its_own_secrets_and_no_compiler(stack: Stack, service: str) -> None:
    own = {"sealing_key", "database_worker"}
    if "app" in service:
        own = {
            "database_app",
            "session_key",
            "token_key",
            "sealing_key",
            "tls_certificate",
            "ca_certificate",
        }
    elif service != "worker":
        own = {"database_worker"}
    command = "ls /run/secrets; command -v cc gcc ld make pip pip3; env"
    told = stack.engine.docker("exec", stack.container(service), "sh", "-c", command + "; true")
    lines = told.splitlines()
    assert {line for line in lines if "=" not in line} == own
    values = [path.read_text().strip() for path in stack.secrets.iterdir()]
    assert not any(value in told for value in values), "no secret stands in the environment"


def test_08_from_the_lan_two_ports_answer_and_the_database_does_not(stack: Stack) -> None:
    server = stack.engine.address
    found = [port for port in range(1, 10000) if is_listening(server, port)]
    assert found == [80, 443]
    for service in ("db", "app1", "app2"):
        for network in stack.inspect(service)["NetworkSettings"]["Networks"].values():
            inner = network["IPAddress"]
            # As somebody who sends packets for the inner network to the server, hoping that it forwards them.
            subprocess.run(["ip", "route", "add", f"{inner}/32", "via", server], check=True)
            try:
                assert not stack.is_open(inner, 5432)
                assert not stack.is_open(inner, 8080)
            finally:
                subprocess.run(["ip", "route", "del", f"{inner}/32", "via", server], check=True)
    networks = json.loads(
        stack.engine.docker("network", "inspect", "winery_inside", "winery_database")
    )
    assert [network["Internal"] for network in networks] == [True, True]


def is_listening(address: str, port: int) -> bool:
    with socket.socket() as trial:
        trial.settimeout(0.5)
        return trial.connect_ex((address, port)) == 0


def test_09_who_asks_cannot_be_made_up(stack: Stack) -> None:
    body = {"email": "nobody@winery.example", "password": "wrong-password"}
    made_up = {
        "X_Forwarded_For": "203.0.113.9",
        "X_Forwarded_Proto": "http",
        "Forwarded": "for=203.0.113.9",
    }
    assert stack.ask("POST", "/api/v1/tokens", body, **made_up).status == 401
    seen = query(stack, "SELECT DISTINCT address FROM sign_in_failures")
    assert seen == [stack.engine.here]


def query(stack: Stack, statement: str) -> list[str]:
    command = 'PGPASSWORD=$(cat /run/secrets/postgres_superuser) exec psql -At -h 127.0.0.1 -U postgres winery -c "$0"'
    return stack.engine.docker(
        "exec", stack.container("db"), "bash", "-c", command, statement
    ).splitlines()


def test_10_the_cluster_is_made_as_the_copies_need_it(stack: Stack) -> None:
    assert query(stack, "SHOW data_checksums") == ["on"]
    assert query(stack, "SELECT DISTINCT datlocprovider, datlocale FROM pg_database") == [
        "b|C.UTF-8"
    ]
    roles = query(
        stack,
        "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'winery%'",
    )
    assert set(roles) == {"winery_app", "winery_worker"}


def test_11_doors_are_slowed_down(stack: Stack) -> None:
    body = {"email": "mallory@winery.example", "password": "wrong-password"}
    answers = [stack.ask("POST", "/api/v1/tokens", body) for _ in range(25)]
    assert answers[-1].status == 429
    assert answers[-1].headers["Content-Type"] == "application/problem+json"
    assert stack.ask("GET", "/sign-in", Authorization="").status == 200, "who only looks may look"


def test_12_headers_and_sizes(stack: Stack) -> None:
    page = stack.ask("GET", "/sign-in", Authorization="", Accept_Encoding="gzip")
    assert re.search(
        r"script-src 'self' 'nonce-[\w-]{16,}'", page.headers["Content-Security-Policy"]
    )
    assert page.headers["Content-Encoding"] == "gzip"
    assert page.headers["Server"] == "nginx"
    style = stack.ask("GET", "/static/css/app.css", Accept_Encoding="gzip")
    assert style.headers["X-Content-Type-Options"] == "nosniff"
    assert style.headers["Content-Type"].startswith("text/css")
    again = stack.ask("GET", "/static/css/app.css", If_None_Match=style.headers["ETag"])
    assert again.status == 304
    moved = stack.ask("POST", "/api/v1/tokens?a=b", {}, port=80)
    assert (moved.status, moved.headers["Location"]) == (308, f"https://{NAME}/api/v1/tokens?a=b")
    assert stack.ask("GET", "/", Content_Length=str(21 * 1024 * 1024)).status == 413
    test = ("nginx", "-t", "-c", "/etc/winery/nginx/nginx.conf")
    stack.engine.docker("exec", stack.container("nginx"), *test)


def test_13_every_line_of_every_process_is_an_object(stack: Stack) -> None:
    for service in (*OURS, "backup", "mover", "nginx"):
        lines = stack.logs(service, "--tail=50").splitlines()
        assert lines, service
        for line in lines:
            if service == "nginx" and not line.startswith("{"):
                assert re.match(r"\d{4}/\d\d/\d\d ", line), (
                    line
                )  # nginx's error log has a form of its own
                continue
            assert line.startswith("{"), f"{service}: {line}"
            assert isinstance(json.loads(line), dict), f"{service}: {line}"
    logs = "".join(map(stack.logs, (*SERVICES, "migrate")))
    names = {path.name for path in stack.secrets.iterdir() if path.read_text().strip() in logs}
    assert not names, "a secret stands in the logs"


def test_14_it_fits_into_four_gigabytes(stack: Stack) -> None:
    total = 0.0
    for service in SERVICES:
        amount = measure_memory(stack, service)
        assert amount > 0, service
        total += amount
        say(f"{service}: {amount:.0f} MiB")
    limits = sum(stack.inspect(service)["HostConfig"]["Memory"] for service in SERVICES) >> 20
    say(f"the whole stack: {total:.0f} MiB in use, limits {limits} MiB")
    assert total < MEMORY_BUDGET_MIB
    assert limits < MEMORY_BUDGET_MIB - 512, "something is left for the system itself"
    say(
        stack.engine.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}} {{.Size}}").strip()
    )


def measure_memory(stack: Stack, service: str) -> float:
    """What a service's processes take, in MiB, shared pages counted once among those that share them.

    By the kernel's own count of each process: an engine inside a container may be shown no groups' memory.
    """
    rows = stack.engine.docker("top", stack.container(service), "-eo", "pid").splitlines()[1:]
    taken_kib = 0
    for row in rows:
        told = Path(f"/proc/{row.strip()}/smaps_rollup").read_text()
        taken_kib += int(re.findall(r"^Pss:\s+(\d+) kB", told, re.M)[0])
    return taken_kib / 1024


def test_15_the_list_of_parts_is_whole(stack: Stack) -> None:
    told = stack.engine.docker(
        "exec", stack.container("app1"), "cat", "/opt/winery/share/sbom.cdx.json"
    )
    parts = {part["purl"].partition("@")[0] for part in json.loads(told)["components"]}
    locked = re.findall(
        r"^([a-z0-9-]+)==\S+(.*)", (ROOT / "requirements/run.lock").read_text(), re.M
    )
    wanted = {f"pkg:pypi/{name}" for name, marker in locked if "win32" not in marker} - {
        "pkg:pypi/setuptools"
    }
    assert wanted <= parts
    assert {"pkg:npm/htmx.org", "pkg:deb/debian/libc6", "pkg:generic/python"} <= parts


def test_16_a_file_of_an_instrument_comes_into_the_book_from_the_nas(stack: Stack) -> None:
    tank = stack.start_fermentation("lab")
    measured_at = (tank.started_at + timedelta(hours=6)).strftime("%m/%d/%Y %H:%M:%S")
    rows = (
        "Timestamp,Timepoint,SG,Temp,Color,Beer,Comment",
        f"{measured_at},46277.3,1.0857,65,RED,lab,",
    )
    file = stack.nas / "lab" / "tilt.csv"
    file.write_text("\n".join((*rows, "")))
    path = f"/api/v1/fermentations/{tank.id}/samples"

    def has_come() -> bool:
        return bool(stack.ask("GET", path).json["items"])

    try:
        wait_until(has_come, "the instrument's reading", 420)
    except RuntimeError:
        command = "cd /var/lib/winery/watched; ls -A . *; cat quarantine/*.txt"
        say(stack.engine.docker("exec", stack.container("worker"), "sh", "-c", command + "; true"))
        say(stack.logs("mover", "--tail=10"))
        raise
    assert file.exists(), "it stays where it lies"


def test_17_built_again_the_image_has_the_same_layers(stack: Stack) -> None:
    first, again = "winery-appliance:under-test", "winery-appliance:again"
    stack.engine.docker("builder", "prune", "--all", "--force")
    surroundings = os.environ | {
        "DOCKER": " ".join(stack.engine.docker_command),
        "PYTHON_IMAGE": stack.image("PYTHON_IMAGE"),
    }
    run("scripts/image", again, cwd=ROOT, env=surroundings)
    form = ("image", "inspect", "--format", "{{json .RootFS.Layers}}")
    assert stack.engine.docker(*form, again) == stack.engine.docker(*form, first)


def test_18_no_secret_stands_where_docker_or_a_log_shows_it(stack: Stack) -> None:
    """Planted values are those that the installation made, and one that was typed at the door."""
    typed = "canary-typed-at-the-door"
    stack.ask("POST", "/api/v1/tokens", {"email": OWNER, "password": typed})
    # A key is looked for line by line: what shows it may break or quote its lines.
    lines = [
        line
        for path in stack.secrets.iterdir()
        if not path.name.endswith("_certificate")
        for line in path.read_text().splitlines()
        if line and not line.startswith("-----")
    ]
    assert len(lines) > 8
    secret = [*lines, typed, PASSWORD]
    shown = [json.dumps(stack.inspect(service)) for service in SERVICES]
    shown.append(stack.compose("logs", "--no-log-prefix"))
    shown.append(stack.compose("config"))
    for value in secret:
        assert not any(value in text for text in shown), value[:4]


def test_19_copies_leave_the_house_and_a_winery_comes_back_from_the_bucket(
    stack: Stack, tmp_path: Path
) -> None:
    """The store stands in the server's network; its bucket and the kit are all that is used on the other machine."""
    (tmp_path / "store").mkdir()
    within = ("nsenter", "--net", f"--target={stack.engine.process_number}")
    store = ObjectStore(tmp_path / "store", address=stack.engine.address, within=within)
    store.start()
    try:
        bucket = f"s3://{store.make_bucket()}"
        handed = stack.secrets / "offsite_credentials"
        shutil.copy(store.credentials("torre"), handed)
        os.chown(handed, 0, 10001)
        handed.chmod(0o440)
        stack.configure(
            COMPOSE_PROFILES="backup,instruments,offsite",
            WINERY_OFFSITE=bucket,
            WINERY_OFFSITE_ENDPOINT=store.endpoint,
            WINERY_OFFSITE_REGION="us-east-1",
        )
        stack.compose("up", "--detach", "--wait", "--no-deps", "sync")
        tank = stack.start_fermentation("far")
        assert tank.send(tank.body(6)) == 201
        wait_until(lambda: tank.covered() == 1, "the analysis", 60)
        goal = int(query(stack, "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint")[0])

        def tell(report: str) -> dict[str, object]:
            path = f"/var/lib/winery/sync/{report}.json"
            text = stack.engine.docker("exec", stack.container("sync"), "cat", path, check=False)
            return dict(json.loads(text)) if text.startswith("{") else {}

        def is_off_site() -> bool:
            return int(str(tell("log").get("end") or 0)) >= goal and bool(
                tell("copies").get("base")
            )

        try:
            wait_until(is_off_site, "the copies in the bucket", 240)
        except RuntimeError:
            say(stack.logs("sync", "--tail=30"))
            raise
        where = ("--repo", bucket, "--endpoint", store.endpoint)
        reader = ("--credentials", str(store.credentials("torre")))
        assert count_restored(stack, tmp_path, *where, *reader) == query(stack, COUNTED)
    finally:
        store.kill()
