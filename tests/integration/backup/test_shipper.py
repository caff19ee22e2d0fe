"""The shipper goes on wherever it was cut off, and is not misled by what moves under it."""

import shutil
from pathlib import Path

import pytest

from backup.access import Way, find_access, open_repository, read_repositories
from backup.keys import read_signing_key
from backup.proofs import verify_objects
from backup.records import Place
from backup.shipper import StretchBroken, StretchShipper
from backup.shipping import load_repository
from backup.spool import Spool, SpoolStretch
from backup.store import DirectoryStore
from tests.integration.backup.conftest import Cellar
from tests.integration.backup.test_restore import objects_of, read_control, restore, restore_here


@pytest.fixture
def stretch(copied: Cellar, tmp_path: Path) -> SpoolStretch:
    """A spool that this test may harm, of a stretch that is wholly on the NAS."""
    repository = load_repository(copied.settings)
    assert repository is not None
    kept = Spool(copied.settings, repository.repository).stretches()[-1]
    shutil.copytree(kept.path, tmp_path / "spool")
    return SpoolStretch(tmp_path / "spool")


def make_shipper(copied: Cellar, stretch: SpoolStretch) -> StretchShipper:
    repository = load_repository(copied.settings)
    assert repository is not None
    key = read_signing_key(copied.settings)
    return StretchShipper(DirectoryStore(copied.nas, "ship"), copied.site, key, repository, stretch)


def test_a_segment_renamed_in_the_middle_is_no_fault(
    copied: Cellar, stretch: SpoolStretch, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipper = make_shipper(copied, stretch)
    listed = stretch.files()
    monkeypatch.setattr(stretch, "files", lambda: listed)
    growing = listed[-1].path
    growing.rename(growing.with_name(listed[-1].name))

    assert shipper.ship() is False

    monkeypatch.undo()
    assert shipper.ship() is True, "the next time it is found whole"


def test_what_is_shipped_is_not_shipped_again(copied: Cellar, stretch: SpoolStretch) -> None:
    before = objects_of(copied)

    assert make_shipper(copied, stretch).ship() is False

    assert objects_of(copied) == before


def test_objects_without_a_manifest_are_cleared_and_shipped_anew(
    copied: Cellar, stretch: SpoolStretch
) -> None:
    newest = [path for path in objects_of(copied) if path.parent.parent.parent.name == "wal"][-2:]
    assert [path.suffix for path in newest] == [".age", ".json"] or newest[0].suffix == ".json"
    manifest = next(path for path in newest if path.suffix == ".json")
    manifest.unlink()

    assert make_shipper(copied, stretch).ship() is True

    assert copied.run("check", "--json").stdout.count("manifest") <= 1
    assert make_shipper(copied, stretch).ship() is False


def test_another_log_than_was_shipped_begins_a_new_stretch(
    copied: Cellar, stretch: SpoolStretch
) -> None:
    file = stretch.files()[-1].path
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(bytes(data))

    with pytest.raises(StretchBroken, match="another one than was shipped"):
        make_shipper(copied, stretch)


def test_a_segment_that_is_missing_begins_a_new_stretch(
    copied: Cellar, stretch: SpoolStretch
) -> None:
    file = stretch.files()[-1].path
    later = file.name.replace(file.name[20:24], "0009")
    file.rename(file.with_name(later))

    with pytest.raises(StretchBroken, match="is missing"):
        make_shipper(copied, stretch).ship()


def test_another_writer_of_the_same_stretch_is_noticed(
    copied: Cellar, stretch: SpoolStretch
) -> None:
    note = stretch.note.model_copy(update={"token": "of a cloned machine"})
    (stretch.path / "stretch.json").write_text(note.model_dump_json())

    with pytest.raises(StretchBroken, match="another machine"):
        make_shipper(copied, SpoolStretch(stretch.path))


def test_records_without_a_base_copy_are_not_passed_over_for_an_older_state(
    copied: Cellar, stretch: SpoolStretch, tmp_path: Path
) -> None:
    """As after a restore whose own first base copy was not finished before the next loss."""
    repository = load_repository(copied.settings)
    assert repository is not None
    place = Place(site="home", repository="99991231T000000-newer")
    newer = repository.model_copy(update={"repository": place.repository, "place": place.facts})
    key = read_signing_key(copied.settings)
    store = DirectoryStore(copied.nas, "ship")
    assert StretchShipper(store, copied.site, key, newer, stretch).ship()

    refused = restore(copied, tmp_path / "new", "--dry-run")

    assert refused.returncode == 5
    asked = refused.stderr.rpartition("--set ")[2].strip()
    assert restore(copied, tmp_path / "new", "--dry-run", "--set", asked).returncode == 0


def close_segment(shipper: StretchShipper, stretch: SpoolStretch) -> bool:
    """Let the growing segment be whole and shipped, which replaces its pieces; whether there was one."""
    for partial in stretch.path.glob("*.partial"):
        partial.rename(partial.with_suffix(""))
        return shipper.ship()
    return False


def test_a_segment_closed_in_the_middle_hinders_neither_restore_nor_verify(
    copied: Cellar, stretch: SpoolStretch, tmp_path: Path
) -> None:
    """The appliance goes on copying while somebody reads: pieces give way to the whole segment."""
    shipper, closed = make_shipper(copied, stretch), list[bool]()
    pieces = [path for path in objects_of(copied) if path.parent.parent.parent.name == "wal"]
    access = find_access(copied.settings, None, allow_unsigned=False)
    with open_repository(copied.settings, Way(str(copied.nas))) as store:
        seen = read_repositories(store, "home", access)

        def close(phase: str, **_: object) -> None:
            if phase == "unpack":  # the first: the plan is made, the log not read yet
                closed.append(close_segment(shipper, stretch))

        restore_here(copied, tmp_path / "new", tell=close)

        assert closed[0]
        assert pieces
        assert not any(path.exists() for path in pieces)
        assert len(read_control(tmp_path / "new")) == 20
        assert verify_objects(store, seen, share=1.0, identities=None)[1] == []
        whole = next(
            path
            for path in objects_of(copied)
            if path.parent.parent.name == "wal" and path.name.endswith(".zst.age")
        )
        whole.unlink()
        seen = read_repositories(store, "home", access)
        assert verify_objects(store, seen, share=1.0, identities=None)[1] != []
