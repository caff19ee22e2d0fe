"""Files that survive the power being cut, the journal, and which release is in force."""

from pathlib import Path

import pytest

from appliance.compose import mark_down
from appliance.files import mirror, remove_tree
from appliance.journal import Journal, Step
from appliance.layout import Layout
from appliance.refusals import Failed

ROOT = Path(__file__).parents[3]


def test_a_mirrored_folder_stays_the_folder_that_is_mounted(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "a").mkdir(parents=True)
    (source / "a/one").write_text("1")
    (source / "two").write_text("2")
    assert mirror(source, target)
    number = target.stat().st_ino
    assert not mirror(source, target)
    (source / "two").unlink()
    assert mirror(source, target, {Path("a/one"): "other"})
    assert target.stat().st_ino == number
    assert (target / "a/one").read_text() == "other"
    assert not (target / "two").exists()


def test_one_web_process_is_marked_as_away_in_the_real_configuration() -> None:
    upstream = (ROOT / "nginx/snippets/upstream.conf").read_text()
    for service, other in (("app1", "app2"), ("app2", "app1")):
        lines = mark_down(upstream, service).splitlines()
        assert sum(line.endswith(" down;") for line in lines) == 1
        assert any(f"{service}:8080" in line and " down;" in line for line in lines)
        assert any(f"{other}:8080" in line and " down;" not in line for line in lines)
    with pytest.raises(Failed):
        mark_down(upstream, "app3")


def test_the_link_alone_says_what_is_in_force(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert layout.current() is None
    for version in ("1", "2"):
        (layout.releases / version).mkdir(parents=True)
        (layout.releases / version / "manifest.json").write_text("{}")
        layout.make_current(layout.release(version))
    current, previous = layout.current(), layout.previous()
    assert current is not None
    assert previous is not None
    assert (current.version, previous.version) == ("2", "1")
    layout.make_current(current)
    assert layout.previous() == previous
    remove_tree(layout.releases / "1")
    assert [path.name for path in layout.releases.iterdir()] == ["2"]


def test_the_journal_tells_after_a_power_cut_how_far_an_update_got(tmp_path: Path) -> None:
    journal = Journal(Layout(tmp_path))
    assert journal.read() is None
    entry = journal.reach(journal.begin("1", "2"), Step.SWAP)
    assert Journal(Layout(tmp_path)).read() == entry
    journal.close(entry, "taken back: it did not start")
    assert journal.read() is None
    assert journal.outcomes()[-1]["outcome"] == "taken back: it did not start"
