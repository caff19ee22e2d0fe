"""A restore that somebody at the first page asks for: what is wanted lies in a file, a process outside the web runs the
command `winery-backup restore` for it and tells how far it is in another, and the page reads that.

What is restored lies beside the data directory's own content until the supervisor lets it take over
(winery_appliance.core.restored_data). In containers a program of the server itself reads and writes the same two files.
"""

import contextlib
import fcntl
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backup.keys import save_file
from backup.kit import read_kit
from backup.refusals import CouldNotRun, KeyRefused
from backup.target import WORK
from winery_appliance.core.child_process import end_with_parent
from winery_appliance.core.clock import now
from winery_appliance.core.postgres_processes import stop_leftovers
from winery_appliance.core.restored_data import (
    MADE,
    READY,
    REQUEST,
    is_requested,
    is_restored,
    request_dir,
    restore_dir,
)
from winery_appliance.core.settings import Settings, child_environment

PROGRESS = "progress.json"
WITHDRAWN = "withdrawn"
LOOK_S = 0.5
UNDER_WAY = "A restore is under way already. It goes on undisturbed."
STOPPED = "The restore was stopped. Nothing was changed."
TORN = "The restore ended without a word. Nothing was changed."
ELSEWHERE = (
    "This appliance does not keep its database itself, so it cannot put another in its place. Nothing was changed. Restore "
    "on the server: winery-backup restore, or winery-appliance restore where it runs in containers."
)
WAITING, BEGUN, FAILED, DONE = "waiting", "begun", "failed", "done"
TAKEN_UP_WITHIN = timedelta(minutes=1)


class RestoreRequest(BaseModel):
    """What is wanted back. `identity` is the text of the kit; the others are the options of that name of `winery-backup
    restore`. Of this machine's folders only the NAS that was named to it can be asked for.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(default_factory=lambda: secrets.token_hex(8), pattern="^[0-9A-Za-z-]{1,64}$")
    identity: str = Field(min_length=1, max_length=32_000, repr=False)
    repo: str = Field(default="nas", pattern="^(nas|s3|s3://.+)$", max_length=1000)
    endpoint: str | None = Field(default=None, max_length=1000)
    credentials: str | None = Field(default=None, max_length=4000, repr=False)  # the file's content
    site: str | None = Field(default=None, max_length=41)
    set: str | None = Field(default=None, max_length=100)
    time: datetime | None = None

    def options(self) -> list[str]:
        """The request as options of the command, but for what it holds of files."""
        secret = {"id", "identity", "credentials"}
        wanted = self.model_dump(mode="json", exclude=secret, exclude_none=True)
        return [f"--{name}={value}" for name, value in wanted.items()]


class RestoreProgress(BaseModel):
    """How far it is. `phase` is `begun`, then what `winery-backup restore --json` tells, in the end `done` or `failed`;
    `bytes` are read `of` all, `left_s` seconds are left, where that is known. `failed` says why, `words` what came back.
    """

    id: str
    phase: str
    ended: bool = False
    failed: str | None = None
    bytes: int | None = None
    of: int | None = None
    left_s: float | None = None
    words: str = ""
    code: int | None = None  # the command's exit code
    at: datetime | None = None  # when this was told: who works tells it again and again


def request_restore(settings: Settings, request: RestoreRequest) -> None:
    """File `request`; from then on it is worked on.

    Raises KeyRefused when the key is mistyped or nothing tells who must have signed, CouldNotRun while another restore is
    under way; then nothing is filed.
    """
    if read_kit(request.identity).verify_key is None:
        raise KeyRefused(
            "Nothing tells who must have signed the copies. Give the whole kit file, or add its line `# verify key: ...`."
        )
    folder = request_dir(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        if is_restored(settings) or is_under_way(settings):
            raise CouldNotRun(UNDER_WAY)
        (folder / WITHDRAWN).unlink(missing_ok=True)
        _save(settings, RestoreProgress(id=request.id, phase=WAITING, at=now()))
        save_file(folder / REQUEST, request.model_dump_json())


def withdraw_restore(settings: Settings) -> None:
    """Have the restore under way stopped; none is no fault."""
    if is_under_way(settings):
        save_file(request_dir(settings) / WITHDRAWN, "")


def is_under_way(settings: Settings) -> bool:
    """Whether a restore waits or is worked on. A server's own command takes the request away before it works on it."""
    progress = load_progress(settings)
    return is_requested(settings) or (progress is not None and not progress.ended)


