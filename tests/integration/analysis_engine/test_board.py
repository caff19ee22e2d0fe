"""The board as people meet it: by attention, as a map, on the wall, and in the units of whoever reads it."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.conftest import Cast, Winery
from tests.integration.analysis_engine.test_analysis import FALLING, FLAT, record
from tests.integration.analysis_engine.test_anomalies import find
from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank
from winery_appliance.analysis_engine import routes
from winery_appliance.analysis_engine.board import BoardTank, read_board
from winery_appliance.core import clock
from winery_appliance.core.units import Unit
from winery_appliance.winery.queries import Units, read_units, read_winery


@pytest.fixture
def marco(app: Flask, tank: Tank) -> Browser:
    made = Browser(app)
    assert made.sign_in("marco").status_code == 303
    return made


def read_tank(book: Winery, cast: Cast, units: Units) -> BoardTank:
    with book.app.transaction(cast.marco.winery_id) as session:
        board = read_board(session, now=clock.now(), units=units)
    (tank,) = [tank for group in board.groups for tank in group.tanks]
    return tank


def test_a_days_change_stands_beside_what_was_expected_of_it(
    book: Winery, cast: Cast, tank: Tank, work_off: Callable[[], int]
) -> None:
    record(tank, FALLING + FLAT)
    assert read_tank(book, cast, Units(Unit.brix, Unit.celsius)).expected_24h is None
    work_off()
    brix = read_tank(book, cast, Units(Unit.brix, Unit.celsius))
    oechsle = read_tank(book, cast, Units(Unit.oechsle, Unit.fahrenheit))
    assert brix.expected_24h is not None
    assert oechsle.expected_24h is not None
    assert brix.change_24h is not None
    assert brix.expected_24h < brix.change_24h <= 0, "it stopped, and should have fallen"
    # A degree Brix is about four Oechsle, at any sugar between dry and must.
    assert 3.4 < oechsle.expected_24h / brix.expected_24h < 4.6
    assert oechsle.expected_share == pytest.approx(brix.expected_share, rel=0.15)
    assert brix.key == "act"
    assert brix.alarm_id == find(tank.api)["id"]


def test_who_saved_waits_a_moment_for_the_analysis_and_who_looks_does_not(
    marco: Browser, tank: Tank, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def note(session: Session, fermentation_id: int) -> bool:
        asked.append(fermentation_id)
        return False

    monkeypatch.setattr(routes, "is_awaited", note)
    record(tank, FALLING)
    page = f"/fermentations/{tank.id}"
    shown = marco.client.get(page).text
    assert asked == []
    form = re.search(rf'action="{page}/samples".*?</form>', shown, re.DOTALL)
    assert form is not None
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', form[0]))
    warm = {"temperature": "25.1", "temperature_unit": "celsius"}
    assert marco.client.post(f"{page}/samples", data=hidden | warm).status_code == 303
    assert marco.client.get(page).status_code == 200
    assert asked == [tank.id]


def test_the_map_is_remembered_by_the_browser(marco: Browser) -> None:
    assert 'class="tank"' in marco.client.get("/").text
    shown = marco.client.get("/?view=map").text
    assert 'class="tank"' not in shown
    assert 'class="place' in shown
    assert marco.client.get("/").text.count('class="place') == shown.count('class="place')
    assert 'class="tank"' in marco.client.get("/?view=list").text
    assert 'class="tank"' in marco.client.get("/?view=upside-down").text


def test_an_alarm_taken_on_the_board_comes_back_to_the_board(
    marco: Browser, tank: Tank, work_off: Callable[[], int]
) -> None:
    record(tank, FALLING + FLAT)
    work_off()
    stuck = find(tank.api)
    form = {"csrf_token": marco.token("/"), "show": "board"}
    answer = marco.client.post(f"/anomalies/{stuck['id']}/acknowledge", data=form)
    assert answer.location == "/"
    assert "Marco has it" in marco.client.get("/").text
    assert marco.client.post(f"/anomalies/{stuck['id']}/snooze", data=form).location == "/"
    assert find(tank.api)["status"] == "snoozed"


def test_nothing_on_the_wall_ends_the_session(marco: Browser) -> None:
    wall = marco.client.get("/wall")
    assert wall.status_code == 200
    assert "T-01" in wall.text
    assert "sign-out" not in wall.text
    assert Browser(marco.client.application).client.get("/wall").status_code == 302


def test_everybody_reads_in_units_of_their_own(
    app: Flask, book: Winery, cast: Cast, marco: Browser, tank: Tank
) -> None:
    tank.record("20.0", hours=200)
    form = {"csrf_token": marco.token("/account"), "sugar_unit": "oechsle"}
    form["temperature_unit"] = "fahrenheit"
    assert marco.client.post("/account/units", data=form).status_code == 303
    assert "°Oe" in marco.client.get("/").text
    bruno = Browser(app)
    bruno.sign_in("bruno")
    assert "°Oe" not in bruno.client.get("/").text
    with book.app.transaction(cast.marco.winery_id) as session:
        chosen = read_units(session, cast.marco.user_id, read_winery(session))
    assert chosen == Units(Unit.oechsle, Unit.fahrenheit)
    form |= {"sugar_unit": "", "temperature_unit": "parsec"}
    refused = marco.client.post("/account/units", data=form)
    assert refused.status_code == 422
    assert "°Oe" in marco.client.get("/").text


def test_figures_have_the_decimal_mark_of_the_winerys_language(
    sign_in_api: Callable[[str], object], marco: Browser, tank: Tank
) -> None:
    tank.record("20.5", hours=200)
    assert "20.5" in marco.client.get("/").text
    version = tank.api.get("/winery").headers["ETag"]
    body = {"language": "es"}
    changed = tank.api.call("PATCH", "/winery", body, **{"If-Match": version})
    assert changed.status_code == 200, changed.text
    assert "20,5" in marco.client.get("/").text


def test_a_tank_that_was_passed_by_says_why_until_it_is_read(
    marco: Browser, tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    bruno = sign_in_api("bruno")

    def skip(reason: str, hours_ago: float) -> None:
        body = {
            "client_uuid": str(uuid4()),
            "reason": reason,
            "skipped_at": (clock.now() - timedelta(hours=hours_ago)).isoformat(),
        }
        answer = bruno.post(f"/fermentations/{tank.id}/skipped-readings", body)
        assert answer.status_code == 201, answer.text

    skip("Foam over the hatch", 30)
    assert "Foam over the hatch" not in marco.client.get("/").text, "that was yesterday's round"
    skip("Cannot be reached", 2)
    board = marco.client.get("/").text
    assert "Cannot be reached (Bruno, 2" in board
    assert "Cannot be reached" in marco.client.get("/wall").text
    since = (clock.now() - tank.started_at) / timedelta(hours=1)
    assert tank.record("20.1", hours=since - 1).status_code == 201
    assert "Cannot be reached" not in marco.client.get("/").text
