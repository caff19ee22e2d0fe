"""`winery` run as IT runs it: the installed command, in a process of its own."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Winery
from winery_appliance.core.settings import Settings, child_environment

COMMAND = Path(sysconfig.get_path("scripts"), "winery")


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """A shell on the server of one appliance."""

    environment: Mapping[str, str]
    folder: Path = field(default_factory=Path)

    def run(self, *arguments: str, typed: str = "", code: int = 0, **more: str) -> Ended:
        """Run `winery` with these arguments; it must end with `code`."""
        done = subprocess.run(
            [COMMAND, *arguments],
            input=typed,
            env={**self.environment, **more},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        ended = Ended(done.returncode, done.stdout, done.stderr)
        assert ended.code == code, ended
        assert "Traceback" not in ended.err, ended
        return ended


def make_shell(settings: Settings, folder: Path) -> Shell:
    """A shell in `folder` with the settings of an appliance."""
    return Shell({**child_environment(settings), "PATH": os.environ["PATH"]}, folder)


@pytest.fixture
def shell(book: Winery, tmp_path: Path) -> Shell:
    """On the server of `book`."""
    return make_shell(book.settings, tmp_path)
