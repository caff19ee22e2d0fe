"""A dump that an older PostgreSQL made comes back into today's: what dumps are kept for, for years."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from backup.dumps import DUMP
from backup.envelope import seal
from backup.keys import open_site_nas, read_signing_key
from backup.manifest import ObjectFacts, sign
from backup.tables import hash_tables, prepare_comparison
from tests.integration.backup.conftest import Cellar
from tests.integration.backup.test_dumps import dumped, dumped_once, dumps_of
from tests.integration.backup.test_restore import read_control, restore
from winery_appliance.core.postgres import find_free_port
from winery_appliance.core.postgres_programs import MAJOR

__all__ = ["dumped", "dumped_once"]
FOLDERS = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
OLDER = [path for path in FOLDERS if int(path.parent.name) < MAJOR]
ROWS = 5000


def run(*command: str | Path) -> None:
    """A program of PostgreSQL as the user it may run as."""
    user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **user)  # type: ignore[call-overload]


@contextlib.contextmanager
def older_server(programs: Path) -> Iterator[str]:
    """A server of Debian's with a winery in it; the address of its database."""
    with tempfile.TemporaryDirectory(prefix="older") as name:
        if os.geteuid() == 0:
            shutil.chown(name, "postgres", "postgres")
        data, port = Path(name, "data"), find_free_port()
        run(programs / "initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D", data)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        run(programs / "pg_ctl", "-w", "-s", "-D", data, "-l", data / "log", "-o", options, "start")
        url = f"postgresql://postgres@127.0.0.1:{port}/"
        try:
            with psycopg.connect(f"{url}postgres", autocommit=True) as connection:
                connection.execute("CREATE ROLE winery_owner")
                connection.execute(
                    "CREATE DATABASE winery TEMPLATE template0 LOCALE 'C' OWNER winery_owner"
                )
            with psycopg.connect(f"{url}winery") as connection:
                connection.execute("CREATE TABLE control (number int PRIMARY KEY, content text)")
                connection.execute("ALTER TABLE control OWNER TO winery_owner")
                connection.execute(
                    "INSERT INTO control SELECT g, 'Ñ€' || g FROM generate_series(0, %s - 1) g",
                    [ROWS],
                )
            yield f"{url}winery"
        finally:
            run(programs / "pg_ctl", "-w", "-s", "-m", "immediate", "-D", data, "stop")


@pytest.mark.skipif(not OLDER, reason="no older PostgreSQL is installed")
@pytest.mark.parametrize("programs", OLDER, ids=lambda path: f"from {path.parent.name}")
def test_a_dump_of_an_older_major_comes_back(
    dumped: Cellar, tmp_path: Path, programs: Path
) -> None:
    (facts,) = dumps_of(dumped)
    key = f"{facts.place.rpartition('/')[0]}/{DUMP}"
    with older_server(programs) as url, open_site_nas(dumped.settings, dumped.site, "") as store:
        with psycopg.connect(url, autocommit=True) as connection:
            prepare_comparison(connection)
            tables = hash_tables(connection)
        store.remove(key)
        command: list[str | Path] = [programs / "pg_dump", "-F", "c", "-Z", "0", "-d", url]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE) as process,
            store.create(key) as draft,
        ):
            assert process.stdout is not None
            sealed = seal(process.stdout, draft, dumped.site.recipients)
            assert process.wait() == 0
            draft.publish()
    older = facts.model_copy(
        update={
            "major": int(programs.parent.name),
            "dump": ObjectFacts.of(DUMP, sealed),
            "tables": tables,
        }
    )
    (dumped.nas / facts.place).write_bytes(sign(older, read_signing_key(dumped.settings)))

    done = restore(dumped, tmp_path / "new", "--set", facts.id)

    assert done.returncode == 0, done.stderr
    assert f"1/1 tables, {ROWS} rows equal to it" in done.stdout
    assert read_control(tmp_path / "new")[-1] == (ROWS - 1, f"Ñ€{ROWS - 1}")
