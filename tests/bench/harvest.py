"""A harvest morning: ./.venv/bin/python -m tests.bench.harvest [--seconds 30] [--turns 3] [--years 1 3 10] [--apps 1 2]

People ask ten times a second, every fifth time to write; probes send 200 readings a minute; a file of past wines is being
imported and a base copy is being made. An open loop: requests begin when their moment has come, whether or not those before
them were answered, and each is timed from that moment, so that a server that stands still is not spared. Through nginx and
TLS where nginx is installed (as root Debian's package is enough); one and two web processes; a book of 1, 3 and 10 years.
"""

import argparse
import contextlib
import csv
import http.client
import json
import os
import queue
import random
import ssl
import statistics
import subprocess
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from tests.bench.book import VESSELS, load_vintage, make_winery
from tests.bench.imports import PLAIN, make_rows
from tests.integration.entrypoints.front_server import NAME, NGINX, Front, lay_out, serving
from tests.integration.runtime.running_appliance import wait_for
from tests.system.appliance import WINERY, RealAppliance
from winery_appliance.auth.service import Actor, issue_token
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.postgres import find_free_port
from winery_appliance.core.roles import role_url
from winery_appliance.core.secret_files import read_or_make_secret

BACKUP = str(Path(sysconfig.get_path("scripts"), "winery-backup"))
PEOPLE_A_SECOND, WRITES = 10.0, 0.2
PROBES, PROBE_READINGS_A_MINUTE = 50, 200
IMPORTED_ROWS = 200_000
HANDS = 64
REACH_MS = {"read": 100.0, "write": 150.0}
SEED = 26
# Where people look in the morning, and how often of a hundred times.
LOOKS = {"/": 30, "/fermentations/{wine}": 40, "/round": 10, "/api/v1/fermentations?limit=50": 20}


@dataclass(frozen=True)
class Request:
    """What is asked at which moment of the run."""

    due_s: float
    kind: str
    method: str
    path: str
    body: dict[str, object] | None = None


@dataclass
class Outcome:
    """Milliseconds by kind, and what was not answered with 2xx."""

    ms: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Door:
    """Where the load goes in, and with what."""

    port: int
    trust: ssl.SSLContext | None
    token: str

    def open(self) -> http.client.HTTPConnection:
        """A connection of a phone that stays."""
        if self.trust is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.trust)


def plan(seconds: float, wines: list[int], probes: list[int]) -> list[Request]:
    """Every request of the run, at random moments of a constant rate; the same for every run."""
    dice = random.Random(SEED)
    planned, at = [], 0.0
    while (at := at + dice.expovariate(PEOPLE_A_SECOND)) < seconds:
        wine = dice.choice(wines)
        if dice.random() < WRITES:
            path = f"/api/v1/fermentations/{wine}/samples"
            planned.append(Request(at, "write", "POST", path, _sample(dice)))
        else:
            (path,) = dice.choices(list(LOOKS), list(LOOKS.values()))
            planned.append(Request(at, "read", "GET", path.format(wine=wine)))
    at = 0.0
    while (at := at + dice.expovariate(PROBE_READINGS_A_MINUTE / 60)) < seconds:
        reading = {"quantity": "temperature", "value": 25.0, "unit": "celsius"}
        moment = clock.now() + timedelta(milliseconds=dice.randrange(10_000))
        body: dict[str, object] = {"items": [reading | {"read_at": moment.isoformat()}]}
        path = f"/api/v1/devices/{dice.choice(probes)}/readings"
        planned.append(Request(at, "probe", "POST", path, body))
    return sorted(planned, key=lambda request: request.due_s)


def _sample(dice: random.Random) -> dict[str, object]:
    return {
        "client_uuid": str(uuid4()),
        "sample_type": "temperature",
        "value": f"{dice.uniform(22, 28):.1f}",
        "unit": "celsius",
        "measured_at": (clock.now() - timedelta(seconds=dice.randrange(3600))).isoformat(),
        "confirm": True,
    }


def load(door: Door, planned: list[Request]) -> Outcome:
    """Send every request at its moment."""
    outcome, lock = Outcome(), threading.Lock()
    waiting: queue.Queue[Request | None] = queue.Queue()
    begun = time.monotonic()

    def work() -> None:
        line = door.open()
        while (request := waiting.get()) is not None:
            trouble = _send(line, door, request)
            taken = (time.monotonic() - begun - request.due_s) * 1000
            with lock:
                outcome.ms.setdefault(request.kind, []).append(taken)
                if trouble:
                    outcome.errors.append(f"{request.method} {request.path}: {trouble}")
        line.close()

    hands = [threading.Thread(target=work, daemon=True) for _ in range(HANDS)]
    for hand in hands:
        hand.start()
    for request in planned:
        time.sleep(max(begun + request.due_s - time.monotonic(), 0.0))
        waiting.put(request)
    for _ in hands:
        waiting.put(None)
    for hand in hands:
        hand.join(120)
    return outcome


