"""What is put into the watched folder comes in by itself, once, or lies in quarantine with the reason beside it."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.conftest import Tank
from tests.integration.historical_data.importer import HEAD, Importer, wine
from winery_appliance.core import clock
from winery_appliance.historical_data import watching
from winery_appliance.historical_data.files import MOST_BYTES
from winery_appliance.historical_data.folder_files import find_network, list_quarantined
from winery_appliance.historical_data.import_job import run_pending_imports

TILT = "Timestamp,Timepoint,SG,Temp,Color,Beer,Comment\n"


def tilt_rows(tank: Tank, count: int, *, beer: str = "T1", first_hour: int = 1) -> str:
    """A hydrometer's log of the wine in T-01."""
    rows = []
    for n in range(count):
        at = (tank.started_at + timedelta(hours=first_hour + n)).astimezone(clock.now().tzinfo)
        rows.append(f"{at:%m/%d/%Y %H:%M:%S},46277.3,{1.0857 - n / 1000:.4f},65,RED,{beer},\n")
    return "".join(rows)


class Folder:
    """The watched folder, and the worker's looks into it with what the import thread does between them."""

    def __init__(self, importer: Importer, path: Path) -> None:
        self.importer, self.path = importer, path

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            watching.look_into_folder(self.importer.book.worker, self.path, self.importer.folder)
            run_pending_imports(self.importer.book.worker, self.importer.folder)

    def put(self, name: str, content: str) -> Path:
        room = self.path / "DEMO"
        room.mkdir(parents=True, exist_ok=True)
        (room / name).write_text(content)
        return room / name

    def there(self) -> list[str]:
        """What lies where, without the reasons."""
        room = self.path / "DEMO"
        found = (str(each.relative_to(room)) for each in room.rglob("*") if each.is_file())
        return sorted(name for name in found if not name.startswith(".") and "reason" not in name)

    def reasons(self) -> dict[str, str]:
        return {each.path.name: each.reason for each in list_quarantined(self.path / "DEMO")}


@pytest.fixture
def folder(importer: Importer, tmp_path: Path) -> Folder:
    return Folder(importer, tmp_path / "watched")


def test_an_instruments_file_comes_in_by_itself_and_only_once(folder: Folder, tank: Tank) -> None:
    content = TILT + tilt_rows(tank, 5)
    folder.put("tilt.csv", content)
    folder.look()
    assert folder.importer.wines()["26-TEM-01"] == [], "it may still be written to"
    folder.look(5)
    assert folder.there() == ["done/tilt.csv"]
    assert len(folder.importer.wines()["26-TEM-01"]) == 10
    folder.put("again.csv", content)
    folder.put("half.csv.part", content)
    folder.look(5)
    assert folder.there() == ["done/again.csv", "done/tilt.csv", "half.csv.part"]
    assert len(folder.importer.wines()["26-TEM-01"]) == 10


def test_a_file_that_grows_is_left_alone_until_it_rests(folder: Folder, tank: Tank) -> None:
    path = folder.put("tilt.csv", TILT)
    for hour in range(4):
        with path.open("a") as file:
            file.write(tilt_rows(tank, 1, first_hour=1 + hour))
        folder.look()
        assert folder.there() == ["tilt.csv"]
    folder.look(5)
    assert folder.there() == ["done/tilt.csv"]
    assert len(folder.importer.wines()["26-TEM-01"]) == 8


def test_rows_that_were_refused_lie_apart_and_come_in_when_they_are_mended(folder: Folder, tank: Tank) -> None:  # fmt: skip
    folder.put("tilt.csv", TILT + tilt_rows(tank, 2) + tilt_rows(tank, 2, beer="ZZ9", first_hour=9))
    folder.look(6)
    assert folder.there() == ["done/tilt.csv", "quarantine/tilt.refused.csv"]
    assert folder.reasons()["tilt.refused.csv"].startswith("2 rows of tilt.csv were not saved")
    apart = folder.path / "DEMO" / "quarantine" / "tilt.refused.csv"
    told = apart.read_text()
    assert "There is no wine or vessel ZZ9" in told
    folder.put("mended.csv", told.replace("RED,ZZ9", "RED,T-01"))
    folder.look(6)
    assert "done/mended.csv" in folder.there()
    assert len(folder.importer.wines()["26-TEM-01"]) == 8


