"""The processes of a PostgreSQL server that work in a directory, and how those nobody watches end."""

import contextlib
import os
import signal
from pathlib import Path

from winery_appliance.core.child_process import wait_for
from winery_appliance.core.postgres_programs import PostgresRefused


def stop_leftovers(directory: Path, timeout_s: float = 30.0) -> bool:
    """Stop PostgreSQL's processes that still work in `directory` though nobody watches them, and
    clear away the lock file of one that is dead; whether any process was there.

    Only for the holder of the data directory's lock. Raises PostgresRefused when they do not end.
    """
    processes = _server_processes(directory)
    if processes:
        _end_processes(directory, processes, timeout_s)
    _forget_dead(directory)
    return bool(processes)


def _end_processes(directory: Path, processes: list[int], timeout_s: float) -> None:
    first = _read_postmaster(directory)
    leads = first in processes
    for number, patience_s in (
        (signal.SIGINT, timeout_s if leads else 2.0),
        (signal.SIGQUIT, 5.0),
        (signal.SIGKILL, 5.0),
    ):
        # The first server process ends all the others; where it is gone each one must be told.
        for pid in [first] if leads and number != signal.SIGKILL else processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if wait_for(lambda: not _server_processes(directory), patience_s):
            return
        processes = _server_processes(directory)
    raise PostgresRefused(
        f"PostgreSQL's processes {processes} still work in {directory} and cannot be ended. "
        "The data is as it was. Restart this machine."
    )


def _forget_dead(directory: Path) -> None:
    """Remove a `postmaster.pid` whose number another process has by now, or a dead one nobody has
    collected: PostgreSQL would take it for a running server. We know better, as no process of a
    server works in the directory. With a number that is free PostgreSQL deals itself.
    """
    pid = _read_postmaster(directory)
    if pid and Path(f"/proc/{pid}").exists():
        (directory / "postmaster.pid").unlink(missing_ok=True)


def _read_postmaster(directory: Path) -> int:
    """The number of the server's first process by `postmaster.pid`; 0 when it names none."""
    lines = read_pid_file(directory)
    return int(lines[0]) if lines and lines[0].strip().isdecimal() else 0


def read_pid_file(directory: Path) -> list[str]:
    """The lines of `postmaster.pid`; none where no server runs or died."""
    try:
        return (directory / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _server_processes(directory: Path) -> list[int]:
    """Processes of PostgreSQL whose current directory is `directory`, whatever path leads there."""
    try:
        place = directory.stat()
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):  # it has just ended, or it is not ours to look at
            works_here = os.path.samestat((entry / "cwd").stat(), place)
            if works_here and (entry / "exe").readlink().name.startswith("postgres"):
                found.append(int(entry.name))
    return found
