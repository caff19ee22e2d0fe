"""A Docker Engine of this test run alone: own directory, own socket, own network namespace.

In its namespace its bridges and firewall rules meet nobody else's. One cable leads out, to this machine as a client on the
LAN; the engine itself reaches no other network. Everything is ended by the process ids that were started here.
"""

import contextlib
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

READY_S = 60.0


def run(
    *command: str | Path, timeout_s: float = 600.0, check: bool = True, **options: object
) -> str:
    """What a program prints; RuntimeError with its last words when it fails."""
    done = subprocess.run(  # type: ignore[call-overload]
        command, capture_output=True, text=True, timeout=timeout_s, check=False, **options
    )
    if check and done.returncode != 0:
        words = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{words}")
    return str(done.stdout)


def wait_until(ask: Callable[[], object], what: str, timeout_s: float) -> None:
    """Return when `ask` is true; RuntimeError at the deadline."""
    end = time.monotonic() + timeout_s
    while not ask():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {timeout_s:.0f} s in vain: {what}")
        time.sleep(0.2)


class Engine:
    """dockerd in a network namespace, joined to this machine by one cable."""

    def __init__(self, directory: Path, docker: str, compose: Sequence[str]) -> None:
        """`directory` is made and belongs to the engine; `docker` and `compose` are the clients' commands."""
        self.directory = directory
        self.place = Path(tempfile.mkdtemp(prefix="winery-stack-"))  # a socket's path must be short
        self.docker_command = (docker, "--host", f"unix://{self.place}/docker.sock")
        self._compose = tuple(compose)
        number = secrets.randbelow(2**13)  # of the /30 networks in 198.19.128.0/17
        base = (198 << 24) + (19 << 16) + (128 << 8) + 4 * number
        self.here, self.address = (_dotted(base + n) for n in (1, 2))
        self._cable = f"winery{number}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and plug the cable in; RuntimeError with its last words when it does not come up."""
        self.directory.mkdir(parents=True)
        daemon = [
            "dockerd",
            f"--data-root={self.directory}/data",
            f"--exec-root={self.place}/exec",
            f"--host=unix://{self.place}/docker.sock",
            f"--pidfile={self.place}/docker.pid",
            f"--config-file={self.place}/none.json",
            "--group=root",
            "--log-level=warn",
        ]
        (self.place / "none.json").write_text("{}")
        # As on a machine with systemd: what is mounted later is seen in containers too, where they ask for it.
        inside = 'mount --make-rshared / && ip link set lo up && exec "$@"'
        with (self.directory / "dockerd.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "unshare",
                    "--net",
                    "--mount",
                    "--propagation=private",
                    "sh",
                    "-c",
                    inside,
                    "sh",
                    *daemon,
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        wait_until(self._is_up, f"dockerd; its log is {self.directory}/dockerd.log", READY_S)
        self._plug_in(str(self._process.pid))

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            words = (self.directory / "dockerd.log").read_text(errors="replace")[-1500:]
            raise RuntimeError(f"dockerd ended:\n{words}")
        return (
            subprocess.run(
                [*self.docker_command, "version"], capture_output=True, check=False
            ).returncode
            == 0
        )

    def _plug_in(self, namespace: str) -> None:
        run(
            "ip",
            "link",
            "add",
            self._cable,
            "type",
            "veth",
            "peer",
            "name",
            "lan0",
            "netns",
            namespace,
        )
        run("ip", "addr", "add", f"{self.here}/30", "dev", self._cable)
        run("ip", "link", "set", self._cable, "up")
        self.inside("ip", "addr", "add", f"{self.address}/30", "dev", "lan0")
        self.inside("ip", "link", "set", "lan0", "up")

    @property
    def process_number(self) -> int:
        """By which its network is found below /proc."""
        assert self._process is not None
        return self._process.pid

    def inside(self, *command: str) -> str:
        """Run a program of this machine in the engine's network."""
        assert self._process is not None
        return run("nsenter", "--net", f"--target={self._process.pid}", *command)

    def docker(self, *arguments: str | Path, **options: object) -> str:
        """What `docker ARGUMENTS` prints."""
        return run(*self.docker_command, *arguments, **options)  # type: ignore[arg-type]

    def compose(self, project: Path, environment: dict[str, str], *arguments: str) -> str:
        """What Compose prints, for the file compose.yaml in `project`."""
        surroundings = os.environ | environment
        surroundings["DOCKER_HOST"] = f"unix://{self.place}/docker.sock"
        return run(*self._compose, "--ansi=never", *arguments, cwd=project, env=surroundings)

    def stop(self) -> None:
        """End every container and the engine, and remove all that it kept."""
        process = self._process
        if process is not None and process.poll() is None:
            with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
                running = self.docker("ps", "--quiet", timeout_s=20).split()
                if running:
                    self.docker("kill", *running, timeout_s=30)
            for number, patience_s in ((signal.SIGTERM, 30), (signal.SIGKILL, 5)):
                process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience_s)
                    break
        for path in (self.directory, self.place):
            shutil.rmtree(path, ignore_errors=True)


def _dotted(number: int) -> str:
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def find_docker() -> str | None:
    """A docker client that can build: one with BuildKit inside (before 23) or with the plugin buildx."""
    for candidate in dict.fromkeys(("/usr/bin/docker", shutil.which("docker"))):
        if candidate is None or not Path(candidate).exists():
            continue
        version = run(candidate, "--version", check=False).split("version ")[-1]
        digits = "".join(itertools.takewhile(str.isdigit, version))
        has_buildx = not subprocess.run(
            [candidate, "buildx", "version"], capture_output=True, check=False
        ).returncode
        if has_buildx or (digits and int(digits) < 23):
            return candidate
    return None
