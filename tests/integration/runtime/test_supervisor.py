"""The appliance keeps itself alive, and leaves nothing behind when it ends, however it ends."""

import contextlib
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.runtime.running_appliance import PARTS, STAND_IN, Appliance, wait_for
from tests.integration.runtime.stand_in import SECRET_LINE
from winery_appliance.core.postgres import cluster_dir


def test_a_start_shows_the_address_and_the_logins_and_answers(appliance: Appliance) -> None:
    appliance.start()

    assert appliance.is_answering()
    assert f"ready: http://127.0.0.1:{appliance.port}" in appliance.shown()
    assert SECRET_LINE in appliance.shown()
    assert all(appliance.part(name) for name in PARTS)


def test_what_the_person_types_and_reads_in_secret_is_not_in_the_log(appliance: Appliance) -> None:
    appliance.start().stop()

    assert SECRET_LINE not in (appliance.data / "log" / "winery.log").read_text()


def test_every_log_line_is_a_json_object_that_names_its_process(appliance: Appliance) -> None:
    appliance.start().stop()

    lines = appliance.log_lines()
    assert {line["process"] for line in lines} >= {*PARTS, "supervisor"}
    begun = [line for line in lines if line["event"] == "begun" and line["process"] == "web"]
    assert [sorted(line) for line in begun] == [["event", "pid", "process"]], "kept as it was"
    plain = [line for line in lines if line["event"] == "a plain line"]
    assert sorted(str(line["process"]) for line in plain) == ["scheduler", "web", "worker"]
    assert all(line["level"] and line["timestamp"] for line in plain)


@pytest.mark.parametrize("name", PARTS)
def test_a_killed_part_is_started_again(appliance: Appliance, name: str) -> None:
    appliance.start()
    others = {other: appliance.part(other) for other in PARTS if other != name}
    before = appliance.part(name)

    os.kill(before, signal.SIGKILL)

    wait_for(lambda: appliance.part(name) not in (0, before), f"a new {name}")
    wait_for(lambda: appliance.is_answering() and appliance.count_starts() == 1, "all to answer")
    assert {other: appliance.part(other) for other in others} == others
    told = [line for line in appliance.shown().splitlines() if line.startswith(name)]
    assert told[0] == f"{name} was ended by SIGKILL; starting it again."
    # A new PostgreSQL is refused until the last process of the killed one has noticed and gone.
    assert len(told) == 1 or name == "postgres", told


def test_a_part_that_ends_at_once_does_not_eat_the_machine(appliance: Appliance) -> None:
    appliance.start(STAND_IN_BROKEN="worker")

    wait_for(lambda: "worker ended with code 3; starting it again in 1 s." in appliance.shown(), "")
    assert appliance.is_answering()
    pauses = [line["pause_s"] for line in appliance.log_lines() if line["event"] == "restarting"]
    assert pauses[:3] == [0.0, 0.5, 1.0]


def test_nothing_outlives_a_killed_supervisor_and_the_next_start_works(
    appliance: Appliance,
) -> None:
    appliance.start().tell(signal.SIGKILL)
    appliance.wait()

    wait_for(lambda: not appliance.processes(), "the parts to follow their supervisor")
    appliance.start()
    assert appliance.count_starts() == 2


def test_the_next_start_does_not_wait_for_the_dead(appliance: Appliance) -> None:
    appliance.start().tell(signal.SIGKILL)
    appliance.wait()

    appliance.start()  # at once: PostgreSQL and the port may still be held by what was left

    assert appliance.count_starts() == 2


def test_the_next_start_ends_what_did_not_hear(appliance: Appliance) -> None:
    appliance.start(STAND_IN_STUBBORN="web")
    stubborn = appliance.part("web")
    appliance.tell(signal.SIGKILL)
    appliance.wait()

    appliance.start()

    assert appliance.ask() == str(appliance.part("web")) != str(stubborn)
    assert stubborn not in appliance.processes()


def test_a_start_after_everything_was_killed_works(appliance: Appliance) -> None:
    appliance.start().kill_all()

    appliance.start()

    assert appliance.count_starts() == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_everything_in_order(appliance: Appliance, number: signal.Signals) -> None:
    appliance.start().tell(number)

    assert appliance.wait() == 0
    assert not appliance.processes()
    lines = appliance.log_lines()
    assert [line["part"] for line in lines if line["event"] == "stopped"] == [
        "web",
        "scheduler",
        "worker",
        "postgres",
    ]
    told = [(line["process"], line["signal"]) for line in lines if line["event"] == "told"]
    assert told == [("web", "SIGTERM"), ("scheduler", "SIGTERM"), ("worker", "SIGINT")]
    assert any("database system is shut down" in str(line["event"]) for line in lines)


def test_ctrl_c_at_the_terminal_reaches_only_the_supervisor(appliance: Appliance) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, str(STAND_IN), "up"], appliance.environment)
    shown = b""
    try:
        while b"Stop it with" not in shown:
            shown += os.read(terminal, 4096)
        wait_for(lambda: appliance.count_events("begun") == 3, "the stand-ins")
        os.write(terminal, b"\x03")
        with contextlib.suppress(OSError):  # how a terminal says that its program is gone
            while chunk := os.read(terminal, 4096):
                shown += chunk
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    assert b"Stopped. All data is safe." in shown
    assert not appliance.processes()
    told = [line["process"] for line in appliance.log_lines() if line["event"] == "told"]
    assert told == ["web", "scheduler", "worker"], "each once, and in order"