def load_progress(settings: Settings) -> RestoreProgress | None:
    """How far the restore is, or what came of the last one; None when none was asked for."""
    try:
        text = (request_dir(settings) / PROGRESS).read_text("utf-8")
        progress = RestoreProgress.model_validate_json(text)
    except (OSError, ValueError):
        return None
    is_old = progress.at is not None and progress.at < now() - TAKEN_UP_WITHIN
    if progress.phase == WAITING and is_old and not is_requested(settings):
        # Whoever asked was ended before the request lay there, and nobody will work on it.
        return progress.model_copy(update={"phase": FAILED, "ended": True, "failed": TORN})
    return progress


def carry_out(settings: Settings) -> RestoreProgress | None:
    """Do what was asked for, or go on with it after an interruption; what came of it, None when nothing was asked for.

    Raises CouldNotRun while another process does.
    """
    folder, made = request_dir(settings), restore_dir(settings) / MADE
    if not is_requested(settings):
        return None
    with _alone(folder):
        try:
            request = RestoreRequest.model_validate_json((folder / REQUEST).read_text("utf-8"))
        except ValueError:
            done = RestoreProgress(id="", phase=FAILED, failed="The request cannot be read.")
        else:
            done = _restore(settings, request, made)
        if done.phase == DONE:
            save_file(made.parent / READY, json.dumps({"id": done.id}))
        else:
            _remove_unfinished(made)
        _save(settings, done.model_copy(update={"ended": True, "at": now()}))
        (folder / REQUEST).unlink()
        (folder / WITHDRAWN).unlink(missing_ok=True)
        return done


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CouldNotRun(UNDER_WAY) from error
        yield


def _restore(settings: Settings, request: RestoreRequest, made: Path) -> RestoreProgress:
    if settings.database_url is not None:
        return RestoreProgress(id=request.id, phase=FAILED, failed=ELSEWHERE)
    made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent, prefix="keys-") as name:
        command = _write_command(request, Path(name), made)
        if (made / WORK).exists():
            done = _run(settings, request, [*command, "--resume"])
            if done.code != 1:
                return done
        _remove_unfinished(made)  # of another request, or of an attempt that cannot be gone on with
        return _run(settings, request, command)


def _write_command(request: RestoreRequest, keys: Path, made: Path) -> list[str]:
    program = str(Path(sysconfig.get_path("scripts"), "winery-backup"))
    save_file(keys / "kit.txt", request.identity)
    command = [program, "restore", "--json", *request.options()]
    command += [f"--identity={keys / 'kit.txt'}", f"--target={made}"]
    if request.credentials is not None:
        save_file(keys / "credentials.ini", request.credentials)
        command.append(f"--credentials={keys / 'credentials.ini'}")
    return command


def _run(settings: Settings, request: RestoreRequest, command: list[str]) -> RestoreProgress:
    """Run the command to its end, telling what it tells."""
    progress, withdrawn = (
        RestoreProgress(id=request.id, phase=BEGUN),
        request_dir(settings) / WITHDRAWN,
    )
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            env=child_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGTERM),
        )
        try:
            assert process.stdout is not None
            for facts in _follow(process.stdout.fileno(), withdrawn):
                for fact in facts:
                    progress = RestoreProgress.model_validate(fact | {"id": request.id})
                _save(settings, progress.model_copy(update={"at": now()}))
            is_whole = progress.phase == "restored"
            if is_whole or not withdrawn.exists():
                process.wait()
        finally:
            process.kill()
            process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace").splitlines()
    code = process.returncode
    if is_whole and code == 0:
        return progress.model_copy(update={"phase": DONE, "code": 0})
    refusals = [line.removeprefix("Error: ") for line in said if line.startswith("Error: ")]
    why = STOPPED if withdrawn.exists() else (refusals or [TORN])[-1]
    return progress.model_copy(update={"phase": FAILED, "failed": why, "code": code})


def _follow(output: int, withdrawn: Path) -> Iterator[list[dict[str, Any]]]:
    """What the command has told since the last look, again and again until it has ended or is not wanted any more."""
    rest = b""
    while not withdrawn.exists():
        ready, _, _ = select.select([output], [], [], LOOK_S)
        if ready:
            data = os.read(output, 1 << 16)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            yield [json.loads(line) for line in lines]
        else:
            yield []


def _remove_unfinished(made: Path) -> None:
    """Remove what a restore left that is not gone on with, and the server that may still run in it."""
    for cluster in (made / WORK / "cluster", made / WORK / "files" / "postgresql"):
        if cluster.exists():
            stop_leftovers(cluster)
    shutil.rmtree(made, ignore_errors=True)


def _save(settings: Settings, progress: RestoreProgress) -> None:
    save_file(request_dir(settings) / PROGRESS, progress.model_dump_json())
