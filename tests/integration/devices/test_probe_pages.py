"""The pages of the probes: made known, hung, moved and taken out of use by people, without script."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank
from tests.integration.fermentation.test_managing_page import read_form
from winery_appliance.core import clock

Enter = Callable[[str], Browser]


@pytest.fixture
def marco(enter: Enter) -> Browser:
    return enter("marco")


@pytest.fixture
def probe(tank: Tank) -> int:
    made = tank.api.post("/devices", {"code": "Tilt-Red", "kind": "tilt", "name": "Red one"})
    assert made.status_code == 201
    return int(made.json["id"])


def send(browser: Browser, path: str, mark: str, act: str = "", **typed: str) -> TestResponse:
    """Fill in the form that has `mark` in it, on the page at `path`, and send it."""
    csrf = {"csrf_token": browser.token(path)}
    page = browser.client.get(path).text
    assert mark in page
    fields = re.findall(r'name="version" value="([^"]*)"', page)
    version = {"version": fields[0]} if fields else {}
    return browser.client.post(f"{path}{act}", data=csrf | version | typed)


def local(at: datetime) -> str:
    """A moment as the picker of date and time writes it, in the zone of the cast’s winery."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}"


def test_a_probe_is_added_and_what_is_refused_keeps_what_was_typed(
    marco: Browser, tank: Tank
) -> None:
    form = read_form(marco.client.get("/probes").text, 'name="code"')
    added = marco.client.post("/probes", data=form | {"code": "iSpindel01", "kind": "ispindel"})
    assert added.status_code == 303
    page = marco.client.get(added.headers["Location"]).text
    assert "iSpindel01 hangs nowhere" in page
    assert "iSpindel01 is known." in page
    (device,) = tank.api.get("/devices").json["items"]
    assert (device["kind"], device["name"]) == ("ispindel", None)
    taken = marco.client.post(
        "/probes", data=form | {"code": "ispindel01", "kind": "tilt", "name": "The new one"}
    )
    assert taken.status_code == 409
    assert 'id="code-wrong"' in taken.text
    assert "Already in use." in taken.text
    assert 'value="The new one"' in taken.text
    assert '<option value="tilt" selected>' in taken.text
    nameless = marco.client.post("/probes", data=form | {"code": " ", "kind": "tilt"})
    assert (nameless.status_code, 'id="code-wrong"' in nameless.text) == (422, True)
    assert "iSpindel01" in marco.client.get("/probes").text


def test_a_probe_is_hung_moved_and_taken_out(marco: Browser, tank: Tank, probe: int) -> None:
    assert tank.api.post("/vessels", {"code": "T-02"}).status_code == 201
    path, now = f"/probes/{probe}", clock.now()
    earlier = local(now - timedelta(days=3))
    hung = send(marco, path, "Hang it into a tank", "/hang", vessel_code="T-01", since=earlier)
    assert hung.status_code == 303
    assert "Tilt-Red hangs in T-01." in marco.client.get(path).text
    (place,) = tank.api.get(f"/devices/{probe}/assignments").json["items"]
    assert local(datetime.fromisoformat(place["since"])) == earlier

    before = local(now - timedelta(days=4))
    late = send(marco, path, "Move it", "/hang", vessel_code="T-02", since=before)
    assert late.status_code == 409
    assert 'id="since-wrong"' in late.text
    assert before in late.text
    assert '<option value="T-02" selected>' in late.text
    nowhere = send(marco, path, "Move it", "/hang", vessel_code="", since="")
    assert (nowhere.status_code, 'id="vessel_code-wrong"' in nowhere.text) == (422, True)
    gone = send(marco, path, "Move it", "/hang", vessel_code="T-99", since="")
    assert (gone.status_code, "There is no vessel T-99." in gone.text) == (422, True)
    odd = send(marco, path, "Move it", "/hang", vessel_code="T-02", since="soon")
    assert (odd.status_code, 'id="since-wrong"' in odd.text) == (422, True)

    assert send(marco, path, "Move it", "/hang", vessel_code="T-02", since="").status_code == 303
    assert "Tilt-Red hangs in T-02" in marco.client.get(path).text
    later = local(now + timedelta(hours=2))
    out = send(marco, path, "Take it out of T-02", "/hang", vessel_code="", since=later, out="yes")
    assert out.status_code == 303
    assert "Tilt-Red hangs nowhere." in marco.client.get(path).text
    places = tank.api.get(f"/devices/{probe}/assignments").json["items"]
    assert [(each["vessel_code"], each["until"] is None) for each in places] == [
        ("T-02", False),
        ("T-01", False),
    ]
    assert places[0]["since"] == places[1]["until"]


