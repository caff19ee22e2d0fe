"""Docker and Compose, for one release."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from appliance.files import mirror
from appliance.layout import Layout, Release, read_variables
from appliance.programs import run, succeeds
from appliance.refusals import Failed

DOCKER = os.environ.get("WINERY_DOCKER", "docker")  # tests have an engine of their own
UPSTREAM = Path("snippets/upstream.conf")
UP_S = 300


def docker(*arguments: str | Path, timeout_s: float = 600.0) -> str:
    """What `docker ARGUMENTS` prints. Raises Failed."""
    return run(DOCKER, *arguments, timeout_s=timeout_s)


def has_image(name: str) -> bool:
    """Whether an image is on this server."""
    return succeeds(DOCKER, "image", "inspect", name)


@dataclass(frozen=True)
class Compose:
    """`docker compose` with a release's file, images and IT's choices, in the one project folder."""

    layout: Layout
    release: Release

    def run(self, *arguments: str, timeout_s: float = 600.0) -> str:
        """What `docker compose ARGUMENTS` prints. Raises Failed."""
        return run(
            *(*self._command(), *arguments),
            timeout_s=timeout_s,
            env=_surroundings(),
            name=" ".join(("docker compose", *arguments)),
        )

    def open(self, *arguments: str, stderr: IO[str]) -> "subprocess.Popen[str]":
        """`docker compose ARGUMENTS` while it works, its output to be read line by line."""
        return subprocess.Popen(
            [*self._command(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=_surroundings(),
        )

    def _command(self) -> list[str]:
        program = os.environ.get("WINERY_COMPOSE", "docker compose").split()
        files = [self.release.images_file, self.layout.settings]
        return [
            *(*program, "--ansi=never", "--project-directory", str(self.layout.stack)),
            *("--file", str(self.release.compose_file)),
            *(word for file in files for word in ("--env-file", str(file))),
        ]

    def lay_out(self, drained: str | None = None) -> bool:
        """Put the release's configuration where containers read it, with the web process `drained` (if any) marked
        as away; whether anything changed."""
        instead = {}
        if drained is not None:
            text = (self.release.folder / "nginx" / UPSTREAM).read_text("utf-8")
            instead[UPSTREAM] = mark_down(text, drained)
        changed = [
            mirror(self.release.folder / name, self.layout.stack / name, more)
            for name, more in (("nginx", instead), ("postgres", {}), ("monitoring", {}))
            if (self.release.folder / name).is_dir()
        ]
        return any(changed)

    def up(self, *services: str) -> None:
        """Start what is not as the release wants it, and wait until it is healthy. Raises Failed."""
        self.run(
            *("up", "--detach", "--no-build", "--remove-orphans", "--wait"),
            *(f"--wait-timeout={UP_S}", *services),
            timeout_s=UP_S + 120,
        )

    def services(self) -> list[str]:
        """What the release runs with this server's choices."""
        return sorted(self.run("config", "--services").split())

    def containers(self) -> dict[str, dict[str, Any]]:
        """The containers of the project by service, with what Docker knows of each."""
        ids = self.run("ps", "--all", "--quiet").split()
        told = json.loads(docker("inspect", *ids)) if ids else []
        return {facts["Config"]["Labels"]["com.docker.compose.service"]: facts for facts in told}

    def images(self) -> dict[str, str]:
        """The images by the variables that name them."""
        return read_variables(self.release.images_file)


def mark_down(upstream: str, service: str) -> str:
    """The upstream block with one server marked `down`. Raises Failed when it is not there."""
    lines = upstream.splitlines()
    at = [n for n, line in enumerate(lines) if line.strip().startswith(f"server {service}:")]
    if len(at) != 1:
        raise Failed(f"nginx's {UPSTREAM.name} does not name {service} once")
    lines[at[0]] = lines[at[0]].replace(";", " down;")
    return "\n".join(lines) + "\n"


def _surroundings() -> dict[str, str]:
    """Ours without the variables that Compose reads: what stands there would win over the files."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WINERY_", "COMPOSE_"))
    }
