"""The running stack as a client on the LAN and as its IT person sees it."""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.stack.engine import Engine, wait_until
from tests.stack.machine import ROOT, say

NAME = "winery.home.arpa"
OWNER, PASSWORD = "ines@torrevela.example", "harvest-at-six"
SERVICES = ("app1", "app2", "backup", "db", "mover", "nginx", "scheduler", "worker")
UP_S = 300


@dataclass
class Answer:
    """A status, a body and headers; status 0 when the line was cut."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Stack:
    """compose.yaml on an engine of its own."""

    def __init__(self, engine: Engine, images: dict[str, str], project: Path) -> None:
        self.engine = engine
        self._variables = images | {
            "COMPOSE_PROFILES": "backup,instruments",
            "WINERY_NAS_DIR": str(project / "nas"),
            "WINERY_INSTRUMENTS_DIR": str(project / "nas"),
            "WINERY_INSTRUMENTS_FOLDER": "lab",
        }
        self.project = project
        self.secrets = project / "secrets"
        self.nas = project / "nas"
        self.token = ""
        self.setup_code = ""

    def start(self) -> None:
        """From an unpacked folder to a ready stack, by the commands that compose.yaml names."""
        shutil.rmtree(self.project, ignore_errors=True)
        self.secrets.mkdir(parents=True, mode=0o700)
        shutil.copy(ROOT / "compose.yaml", self.project)
        for folder in ("nginx", "postgres"):
            shutil.copytree(ROOT / folder, self.project / folder)
        self.nas.mkdir()
        os.chown(self.nas, 10001, 10001)
        (self.nas / "lab").mkdir(mode=0o755)
        say("Starting the stack ...")
        self.compose("run", "--rm", "secrets")
        names = ("--name", NAME, "--name", self.engine.address)
        self.compose("run", "--rm", "certificate", *names)
        self.compose("up", "--detach", "--wait", f"--wait-timeout={UP_S}")
        found = re.search(r"Setup code: (\S+)", self.compose("logs", "--no-log-prefix", "migrate"))
        assert found, "migrate told no setup code"
        self.setup_code = found.group(1)
        wait_until(lambda: self.ask("GET", "/readyz").status == 200, "readiness through nginx", 60)

    def configure(self, **variables: str) -> None:
        """Set what `.env` sets, for all that is started from now on."""
        self._variables |= variables

    def compose(self, *arguments: str) -> str:
        """`docker compose ARGUMENTS`."""
        return self.engine.compose(self.project, self._variables, *arguments)

    def image(self, variable: str) -> str:
        """The image that a variable of compose.yaml or of the Dockerfile names."""
        return self._variables[variable]

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return self.compose("ps", "--all", "--quiet", service).strip()

    def inspect(self, service: str) -> Any:
        """All that the engine knows of a service's container."""
        return json.loads(self.engine.docker("inspect", self.container(service)))[0]

    def logs(self, service: str, *options: str) -> str:
        """What a service wrote, to either stream."""
        command = (*self.engine.docker_command, "logs", *options, self.container(service))
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        ).stdout

    def kill(self, service: str) -> int:
        """SIGKILL to a service's process, as the kernel sends it when memory is short; its number."""
        pid = self.inspect(service)["State"]["Pid"]
        self.engine.docker("kill", "--signal=KILL", self.container(service))
        return int(pid)

    def ask(
        self, method: str, path: str, body: Any = None, *, port: int = 443, **headers: str
    ) -> Answer:
        """One request from the LAN, by TLS that is verified; status 0 when the line was cut."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Host", NAME)
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        line = self._connect(port)
        try:
            line.request(method, path, None if body is None else json.dumps(body), sent)
            answer = line.getresponse()
            return Answer(answer.status, answer.read(), answer.headers)
        except (OSError, http.client.HTTPException):
            return Answer(0, b"", http.client.HTTPMessage())
        finally:
            line.close()

    def _connect(self, port: int) -> http.client.HTTPConnection:
        address = self.engine.address
        if port == 80:
            return http.client.HTTPConnection(address, port, timeout=30)
        trust = ssl.create_default_context(cafile=str(self.secrets / "ca_certificate"))
        return http.client.HTTPSConnection(address, port, timeout=30, context=trust)

    def is_open(self, address: str, port: int) -> bool:
        """Whether somebody on the LAN who sends packets for `address` to the server reaches this port."""
        try:
            with socket.create_connection((address, port), timeout=1.0):
                return True
        except OSError:
            return False

    def sign_in(self) -> None:
        """Take a token as the owner."""
        body = {"email": OWNER, "password": PASSWORD}
        answer = self.ask("POST", "/api/v1/tokens", body)
        assert answer.status == 201 or answer.status == 200, answer
        self.token = answer.json["access_token"]

    def start_fermentation(self, code: str) -> "Tank":
        """A red that began ten days ago."""
        started_at = (datetime.now(UTC) - timedelta(days=10)).replace(microsecond=0)
        body = {"code": code, "vessel_code": f"T-{code}", "yeast_strain": "EC-1118", "style": "red"}
        answer = self.ask(
            "POST", "/api/v1/fermentations", body | {"started_at": started_at.isoformat()}
        )
        assert answer.status == 201, answer
        return Tank(self, answer.json["id"], started_at)


@dataclass
class Tank:
    """A running fermentation."""

    stack: Stack
    id: int
    started_at: datetime

    def body(self, hours: float) -> dict[str, Any]:
        """A sugar reading that falls as it should."""
        return {
            "client_uuid": str(uuid4()),
            "sample_type": "sugar",
            "value": f"{24 - hours / 12:.1f}",
            "unit": "brix",
            "measured_at": (self.started_at + timedelta(hours=hours)).isoformat(),
        }

    def send(self, body: dict[str, Any]) -> int:
        """The status of sending a reading."""
        return self.stack.ask("POST", f"/api/v1/fermentations/{self.id}/samples", body).status

    def covered(self) -> int:
        """How many readings the newest analysis covers."""
        answer = self.stack.ask("GET", f"/api/v1/fermentations/{self.id}/analysis")
        return int(answer.json["covers_samples"]) if answer.status == 200 else -1