def test_a_header_that_nobody_has_looked_at_waits_for_a_person_once(folder: Folder) -> None:
    folder.put("past.csv", HEAD + wine("G23-1"))
    folder.look(4)
    assert folder.importer.wines() == {}
    assert "What kind of wine is the Garnacha?" in folder.reasons()["past.csv"]
    asked = next(iter(folder.importer.list_all()))
    folder.importer.answer(asked.id, styles={"garnacha": "red"})
    folder.importer.work(asked.id)
    folder.importer.save(asked.id)
    folder.put("next.csv", HEAD + wine("G23-2"))
    folder.look(6)
    assert folder.there() == ["done/next.csv", "quarantine/past.csv"]
    assert set(folder.importer.wines()) == {"G23-1", "G23-2"}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("picture.csv", "\x00\x01\x02" * 50, "holds bytes that no text has"),
        ("empty.csv", "", "The file is empty"),
        ("letter.txt", "Dear Ana,\n\nthe must is fine.\n", "Which columns say whose a reading is"),
    ],
)
def test_what_cannot_be_read_lies_in_quarantine_with_the_reason(
    folder: Folder, name: str, content: str, reason: str
) -> None:
    folder.put(name, content)
    folder.look(4)
    assert folder.there() == [f"quarantine/{name}"]
    assert reason in folder.reasons()[name]


def test_gigabytes_links_and_folders_are_not_read(folder: Folder, tmp_path: Path) -> None:
    huge = folder.put("huge.csv", "")
    os.truncate(huge, 2 * MOST_BYTES)
    (folder.path / "DEMO" / "link.csv").symlink_to(tmp_path / "nowhere")
    (folder.path / "DEMO" / "folder.csv").mkdir()
    folder.look(4)
    assert folder.reasons()["huge.csv"].startswith("The file is larger than 1024 MB.")
    assert (folder.path / "DEMO" / "link.csv").is_symlink()
    huge = folder.path / "DEMO" / "quarantine" / "huge.csv"
    huge.unlink()


@pytest.mark.parametrize("after", ["begin_import", "receive", "save_import", "hash_file"])
def test_a_worker_that_ends_in_the_middle_takes_nothing_in_twice(
    folder: Folder, tank: Tank, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    folder.put("tilt.csv", TILT + tilt_rows(tank, 5))
    real = getattr(watching.service, after)

    def end(*given: object, **named: object) -> object:
        real(*given, **named)
        raise KeyboardInterrupt

    folder.look()
    monkeypatch.setattr(watching.service, after, end)
    with pytest.raises(KeyboardInterrupt):
        folder.look(4)
    monkeypatch.undo()
    folder.look(6)
    assert folder.there() == ["done/tilt.csv"]
    assert len(folder.importer.wines()["26-TEM-01"]) == 10


def test_a_lost_note_of_the_last_look_brings_nothing_twice(folder: Folder, tank: Tank) -> None:
    folder.put("tilt.csv", TILT + tilt_rows(tank, 5))
    folder.look(2)
    (folder.path / "DEMO" / ".seen.json").write_text("{")
    folder.look(6)
    assert folder.there() == ["done/tilt.csv"]
    assert len(folder.importer.wines()["26-TEM-01"]) == 10


MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
40 22 0:44 / /mnt/winery-nas rw shared:9 - cifs //nas/winery rw
41 22 0:45 / /mnt/winery-nas/local rw - ext4 /dev/sdb1 rw
42 22 0:46 / /srv/my\\040files rw - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/winery/watched", None),
        ("/mnt/winery-nas/watched", "cifs"),
        ("/mnt/winery-nas", "cifs"),
        ("/mnt/winery-nas-2/watched", None),
        ("/mnt/winery-nas/local/watched", None),
        ("/srv/my files/in", "fuse.sshfs"),
    ],
)
def test_what_lies_on_a_network_is_told_by_the_table_of_mounts(path: str, kind: str | None) -> None:
    assert find_network(Path(path), MOUNTS) == kind


def test_a_folder_on_a_network_is_not_touched(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching.folder_files, "find_network", lambda _path: "nfs4")
    with pytest.raises(OSError, match="lies on a network"):
        folder.look()
    assert not folder.path.exists()
