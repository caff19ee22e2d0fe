"""The demo in a real book: what a newcomer is promised is there, and the engine finds the planned troubles and no other."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from tests.conftest import Winery
from winery_appliance.analysis_engine.board import read_board
from winery_appliance.auth.service import sign_in
from winery_appliance.core import clock
from winery_appliance.core.units import Unit
from winery_appliance.demo.harvest import VINEYARDS
from winery_appliance.demo.loading import load_demo
from winery_appliance.demo.people import make_password, tell_logins
from winery_appliance.winery.queries import Units

UNITS = Units(Unit.brix, Unit.celsius)


@pytest.fixture
def demo(book: Winery, work_off: Callable[[], int]) -> int:
    """Loads the demo and lets the worker do its work; the main winery's id."""
    load_demo(book.app, book.settings)
    work_off()
    return enter(book, "ana@demo.winery")


def enter(book: Winery, login: str) -> int:
    actor = sign_in(
        book.app, login=login, password=make_password(book.settings), address="127.0.0.1"
    )
    return actor.winery_id


def test_the_demo_is_what_a_newcomer_was_promised(book: Winery, demo: int) -> None:
    with book.app.transaction(demo) as session:
        board = read_board(session, now=clock.now(), units=UNITS)
        vintages = session.execute(
            text(
                "SELECT extract(year FROM started_at)::int AS year, count(*) AS ferments"
                " FROM fermentations WHERE status = 'completed' GROUP BY 1 ORDER BY 1"
            )
        ).all()
        titles = session.execute(
            text(
                "SELECT type, severity FROM anomalies WHERE cleared_at IS NULL AND severity <> 'info' ORDER BY type"
            )
        ).all()
        past, drawn = session.execute(
            text(
                "SELECT (SELECT count(*) FROM past_ferments), (SELECT sum(ferments) FROM patterns)"
            )
        ).one()
        fruits = session.scalars(text("SELECT DISTINCT varietal FROM patterns")).all()
    groups = {group.key: len(group.tanks) for group in board.groups}
    assert past == drawn == sum(row.ferments for row in vintages), "all of them are history"
    assert set(fruits) == set(VINEYARDS), "each of its fruit, none of fruit that nobody recorded"
    assert sum(groups.values()) == 24
    assert groups["unread"] == 1
    assert [(row.type, row.severity) for row in titles] == [
        ("entry_error", "warning"),
        ("stuck", "critical"),
        ("temp_high", "critical"),
    ]
    assert groups["act"] == 2
    assert groups["watch"] + groups["ask"] == 1
    assert board.free_vessels > 0
    assert 165 <= sum(row.ferments for row in vintages) <= 195
    assert len({row.year for row in vintages}) >= 3


def test_the_neighbour_sees_only_her_own(book: Winery, demo: int) -> None:
    other = enter(book, "carla@other.winery")
    assert other != demo
    with book.app.transaction(other) as session:
        count = session.scalar(text("SELECT count(*) FROM fermentations"))
        board = read_board(session, now=clock.now(), units=UNITS)
    assert 0 < count < 10
    assert sum(len(group.tanks) for group in board.groups) == count


def test_a_demo_that_is_cut_off_leaves_nothing(
    book: Winery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("winery_appliance.demo.loading.plan_neighbour", fail)
    with pytest.raises(KeyboardInterrupt):
        load_demo(book.app, book.settings)
    with book.app.transaction() as session:
        assert session.scalar(text("SELECT door_exists_any_winery()")) is False


def test_the_logins_are_told_at_every_start(book: Winery, demo: int) -> None:
    assert demo
    lines = tell_logins(book.settings)
    assert "carla@other.winery" in lines[0]
    assert make_password(book.settings) in lines[1]
