"""The round as a phone asks for it."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api
from tests.integration.fermentation.test_starting import start
from winery_appliance.auth.service import Actor, open_session
from winery_appliance.core import clock
from winery_appliance.winery.commands import CreateVessel
from winery_appliance.winery.vessels import add_vessel


def test_tanks_come_in_walking_order(sign_in_api: Callable[[str], Api]) -> None:
    api = sign_in_api("marco")
    for code, vessel in (("A", "T-10"), ("B", "T-2"), ("C", "T-1")):
        assert start(api, code, vessel).status_code == 201
    assert api.post("/vessels", {"code": "T-0", "position": 1}).status_code == 201
    assert start(api, "D", "T-0").status_code == 201
    body = sign_in_api("bruno").get("/round").json
    assert [tank["vessel_code"] for tank in body["tanks"]] == ["T-0", "T-1", "T-2", "T-10"]
    assert body["person"]["display_name"] == "Bruno"
    assert body["sugar_symbol"] == "°Bx"
    assert body["sugar_limits"]["hard"] == {"low": -5, "high": 45}


def test_a_tank_shows_its_last_two_readings_and_what_is_expected(
    sign_in_api: Callable[[str], Api],
) -> None:
    api = sign_in_api("bruno")
    made = start(sign_in_api("marco"), "A", "T-1").json
    assert api.get("/round").json["tanks"][0]["expected"] is None
    now = clock.now()
    for hours, value in ((60, "20.0"), (36, "16.0"), (12, "12.0")):
        body = {
            "client_uuid": str(uuid4()),
            "sample_type": "sugar",
            "value": value,
            "unit": "brix",
            "measured_at": (now - timedelta(hours=hours)).isoformat(),
        }
        assert api.post(f"/fermentations/{made['id']}/samples", body).status_code == 201
    tank = api.get("/round").json["tanks"][0]
    assert [round(reading["value"], 2) for reading in tank["sugar"]] == [16.0, 12.0]
    assert tank["read_at"] == tank["sugar"][-1]["measured_at"]
    assert tank["expected"]["low"] < tank["expected"]["value"] < 12.0
    assert tank["expected"]["value"] > 9.5


def test_only_running_ferments_are_walked(sign_in_api: Callable[[str], Api]) -> None:
    api = sign_in_api("marco")
    made = start(api, "A", "T-1").json
    assert api.post(f"/fermentations/{made['id']}/complete", {}).status_code == 200
    assert api.get("/round").json["tanks"] == []


def test_a_neighbour_s_tanks_are_no_part_of_it(sign_in_api: Callable[[str], Api]) -> None:
    assert start(sign_in_api("marco"), "A", "T-1").status_code == 201
    assert sign_in_api("carla").get("/round").json["tanks"] == []


def test_what_a_device_says_of_its_clock_makes_no_other_reading_of_it(
    sign_in_api: Callable[[str], Api],
) -> None:
    made = start(sign_in_api("marco"), "A", "T-1").json
    api, now = sign_in_api("bruno"), clock.now()
    body = {
        "client_uuid": str(uuid4()),
        "sample_type": "sugar",
        "value": "20.0",
        "unit": "brix",
        "measured_at": now.isoformat(),
    }
    path = f"/fermentations/{made['id']}/samples"
    assert api.post(path, body).status_code == 201
    clocks = {"device_time": now.replace(year=2021).isoformat(), "clock_offset_ms": 157_788_000_000}
    assert api.post(path, body | clocks).status_code == 200
    assert api.post(path, body | {"clock_offset_ms": 10**14}).status_code == 422


def sign_in_browser(app: Flask, book: Winery, actor: Actor) -> FlaskClient:
    """A browser with a session of this person."""
    with book.app.transaction(actor.winery_id) as session:
        token = open_session(session, actor, lasts=timedelta(hours=1), user_agent="phone")
    browser = app.test_client()
    with browser.session_transaction() as cookie:
        cookie["_user_id"] = token
        cookie["_fresh"] = True
    return browser


def test_who_may_not_record_is_not_led_to_the_round(app: Flask, cast: Cast, book: Winery) -> None:
    shown = {
        name: 'href="/round"' in sign_in_browser(app, book, getattr(cast, name)).get("/").text
        for name in ("ana", "bruno", "vera")
    }
    assert shown == {"ana": True, "bruno": True, "vera": False}


def test_every_tank_has_a_label_that_leads_to_it(app: Flask, cast: Cast, book: Winery) -> None:
    with book.app.transaction(cast.ana.winery_id) as session:
        for code in ("T-1", "T 2.b"):
            add_vessel(session, CreateVessel(code=code), actor=cast.ana)
    bruno = sign_in_browser(app, book, cast.bruno)
    at_home = bruno.get("/round/labels")
    assert at_home.text.count("<svg") - bruno.get("/").text.count("<svg") >= 2
    assert all(f"QR code of {code}" in at_home.text for code in ("T-1", "T 2.b"))
    assert "lead nowhere" in at_home.text, "a phone takes localhost for itself"
    named = bruno.get("/round/labels", headers={"Host": "winery.home.arpa"})
    assert "lead nowhere" not in named.text
    assert sign_in_browser(app, book, cast.vera).get("/round/labels").status_code == 403


def test_a_session_saves_only_what_its_own_person_typed(
    app: Flask, cast: Cast, book: Winery
) -> None:
    browser = sign_in_browser(app, book, cast.bruno)
    asked = {"Sec-Fetch-Site": "same-origin", "X-Requested-With": "round"}
    mine = {**asked, "X-Acting-Person": str(cast.bruno.user_id)}
    other = {**asked, "X-Acting-Person": str(cast.marco.user_id)}
    refused = browser.post("/api/v1/samples/batch", json={"items": [{}]}, headers=other)
    assert (refused.status_code, refused.json["code"]) == (401, "other_person")
    assert (
        browser.post("/api/v1/samples/batch", json={"items": [{}]}, headers=mine).status_code == 200
    )
