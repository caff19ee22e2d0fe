"""Files of instruments reach the watched folder whole and once, and stay where they lay."""

import os
from pathlib import Path

import pytest

from winery_appliance.historical_data import bringing
from winery_appliance.historical_data.bringing import BROUGHT, Mover
from winery_appliance.historical_data.folder_files import look, prepare_folder


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """The share, and the watched folder as the worker makes it."""
    source, watched = tmp_path / "share", tmp_path / "watched"
    source.mkdir()
    prepare_folder(watched)
    return source, watched


def test_a_file_is_brought_when_nobody_writes_to_it_and_once(places: tuple[Path, Path]) -> None:
    source, watched = places
    mover = Mover(source, watched)
    (source / "run.csv").write_text("a")
    assert mover.look() == 0, "it may still be written to"
    with (source / "run.csv").open("a") as file:
        file.write("b")
    assert mover.look() == 0
    assert mover.look() == 1
    assert (watched / "run.csv").read_text() == (source / "run.csv").read_text() == "ab"
    (watched / "run.csv").rename(watched / "done" / "run.csv")
    assert [mover.look(), mover.look()] == [0, 0]
    later = Mover(source, watched)
    assert [later.look(), later.look()] == [0, 0], "known after a restart, too"
    with (source / "run.csv").open("a") as file:
        file.write("c")
    assert [later.look(), later.look()] == [0, 1], "what has grown comes again"


def test_an_earlier_state_that_still_waits_is_not_overwritten(places: tuple[Path, Path]) -> None:
    source, watched = places
    mover = Mover(source, watched)
    (source / "run.csv").write_text("new")
    (watched / "run.csv").write_text("old")
    assert [mover.look(), mover.look()] == [0, 0]
    assert (watched / "run.csv").read_text() == "old"
    (watched / "run.csv").unlink()
    assert mover.look() == 1


def test_with_several_wineries_each_has_its_own_folder(places: tuple[Path, Path]) -> None:
    source, watched = places
    for code in ("a", "b"):
        prepare_folder(watched / code)
    (source / "a").mkdir()
    (source / "a/run.csv").write_text("of a")
    (source / "run.csv").write_text("of nobody")
    mover = Mover(source, watched)
    assert [mover.look(), mover.look()] == [0, 1]
    assert list(look(watched / "a")) == ["run.csv"]
    assert not look(watched / "b")
    assert not look(watched)


def test_a_piece_of_an_earlier_life_is_never_taken_for_a_file(places: tuple[Path, Path]) -> None:
    source, watched = places
    (watched / ".run.csv.part").write_text("ha")
    (source / "run.csv").write_text("half of it")
    mover = Mover(source, watched)
    assert [mover.look(), mover.look()] == [0, 1]
    assert sorted(path.name for path in watched.iterdir() if path.is_file()) == [BROUGHT, "run.csv"]


def test_links_and_pipes_are_left_alone(places: tuple[Path, Path], tmp_path: Path) -> None:
    source, watched = places
    (tmp_path / "secret").write_text("secret")
    (source / "link.csv").symlink_to(tmp_path / "secret")
    os.mkfifo(source / "pipe.csv")
    mover = Mover(source, watched)
    assert [mover.look(), mover.look()] == [0, 0]
    assert not look(watched)


def test_the_book_keeps_its_room_on_the_disk(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, watched = places
    monkeypatch.setattr(bringing, "SPARE_BYTES", 2**60)
    (source / "run.csv").write_text("a")
    mover = Mover(source, watched)
    assert [mover.look(), mover.look()] == [0, 0]
    monkeypatch.setattr(bringing, "SPARE_BYTES", 0)
    assert mover.look() == 1


def test_a_share_that_is_away_raises_and_is_reached_again(places: tuple[Path, Path]) -> None:
    source, watched = places
    (source / "run.csv").write_text("a")
    mover = Mover(source, watched)
    mover.look()
    source.rename(source.with_name("away"))
    with pytest.raises(FileNotFoundError):
        mover.look()
    source.with_name("away").rename(source)
    assert mover.look() == 1
