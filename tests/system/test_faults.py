"""Parts die in the middle of their work: nothing is lost and nothing happens twice."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.runtime.running_appliance import wait_for
from tests.system.appliance import LiveTank, RealAppliance, in_background


@contextmanager
def held(appliance: RealAppliance, table: str) -> Iterator[Any]:
    """Nobody can write to `table` while this lasts, so that a process stands still at just that point."""
    with appliance.admin() as connection:
        connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield connection
        connection.rollback()


def is_waiting(appliance: RealAppliance, role: str) -> bool:
    """Whether a process of this role waits for a lock."""
    return (
        appliance.count(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND wait_event_type = 'Lock'",
            role,
        )
        > 0
    )


def count_runs(appliance: RealAppliance, tank: LiveTank) -> int:
    return appliance.count("SELECT count(*) FROM analyses WHERE fermentation_id = %s", tank.id)


def test_worker_killed_in_the_middle_of_an_analysis(appliance: RealAppliance) -> None:
    tank = appliance.start_fermentation("kill-worker")
    with held(appliance, "analyses"):
        assert tank.send(tank.body("24.0", 2)).status == 201
        wait_for(lambda: is_waiting(appliance, "winery_worker"), "the worker in its store")
        killed = appliance.kill_part("worker")
    result = tank.await_coverage(1)
    assert result["status"] == "done"
    assert appliance.part("worker") != killed
    assert count_runs(appliance, tank) == 1, "one sample, one analysis"


def test_web_killed_between_commit_and_answer(appliance: RealAppliance) -> None:
    tank = appliance.start_fermentation("kill-web")
    appliance.token("ana")
    body = tank.body("24.0", 2)
    answers: list[int] = []
    # The wake-up follows the commit and precedes the answer: held there, the sample is in the book and nobody knows.
    with held(appliance, "huey_task"):
        sending = in_background(lambda: answers.append(tank.send(body).status))
        wait_for(
            lambda: appliance.count(
                "SELECT count(*) FROM samples WHERE fermentation_id = %s", tank.id
            ),
            "the commit",
        )
        wait_for(lambda: is_waiting(appliance, "winery_app"), "the web in its wake-up")
        appliance.kill_part("web")
        sending.join(timeout=20)
    assert answers == [0], "the answer never came"
    again = tank.send_until_kept(body)
    assert again.status == 200, "the retry finds the first one"
    tank.await_coverage(1)
    assert appliance.count("SELECT count(*) FROM samples WHERE fermentation_id = %s", tank.id) == 1
    assert count_runs(appliance, tank) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_postgresql_restarted_under_load(appliance: RealAppliance, number: signal.Signals) -> None:
    tanks = [appliance.start_fermentation(f"load-{number.name}-{n}") for n in range(4)]
    bodies = {
        tank.id: [tank.body(f"{24 - n * 0.5:.1f}", 6 + 6 * n) for n in range(12)] for tank in tanks
    }
    begun = threading.Barrier(len(tanks) + 1)
    kept: list[tuple[int, str]] = []

    def write(tank: LiveTank) -> None:
        begun.wait()
        for body in bodies[tank.id]:
            kept.append((tank.id, tank.send_until_kept(body).body["client_uuid"]))

    writers = [in_background(lambda tank=tank: write(tank)) for tank in tanks]  # type: ignore[misc]
    begun.wait()
    wait_for(lambda: len(kept) >= 8, "the load")
    server = appliance.part("postgres")
    os.kill(server, number)
    for writer in writers:
        writer.join(timeout=60)
    assert len(kept) == 48, "every writer finished"
    for tank in tanks:
        tank.await_coverage(12)
        stored = appliance.call("GET", f"/api/v1/fermentations/{tank.id}/samples", who="ana").body[
            "items"
        ]
        assert sorted(item["client_uuid"] for item in stored) == sorted(
            body["client_uuid"] for body in bodies[tank.id]
        )
    assert appliance.part("postgres") != server


def test_the_sweep_finds_what_no_message_announced(appliance: RealAppliance) -> None:
    """Both wake-up and queue may be lost; the row in the outbox is the guarantee."""
    tank = appliance.start_fermentation("sweep")
    with appliance.admin() as connection:
        # A message that is taken away before the worker sees it, as by a worker that dies with it in its hands.
        connection.execute(
            "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE TRIGGER lose BEFORE INSERT ON huey_task FOR EACH ROW EXECUTE FUNCTION lose()"
        )
    try:
        assert tank.send(tank.body("24.0", 2)).status == 201
        assert tank.analysis()["status"] == "pending"
    finally:
        with appliance.admin() as connection:
            connection.execute("DROP FUNCTION lose() CASCADE")
    # The scheduler's next minute would do; a worker that starts looks first, which is quicker to wait for.
    appliance.kill_part("worker")
    assert tank.await_coverage(1)["status"] == "done"


def test_every_line_of_the_log_is_json_and_follows_a_sample_to_its_analysis(
    appliance: RealAppliance,
) -> None:
    tank = appliance.start_fermentation("trace")
    assert tank.send(tank.body("24.0", 2)).status == 201
    tank.await_coverage(1)

    def find_trace() -> list[dict[str, object]]:
        lines = appliance.log_lines()
        path = f"/api/v1/fermentations/{tank.id}/samples"
        request = next((line for line in lines if line.get("path") == path), None)
        if request is None:
            return []
        follow = [line for line in lines if line.get("request_id") == request["request_id"]]
        return follow if {line.get("process") for line in follow} == {"web", "worker"} else []

    trace = wait_for(find_trace, "the trace in the log")
    assert any(line["event"] == "events handled" and line.get("job_id") for line in trace)
