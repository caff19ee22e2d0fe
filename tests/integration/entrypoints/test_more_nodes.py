"""More nodes than one box: three web processes and two workers on a PostgreSQL that is somebody else's (ADR 28)."""

import http.client
import json
import subprocess
import sysconfig
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.conftest import Tank
from tests.integration.entrypoints.test_handed_secrets import ask
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core.jobs import register_jobs
from winery_appliance.core.postgres import find_free_port
from winery_appliance.core.settings import child_environment
from winery_appliance.entrypoints.periodic import JOBS

WINERY = str(Path(sysconfig.get_path("scripts"), "winery"))
READINGS = 45
Nodes = dict[str, subprocess.Popen[bytes]]


@pytest.fixture
def ports() -> list[int]:
    """Where the web processes answer."""
    found: list[int] = []
    while len(found) < 3:
        if (port := find_free_port()) not in found:
            found.append(port)
    return found


@pytest.fixture
def nodes(book: Winery, ports: list[int]) -> Iterator[Nodes]:
    """The processes, each as on a machine of its own: they share the database and nothing else."""
    with book.worker.transaction() as session:
        register_jobs(session, JOBS)
    settings = book.settings.model_copy(update={"web_threads": 3, "workers": 1})
    environment = child_environment(settings)
    started: Nodes = {}

    def start(name: str, command: str, **more: str) -> None:
        started[name] = subprocess.Popen(
            [WINERY, command], env=environment | more, stderr=subprocess.DEVNULL
        )

    try:
        for number, port in enumerate(ports):
            start(f"web{number}", "web", WINERY_PORT=str(port))
        for number in range(2):
            start(f"worker{number}", "worker")
        for port in ports:
            wait_for(lambda port=port: ask(port, "/readyz")[0] == 200, "a node", timeout_s=60)  # type: ignore[misc]
        yield started
    finally:
        for process in started.values():
            process.kill()
            process.wait()


def send(port: int, tank: Tank, body: dict[str, Any]) -> int:
    """The status of a reading sent to one node; 0 when the line is cut."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {tank.api.token}"}
    try:
        line.request("POST", f"/api/v1/fermentations/{tank.id}/samples", json.dumps(body), headers)
        answer = line.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        line.close()


def test_each_reading_is_kept_once_whichever_node_takes_it_and_whichever_dies(
    nodes: Nodes, ports: list[int], tank: Tank, book: Winery, cast: Cast
) -> None:
    bodies = [
        tank.body(f"{24 - n / 10:.1f}", hours=1 + 4 * n, confirm=True) for n in range(READINGS)
    ]
    kept: list[str] = []

    def write(number: int) -> None:
        for n, body in enumerate(bodies[number::3]):
            # To another node each time, until one has answered; a dead one answers nobody.
            turns = (ports[(number + n + turn) % 3] for turn in range(60))
            if any(send(port, tank, body) in {200, 201} for port in turns):
                kept.append(body["client_uuid"])

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    wait_for(lambda: len(kept) > 10, "the load", timeout_s=60)
    nodes["web1"].kill()
    nodes["worker0"].kill()
    for writer in writers:
        writer.join(90)
    assert sorted(kept) == sorted(body["client_uuid"] for body in bodies)
    with book.worker.transaction(cast.ana.winery_id) as session:
        rows = session.execute(
            text("SELECT client_uuid::text FROM samples WHERE fermentation_id = :id"),
            {"id": tank.id},
        ).scalars()
        assert Counter(rows) == Counter(kept)
    # The worker that is left does everything, what the other one held in its hands too.
    wait_for(
        lambda: (
            tank.api.get(f"/fermentations/{tank.id}/analysis").json["covers_samples"] == READINGS
        ),
        "the analysis of all",
        timeout_s=90,
    )
    for port in (ports[0], ports[2]):
        assert ask(port, "/readyz")[0] == 200


def test_a_session_of_one_node_is_one_of_every_node_and_ends_on_all(
    nodes: Nodes, ports: list[int], tank: Tank
) -> None:
    assert nodes
    bearer = {"Authorization": f"Bearer {tank.api.token}"}
    assert {ask(port, "/api/v1/fermentations", **bearer)[0] for port in ports} == {200}
    mine = jwt.decode(str(tank.api.token), options={"verify_signature": False})["jti"]
    assert tank.api.call("DELETE", f"/tokens/{mine}").status_code == 204
    assert {ask(port, "/api/v1/fermentations", **bearer)[0] for port in ports} == {401}
