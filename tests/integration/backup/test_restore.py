"""The way back: from the NAS and the kit to a database with every record, or a plain word that it cannot be."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest

from backup.access import Way, choose_plan, find_access, open_repository, read_repositories
from backup.catalogue import Goal
from backup.refusals import CouldNotRun, Damaged
from backup.replay import Restored
from backup.restore import Restore
from tests.integration.backup.conftest import BACKUP, Cellar
from winery_appliance.core import postgres
from winery_appliance.core.settings import Settings


def restore(
    cellar: Cellar, target: Path, *options: str, kit: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """As on another machine: nothing but the NAS and the kit."""
    command = [BACKUP, "restore", "--repo", str(cellar.nas), "--target", str(target)]
    command += ["--identity", str(kit or cellar.kit), *options]
    environment = {n: v for n, v in os.environ.items() if not n.startswith("WINERY_")}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def read_control(target: Path) -> list[tuple[int, str]]:
    """The control rows in a restored data directory."""
    settings = Settings(data=target)
    assert not postgres.ensure_cluster(settings)
    port = postgres.choose_port(settings)
    server = postgres.start_server(
        settings, postgres.cluster_dir(settings), port, stderr=subprocess.DEVNULL
    )
    try:
        server.wait_until_ready()
        with psycopg.connect(postgres.admin_url(settings), dbname="winery") as connection:
            rows = connection.execute("SELECT number, content FROM control ORDER BY 1").fetchall()
        return [(int(number), str(content)) for number, content in rows]
    finally:
        server.stop()


def test_everything_comes_back_from_the_nas_and_the_kit(copied: Cellar, tmp_path: Path) -> None:
    done = restore(copied, tmp_path / "new")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("RESTORED to ")
    assert " 0.0 s before last known commit; " in done.stdout
    assert [number for number, _ in read_control(tmp_path / "new")] == list(range(20))
    for name in ("database_owner", "postgres_superuser"):
        kept = copied.settings.secrets_dir / name
        assert (tmp_path / "new" / "secrets" / name).read_bytes() == kept.read_bytes()
    assert not (tmp_path / "new" / ".restore").exists()


def test_a_target_that_is_not_empty_is_refused(copied: Cellar, tmp_path: Path) -> None:
    target = tmp_path / "full"
    target.mkdir()
    (target / "letter.txt").write_text("keep me")

    done = restore(copied, target)

    assert done.returncode == 1
    assert "not empty" in done.stderr
    assert [path.name for path in target.iterdir()] == ["letter.txt"]


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(copied: Cellar, tmp_path: Path) -> None:
    done = restore(copied, tmp_path / "new", "--dry-run", "--json")

    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout.splitlines()[-1])
    assert plan["phase"] == "plan"
    assert (plan["kits"], plan["postgresql"], len(plan["bases"])) == ([1], 18, 1)
    assert not (tmp_path / "new").exists()


def test_another_kit_is_refused_by_name_before_anything_is_written(
    copied: Cellar, tmp_path: Path
) -> None:
    other = tmp_path / "other.txt"
    text = copied.kit.read_text().splitlines()
    other.write_text("\n".join([*text[:-1], str(pyrage.x25519.Identity.generate())]))

    done = restore(copied, tmp_path / "new", kit=other)

    assert done.returncode == 4
    assert f"need kit 1 ({copied.site.kit.recipient[:12]}" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_key_without_its_signer_needs_an_express_word(copied: Cellar, tmp_path: Path) -> None:
    bare = tmp_path / "bare.txt"
    bare.write_text(copied.kit.read_text().splitlines()[-1])

    assert restore(copied, tmp_path / "new", "--dry-run", kit=bare).returncode == 4
    done = restore(copied, tmp_path / "new", "--dry-run", "--allow-unsigned", kit=bare)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--standby-of", "no address"], 1, "The primary's address cannot be read"),
        (["--standby-of", "postgresql://db", "--lsn", "0/3000028"], 64, "exclude each other"),
    ],
)
def test_a_standby_of_nothing_or_of_a_moment_is_refused(
    copied: Cellar, tmp_path: Path, options: list[str], code: int, words: str
) -> None:
    done = restore(copied, tmp_path / "new", *options)

    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_standby_that_was_cut_off_is_gone_on_with_and_taken_for_nothing_else(
    copied: Cellar, tmp_path: Path
) -> None:
    target, standby = tmp_path / "new", ["--standby-of", "postgresql://winery.example:5433"]
    hidden = copied.nas / "hidden"
    base = next(path for path in objects_of(copied) if path.name.startswith("base"))
    base.rename(hidden)
    assert restore(copied, target, *standby).returncode != 0
    hidden.rename(base)

    assert restore(copied, target, "--resume").returncode == 1
    done = restore(copied, target, *standby, "--resume")

    assert done.returncode == 0, done.stderr
    cluster = target / "postgresql"
    assert [path.name for path in target.iterdir()] == ["postgresql"]
    assert (cluster / "standby.signal").exists()
    told = (cluster / "postgresql.auto.conf").read_text()
    password = (copied.settings.secrets_dir / "database_backup").read_text().strip()
    for word in ("host=winery.example", "port=5433", "user=winery_backup", f"password={password}"):
        assert word in told
    assert (cluster / "postgresql.auto.conf").stat().st_mode & 0o077 == 0


def objects_of(cellar: Cellar) -> list[Path]:
    """What the newest state needs: everything but the sentinel and the trial object of the kit."""
    return sorted(path for path in cellar.repository.rglob("*") if path.is_file())


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


HARM: list[Callable[[Path], None]] = [flip, cut, Path.unlink]


def restore_here(
    cellar: Cellar, target: Path, *, skip_verify: bool = False, **options: Any
) -> Restored:
    """As the command, in this process: quicker to repeat."""
    access = find_access(Settings(data=target), str(cellar.kit), allow_unsigned=False)
    with open_repository(Settings(data=target), Way(str(cellar.nas))) as store:
        plan = choose_plan(read_repositories(store, "home", access), Goal(), None)
        work = Restore(store, plan, target, access.identities, **options)
        return work.run(skip_verify=skip_verify)


@pytest.mark.parametrize("harm", HARM, ids=["flipped", "cut", "deleted"])
def test_no_harm_to_any_object_gives_a_shorter_database(
    copied: Cellar, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """Each object is harmed in turn. What was deleted at the very end of the log, nobody but the
    appliance can miss: there the restore may reach the last record before it, and says so.
    """
    last = [path for path in objects_of(copied) if path.parent.parent.parent.name == "wal"][-2:]
    for number, path in enumerate(objects_of(copied)):
        target, kept = tmp_path / f"new{number}", path.read_bytes()
        harm(path)
        try:
            restore_here(copied, target, skip_verify=True)
        except CouldNotRun as refusal:
            assert refusal.exit_code in (1, 2, 5)  # noqa: PT017 - the other branch is an answer too
            assert not (target / "postgresql").exists()
        else:
            is_unused = "000000010000000000000001" in path.name  # before the base copy
            assert is_unused or (harm is Path.unlink and path in last), path
        shutil.rmtree(target, ignore_errors=True)
        path.write_bytes(kept)


def find_table(cluster: Path) -> Path:
    """The file of the control table's index or rows: the largest that is no catalog."""
    files = [path for path in (cluster / "base").glob("*/*") if path.name.isdecimal()]
    return max((path for path in files if int(path.name) >= 16384), key=lambda p: p.stat().st_size)


