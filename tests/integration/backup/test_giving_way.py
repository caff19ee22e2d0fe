"""Copies and trial restores give way to the winery at work, also where Linux shares a processor among sessions first."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.runtime.running_appliance import wait_for

OWN = Path("/proc/self/autogroup")

JOB = """
import subprocess, sys
from pathlib import Path
from winery_appliance.core.child_process import give_way
from winery_appliance.core.postgres_programs import open_program
from winery_appliance.core.settings import Settings
give_way()
program = open_program(Settings(data=Path(sys.argv[1])), "psql", ["-h", "127.0.0.1", "-p", sys.argv[2]])
print(program.pid, flush=True)
sys.stdin.read()
program.kill()
program.wait()
"""


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port at which somebody listens and says nothing: whoever asks there waits."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.skipif(not OWN.exists(), reason="this kernel has no autogroups")
@pytest.mark.parametrize("is_of_its_own", [True, False])
def test_the_sessions_of_a_job_and_of_its_programs_give_way(
    tmp_path: Path, silent_port: int, is_of_its_own: bool
) -> None:
    before = OWN.read_text()
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, str(tmp_path), str(silent_port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=is_of_its_own,
    )
    try:
        assert job.stdout is not None
        program = int(wait_for(job.stdout.readline, "the program"))
        for pid in (job.pid, program):
            assert os.getpriority(os.PRIO_PROCESS, pid) == 15
        lowered = [Path(f"/proc/{pid}/autogroup").read_text() for pid in (job.pid, program)]
        assert lowered[1].endswith(" nice 15\n")
        if is_of_its_own:
            assert lowered[0].endswith(" nice 15\n")
        assert OWN.read_text() == before, "whose session it is otherwise keeps its place"
    finally:
        assert job.stdin is not None
        job.stdin.close()
        job.wait()
        job.stdout.close()
