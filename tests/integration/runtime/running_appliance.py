"""A supervised appliance of stand-ins as a test sees it: its terminal, its processes, its log."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest

from winery_appliance.core.postgres import admin_url, cluster_dir
from winery_appliance.core.settings import Settings

STAND_IN = Path(__file__).with_name("stand_in.py")
ROOT = Path(__file__).parents[3]
DEADLINE_S = 120.0
PARTS = ("web", "worker", "scheduler", "postgres")

Answer = TypeVar("Answer")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: mounts and other users")


def wait_for(ask: Callable[[], Answer], what: str, timeout_s: float = DEADLINE_S) -> Answer:
    """The first true answer of `ask`; fails at the deadline."""
    end = time.monotonic() + timeout_s
    while not (answer := ask()):
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.02)
    return answer


class Appliance:
    """Starts `stand_in.py up` on one data directory, as often as a test likes."""

    command: tuple[str, ...] = (sys.executable, str(STAND_IN))

    def __init__(self, data: Path, port: int) -> None:
        self.settings = Settings(data=data, port=port)
        self.data = data
        self.port = port
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("WINERY_")
        } | {
            "WINERY_DATA": str(data),
            "WINERY_PORT": str(port),
            "WINERY_HOST": "127.0.0.1",
            "PYTHONPATH": str(ROOT),
        }
        self.screen = data.with_name(data.name + ".screen")
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self, *options: str, typed: str = "", **environment: str) -> "Appliance":
        """Start it, without waiting; `typed` is what the person types."""
        with self.screen.open("wb") as screen:
            self.process = subprocess.Popen(
                [*self.command, "up", *options],
                env=self.environment | environment,
                stdin=subprocess.PIPE,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # These tests may run under nohup, which an appliance heeds.
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
            )
        assert self.process.stdin is not None
        self.process.stdin.write(typed.encode())
        self.process.stdin.close()
        return self

    def start(self, *options: str, typed: str = "", **environment: str) -> "Appliance":
        """Start it and wait until it says that it is ready and each stand-in has begun."""
        self.launch(*options, typed=typed, **environment)
        wait_for(
            lambda: "ready: http" in self.shown() or self.exit_code() is not None, "the address"
        )
        assert "ready: http" in self.shown(), self.shown()
        if "STAND_IN_BROKEN" not in environment:
            wait_for(self._have_begun, "the stand-ins")
        return self

    def _have_begun(self) -> bool:
        begun = {line.get("pid") for line in self.log_lines() if line["event"] == "begun"}
        return {str(self.part(name)) for name in ("web", "worker", "scheduler")} <= begun

    def exit_code(self) -> int | None:
        """The supervisor's exit code, None while it runs."""
        assert self.process is not None
        return self.process.poll()

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        """The supervisor's exit code, once it has ended."""
        assert self.process is not None
        return self.process.wait(timeout_s)

    def tell(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """Stop it as Ctrl-C does."""
        self.tell(signal.SIGINT)
        return self.wait()

    def shown(self) -> str:
        """What stands on the terminal since the last start."""
        return self.screen.read_text()

    def part(self, name: str) -> int:
        """The process number of a part that runs now, 0 when it does not."""
        assert self.process is not None
        word = "-D" if name == "postgres" else name
        for pid in _children(self.process.pid):
            with contextlib.suppress(OSError):
                if word in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                    return pid
        return 0

    def processes(self) -> set[int]:
        """Every process that belongs to this data directory, watched or not."""
        return {
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdecimal() and self._owns(entry)
        }

    def is_answering(self) -> bool:
        """Whether the web stand-in answers."""
        return bool(self.ask())

    def ask(self) -> str:
        """What the web stand-in answers, "" when it does not."""
        with contextlib.suppress(OSError):
            url = f"http://127.0.0.1:{self.port}/healthz"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        return ""

    def count_starts(self) -> int:
        """How many starts this database has seen; 0 while it does not answer."""
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(admin_url(self.settings), connect_timeout=5) as connection,
        ):
            row = connection.execute("SELECT count(*) FROM starts").fetchone()
            return int(row[0]) if row else 0
        return 0

    def log_lines(self) -> list[dict[str, object]]:
        """The log; fails when a line is not a JSON object."""
        lines = []
        for text in (self.data / "log" / "winery.log").read_text().splitlines():
            line = json.loads(text)
            assert isinstance(line, dict), text
            lines.append(line)
        return lines

    def count_events(self, event: str) -> int:
        """How often an event stands in the log."""
        return sum(line["event"] == event for line in self.log_lines())

    def kill_all(self) -> None:
        """SIGKILL to every process at once, the supervisor first."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def _owns(self, entry: Path) -> bool:
        mark = f"WINERY_DATA={self.data}\0".encode()
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes():
                return True
            return os.path.samestat((entry / "cwd").stat(), cluster_dir(self.settings).stat())
        return False


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in text.split()]
    return []