def test_asking_twice_hurries(appliance: Appliance) -> None:
    appliance.start(STAND_IN_STUBBORN="scheduler")
    appliance.tell(signal.SIGINT)
    wait_for(lambda: appliance.count_events("told"), "the stop")

    appliance.tell(signal.SIGINT)

    assert appliance.wait(timeout_s=10) == 0, "it would have had 20 s"
    assert not appliance.processes()


def test_a_busy_port_is_refused_before_anything_is_made(appliance: Appliance) -> None:
    with socket.create_server(("127.0.0.1", appliance.port)):
        assert appliance.launch().wait() == 1

    assert f"Port {appliance.port} is used" in appliance.shown()
    assert "--port" in appliance.shown()
    assert not appliance.data.exists()


def test_a_second_supervisor_is_refused_and_the_first_is_not_disturbed(
    appliance: Appliance,
) -> None:
    appliance.start()
    parts = {name: appliance.part(name) for name in PARTS}
    second = Appliance(appliance.data, appliance.port)
    second.screen = appliance.screen.with_suffix(".second")

    assert second.launch().wait() == 1

    assert appliance.process is not None
    assert f"already running with the data in {appliance.data}" in second.shown()
    assert f"process {appliance.process.pid}" in second.shown()
    assert {name: appliance.part(name) for name in PARTS} == parts
    assert appliance.is_answering()


def test_two_appliances_do_not_meet(make_appliance: Callable[[], Appliance]) -> None:
    one, other = make_appliance(), make_appliance()
    one.start()
    other.start()

    assert one.stop() == 0

    assert other.is_answering()
    assert other.count_starts() == 1


def test_a_failed_preparation_gives_its_reason_and_leaves_no_process(appliance: Appliance) -> None:
    assert appliance.launch(STAND_IN_BROKEN="prepare").wait() == 1

    assert appliance.shown().splitlines()[-1] == "The part is broken on purpose."
    assert not appliance.processes()


@pytest.mark.parametrize("typed", ["", "y\n"])
def test_a_reset_needs_the_answer_yes(appliance: Appliance, typed: str) -> None:
    appliance.start().stop()

    assert appliance.launch("--reset", typed=typed).wait() == 1

    assert "Nothing was removed." in appliance.shown()
    appliance.start()
    assert appliance.count_starts() == 2


def test_a_confirmed_reset_starts_anew(appliance: Appliance) -> None:
    appliance.start().stop()
    password = (appliance.data / "secrets" / "postgres_superuser").read_text()

    appliance.start("--reset", typed="yes\n")

    assert appliance.count_starts() == 1
    assert (appliance.data / "secrets" / "postgres_superuser").read_text() != password
    assert not [path for path in appliance.data.iterdir() if ".removed-" in path.name]


def test_a_reset_never_touches_a_folder_of_others(appliance: Appliance) -> None:
    appliance.data.mkdir()
    (appliance.data / "thesis.txt").write_text("years of work")

    assert appliance.launch("--reset", typed="yes\n").wait() == 1

    assert "Nothing was changed." in appliance.shown()
    assert [path.name for path in appliance.data.iterdir()] == ["thesis.txt"]


def test_a_running_appliance_is_not_reset(appliance: Appliance) -> None:
    appliance.start()
    second = Appliance(appliance.data, appliance.port)
    second.screen = appliance.screen.with_suffix(".second")

    assert second.launch("--reset", typed="yes\n").wait() == 1

    assert appliance.count_starts() == 1


def test_another_major_version_is_refused_and_left_alone(appliance: Appliance) -> None:
    appliance.start().stop()
    version = cluster_dir(appliance.settings) / "PG_VERSION"
    version.write_text("17\n")

    assert appliance.launch().wait() == 1

    assert "made by PostgreSQL 17" in appliance.shown()
    version.write_text("18\n")
    appliance.start()
    assert appliance.count_starts() == 2


def test_an_own_server_takes_the_place_of_ours(appliance: Appliance, server: str) -> None:
    appliance.start(WINERY_DATABASE_URL=server)

    assert not appliance.part("postgres")
    assert not cluster_dir(appliance.settings).exists()
    assert appliance.stop() == 0
    assert not appliance.processes()


def test_a_taken_database_port_is_exchanged(appliance: Appliance) -> None:
    appliance.start().stop()
    remembered = int((appliance.data / "run" / "postgres_port").read_text())

    with socket.create_server(("127.0.0.1", remembered)):
        appliance.start()

        assert int((appliance.data / "run" / "postgres_port").read_text()) != remembered
        assert appliance.count_starts() == 2


def test_the_supervisor_is_small(appliance: Appliance) -> None:
    appliance.start()

    assert appliance.process is not None
    facts = Path(f"/proc/{appliance.process.pid}/smaps_rollup").read_text().split()
    assert int(facts[facts.index("Pss:") + 1]) < 40 * 1024, "KiB"


def test_the_supervisor_loads_neither_web_framework_nor_database_library() -> None:
    code = "import sys, winery_appliance.entrypoints.supervisor; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    ).stdout.split()

    assert not {"flask", "sqlalchemy", "psycopg", "structlog", "huey"} & set(loaded)
