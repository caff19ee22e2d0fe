"""Data directories, and appliances that leave no process behind, however a test ends."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.runtime.running_appliance import Appliance, wait_for
from winery_appliance.core.settings import Settings


@pytest.fixture
def closed_folder(tmp_path: Path) -> Path:
    """A folder that only its owner may enter, as a home directory is."""
    folder = tmp_path / "home of ana"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def settings(closed_folder: Path) -> Settings:
    """Settings with a data directory that does not exist yet."""
    return Settings(data=closed_folder / "var")


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    return find_port()


def find_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@pytest.fixture
def make_appliance(closed_folder: Path) -> Iterator[Callable[[], Appliance]]:
    """Make appliances, each with a data directory and a port of its own."""
    made: list[Appliance] = []

    def make() -> Appliance:
        made.append(Appliance(closed_folder / f"var {len(made)}", find_port()))
        return made[-1]

    yield make
    for appliance in made:
        appliance.kill_all()
    wait_for(lambda: not any(one.processes() for one in made), "the end of all processes")


@pytest.fixture
def appliance(make_appliance: Callable[[], Appliance]) -> Appliance:
    """One appliance, not started yet."""
    return make_appliance()
