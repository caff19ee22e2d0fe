"""The data directory is ours alone, and nobody else's folder is ever touched."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.runtime.running_appliance import ROOT, needs_root
from winery_appliance.core.data_directory import MARKER, DataDirectory, DataRefused


def list_all(folder: Path) -> list[str]:
    """Every path below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(DataRefused, match="Nothing was changed"):
        DataDirectory(tmp_path).check_owner()

    assert list_all(tmp_path) == ["thesis.txt"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"product": "something else"}'])
def test_a_marker_of_others_is_no_marker(tmp_path: Path, content: str) -> None:
    (tmp_path / MARKER).write_text(content)

    with pytest.raises(DataRefused):
        DataDirectory(tmp_path).check_owner()


@pytest.mark.parametrize("found", [[], ["lost+found/"], [MARKER + ".new"]])
def test_a_folder_with_nothing_in_it_may_become_ours(tmp_path: Path, found: list[str]) -> None:
    for name in found:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).write_text('{"prod')  # a power cut while the marker was written
    data = DataDirectory(tmp_path)

    data.check_owner()
    data.claim()

    assert data.has_data()
    data.release()


@pytest.mark.parametrize("place", ["a file/var", "a file"])
def test_a_place_where_no_folder_can_be_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").write_text("wine")
    data = DataDirectory(tmp_path / place)

    for attempt in (data.check_owner, data.claim):
        with pytest.raises(DataRefused, match=r"cannot be used .* Choose another directory"):
            attempt()

    assert (tmp_path / "a file").read_text() == "wine"


@needs_root
def test_a_folder_of_another_user_is_refused_by_name(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "var")
    data.claim()
    data.release()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)  # pytest's own folders
    code = (
        "import os, sys; from pathlib import Path\n"
        "from winery_appliance.core.data_directory import DataDirectory, DataRefused\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try: DataDirectory(Path(sys.argv[1])).check_owner()\n"
        "except DataRefused as refusal: print(refusal)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, data.path], cwd=ROOT, capture_output=True, text=True
    )

    assert "cannot be used by this user; it belongs to root" in told.stdout, told.stderr


def test_only_one_may_hold_it_and_the_refusal_names_the_holder(tmp_path: Path) -> None:
    first, second = DataDirectory(tmp_path / "var"), DataDirectory(tmp_path / "var")
    first.claim()

    for attempt in (second.lock_if_there, second.claim):
        with pytest.raises(DataRefused, match=f"process {os.getpid()}"):
            attempt()

    first.release()
    second.claim()
    second.release()


def test_looking_at_a_place_makes_nothing(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "not" / "there")

    data.check_owner()
    data.lock_if_there()
    data.check_space(1)

    assert list_all(tmp_path) == []


def test_too_little_room_is_told_in_megabytes(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    with pytest.raises(DataRefused, match=r"MB free; \d+ MB are needed"):
        DataDirectory(tmp_path / "var").check_space(free * 2)


def test_emptying_keeps_the_claim_and_removes_the_rest(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("wine")
    data = DataDirectory(tmp_path / "var")
    data.claim()
    for name in ("postgresql/base/1", "secrets/key", "spool/a", "run/postgres_port", "log/w.log"):
        path = data.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old")
    (data.path / "link").symlink_to(outside)

    data.empty()

    assert list_all(data.path) == ["log", "run", "run/lock", MARKER]
    assert (outside / "kept").read_text() == "wine", "a link is removed, not followed"
    with pytest.raises(DataRefused):
        DataDirectory(data.path).claim()
    data.release()


def test_only_the_holder_can_empty_it(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "var")
    data.claim()
    data.release()

    with pytest.raises(DataRefused, match="Nothing was removed"):
        data.empty()

    assert data.has_data()
