"""What changes places when a winery is restored on a server, and what the first page may ask for."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from appliance import requests
from appliance.layout import Layout
from appliance.places import Exchange, Place
from appliance.refusals import Refused
from appliance.requests import take_request


class PowerCut(Exception):
    """The moment after which nothing more happens."""


def prepare(tmp_path: Path) -> tuple[Layout, list[Place]]:
    """Three places, of which the third holds nothing yet."""
    layout = Layout(tmp_path)
    layout.state.mkdir(parents=True)
    places = [Place(tmp_path / name) for name in ("database", "secrets", "copies")]
    for place in places:
        place.draft.mkdir()
        (place.draft / "whose").write_text("new")
    for place in places[:2]:
        place.path.mkdir()
        (place.path / "whose").write_text("old")
    return layout, places


def read(places: list[Place]) -> list[str | None]:
    return [(place.path / "whose").read_text() if place.path.exists() else None for place in places]


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("renames", range(6))
def test_cut_off_anywhere_all_places_change_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int, back: bool
) -> None:
    layout, places = prepare(tmp_path)
    exchange = Exchange(layout)
    exchange.begin(places)
    if back:
        exchange.carry_out()
        exchange.turn_back()
    left, rename = [renames], Path.rename

    def rename_until_the_cut(self: Path, target: Path) -> Path:
        if left[0] == 0:
            raise PowerCut
        left[0] -= 1
        return rename(self, target)

    with monkeypatch.context() as cut:
        cut.setattr(Path, "rename", rename_until_the_cut)
        with contextlib.suppress(PowerCut):
            exchange.carry_out()
    after = Exchange(layout)
    assert after.is_open()
    after.carry_out()
    assert read(places) == (["old", "old", None] if back else ["new", "new", "new"])
    kept = after.close(keep_before=not back)
    assert kept == ([] if back else [place.before for place in places[:2]])
    assert not after.is_open()
    assert not any(place.draft.exists() for place in places)


def test_what_somebody_made_where_nothing_was_for_a_moment_is_no_winery(tmp_path: Path) -> None:
    """A database that starts between two renames makes itself a new, empty cluster."""
    layout, places = prepare(tmp_path)
    exchange = Exchange(layout)
    exchange.begin(places)
    places[0].path.rename(places[0].before)
    places[0].path.mkdir()
    (places[0].path / "whose").write_text("nobody's")
    exchange.carry_out()
    assert read(places) == ["new", "new", "new"]
    assert (places[0].before / "whose").read_text() == "old"


def test_a_failure_half_way_is_turned_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout, places = prepare(tmp_path)
    exchange = Exchange(layout)
    exchange.begin(places)
    (places[0].path).rename(places[0].before)  # and no further
    exchange.turn_back()
    exchange.carry_out()
    exchange.close(keep_before=False)
    assert read(places) == ["old", "old", None]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["database", "secrets", "var"]


def ask(tmp_path: Path, **told: Any) -> Path:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(told))
    return file


def test_what_is_asked_for_is_taken_once_and_lies_nowhere_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "OURS", os.getuid())
    file = ask(tmp_path, id="7", repo="nas", site="torre", identity="AGE-SECRET-KEY-1QQ")
    told = take_request(file)
    assert told is not None
    assert not file.exists()
    assert take_request(file) is None
    wish = requests.read_wish(told)
    assert (wish.kit, wish.repo, wish.more) == ("AGE-SECRET-KEY-1QQ", "nas", ["--site=torre"])


@pytest.mark.parametrize("text", ["", "[]", "{", "7"])
def test_what_makes_no_sense_is_refused_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(requests, "OURS", os.getuid())
    file = tmp_path / "request.json"
    file.write_text(text)
    with pytest.raises(Refused, match="Ask again"):
        take_request(file)
    assert not file.exists()


def test_root_follows_no_link_of_the_web_and_restores_from_no_folder_it_names(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"identity": "x"}))
    link = tmp_path / "request.json"
    link.symlink_to(secret)
    with pytest.raises(Refused):
        take_request(link)
    assert secret.exists()
    assert not link.is_symlink()
    with pytest.raises(Refused):
        requests.read_wish({"repo": "/etc", "identity": "x"})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "restore").symlink_to(tmp_path / "elsewhere")
    with requests._open_folder(tmp_path / "restore") as folder:
        assert folder is None


def tell(folder: Path, **told: Any) -> None:
    (folder / requests.PROGRESS).write_text(json.dumps(told))


def progress_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / requests.PROGRESS).read_text()))


@pytest.mark.parametrize(("restored", "phase"), [(False, "failed"), (True, "done")])
def test_a_restore_that_a_power_cut_ended_lets_the_page_go_on(
    tmp_path: Path, restored: bool, phase: str
) -> None:
    tell(tmp_path, id="7", phase="unpack", ended=False)
    requests.tell_cut_off(tmp_path, print, restored=restored)
    told = progress_of(tmp_path)
    assert (told["id"], told["phase"], told["ended"]) == ("7", phase, True)
    assert (told["failed"] is None) is restored


def test_what_waits_or_has_ended_is_not_told_anew(tmp_path: Path) -> None:
    requests.tell_cut_off(tmp_path, print, restored=False)
    assert not (tmp_path / requests.PROGRESS).exists(), "nobody asked"
    ask(tmp_path, id="8", identity="x")
    tell(tmp_path, id="8", phase="waiting", ended=False)
    requests.tell_cut_off(tmp_path, print, restored=False)
    assert progress_of(tmp_path)["phase"] == "waiting", "its unit takes it up"
    (tmp_path / "request.json").unlink()
    tell(tmp_path, id="8", phase="failed", ended=True, failed="The NAS is away.")
    requests.tell_cut_off(tmp_path, print, restored=False)
    assert progress_of(tmp_path)["failed"] == "The NAS is away."


def test_the_page_leads_root_to_no_other_file_by_its_progress(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"id": "9", "phase": "unpack", "ended": False}))
    (tmp_path / requests.PROGRESS).symlink_to(secret)
    requests.tell_cut_off(tmp_path, print, restored=False)
    assert (tmp_path / requests.PROGRESS).is_symlink()
