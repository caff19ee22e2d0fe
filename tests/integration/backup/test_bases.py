"""Base copies: full and incremental, what verifying finds in them, and what may go."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from backup.catalogue import find_repositories, read_repository
from backup.keys import open_site_nas
from backup.retention import Removal, prune
from backup.working_alone import working_alone
from tests.integration.backup.conftest import Cellar
from tests.integration.backup.test_restore import flip, objects_of, read_control, restore
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core.clock import now


def make_base(cellar: Cellar, *options: str) -> str:
    done = cellar.run("base", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_incremental_copy_comes_back_with_the_ones_before_it(
    cellar: Cellar, tmp_path: Path
) -> None:
    cellar.start_stream()
    cellar.await_shipped()
    for first in (0, 10):
        cellar.write(first, 10)
        assert "against" in make_base(cellar)
    cellar.write(20, 10)
    cellar.await_shipped()
    cellar.kill_stream()
    rows = json.loads(cellar.run("list", "--json").stdout)
    assert [bool(row["parent"]) for row in rows] == [True, True, False]
    assert rows[0]["bytes"] < rows[2]["bytes"]

    done = restore(cellar, tmp_path / "new")

    assert done.returncode == 0, done.stderr
    assert "combine" in done.stderr
    assert len(read_control(tmp_path / "new")) == 30


@pytest.mark.parametrize("work", ["base copy", "dump"])
def test_of_two_at_the_same_time_one_is_made(copied: Cellar, work: str) -> None:
    before = objects_of(copied)
    with working_alone(copied.settings, work):
        done = copied.run(work.partition(" ")[0])
    assert done.returncode == 1
    assert "is being made already, by another process. Nothing was done." in done.stderr
    assert objects_of(copied) == before


def test_a_new_kit_gets_a_full_copy_of_its_own(cellar: Cellar, tmp_path: Path) -> None:
    cellar.start_stream()
    cellar.await_shipped()
    second = tmp_path / "second.txt"
    assert cellar.run("keys", "rotate", "--kit", str(second)).returncode == 0
    cellar.write(0, 5)

    def kits() -> list[int]:
        return [row["kit"] for row in json.loads(cellar.run("list", "--json").stdout)]

    wait_for(lambda: kits() == [2, 1], "a copy for the new kit, made by itself", 120.0)
    cellar.await_shipped()

    old = restore(cellar, tmp_path / "old")
    assert old.returncode == 4, "the newest copies need the newest kit"
    assert "need kit 2" in old.stderr
    new = restore(cellar, tmp_path / "new", kit=second)
    assert new.returncode == 0, new.stderr


def remove_expired(cellar: Cellar, *, days: int, dry_run: bool = False) -> list[Removal]:
    """Prune as if `days` had passed, with a window of one day."""
    with open_site_nas(cellar.settings, cellar.site, "prune") as store:
        current = find_repositories(store, "home")[-1]
        return prune(
            store,
            cellar.site,
            current,
            now() + timedelta(days=days),
            window=timedelta(days=1),
            every=timedelta(days=1),
            proven=[],
            dry_run=dry_run,
        )


def test_what_expired_goes_and_the_rest_comes_back(cellar: Cellar, tmp_path: Path) -> None:
    cellar.start_stream()
    cellar.await_shipped()
    for first in (0, 10):
        cellar.write(first, 10)
        with cellar.connect() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS ballast (n int)")
        make_base(cellar, "--full")
    cellar.await_shipped()
    before = objects_of(cellar)

    assert remove_expired(cellar, days=0) == [], "all are young"
    assert remove_expired(cellar, days=30, dry_run=True) != []
    assert objects_of(cellar) == before
    removed = remove_expired(cellar, days=30)

    assert len({item.key for item in removed}) == len(removed)
    with open_site_nas(cellar.settings, cellar.site, "") as store:
        name = find_repositories(store, "home")[-1]
        left = read_repository(store, "home", name, cellar.site.verify_key)
    assert left.faults == []
    assert len(left.bases) == 2
    assert all(left.is_usable(base) for base in left.bases)
    cellar.write(20, 5)
    cellar.await_shipped()
    done = restore(cellar, tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert len(read_control(tmp_path / "new")) == 25


@pytest.mark.parametrize("level", ["hash", "decrypt"])
@pytest.mark.parametrize("harm", [flip, Path.unlink], ids=["flipped", "deleted"])
def test_verifying_names_what_is_damaged(
    copied: Cellar, level: str, harm: Callable[[Path], None]
) -> None:
    whole = copied.run("verify", "--level", level)
    assert whole.returncode == 0, whole.stderr
    for victim in (path for path in objects_of(copied) if path.name.endswith(".zst.age")):
        kept = victim.read_bytes()
        harm(victim)
        done = copied.run("verify", "--level", level)
        assert done.returncode == 2, victim
        assert str(victim.relative_to(copied.nas)) in done.stderr
        victim.write_bytes(kept)


def test_a_drill_that_fails_is_remembered_as_failed(copied: Cellar) -> None:
    victim = next(path for path in objects_of(copied) if path.name == "base.tar.zst.age")
    flip(victim)

    assert copied.run("drill").returncode == 2

    health = json.loads(copied.run("status", "--json").stdout)
    assert health["proof"]["ok"] is False
    assert health["level"] == "red"
    assert not (copied.settings.data / "backup" / "drill").exists()
