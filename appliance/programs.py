"""Other programs, and what they said when they failed."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from appliance.refusals import Failed

LAST_WORDS = 12  # lines of a failed program that are shown


def run(
    *command: str | Path,
    timeout_s: float = 600.0,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    name: str = "",
) -> str:
    """What a program prints. Raises Failed with its last words; `name` is what a person knows the command by."""
    called = name or " ".join(map(str, command))
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=env,
            cwd=cwd,
        )
    except FileNotFoundError as error:
        raise Failed(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{called} did not end within {timeout_s:.0f} s") from error
    if done.returncode != 0:
        words = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LAST_WORDS:])
        raise Failed(f"{called} ended with {done.returncode}: {words}")
    return done.stdout


def stream(
    *command: str, into: Path | None = None, out_of: Path | None = None, timeout_s: float = 3600.0
) -> None:
    """Run a program with its output in the file `into`, or its input from `out_of`. Raises Failed."""
    with (
        (into or Path(os.devnull)).open("wb") as target,
        (out_of or Path(os.devnull)).open("rb") as source,
    ):
        done = subprocess.run(
            command,
            stdin=source,
            stdout=target,
            stderr=subprocess.PIPE,
            timeout=timeout_s,
            check=False,
        )
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-LAST_WORDS:]
        raise Failed(f"{command[0]} ended with {done.returncode}: {' '.join(words)}")


def succeeds(*command: str | Path, timeout_s: float = 60.0) -> bool:
    """Whether a program ends with 0."""
    try:
        return (
            subprocess.run(command, capture_output=True, timeout=timeout_s, check=False).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