def _send(line: http.client.HTTPConnection, door: Door, request: Request) -> str:
    """What went wrong, or nothing."""
    headers = {"Authorization": f"Bearer {door.token}", "Host": NAME}
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    try:
        sent = None if request.body is None else json.dumps(request.body)
        line.request(request.method, request.path, sent, headers)
        answer = line.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        line.close()
        return repr(error)
    return "" if 200 <= answer.status < 300 else f"{answer.status} {text[:120]!r}"


@dataclass
class Morning:
    """A running appliance with a full book."""

    appliance: RealAppliance
    db: Database
    actor: Actor
    vessels: list[int]
    wines: list[int]
    probes: list[int]
    token: str

    def await_quiet(self) -> None:
        """Return once the worker has done what the loading asked for."""
        query = "SELECT count(*) FROM outbox WHERE done_at IS NULL"
        wait_for(lambda: self.appliance.count(query) == 0, "the worker", timeout_s=1800)


@contextlib.contextmanager
def made_ready(folder: Path) -> Iterator[Morning]:
    """An appliance of 200 vessels whose wines all run, with fifty probes."""
    appliance = RealAppliance(folder / "var", find_free_port())
    try:
        appliance.start()  # with the demo beside it: it has keys for its copies
        db = Database(role_url(appliance.settings, "app"))
        actor, vessels = make_winery(db)
        load_vintage(db, actor, vessels, 0)
        with db.transaction(actor.winery_id) as session:
            key = read_or_make_secret(appliance.settings, "token_key")
            token = issue_token(session, actor, key=key, lasts=timedelta(hours=12))
        with appliance.admin() as admin:
            rows = admin.execute(
                "SELECT id FROM fermentations WHERE winery_id = %s", [actor.winery_id]
            ).fetchall()
            wines = [int(row[0]) for row in rows]
        door = Door(appliance.port, None, token)
        probes = [_add_probe(door, n) for n in range(PROBES)]
        yield Morning(appliance, db, actor, vessels, wines, probes, token)
        db.dispose()
        appliance.stop()
    finally:
        appliance.kill_all()


def _add_probe(door: Door, number: int) -> int:
    line = door.open()
    headers = {"Authorization": f"Bearer {door.token}", "Content-Type": "application/json"}
    body = {"code": f"P-{number}", "kind": "probe"}
    line.request("POST", "/api/v1/devices", json.dumps(body), headers)
    told = json.loads(line.getresponse().read())
    at = (clock.now() - timedelta(days=1)).isoformat()
    place = {"vessel_code": f"T-{number:03d}", "since": at}
    line.request("POST", f"/api/v1/devices/{told['id']}/assignments", json.dumps(place), headers)
    line.getresponse().read()
    line.close()
    return int(told["id"])


@contextlib.contextmanager
def second_web(morning: Morning) -> Iterator[int]:
    """A second web process on the same book; its port."""
    port = find_free_port()
    environment = morning.appliance.environment | {"WINERY_PORT": str(port)}
    process = subprocess.Popen([WINERY, "web"], env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _is_open(port), "the second web process", timeout_s=60)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _is_open(port: int) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        line.request("GET", "/healthz")
        return line.getresponse().status == 200
    except OSError:
        return False
    finally:
        line.close()


@contextlib.contextmanager
def opened(morning: Morning, folder: Path, second: int | None) -> Iterator[Door]:
    """The way in: nginx and TLS before one or two web processes; without nginx the first of them alone."""
    first = morning.appliance.port
    if NGINX is None:
        yield Door(first, None, morning.token)
        return
    directory = Path(tempfile.mkdtemp(dir=folder))
    front: Front = lay_out(directory, first, second or first)
    trust = ssl.create_default_context(cafile=str(directory / "ca_certificate"))
    with serving(front):
        yield Door(front.https, trust, morning.token)


