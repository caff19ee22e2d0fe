"""A cluster of our own with the product's settings and roles, a folder as NAS, keys, and the streaming process."""

import contextlib
import os
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backup.key_commands import set_up_keys
from backup.keys import Site, need_site
from backup.status import Status, load_status
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core import postgres
from winery_appliance.core.roles import prepare_roles, role_url
from winery_appliance.core.settings import Settings, child_environment

BACKUP = str(Path(sysconfig.get_path("scripts"), "winery-backup"))


@dataclass
class Cellar:
    """A data directory with a running server, whose records are copied to `nas`."""

    settings: Settings
    nas: Path
    kit: Path
    server: postgres.Server | None = None
    streaming: "subprocess.Popen[bytes] | None" = None
    port: int = 0
    options: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Site:
        return need_site(self.settings)

    @property
    def repository(self) -> Path:
        """The newest repository's folder on the NAS."""
        repos = self.nas / "v1" / "sites" / self.site.site / "repos"
        return sorted(repos.iterdir())[-1]

    def with_nas_of_its_own(self, nas: Path) -> "Cellar":
        """The same, all of whose copies lie once more in `nas`."""
        shutil.copytree(self.nas, nas)
        return Cellar(self.settings.model_copy(update={"nas": nas}), nas, self.kit)

    def start_server(self) -> None:
        self.port = self.port or postgres.choose_port(self.settings)
        with (self.settings.data / "postgres.log").open("ab") as log:
            self.server = postgres.start_server(
                self.settings,
                postgres.cluster_dir(self.settings),
                self.port,
                options=self.options,
                stderr=log,
            )
        self.server.wait_until_ready()

    def kill_server(self) -> None:
        """SIGKILL to the whole server."""
        assert self.server is not None
        os.killpg(self.server.process.pid, signal.SIGKILL)
        self.server.process.wait()

    def start_stream(self) -> None:
        with (self.settings.data / "stream.log").open("ab") as log:
            self.streaming = subprocess.Popen(
                [BACKUP, "stream"],
                env=child_environment(self.settings),
                stderr=log,
                start_new_session=True,
            )

    def kill_stream(self) -> None:
        """SIGKILL to the streaming process; the kernel ends its children with it."""
        assert self.streaming is not None
        children = self.stream_children()
        self.streaming.kill()
        self.streaming.wait()
        for pid in children.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.streaming = None

    def stream_children(self) -> dict[str, int]:
        """The processes the stream started, by the word that tells them apart."""
        assert self.streaming is not None
        pid = self.streaming.pid
        found = {}
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{child}/cmdline").read_text().split("\0")
                words = {Path(line[0]).name, *line}
                for word in words & {"pg_receivewal", "ship", "base"}:
                    found[word] = int(child)
        return found

    def run(self, *arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        """The command `winery-backup`."""
        return subprocess.run(
            [BACKUP, *arguments],
            env=child_environment(self.settings),
            input=typed,
            capture_output=True,
            text=True,
        )

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(role_url(self.settings, "owner"), autocommit=True, connect_timeout=5)

    def write(self, first: int, count: int) -> None:
        """Rows of the control table, each committed by itself."""
        with self.connect() as connection:
            for number in range(first, first + count):
                connection.execute(
                    "INSERT INTO control VALUES (%s, md5(%s))", (number, str(number))
                )

    def status(self) -> Status:
        return wait_for(lambda: load_status(self.settings), "the stream's status")

    def flush_lsn(self) -> int:
        with self.connect() as connection:
            row = connection.execute("SELECT pg_current_wal_flush_lsn() - '0/0'").fetchone()
        assert row is not None
        return int(row[0])

    def await_shipped(self, timeout_s: float = 120.0) -> None:
        """Return when all that is committed now lies on the NAS, and the base copy is finished."""
        goal = self.flush_lsn()

        def done() -> bool:
            status = load_status(self.settings)
            return (
                status is not None
                and status.end is not None
                and status.end >= goal - 8
                and not status.trouble
            )

        try:
            wait_for(done, "the copies", timeout_s)
        except AssertionError as error:
            log = (self.settings.data / "stream.log").read_text()
            raise AssertionError(f"{goal:x} {load_status(self.settings)}\n{log}") from error

    def end(self) -> None:
        if self.streaming is not None:
            with contextlib.suppress(ProcessLookupError):
                self.kill_stream()
        if self.server is not None:
            with contextlib.suppress(ProcessLookupError):
                self.kill_server()


@contextlib.contextmanager
def making_cellars(folder: Path) -> Iterator[Callable[..., Cellar]]:
    """Make cellars with a running server and keys below `folder`; the stream is not started yet."""
    made: list[Cellar] = []

    def make(
        *, options: dict[str, str] | None = None, custody: Any = "operational", **settings: Any
    ) -> Cellar:
        data, nas = folder / f"var {len(made)}", folder / f"nas{len(made)}"
        nas.mkdir()
        data.mkdir()
        quick = {"backup_every_s": 0.5, "backup_tools": False}
        quick |= {"backup_drill_hours": 0, "backup_dump_hours": 0}
        chosen = Settings(**{"data": data, "nas": nas, **quick, **settings})
        cellar = Cellar(chosen, nas, folder / f"kit{len(made)}.txt", options=options or {})
        made.append(cellar)
        postgres.ensure_cluster(chosen)
        cellar.start_server()
        prepare_roles(chosen)
        with cellar.connect() as connection:
            connection.execute("CREATE TABLE control (number int PRIMARY KEY, content text)")
        set_up_keys(chosen, cellar.kit, "home", custody=custody, plain_folder=True)
        return cellar

    try:
        yield make
    finally:
        for cellar in made:
            cellar.end()


@pytest.fixture
def make_cellar(tmp_path: Path) -> Iterator[Callable[..., Cellar]]:
    """Make cellars for one test."""
    with making_cellars(tmp_path) as make:
        yield make


@pytest.fixture
def cellar(make_cellar: Callable[..., Cellar]) -> Cellar:
    """One cellar."""
    return make_cellar()


@pytest.fixture(scope="session")
def copied_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cellar]:
    """A cellar with a base copy and records after it on the NAS; everything is dead now."""
    with making_cellars(tmp_path_factory.mktemp("copied")) as make:
        cellar = make()
        cellar.start_stream()
        cellar.write(0, 10)
        cellar.await_shipped()
        cellar.write(10, 10)
        cellar.await_shipped()
        cellar.kill_stream()
        cellar.kill_server()
        yield cellar


@pytest.fixture
def copied(copied_once: Cellar, tmp_path: Path) -> Cellar:
    """As `copied_once`, with a NAS that this test may harm."""
    return copied_once.with_nas_of_its_own(tmp_path / "nas")