def test_a_move_to_come_is_told_as_one(marco: Browser, tank: Tank, probe: int) -> None:
    path = f"/probes/{probe}"
    tomorrow = local(clock.now() + timedelta(days=1))
    send(marco, path, "Hang it into a tank", "/hang", vessel_code="T-01", since=tomorrow)
    assert "Tilt-Red is to hang in T-01" in marco.client.get(path).text
    kept = send(marco, path, "Take it out of use", "/delete")
    assert kept.headers["Location"] == path
    assert "moved later" in marco.client.get(path).text


def test_a_probe_is_changed_by_who_saw_it_last(marco: Browser, tank: Tank, probe: int) -> None:
    path = f"/probes/{probe}"
    form = read_form(marco.client.get(path).text, 'name="code"')
    assert (form["code"], form["kind"], form["name"]) == ("Tilt-Red", "tilt", "Red one")
    assert marco.client.post(path, data=form).status_code == 303
    renamed = marco.client.post(path, data=form | {"code": "Tilt-Blue", "name": ""})
    assert renamed.status_code == 303
    device = tank.api.get(f"/devices/{probe}").json
    assert (device["code"], device["name"]) == ("Tilt-Blue", None)
    stale = marco.client.post(path, data=form | {"name": "By the door"})
    assert stale.status_code == 412
    assert "Somebody changed this" in stale.text
    assert 'value="By the door"' in stale.text
    assert tank.api.get(f"/devices/{probe}").json == device


def test_a_probe_goes_out_of_use_and_comes_back(marco: Browser, tank: Tank, probe: int) -> None:
    path = f"/probes/{probe}"
    form = read_form(marco.client.get(path).text, "Take it out of use")
    stale = marco.client.post(f"{path}/delete", data=form | {"version": "another"})
    assert stale.headers["Location"] == path
    assert "Somebody changed this" in marco.client.get(path).text
    gone = marco.client.post(f"{path}/delete", data=form)
    assert gone.status_code == 303
    assert marco.client.get(path).status_code == 404
    listed = marco.client.get(gone.headers["Location"]).text
    again = tank.api.post("/devices", {"code": "tilt-red", "kind": "tilt"})
    assert again.status_code == 201
    restoring = read_form(listed, "Restore")
    taken = marco.client.post(f"{path}/restore", data=restoring)
    assert "There is a device" in marco.client.get(taken.headers["Location"]).text
    tank.api.call("DELETE", f"/devices/{again.json['id']}")
    back = marco.client.post(f"{path}/restore", data=restoring)
    assert back.headers["Location"] == path
    assert tank.api.get(f"/devices/{probe}").json["deleted_at"] is None


def test_what_it_said_and_what_was_refused_are_told(marco: Browser, tank: Tank, probe: int) -> None:
    assert "Nothing was heard of it yet." in marco.client.get(f"/probes/{probe}").text
    at = clock.now() - timedelta(hours=5)

    def reading(value: float, hours: float, unit: str = "celsius") -> dict[str, object]:
        quantity = "temperature" if unit == "celsius" else "sugar"
        read_at = (at + timedelta(hours=hours)).isoformat()
        return {"quantity": quantity, "value": value, "unit": unit, "read_at": read_at}

    items = [reading(17, 0), reading(18.5, 3), reading(21.3, 2.9, "brix"), reading(500, 3)]
    assert tank.api.post(f"/devices/{probe}/readings", {"items": items}).status_code == 200
    tank.api.post("/devices", {"code": "Hall", "kind": "probe"})
    for path in ("/probes", f"/probes/{probe}"):
        page = marco.client.get(path).text
        assert "18.5 °C" in page
        assert "21.3 °Bx" in page, "by the winery's own scale, of the same word"
        assert "17.0" not in page
        assert "2\u00a0h ago" in page
        assert "500 °C is impossible for temperature. Possible is −5 to 50." in page
    hot = [reading(24, 4.5)]
    tank.api.post(f"/devices/{probe}/readings", {"items": hot})
    page = marco.client.get(f"/probes/{probe}").text
    assert ("24.0 °C" in page, "°Bx" in page) == (True, False), "sugar of an hour ago is no news"


