"""Portable dumps: what was dumped comes back, by our programs and by plain ones, and the log must agree with them."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from backup.bases import load_newest_base
from backup.catalogue import read_repository
from backup.dumps import make_dump
from backup.keys import open_site_nas, read_signing_key
from backup.manifest import sign
from backup.proofs import load_proof
from backup.records import DumpFacts
from backup.refusals import CouldNotRun
from tests.integration.backup.conftest import Cellar, making_cellars
from tests.integration.backup.test_restore import cut, flip, read_control, restore
from tests.integration.backup.test_stream import writing
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core import postgres
from winery_appliance.core.postgres_programs import find_programs
from winery_appliance.core.settings import Settings


@pytest.fixture(scope="module")
def dumped_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cellar]:
    """Rows before and after a dump, on the NAS with a base copy; all is dead now."""
    with making_cellars(tmp_path_factory.mktemp("dumped")) as make:
        cellar = make()
        cellar.start_stream()
        cellar.write(0, 10)
        cellar.await_shipped()
        done = cellar.run("dump")
        assert done.returncode == 0, done.stderr
        cellar.write(10, 10)
        cellar.await_shipped()
        cellar.kill_stream()
        cellar.kill_server()
        yield cellar


@pytest.fixture
def dumped(dumped_once: Cellar, tmp_path: Path) -> Cellar:
    """As `dumped_once`, with a NAS that this test may harm."""
    return dumped_once.with_nas_of_its_own(tmp_path / "nas")


def dumps_of(cellar: Cellar) -> list[DumpFacts]:
    with open_site_nas(cellar.settings, cellar.site, "") as store:
        name = cellar.repository.name
        return read_repository(store, "home", name, cellar.site.verify_key).dumps


def test_a_dump_comes_back_whole_and_starts(dumped: Cellar, tmp_path: Path) -> None:
    (dump,) = dumps_of(dumped)
    assert (dump.tier, dump.number) == ("yearly", 1)

    done = restore(dumped, tmp_path / "new", "--set", dump.id)

    assert done.returncode == 0, done.stderr
    assert f"from dump {dump.id}; 1/1 tables, 10 rows equal to it" in done.stdout
    assert [number for number, _ in read_control(tmp_path / "new")] == list(range(10))
    for name in ("database_owner", "postgres_superuser"):
        kept = dumped.settings.secrets_dir / name
        assert (tmp_path / "new" / "secrets" / name).read_bytes() == kept.read_bytes()
    told = (tmp_path / "new" / "backup" / "settings.env").read_text()
    assert "WINERY_NAS=" in told
    assert not (tmp_path / "new" / ".restore").exists()


def test_a_trial_restore_holds_log_and_dump_against_what_was_dumped(dumped: Cellar) -> None:
    (dump,) = dumps_of(dumped)
    assert dump.lsn is not None, "nobody wrote meanwhile"

    done = dumped.run("verify", "--level", "restore", "--identity", str(dumped.kit))

    assert done.returncode == 0, done.stderr
    proof = load_proof(dumped.settings)
    assert proof is not None
    assert (proof.dump, proof.witness) == (dump.id, dump.id)
    held = {table.name: table.rows for table in proof.held}
    assert held["public.control"] == 20


def test_a_base_copy_that_differs_from_the_dump_fails_the_trial(dumped: Cellar) -> None:
    """The witness must bite: the dump's manifest, signed anew, tells of other rows."""
    (dump,) = dumps_of(dumped)
    other = dump.tables[0].model_copy(update={"hash": "1"})
    forged = dump.model_copy(update={"tables": [other]})
    path = dumped.nas / dump.place
    path.write_bytes(sign(forged, read_signing_key(dumped.settings)))

    done = dumped.run("drill")

    assert done.returncode == 2
    assert f"differs from dump {dump.id}: table public.control" in done.stderr
    assert json.loads(dumped.run("status", "--json").stdout)["level"] == "red"


def test_under_load_a_dump_is_still_one_moment(cellar: Cellar, tmp_path: Path) -> None:
    cellar.start_stream()
    cellar.await_shipped()
    with writing(cellar, 0) as committed:
        wait_for(lambda: len(committed) > 20, "rows")
        facts = make_dump(cellar.settings)
        count = len(committed)
    cellar.await_shipped()
    cellar.kill_stream()

    assert 20 < facts.tables[0].rows <= count + 1
    assert restore(cellar, tmp_path / "new", "--set", facts.id).returncode == 0


