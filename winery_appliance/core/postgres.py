"""How a PostgreSQL cluster of ours is made, started, found again and stopped.

The server listens on the loopback interface only, asks every connection for a password (SCRAM) and
opens no socket file. The commands of PostgreSQL and the words of `postmaster.pid` are those of its
manual, chapters "Server Setup and Operation" and "Database Physical Storage".
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

from winery_appliance.core.child_process import wait_for
from winery_appliance.core.postgres_processes import read_pid_file
from winery_appliance.core.postgres_programs import (
    HERE,
    MAJOR,
    PostgresRefused,
    hand_to_server,
    open_program,
    owner_of,
    run_program,
)
from winery_appliance.core.secret_files import keep_secret, read_or_make_secret
from winery_appliance.core.settings import Settings

SUPERUSER = "postgres"
SECRET = "postgres_superuser"  # noqa: S105 - the name of a secret, not its value
LOOPBACK = "127.0.0.1"
DISK_FULL = (b"No space left on device", b"Check free disk space")
# Below the range from which Linux takes ports for outgoing connections, so that none of those can
# occupy ours.
PORTS = range(20000, 30000)

# Written into the cluster when it is made; a person may tune them in postgresql.conf. Sized for a
# box with 2 GB of memory.
TUNABLE = {
    "shared_buffers": "128MB",
    "max_connections": "60",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "512MB",
    "random_page_cost": "1.1",  # the box has an SSD
    "timezone": "UTC",
}
# Given at every start: the rest of the product relies on them.
FIXED = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "wal_level": "replica",
    # Copies: a receiver that stays away may hold back so much of the log and no more; incremental copies
    # need summaries; an open segment is closed now and then, so that its pieces stay few.
    "max_slot_wal_keep_size": "2GB",
    "summarize_wal": "on",
    "archive_timeout": "1h",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that we started."""

    process: subprocess.Popen[bytes]
    directory: Path
    port: int

    def is_ready(self, state: str = "ready") -> bool:
        """Whether it accepts connections (`standby`: to read, while it replays), by its own word in `postmaster.pid`."""
        lines = read_pid_file(self.directory)
        return (
            len(lines) > 7
            and lines[0].strip() == str(self.process.pid)
            and lines[7].strip() == state
        )

    def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """Return when it accepts connections; PostgresRefused when it ends before or takes longer
        than `timeout_s`.
        """
        done = wait_for(lambda: self.process.poll() is not None or self.is_ready(), timeout_s)
        if self.process.poll() is not None:
            raise PostgresRefused(
                f"PostgreSQL ended while starting (exit code {self.process.returncode}). "
                f"The data in {self.directory} is as it was."
            )
        if not done:
            raise PostgresRefused(f"PostgreSQL was not ready after {timeout_s:.0f} seconds.")

    def stop(self, timeout_s: float = 30.0) -> None:
        """Stop it: fast (open transactions are undone), and after `timeout_s` at once, which the
        next start repairs.
        """
        for number, patience_s in (
            (signal.SIGINT, timeout_s),
            (signal.SIGQUIT, 5.0),
            (signal.SIGKILL, 5.0),
        ):
            if self.process.poll() is None:
                self.process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(patience_s)


def cluster_dir(settings: Settings) -> Path:
    """Where the appliance's own cluster lies."""
    return settings.data / "postgresql"


def server_url(settings: Settings) -> str:
    """The `postgresql://` address of the server, which may lack a user and a password: the one that was
    set, else that of our own server.

    Raises PostgresRefused when our own server was never started in this data directory.
    """
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    port = _remembered_port(settings)
    if port is None:
        raise PostgresRefused(
            f"There is no database in {settings.data} yet. Start the appliance first, with "
            "./scripts/run, or name a PostgreSQL server in WINERY_DATABASE_URL."
        )
    return f"postgresql://{SUPERUSER}@{LOOPBACK}:{port}/postgres"


def admin_url(settings: Settings) -> str:
    """The superuser's `postgresql://` address. Where the one that was set has no password, it is the
    secret `postgres_superuser` that was handed over.

    Raises PostgresRefused as `server_url`, and SecretMissing.
    """
    url = server_url(settings)
    parts = urlsplit(url)
    is_complete = parts.password is not None or not parts.scheme.startswith("postgres")
    if is_complete or (settings.database_url is not None and settings.secrets is None):
        return url
    password = quote(read_or_make_secret(settings, SECRET), safe="")
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or SUPERUSER}:{password}@{place}").geturl()


def choose_port(settings: Settings) -> int:
    """The port remembered for our server if it is free, else another free one, which is remembered
    from now on.
    """
    remembered = _remembered_port(settings)
    if remembered is not None and is_free(remembered):
        return remembered
    port = find_free_port()
    file = _port_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.write_text(f"{port}\n", encoding="ascii")
    draft.replace(file)
    return port


def find_free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    for _ in range(200):
        port = secrets.choice(PORTS)
        if is_free(port):
            return port
    raise PostgresRefused(f"No free port was found between {PORTS.start} and {PORTS.stop - 1}.")


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of the loopback interface."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def ensure_cluster(settings: Settings, *, preexec_fn: Callable[[], None] | None = None) -> bool:
    """Make the appliance's own cluster if there is none; whether it was made now.

    Clears away half-made ones. A cluster whose administrator's secret is lost gets a new one. Only
    for the holder of the data directory's lock, while no server runs. Raises PostgresRefused.
    """
    directory = cluster_dir(settings)
    _remove_drafts(directory)
    if not directory.exists():
        password = read_or_make_secret(settings, SECRET)
        make_cluster(settings, directory, password, preexec_fn=preexec_fn)
        return True
    check_cluster(directory)
    if not (settings.secrets_dir / SECRET).exists():
        password = secrets.token_urlsafe(32)
        set_superuser_password(settings, directory, password)
        keep_secret(settings, SECRET, password)
    return False


