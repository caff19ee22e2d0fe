"""A streaming standby that our own copies made."""

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.integration.backup.conftest import BACKUP, Cellar
from winery_appliance.core import postgres
from winery_appliance.core.settings import Settings


@dataclass
class Standby:
    """A running standby, by the directory that `winery-backup restore --standby-of` made."""

    directory: Path
    port: int
    superuser: str
    server: postgres.Server | None = None

    def start(self, **options: str) -> None:
        with (self.directory.parent / "standby.log").open("ab") as log:
            self.server = postgres.start_server(
                Settings(data=self.directory.parent),
                self.directory,
                self.port,
                options=options,
                stderr=log,
            )
        self.server.wait_until_ready()

    def signal(self, number: int) -> None:
        """To every process of it."""
        assert self.server is not None
        os.killpg(self.server.process.pid, number)
        for pid in self._children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _children(self) -> list[int]:
        assert self.server is not None
        pid = self.server.process.pid
        with contextlib.suppress(OSError):
            return [
                int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            ]
        return []

    def kill(self) -> None:
        """SIGKILL, as when the machine is gone."""
        if self.server is not None:
            self.signal(signal.SIGKILL)
            self.server.process.wait()
            self.server = None

    def ask(self, question: str) -> Any:
        """One value, as its administrator."""
        with psycopg.connect(self.superuser, port=self.port, autocommit=True) as connection:
            row = connection.execute(question).fetchone()  # type: ignore[call-overload]
        return row[0] if row else None


def make_standby(cellar: Cellar, target: Path) -> Standby:
    """One of `cellar`, as the documents say: from the NAS, the kit and the primary's address. It is not started yet."""
    command = [BACKUP, "restore", "--repo", str(cellar.nas), "--target", str(target)]
    command += ["--identity", str(cellar.kit)]
    command += ["--standby-of", f"postgresql://127.0.0.1:{cellar.port}"]
    environment = {n: v for n, v in os.environ.items() if not n.startswith("WINERY_")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("RESTORED as a standby that holds the records up to ")
    assert "it follows 127.0.0.1 once it is started" in done.stdout
    assert [path.name for path in target.iterdir()] == ["postgresql"]
    superuser = postgres.admin_url(cellar.settings)
    return Standby(target / "postgresql", postgres.find_free_port(), superuser)
