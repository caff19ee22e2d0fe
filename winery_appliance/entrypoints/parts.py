"""The processes that the supervisor keeps alive, and what it must know of each."""

import contextlib
import json
import os
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from winery_appliance.core.child_process import end_with_parent
from winery_appliance.core.clock import monotonic_s
from winery_appliance.core.settings import Settings

# Restarted at once, then after ever longer pauses, so that a part that cannot start does not eat
# the machine.
PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0)
HEALTHY_S = 60.0


@dataclass(frozen=True)
class Child:
    """A process to be run: its name, its command, the signal that ends it and how long it may take
    to end.
    """

    name: str
    command: Sequence[str]
    stop_signal: signal.Signals = signal.SIGTERM
    patience_s: float = 10.0

    def start(
        self, environment: Mapping[str, str], errors: int, output: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start it in a session of its own; it gets its stop signal also when the supervisor is
        killed.

        Both its streams go to the descriptor `errors`, unless `output` is given for its standard
        output.
        """
        return subprocess.Popen(
            self.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=errors if output is None else output,
            stderr=errors,
            start_new_session=True,
            preexec_fn=end_with_parent(self.stop_signal),
        )


def winery_command(*arguments: str, program: str = "winery") -> tuple[str, ...]:
    """The command line that runs a subcommand of the `winery` installed with this Python."""
    return (str(Path(sysconfig.get_path("scripts"), program)), *arguments)


# Started in this order and stopped in the opposite one, so that who asks is gone before who
# answers. A request takes a moment; the worker may be in the middle of a long job.
WINERY = (
    Child("stream", winery_command("stream", program="winery-backup"), signal.SIGTERM, 10.0),
    Child("sync", winery_command("run", program="winery-sync"), signal.SIGTERM, 10.0),
    Child("worker", winery_command("worker"), signal.SIGINT, 30.0),
    Child("scheduler", winery_command("scheduler"), signal.SIGTERM, 10.0),
    Child("web", winery_command("web"), signal.SIGTERM, 10.0),
)


def list_children(settings: Settings) -> tuple[Child, ...]:
    """The processes of this appliance: who listens at a broker only where one is named."""
    ingest = Child("ingest", winery_command("ingest"), signal.SIGTERM, 10.0)
    return (*WINERY, ingest) if settings.mqtt_broker is not None else WINERY


class Part:
    """A process that is kept alive: started, watched, started again after a pause, ended.

    `start` is given the descriptor its output shall go to; `stop_signals` are tried in turn, each
    with its seconds.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[int], subprocess.Popen[bytes]],
        stop_signals: Sequence[tuple[signal.Signals, float]],
    ) -> None:
        self.name = name
        self.stop_signals = stop_signals
        self.process: subprocess.Popen[bytes] | None = None
        self.due_s = 0.0  # when to start it again, on the monotonic clock
        self.last_words = ""  # its newest plain line that told of trouble
        self._start = start
        self._failures = 0
        self._started_s = 0.0

    def launch(self, output: int) -> None:
        """Start the process. Raises what `start` raises."""
        self._started_s = monotonic_s()
        self.process = self._start(output)

    def plan_restart(self) -> float:
        """Note that the process is gone; the seconds until it is due again."""
        if monotonic_s() - self._started_s >= HEALTHY_S:
            self._failures = 0
        pause_s = PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
        self.due_s = monotonic_s() + pause_s
        self._failures += 1
        self.process = None
        return pause_s

    def is_running(self) -> bool:
        """Whether the process runs now."""
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process if it runs; SIGKILL goes to its whole group."""
        if self.process is None or not self.is_running():
            return
        if number == signal.SIGKILL:
            end_group(self.process.pid)
        else:
            self.process.send_signal(number)


def describe_end(returncode: int | None) -> str:
    """How a process ended, in words."""
    if returncode is None:
        return "could not start"
    if returncode < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-returncode).name}"
    return f"ended with code {returncode}"


def end_group(leader: int) -> None:
    """Kill every process of the group that `leader` leads."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


class Roster:
    """A file that names the running parts, so that the next start can end what a killed supervisor
    left behind.

    A process is known by its number together with the moment it was started at and the boot that
    moment belongs to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, parts: Sequence[Part]) -> None:
        """Name the parts that run now."""
        running = [
            {
                "name": part.name,
                "pid": part.process.pid,
                "started": _read_start(part.process.pid),
                "stop": int(part.stop_signals[0][0]),
            }
            for part in parts
            if part.process is not None and part.is_running()
        ]
        draft = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):  # on a full disk the roster is late, and nothing worse
            draft.write_text(json.dumps({"boot": _read_boot(), "parts": running}), "utf-8")
            draft.replace(self._path)

    def read_leftovers(self) -> dict[int, signal.Signals]:
        """The processes of an earlier supervisor that still run, with the signal that ends each."""
        try:
            facts = json.loads(self._path.read_text("utf-8"))
            if facts["boot"] != _read_boot():
                return {}
            return {
                int(entry["pid"]): signal.Signals(entry["stop"])
                for entry in facts["parts"]
                if entry["started"] and entry["started"] == _read_start(int(entry["pid"]))
            }
        except (OSError, ValueError, KeyError, TypeError):
            return {}


def _read_boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def _read_start(pid: int) -> str:
    """The moment a process was started at, in the kernel's ticks since the boot (proc(5), field
    22); "" if it is gone.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