def make_cluster(
    settings: Settings,
    directory: Path,
    password: str,
    *,
    preexec_fn: Callable[[], None] | None = None,
) -> None:
    """Make a cluster in `directory`, which must not exist; it appears there whole or not at all.

    With data checksums and the builtin C.UTF-8 locale, so that a physical copy sorts alike on every
    machine. Raises PostgresRefused.
    """
    draft = directory.with_name(f"{directory.name}.new-{secrets.token_hex(4)}")
    try:
        draft.mkdir(mode=0o700)
        hand_to_server(draft)
        with _readable_text(password, draft) as descriptor:
            done = run_program(
                settings,
                "initdb",
                _initdb_arguments(f"/dev/fd/{descriptor}"),
                directory=draft,
                pass_fds=(descriptor,),
                preexec_fn=preexec_fn,
            )
        if done.returncode != 0:
            raise PostgresRefused(_explain_initdb(done.stderr, directory))
        draft.rename(directory)
    except OSError as error:
        raise PostgresRefused(
            f"The database could not be made in {directory}: {error.strerror or error}. "
            "Nothing was left behind."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_cluster(directory: Path) -> None:
    """Raise PostgresRefused unless `directory` holds a cluster of the version we run."""
    try:
        version = (directory / "PG_VERSION").read_text(encoding="ascii").strip()
    except OSError as error:
        raise PostgresRefused(
            f"{directory} is no whole database: its file PG_VERSION cannot be read "
            f"({error.strerror}). Nothing was changed. Restore a backup into a new data directory."
        ) from error
    if version != str(MAJOR):
        raise PostgresRefused(
            f"The database in {directory} was made by PostgreSQL {version}; this appliance runs "
            f"PostgreSQL {MAJOR}. Nothing was changed. Start the release that made it, or restore "
            "its newest backup into a new data directory."
        )


def set_superuser_password(settings: Settings, directory: Path, password: str) -> None:
    """Set the superuser's password in a cluster whose server is stopped, as after a restore without
    its secrets.
    """
    command = f"ALTER ROLE {SUPERUSER} PASSWORD '{password.replace(chr(39), chr(39) * 2)}'\n"
    done = run_program(
        settings,
        "postgres",
        ["--single", "-D", HERE, "postgres"],
        directory=directory,
        text=command,
    )
    if done.returncode != 0 or b"ERROR:" in done.stderr:
        raise PostgresRefused(
            f"The administrator's password of the database in {directory} could not be set: "
            f"{_last_line(done.stderr)}"
        )


def start_server(
    settings: Settings,
    directory: Path,
    port: int,
    *,
    options: Mapping[str, str] | None = None,
    stderr: int | IO[Any] | None = None,
    preexec_fn: Callable[[], None] | None = None,
) -> Server:
    """Start a server on the cluster in `directory`; it is not ready yet when this returns.

    `options` are further settings of PostgreSQL by name. The server logs to `stderr`.
    """
    arguments = ["-D", HERE, "-c", f"port={port}"]
    for name, value in {**FIXED, **(options or {})}.items():
        arguments += ["-c", f"{name}={value}"]
    process = open_program(
        settings,
        "postgres",
        arguments,
        directory=directory,
        stdout=stderr,
        stderr=stderr,
        preexec_fn=preexec_fn,
    )
    return Server(process, directory, port)


def _remove_drafts(directory: Path) -> None:
    # What an interrupted making or removal left beside the cluster.
    for kind in ("new", "removed"):
        for draft in directory.parent.glob(f"{directory.name}.{kind}-*"):
            shutil.rmtree(draft, ignore_errors=True)


def _initdb_arguments(password_file: str) -> list[str]:
    arguments = ["-D", HERE, "-U", SUPERUSER, f"--pwfile={password_file}", "-A", "scram-sha-256"]
    arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    arguments += ["-E", "UTF8", "--data-checksums"]
    for name, value in TUNABLE.items():
        arguments += ["-c", f"{name}={value}"]
    return arguments


@contextlib.contextmanager
def _readable_text(text: str, directory: Path) -> Iterator[int]:
    """A descriptor from which a program working in `directory` can read `text` once; it never lies
    in a file.
    """
    reading, writing = os.pipe()
    try:
        os.write(writing, text.encode() + b"\n")
        os.close(writing)
        user = owner_of(directory)
        if user is not None:  # opening /dev/fd/N asks for the right to read the pipe once more
            os.fchown(reading, user.uid, user.gid)
        yield reading
    finally:
        os.close(reading)


def _explain_initdb(errors: bytes, directory: Path) -> str:
    if any(words in errors for words in DISK_FULL):
        return (
            f"The disk of {directory.parent} filled up while the database was made. "
            "Nothing was left behind. Free some space and start again."
        )
    return f"The database could not be made: {_last_line(errors)} Nothing was left behind."


def _last_line(text: bytes) -> str:
    """The last line that tells of an error, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    chosen = (
        [line for line in lines if b"FATAL:" in line or b"rror:" in line]
        or lines
        or [b"no reason was given."]
    )
    return chosen[-1].decode(errors="replace")


def _port_file(settings: Settings) -> Path:
    return settings.data / "run" / "postgres_port"


def _remembered_port(settings: Settings) -> int | None:
    try:
        port = int(_port_file(settings).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None
    return port if 0 < port < 65536 else None