@pytest.mark.parametrize("harm", [flip, cut, Path.unlink], ids=["flipped", "cut", "deleted"])
def test_harm_to_a_dump_is_found_and_nothing_is_left(
    dumped: Cellar, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    (dump,) = dumps_of(dumped)
    for victim in sorted((dumped.nas / dump.place).parent.glob("*.age")):
        kept = victim.read_bytes()
        harm(victim)
        target = tmp_path / victim.name
        assert dumped.run("verify").returncode == 2
        assert restore(dumped, target, "--set", dump.id).returncode == 2
        assert not (target / "postgresql").exists()
        victim.write_bytes(kept)


def test_a_dump_cut_off_by_a_dead_producer_is_not_there(cellar: Cellar) -> None:
    """A `pg_dump` that dies leaves a whole age file of half a dump."""
    cellar.start_stream()
    cellar.write(0, 5)
    cellar.await_shipped()
    stand_in = cellar.settings.data / "programs"
    real = find_programs(cellar.settings)
    stand_in.mkdir()
    for program in real.iterdir():
        (stand_in / program.name).symlink_to(program)
    (stand_in / "pg_dump").unlink()
    (stand_in / "pg_dump").write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {real}/pg_dump --version\necho PGDMP; kill -9 $$\n'
    )
    (stand_in / "pg_dump").chmod(0o755)

    with pytest.raises(CouldNotRun, match="pg_dump ended with code -9"):
        make_dump(cellar.settings.model_copy(update={"pg_bin": stand_in}))

    assert dumps_of(cellar) == []
    assert list(cellar.repository.glob("snap/*/*/*")) == []
    make_dump(cellar.settings)
    assert len(dumps_of(cellar)) == 1


def test_the_stream_dumps_and_proves_by_itself(make_cellar: Callable[..., Cellar]) -> None:
    cellar = make_cellar(backup_dump_hours=24, backup_drill_hours=24)
    cellar.write(0, 5)
    cellar.start_stream()

    proof = wait_for(lambda: load_proof(cellar.settings), "a trial restore", 180.0)

    assert proof.ok, proof.words
    assert proof.dump is not None
    assert load_newest_base(cellar.settings) is not None


@pytest.mark.skipif(
    not (shutil.which("age") and shutil.which("zstd") and shutil.which("tar")),
    reason="age, zstd or tar is not installed",
)
def test_the_recipe_of_the_kit_brings_a_dump_back_by_plain_programs(
    dumped: Cellar, tmp_path: Path
) -> None:
    lines = [line.removeprefix("#   ") for line in dumped.kit.read_text().splitlines()]
    begin = next(
        n for n, line in enumerate(lines) if line.startswith("age -d") and " snap/" in line
    )
    recipe = "\n".join(lines[begin : begin + 4])
    assert "pg_restore" in recipe
    (dump,) = dumps_of(dumped)
    settings = Settings(data=tmp_path / "other")
    settings.data.mkdir()
    postgres.ensure_cluster(settings)
    port = postgres.choose_port(settings)
    server = postgres.start_server(
        settings, postgres.cluster_dir(settings), port, stderr=subprocess.DEVNULL
    )
    try:
        server.wait_until_ready()
        script = (
            recipe.replace("kit.txt", '"$KIT"')
            .replace("TIER/ID", f"{dump.tier}/{dump.id}")
            .replace("DIR", '"$DIR"')
        )
        (tmp_path / "files").mkdir()
        password = (settings.secrets_dir / "postgres_superuser").read_text().strip()
        done = subprocess.run(
            ["sh", "-euc", script],
            cwd=dumped.repository,
            env={
                "PATH": f"{find_programs(settings)}:{os.environ['PATH']}",
                "KIT": str(dumped.kit),
                "DIR": str(tmp_path / "files"),
                "PGHOST": "127.0.0.1",
                "PGPORT": str(port),
                "PGUSER": "postgres",
                "PGPASSWORD": password,
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        with psycopg.connect(postgres.admin_url(settings), dbname="winery") as connection:
            row = connection.execute("SELECT count(*) FROM control").fetchone()
        assert row == (10,)
    finally:
        server.stop()
    assert (tmp_path / "files" / "secrets" / "database_owner").exists()
