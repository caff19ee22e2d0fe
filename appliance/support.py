"""A file for whoever helps: how everything is and what it last said, without secrets and without people.

What could name a person or open a door is taken out of every text: the values of all secrets, e-mail addresses, addresses
in the network, tokens and codes. A word that stands for the same thing is the same all through the file.
"""

import io
import json
import re
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.compose import DOCKER, Compose
from appliance.doctor import examine
from appliance.journal import Journal
from appliance.layout import Layout
from appliance.programs import run
from appliance.refusals import Failed

LINES = "2000"  # of each service's log
COMMANDS = {
    "disk.txt": ("df", "-h"),
    "memory.txt": ("free", "-m"),
    "system.txt": ("uname", "-a"),
    "failed-units.txt": ("systemctl", "--failed", "--no-pager"),
    "docker.txt": (DOCKER, "version"),
    "containers.txt": (DOCKER, "ps", "--all"),
    "firewall.txt": ("nft", "list", "table", "inet", "winery"),
    "journal.txt": ("journalctl", "--no-pager", "--lines=1000", "--unit=docker", "--unit=winery-*"),
}
# Fields of our processes' log lines that hold what a person typed, or who it was.
PERSONAL = re.compile(
    r'"(login|email|user|user_name|username|display_name|name|winery|actor|who|person)"\s*:\s*"(?:[^"\\]|\\.)*"'
)
PATTERNS = {
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "code": re.compile(r"(?<=Setup code: )\S+"),
    "token": re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+|\bwinery_\w{20,}"),
    "address": re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}\b"),
    "key": re.compile(
        r"AGE-SECRET-KEY-\w+|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*-----"
    ),
}
# This machine itself, and the network between the containers.
NOBODYS = ("127.", "0.0.0.0", "198.18.")  # noqa: S104 - looked for
SHORTEST_SECRET = 8  # a shorter value would be found in innocent words


class Blackener:
    """Takes out of texts what must not leave the house."""

    def __init__(self, secrets: Iterator[str]) -> None:
        self._secrets = sorted(
            {
                line
                for value in secrets
                for line in value.split("\n")
                if len(line.strip()) >= SHORTEST_SECRET
            },
            key=len,
            reverse=True,
        )
        self._known: dict[str, str] = {}

    def blacken(self, text: str) -> str:
        """The text without them."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        text = PERSONAL.sub(lambda found: f'"{found.group(1)}": "[left out]"', text)
        for kind, pattern in PATTERNS.items():
            text = pattern.sub(self._stand_in(kind), text)
        return text

    def _stand_in(self, kind: str) -> Callable[[re.Match[str]], str]:
        def name(found: re.Match[str]) -> str:
            word = found.group(0)
            if kind == "address" and word.startswith(NOBODYS):
                return word
            number = sum(1 for other in self._known.values() if other.startswith(f"[{kind}"))
            return self._known.setdefault(word, f"[{kind}-{number + 1}]")

        return name


def write_support_bundle(layout: Layout, target: Path) -> Path:
    """The file, readable by its owner alone."""
    values = (
        path.read_text("utf-8", errors="replace")
        for path in layout.secrets.rglob("*")
        if path.is_file() and "certificate" not in path.name
    )
    blackener = Blackener(values)
    target.touch(mode=0o600)
    with tarfile.open(target, "w:gz") as archive:
        for name, text in _collect(layout):
            data = blackener.blacken(text).encode()
            entry = tarfile.TarInfo(f"{target.name.partition('.')[0]}/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(data))
    return target


def _collect(layout: Layout) -> Iterator[tuple[str, str]]:
    yield "doctor.txt", "".join(f"{finding}\n" for finding in examine(layout))
    yield "updates.json", json.dumps(Journal(layout).outcomes(), indent=1)
    if layout.settings.is_file():
        yield "settings.txt", layout.settings.read_text("utf-8")
    for name, command in COMMANDS.items():
        yield name, _try(*command)
    release = layout.current()
    if release is None:
        return
    yield "manifest.json", (release.folder / "manifest.json").read_text("utf-8")
    compose = Compose(layout, release)
    try:
        services = compose.services()
    except Failed as error:
        yield "services.txt", str(error)
        return
    for service in services:
        yield f"logs/{service}.txt", _try_compose(compose, service)


def _try(*command: str) -> str:
    try:
        return run(*command, timeout_s=60)
    except Failed as error:
        return f"{error}\n"


def _try_compose(compose: Compose, service: str) -> str:
    try:
        return compose.run("logs", "--no-color", "--no-log-prefix", f"--tail={LINES}", service)
    except Failed as error:
        return f"{error}\n"