def test_a_page_torn_on_the_way_is_found_though_nobody_counts_its_table(
    copied: Cellar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk harms a page after the copies were unpacked and verified. No table is small enough to be read to its end."""
    monkeypatch.setattr("backup.replay.COUNTED_BYTES", 0)
    whole = restore_here(copied, tmp_path / "whole")
    assert whole.pages_whole
    assert "public.control" in whole.uncounted
    assert "large tables not counted, every page whole" in whole.sentence()
    assert len(read_control(tmp_path / "whole")) == 20
    target = tmp_path / "torn"

    def harm(phase: str, **_: Any) -> None:
        if phase == "check":  # the replay is over; what it wrote would repair an older tear
            path = find_table(target / ".restore" / "cluster")
            data = bytearray(path.read_bytes())
            data[8192 - 100] ^= 1
            path.write_bytes(bytes(data))

    with pytest.raises(Damaged, match="checksum"):
        restore_here(copied, target, tell=harm)

    assert not (target / "postgresql").exists()


def test_who_skips_the_verifying_is_told_so(copied: Cellar, tmp_path: Path) -> None:
    done = restore_here(copied, tmp_path / "new", skip_verify=True)

    assert "pages not checked" in done.sentence()


def test_swapped_objects_are_found(copied: Cellar, tmp_path: Path) -> None:
    first, *_, second = [path for path in objects_of(copied) if path.name.endswith(".zst.age")]
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)

    done = restore(copied, tmp_path / "new")

    assert done.returncode == 2, done.stdout
    assert first.name in done.stderr or second.name in done.stderr


def test_a_restore_that_was_cut_off_goes_on(copied: Cellar, tmp_path: Path) -> None:
    target = tmp_path / "new"
    last = [path for path in objects_of(copied) if path.name.endswith(".zst.age")][-1]
    kept = last.read_bytes()
    flip(last)
    assert restore(copied, target).returncode == 2
    assert (target / ".restore").exists()
    last.write_bytes(kept)

    assert restore(copied, target).returncode == 1, "what lies there is not taken for empty"
    done = restore(copied, target, "--resume")

    assert done.returncode == 0, done.stderr
    assert len(read_control(target)) == 20


def test_the_state_of_a_moment_comes_back(cellar: Cellar, tmp_path: Path) -> None:
    cellar.start_stream()
    cellar.write(0, 5)
    cellar.await_shipped()
    cellar.write(5, 5)
    with cellar.connect() as connection:
        row = connection.execute("SELECT now(), pg_current_wal_flush_lsn()").fetchone()
    assert row is not None
    cellar.write(10, 5)
    cellar.await_shipped()
    cellar.kill_stream()

    by_time = restore(cellar, tmp_path / "time", "--time", row[0].isoformat())
    by_lsn = restore(cellar, tmp_path / "lsn", "--lsn", row[1])

    assert (by_time.returncode, by_lsn.returncode) == (0, 0), by_time.stderr + by_lsn.stderr
    assert len(read_control(tmp_path / "time")) == 10
    assert len(read_control(tmp_path / "lsn")) in (10, 11), "the record at the position is the last"


@pytest.mark.parametrize("days", [-1, 1])
def test_a_moment_the_copies_do_not_hold_is_refused(
    copied: Cellar, tmp_path: Path, days: int
) -> None:
    moment = datetime.now(UTC) + timedelta(days=days)

    done = restore(copied, tmp_path / "new", "--time", moment.isoformat())

    assert done.returncode == 5
    assert "They hold: " in done.stderr
    assert not (tmp_path / "new").exists()


def test_list_and_check_tell_what_is_there(copied: Cellar) -> None:
    rows = json.loads(copied.run("list", "--json").stdout)
    assert [row["usable"] for row in rows] == [True]
    assert copied.run("check").returncode == 0
    victim = next(path for path in objects_of(copied) if path.name == "manifest.json")
    flip(victim)
    done = copied.run("check")
    assert done.returncode == 2
    assert f"{victim.parent.name}/manifest.json" in done.stderr


def ask_status(cellar: Cellar, *options: str, **environment: str) -> tuple[int, dict[str, Any]]:
    """`status --repo` as on another machine, which knows nothing but what it is given."""
    clean = {n: v for n, v in os.environ.items() if not n.startswith("WINERY_")} | environment
    command = [BACKUP, "status", "--json", "--repo", str(cellar.nas), "--identity"]
    done = subprocess.run(
        [*command, str(cellar.kit), *options], capture_output=True, text=True, env=clean
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_state_of_a_repository_is_told_anywhere(copied: Cellar) -> None:
    code, health = ask_status(copied, WINERY_BACKUP_DUMP_HOURS="0")
    assert (code, health["level"]) == (0, "green"), health["reasons"]
    assert health["base"] == json.loads(copied.run("list", "--json").stdout)[0]["id"]
    assert (health["kit"], health["gap"]) == (1, None)

    code, health = ask_status(copied)
    assert (code, health["level"]) == (3, "amber"), "no portable dump lies here"

    victim = next(path for path in objects_of(copied) if path.name == "manifest.json")
    flip(victim)
    code, health = ask_status(copied)
    assert (code, health["level"]) == (2, "red")
    assert any(str(victim.relative_to(copied.nas)) in reason for reason in health["reasons"])


def test_a_named_nas_is_a_folder_where_there_are_no_keys(copied: Cellar, tmp_path: Path) -> None:
    """On a new machine `nas` is the one that was named to it."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith("WINERY_")}
    environment |= {"WINERY_NAS": str(copied.nas), "WINERY_DATA": str(tmp_path / "none")}
    command = [BACKUP, "restore", "--target", str(tmp_path / "new"), "--dry-run"]
    done = subprocess.run(
        [*command, "--identity", str(copied.kit)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr


def test_wrong_usage_ends_with_64(tmp_path: Path, cellar: Cellar) -> None:
    not_for_a_folder = ["--endpoint", "http://127.0.0.1:1"]
    for options in (
        ["--time", "soon"],
        ["--lsn", "x"],
        ["--latest", "--lsn", "0/1"],
        not_for_a_folder,
    ):
        assert restore(cellar, tmp_path / "new", *options).returncode == 64
