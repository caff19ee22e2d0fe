"""The NAS must prove that it is there; what is cut off leaves nothing behind."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backup.nas import NasAbsent, adopt_nas, explain_io, open_nas
from backup.refusals import CouldNotRun
from backup.store import DRAFTS, DirectoryStore
from tests.integration.runtime.running_appliance import needs_root

MIB = 1 << 20


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_draft_appears_under_its_key_only_when_published(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, "w")
    with store.create("v1/a/b") as draft:
        draft.write(b"one")
        assert store.names("v1/a") == []
        draft.publish()
    with store.create("v1/a/c") as draft:
        draft.write(b"two")

    assert store.read("v1/a/b") == b"one"
    assert files_below(tmp_path) == ["v1/a/b"]


def test_an_object_never_changes(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, "w")
    store.put("v1/a", b"one")
    with pytest.raises(CouldNotRun, match="there already"):
        store.put("v1/a", b"two")
    assert store.read("v1/a") == b"one"


@pytest.mark.parametrize("key", ["../out", "/etc/passwd", "v1/../../out"])
def test_no_key_leads_out_of_the_store(tmp_path: Path, key: str) -> None:
    with pytest.raises(CouldNotRun, match="no name of a copy"):
        DirectoryStore(tmp_path).open(key)


def test_a_writer_clears_away_its_own_drafts_only(tmp_path: Path) -> None:
    for writer in ("ship", "base"):
        folder = tmp_path / DRAFTS / writer
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"half")

    DirectoryStore(tmp_path, "ship").clear_drafts()

    assert files_below(tmp_path) == [f"{DRAFTS}/base/half"]


def test_a_missing_root_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(NasAbsent):
        adopt_nas(tmp_path / "nas", plain_folder=True)
    with (
        pytest.raises(NasAbsent),
        open_nas(tmp_path / "nas", "1", mounted=False, writer="w"),
    ):
        pass
    assert not (tmp_path / "nas").exists()


def test_a_plain_folder_is_taken_only_when_asked_for(tmp_path: Path) -> None:
    with pytest.raises(NasAbsent, match="own disk"):
        adopt_nas(tmp_path, plain_folder=False)
    assert files_below(tmp_path) == []
    number = adopt_nas(tmp_path, plain_folder=True)
    assert adopt_nas(tmp_path, plain_folder=True) == number, "asked again it stays the same NAS"


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a small memory disk at a folder; unmounted after the test."""
    made: list[Path] = []

    def act(name: str, size: str = "40m") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        subprocess.run(command, check=True)
        made.append(folder)
        return folder

    yield act
    for folder in made:
        subprocess.run(["umount", str(folder)], stderr=subprocess.DEVNULL)


@needs_root
def test_an_unmounted_nas_gets_no_byte(mount: Callable[[str], Path]) -> None:
    root = mount("nas")
    number = adopt_nas(root, plain_folder=False)
    with open_nas(root, number, mounted=True, writer="w") as store:
        store.put("v1/a", b"one")
    subprocess.run(["umount", str(root)], check=True)

    with (
        pytest.raises(NasAbsent, match="not mounted"),
        open_nas(root, number, mounted=True, writer="w"),
    ):
        pass

    assert list(root.iterdir()) == []


@needs_root
def test_a_nas_unmounted_in_the_middle_gets_no_byte_below_its_mount_point(
    mount: Callable[[str], Path],
) -> None:
    root = mount("nas")
    number = adopt_nas(root, plain_folder=False)
    with open_nas(root, number, mounted=True, writer="w") as store:
        subprocess.run(["umount", "--lazy", str(root)], check=True)
        with contextlib.suppress(OSError):
            store.put("v1/a", b"one")

    assert list(root.iterdir()) == []


@needs_root
def test_another_disk_in_its_place_gets_no_byte(mount: Callable[[str], Path]) -> None:
    root = mount("nas")
    number = adopt_nas(root, plain_folder=False)
    subprocess.run(["umount", str(root)], check=True)
    mount("nas")
    with (
        pytest.raises(NasAbsent, match="no readable mark"),
        open_nas(root, number, mounted=True, writer="w"),
    ):
        pass
    assert adopt_nas(root, plain_folder=False) != number
    with (
        pytest.raises(NasAbsent, match="Another disk"),
        open_nas(root, number, mounted=True, writer="w"),
    ):
        pass
    assert files_below(root) == ["winery-backup.json"]


@needs_root
def test_a_full_nas_keeps_no_draft_and_works_again_when_there_is_room(
    mount: Callable[[str], Path],
) -> None:
    root = mount("nas")
    number = adopt_nas(root, plain_folder=False)
    with open_nas(root, number, mounted=True, writer="w") as store:
        store.put("v1/big", b"x" * 30 * MIB)
        with pytest.raises(OSError, match="No space") as caught:
            store.put("v1/more", os.urandom(20 * MIB))
        assert "is full" in str(explain_io(caught.value, root))
        assert files_below(root) == ["v1/big", "winery-backup.json"]
        store.remove("v1/big")
        store.put("v1/more", b"y" * 20 * MIB)
    assert files_below(root) == ["v1/more", "winery-backup.json"]
