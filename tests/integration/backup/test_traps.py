"""Traps that PostgreSQL, age and a dead producer really set: each must be fallen into by none of our ways.

Two more stand elsewhere: a file that a full disk cut off and a slot that the server gave up, in test_stream.
"""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from backup.access import Way, choose_plan, find_access, open_repository, read_repositories
from backup.bases import make_base
from backup.catalogue import Goal, Plan
from backup.envelope import unseal
from backup.keys import read_signing_key
from backup.manifest import make_signing_key, sign
from backup.records import BaseFacts, WalFacts
from backup.refusals import CouldNotRun, Damaged, NotReached
from tests.integration.backup.conftest import Cellar
from tests.integration.backup.test_restore import find_table, objects_of, restore, restore_here
from winery_appliance.core.postgres_programs import find_programs
from winery_appliance.core.settings import Settings

SEGMENT = 1 << 24


def plan_of(cellar: Cellar) -> Plan:
    access = find_access(cellar.settings, str(cellar.kit), allow_unsigned=False)
    with open_repository(Settings(data=cellar.nas), Way(str(cellar.nas))) as store:
        return choose_plan(read_repositories(store, "home", access), Goal(), None)


def harm_record(cluster: Path, position: int) -> None:
    """Change what the record at this position of the log begins with."""
    (path,) = (
        path
        for path in (cluster / "pg_wal").iterdir()
        if path.name[16:] == f"{position // SEGMENT:08X}"
    )
    with path.open("r+b") as file:
        file.seek(position % SEGMENT)
        data = file.read(8)
        file.seek(position % SEGMENT)
        file.write(bytes(byte ^ 1 for byte in data))


@pytest.mark.parametrize("harm", ["flipped", "missing"])
def test_a_log_harmed_after_it_was_checked_gives_no_shorter_database(
    copied: Cellar, tmp_path: Path, harm: str
) -> None:
    """PostgreSQL would promote silently where the log ends: it is told what it must reach."""
    plan = plan_of(copied)
    known = {part.last_record for part in plan.parts if part.last_record}
    records = sorted(record for record in known if record > plan.base.stop)
    assert records[-1] == plan.target
    for number, record in enumerate({records[0], records[-1]}):
        target = tmp_path / f"new{number}"

        def strike(phase: str, *, target: Path = target, record: int = record, **_: Any) -> None:
            cluster = target / ".restore" / "cluster"
            if phase == "replay" and harm == "flipped":
                harm_record(cluster, record)
            elif phase == "replay":
                for path in (cluster / "pg_wal").glob("0*"):
                    path.unlink()

        with pytest.raises(CouldNotRun) as refusal:
            restore_here(copied, target, tell=strike)

        if harm == "flipped":
            assert refusal.type is NotReached
            assert refusal.value.exit_code == 5
        assert not (target / "postgresql").exists()


@pytest.mark.parametrize(
    ("producer", "word"),
    [
        ("head -c 300000; exit 0", "ended with code 0"),
        ("cat; exit 3", "ended with code 3"),
        ("head -c 300000; kill -9 $$", "ended with code -9"),
    ],
    ids=["short", "failed", "killed"],
)
def test_a_base_copy_whose_producer_did_not_end_well_is_not_published(
    cellar: Cellar, tmp_path: Path, producer: str, word: str
) -> None:
    """What such a producer leaves is a whole small age file."""
    cellar.start_stream()
    cellar.await_shipped()
    before = objects_of(cellar)
    real, stand_in = find_programs(cellar.settings), tmp_path / "programs"
    stand_in.mkdir()
    for program in real.iterdir():
        (stand_in / program.name).symlink_to(program)
    (stand_in / "pg_basebackup").unlink()
    (stand_in / "pg_basebackup").write_text(
        f'#!/bin/bash\n[ "$1" = --version ] && exec {real}/pg_basebackup --version\n'
        f'{real}/pg_basebackup "$@" | {{ {producer.partition(";")[0]}; cat > /dev/null; }}\n'
        f"{producer.partition('; ')[2]}\n"
    )
    (stand_in / "pg_basebackup").chmod(0o755)

    with pytest.raises(CouldNotRun, match=word):
        make_base(cellar.settings.model_copy(update={"pg_bin": stand_in}), full=True)

    bases = [path for path in objects_of(cellar) if path.parent.parent.name == "base"]
    assert bases == [path for path in before if path.parent.parent.name == "base"]
    assert make_base(cellar.settings, full=True).id != bases[0].parent.name