@contextlib.contextmanager
def busy(morning: Morning, folder: Path, number: int) -> Iterator[None]:
    """Meanwhile a file is imported and base copies are made, one after the other."""
    file = folder / f"past-{number}.csv"
    with file.open("w", newline="") as opened_file:
        writer = csv.writer(opened_file)
        writer.writerow(PLAIN)
        # Other wines each time: the same again would be found, not saved.
        writer.writerows(
            [f"{number}-{wine}", *rest] for wine, *rest in make_rows("plain", IMPORTED_ROWS)
        )
    stopping = threading.Event()
    environment = morning.appliance.environment
    command = [WINERY, "history", "import", str(file), "--winery", "BENCH"]
    # In sessions of their own, as a shell's and the appliance's jobs are: Linux shares the processors among those first.
    importing = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def copy() -> None:
        while not stopping.is_set():
            subprocess.run(
                [BACKUP, "base", "--full", "--mb-s", str(morning.appliance.settings.backup_mb_s)],
                env=environment,
                capture_output=True,
                start_new_session=True,
            )

    copying = threading.Thread(target=copy)
    copying.start()
    try:
        yield
        print(f"    (the import {'still ran' if importing.poll() is None else 'was over'})")
    finally:
        stopping.set()
        importing.terminate()
        importing.wait(60)
        copying.join(300)


def gather(outcomes: list[Outcome]) -> Outcome:
    """Several outcomes as one."""
    whole = Outcome()
    for outcome in outcomes:
        whole.errors += outcome.errors
        for kind, taken in outcome.ms.items():
            whole.ms.setdefault(kind, []).extend(taken)
    return whole


def find_p95(taken: list[float]) -> float:
    """What 95 of 100 took at most, ms."""
    return statistics.quantiles(taken, n=100)[94]


def show(label: str, outcome: Outcome) -> None:
    """Print a row for each kind."""
    for kind, taken in sorted(outcome.ms.items()):
        cuts = statistics.quantiles(taken, n=100)
        reach = f"(reach {REACH_MS[kind]:.0f})" if kind in REACH_MS else ""
        print(
            f"{label:<22} {kind:<6} n={len(taken):<5} p50 {cuts[49]:7.1f}  p95 {cuts[94]:7.1f}"
            f"  p99 {cuts[98]:7.1f} ms {reach}",
            flush=True,
        )
    print(f"{label:<26} errors {len(outcome.errors)}")
    for line in outcome.errors[:3]:
        print(f"    {line}")


def spend(morning: Morning, folder: Path, number: int, apps: int, seconds: float) -> Outcome:
    """One morning of so many seconds before one or two web processes; `number` is another for each."""
    with contextlib.ExitStack() as stack:
        second = stack.enter_context(second_web(morning)) if apps == 2 else None
        door = stack.enter_context(opened(morning, folder, second))
        load(door, plan(10.0, morning.wines, morning.probes))  # warms up
        stack.enter_context(busy(morning, folder, number))
        outcome = load(door, plan(seconds, morning.wines, morning.probes))
    morning.await_quiet()
    return outcome


def main() -> None:
    """A row for each number of years and of web processes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--years", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--apps", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    way = "nginx and TLS" if NGINX else "no nginx here: plain HTTP to one web process"
    print(
        f"{VESSELS} vessels, {os.cpu_count()} cores, {way}, {given.turns} turns of {given.seconds:.0f} s"
    )
    # A machine is not as fast now as it was a minute ago: the books take turns, and each turn is compared with itself.
    turns: dict[tuple[int, int], list[Outcome]] = {}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        mornings = {}
        for years in sorted(given.years):
            folder = Path(name, str(years))
            folder.mkdir()
            morning = mornings[years] = stack.enter_context(made_ready(folder))
            for ago in range(1, years):
                load_vintage(morning.db, morning.actor, morning.vessels, ago)
            morning.await_quiet()
        for turn in range(given.turns):
            for apps in given.apps:
                for years, morning in mornings.items():
                    outcome = spend(morning, Path(name), turn * 10 + apps, apps, given.seconds)
                    show(f"{years} years, {apps} web", outcome)
                    turns.setdefault((years, apps), []).append(outcome)
    for (years, apps), outcomes in sorted(turns.items()):
        show(f"{years} years, {apps} web, all", gather(outcomes))
    first, last = min(given.years), max(given.years)
    for apps in given.apps:
        for kind in REACH_MS:
            ratios = [
                find_p95(long.ms[kind]) / find_p95(short.ms[kind])
                for short, long in zip(turns[first, apps], turns[last, apps], strict=True)
            ]
            told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            middle = statistics.median(ratios)
            print(
                f"p95 of {kind}s, {last} years to {first}, {apps} web: {middle:.2f} of {told} (reach 1.2)"
            )


if __name__ == "__main__":
    main()
