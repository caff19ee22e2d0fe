"""What is looked at before the appliance starts, so that a refusal leaves nothing half-made."""

import contextlib
import errno
import os
import socket
import sys

from winery_appliance.core import postgres
from winery_appliance.core.child_process import wait_for
from winery_appliance.core.data_directory import MIB, DataDirectory
from winery_appliance.core.postgres_processes import stop_leftovers
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.parts import Roster, end_group

NEW_CLUSTER_BYTES = 300 * MIB
OLD_CLUSTER_BYTES = 100 * MIB
LEFTOVER_S = 10.0


class StartRefused(Exception):
    """The appliance cannot start; the text says why, what is safe and what to do."""


def show(line: str, *, fault: bool = False) -> None:
    """A line for the person at the terminal, who may have closed it."""
    with contextlib.suppress(OSError, ValueError):
        stream = sys.stderr if fault else sys.stdout
        stream.write(line + "\n")
        stream.flush()


def open_data(settings: Settings, data: DataDirectory, *, reset: bool) -> bool:
    """Check all that could forbid a start, then claim the data directory, emptied if `reset`.

    False when the person decided against the removal. Raises DataRefused, PostgresRefused,
    StartRefused.
    """
    data.check_owner()
    data.lock_if_there()
    removes = reset and data.has_data()
    if removes and not _confirm_removal(data):
        show("Nothing was removed.")
        return False
    _end_leftovers(settings, data)
    check_address(settings.host, settings.port)
    is_old = settings.database_url is not None or postgres.cluster_dir(settings).exists()
    data.check_space(OLD_CLUSTER_BYTES if is_old else NEW_CLUSTER_BYTES)
    data.claim()
    if removes:
        data.empty()
        show("All data was removed.")
    return True


def _confirm_removal(data: DataDirectory) -> bool:
    show(f"This removes every record, secret and log in {data.path}. It cannot be undone.")
    show("Type yes to go on:")
    with contextlib.suppress(KeyboardInterrupt):
        return sys.stdin.readline().strip() == "yes"
    return False


def _end_leftovers(settings: Settings, data: DataDirectory) -> None:
    """End what a killed supervisor left running: it would hold the port and the database."""
    roster = Roster(data.run / "parts.json")
    for pid, number in roster.read_leftovers().items():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    if not wait_for(lambda: not roster.read_leftovers(), LEFTOVER_S):
        for pid in roster.read_leftovers():
            end_group(pid)
        wait_for(lambda: not roster.read_leftovers(), LEFTOVER_S)
    if settings.database_url is None:
        stop_leftovers(postgres.cluster_dir(settings))


def check_address(host: str, port: int) -> None:
    """Raise StartRefused unless a web server could listen on this address now."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        reason = (
            f"This machine cannot listen on {host}: {error.strerror}. Choose another with --host."
        )
        if error.errno == errno.EADDRINUSE:
            reason = f"Port {port} is used by another program. Choose another with --port."
        elif error.errno == errno.EACCES:
            reason = f"Only root may use port {port}. Choose one above 1023 with --port."
        raise StartRefused(f"{reason} Nothing was changed.") from error


def is_healthy(host: str, port: int) -> bool:
    """Whether a web server there answers 200 to GET /healthz within two seconds."""
    try:
        with socket.create_connection((reachable(host), port), timeout=2.0) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return connection.makefile("rb").readline(200).split()[1:2] == [b"200"]
    except OSError:
        return False


def reachable(host: str) -> str:
    """The address by which this machine reaches a server that listens on `host`."""
    every = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to
    return every.get(host, host)