def test_what_age_released_before_it_found_the_damage_is_not_used(
    copied: Cellar, tmp_path: Path
) -> None:
    path = next(path for path in objects_of(copied) if path.name == "base.tar.zst.age")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))

    with pytest.raises(Damaged):
        restore_here(copied, tmp_path / "new")

    work = tmp_path / "new" / ".restore"
    drafts = [entry.name for entry in work.iterdir() if entry.is_dir() and any(entry.rglob("*"))]
    released = [name for name in drafts if name.endswith(".unfinished")]
    assert released, "age released something: the trap was set"
    assert not (work / path.parent.name).exists()
    assert not (work / "cluster").exists()
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == [".restore"]


def test_a_copy_to_a_stream_holds_its_manifest(copied: Cellar) -> None:
    """Compressed by the server, it could not: `pg_basebackup` refuses. It is compressed here."""
    (manifest,) = copied.repository.glob("base/*/manifest.json")
    facts = BaseFacts.model_validate_json(manifest.read_text().splitlines()[0])
    key = next(line for line in copied.kit.read_text().splitlines() if line.startswith("AGE-"))
    plain = io.BytesIO()
    with (manifest.parent / facts.base.name).open("rb") as sealed:
        unseal(sealed, plain, [key])
    plain.seek(0)
    with tarfile.open(fileobj=plain) as archive:
        names = archive.getnames()
    assert {"backup_manifest", "PG_VERSION"} <= set(names)


def test_a_file_harmed_while_it_was_unpacked_is_found(copied: Cellar, tmp_path: Path) -> None:
    """`pg_verifybackup` reads the copy as it lies on the disk."""
    target = tmp_path / "new"

    def strike(phase: str, **_: Any) -> None:
        if phase == "pg_verifybackup":
            path = find_table(next((target / ".restore").glob("20*Z-*")))
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(bytes(data))

    with pytest.raises(Damaged, match="pg_verifybackup found a fault"):
        restore_here(copied, target, tell=strike)

    assert not (target / "postgresql").exists()


def newest_piece(cellar: Cellar) -> Path:
    pieces = [path for path in objects_of(cellar) if path.parent.parent.parent.name == "wal"]
    return [path for path in pieces if path.suffix == ".json"][-1]


def forge(cellar: Cellar) -> None:
    """What is encrypted for the kit by who has only its public half, and signed by another key."""
    path = newest_piece(cellar)
    facts = WalFacts.model_validate_json(path.read_text().splitlines()[0])
    path.write_bytes(sign(facts, make_signing_key()))


def roll_back(cellar: Cellar) -> None:
    """An older manifest, rightly signed, in the place of the newest."""
    path = newest_piece(cellar)
    others = set(path.parent.parent.rglob("*.json")) - {path}
    older = min(one for one in others if one.name != "stretch.json")
    path.write_bytes(older.read_bytes())


def hang_elsewhere(cellar: Cellar) -> None:
    """Rightly signed and in its place, but not behind what stands before it."""
    path = newest_piece(cellar)
    facts = WalFacts.model_validate_json(path.read_text().splitlines()[0])
    other = facts.model_copy(update={"previous": "0" * len(facts.previous)})
    path.write_bytes(sign(other, read_signing_key(cellar.settings)))


@pytest.mark.parametrize("harm", [forge, roll_back, hang_elsewhere])
def test_a_chain_of_manifests_that_was_tampered_with_is_damage(
    copied: Cellar, tmp_path: Path, harm: Any
) -> None:
    harm(copied)

    checked = copied.run("check", "--json")
    done = restore(copied, tmp_path / "new")

    assert checked.returncode == 2
    assert any(newest_piece(copied).name in fault for fault in json.loads(checked.stdout)["faults"])
    assert done.returncode in (2, 5), done.stdout
    assert not (tmp_path / "new" / "postgresql").exists()