def test_what_to_type_into_it_names_this_appliance(marco: Browser, tank: Tank, probe: int) -> None:
    assert "http://localhost/api/v1/ingest/tilt" in marco.client.get(f"/probes/{probe}").text
    spindel = tank.api.post("/devices", {"code": "iSpindel01", "kind": "ispindel"}).json["id"]
    page = marco.client.get(f"/probes/{spindel}").text
    told = re.findall(r"<dd><code>([^<]*)</code>", page)
    assert told == ["iSpindel01", "HTTP", "localhost", "80", "/api/v1/ingest/ispindel"]


def test_its_token_records_and_nothing_else(
    app: Flask, marco: Browser, tank: Tank, probe: int
) -> None:
    path = f"/probes/{probe}"
    made = send(marco, path, "A token for it", "/token", token_name="Tilt-Red")
    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    (secret,) = re.findall(r"<code>([\w-]{22}\.[\w-]{43})</code>", made.text)
    assert secret not in marco.client.get(path).text
    tilts = {"Red": {"temp": 68.0, "tempUnit": "F", "gravity": 1.0711}}
    heard = Api(app, None).post("/ingest/tilt", {"apiKey": secret, "tilts": tilts})
    assert heard.status_code == 200, heard.text
    assert "20.0 °C" in marco.client.get(path).text
    assert Api(app, secret).get("/devices").status_code == 403
    assert "record readings" in marco.client.get("/account/tokens").text
    again = send(marco, path, "A token for it", "/token", token_name="Tilt-Red")
    assert again.status_code == 409
    assert 'id="token_name-wrong"' in again.text


def test_another_winerys_probe_is_not_there(tank: Tank, enter: Enter, probe: int) -> None:
    carla = enter("carla")
    assert "Red one" not in carla.client.get("/probes").text
    csrf = {"csrf_token": carla.token("/probes")}
    assert carla.client.get(f"/probes/{probe}").status_code == 404
    for act in ("", "/hang", "/token", "/delete", "/restore"):
        typed = {"code": "Mine", "kind": "tilt", "vessel_code": "T-01", "token_name": "x"}
        answer = carla.client.post(f"/probes/{probe}{act}", data=csrf | typed)
        assert answer.status_code == 404, act
    assert tank.api.get(f"/devices/{probe}").json["code"] == "Tilt-Red"


@pytest.mark.parametrize("who", ["bruno", "vera"])
def test_who_may_not_configure_the_cellar_only_looks(enter: Enter, probe: int, who: str) -> None:
    browser, csrf = enter(who), {}
    for path in ("/probes", f"/probes/{probe}", "/probes?deleted=true"):
        page = browser.client.get(path)
        assert page.status_code == 200
        assert 'action="/probes' not in page.text
    assert "/probes" in browser.client.get("/account").text
    csrf = {"csrf_token": browser.token("/account")}
    for act in ("", *(f"/{probe}{act}" for act in ("", "/hang", "/token", "/delete", "/restore"))):
        assert browser.client.post(f"/probes{act}", data=csrf).status_code == 403, act


def test_who_configures_the_cellar_finds_them_beside_the_vessels(marco: Browser) -> None:
    assert 'href="/probes"' in marco.client.get("/vessels").text
    assert 'href="/probes"' in marco.client.get("/account").text
