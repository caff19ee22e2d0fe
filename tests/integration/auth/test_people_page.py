"""The owner's page of people, by forms that work without script, on the same services as the API."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import Cast
from tests.integration.auth.test_pins import PIN, enroll, type_pin
from tests.integration.browser import Browser
from tests.integration.conftest import Api

CODE = re.compile(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}")
NEW_PASSWORD = "picked-by-moonlight"


@pytest.fixture
def owner(app: Flask, cast: Cast) -> Browser:
    assert cast
    made = Browser(app)
    assert made.sign_in("ana").status_code == 303
    return made


def send(browser: Browser, path: str, **fields: str) -> TestResponse:
    token = browser.token("/people")
    return browser.client.post(path, data={"csrf_token": token, **fields})


def read_version(browser: Browser, path: str) -> str:
    found = re.search(r'name="version" value="([^"]+)"', browser.client.get(path).text)
    assert found
    return found.group(1)


@pytest.mark.parametrize("name", ["marco", "bruno", "vera"])
def test_nobody_but_an_owner_meets_the_page(app: Flask, cast: Cast, name: str) -> None:
    browser = Browser(app)
    browser.sign_in(name)
    assert browser.client.get("/people").status_code == 403
    assert browser.client.get(f"/people/{cast.ana.user_id}").status_code == 403
    assert "/people" not in browser.client.get("/account").text


def test_who_is_let_in_chooses_a_password_with_the_code_that_is_shown_once(
    owner: Browser, app: Flask, sign_in_api: Callable[[str], Api]
) -> None:
    assert "/people" in owner.client.get("/account").text
    fields = {"display_name": "Nino", "username": "nino", "email": "", "role": "cellar"}
    made = send(owner, "/people", **fields)
    assert made.status_code == 303
    shown = CODE.findall(owner.client.get(made.location).text)
    assert len(shown) == 1
    assert CODE.findall(owner.client.get(made.location).text) == [], "only once"
    nino = Browser(app)
    assert "/new-password" in nino.client.get("/sign-in").text
    form = {"csrf_token": nino.token("/new-password"), "login": "nino", "password": "short"}
    refused = nino.client.post("/new-password", data=form | {"code": shown[0]})
    assert refused.status_code == 422
    assert "at least 10" in refused.text
    chosen = form | {"code": shown[0], "password": NEW_PASSWORD}
    assert nino.client.post("/new-password", data=chosen).status_code == 303
    assert nino.sign_in("nino", NEW_PASSWORD).status_code == 303
    stranger = Browser(app)
    chosen |= {"csrf_token": stranger.token("/new-password")}
    assert stranger.client.post("/new-password", data=chosen).status_code == 422, "it is used"
    names = [p["display_name"] for p in sign_in_api("ana").get("/users").json["items"]]
    assert "Nino" in names


def test_what_was_typed_comes_back_with_what_is_wrong(owner: Browser) -> None:
    no_login = send(owner, "/people", display_name="Nino", role="cellar")
    assert no_login.status_code == 422
    assert "give an e-mail or a username" in no_login.text.lower()
    taken = send(owner, "/people", display_name="Nino", username="bruno", role="viewer")
    assert taken.status_code == 409
    assert "Already in use." in taken.text
    assert 'value="Nino"' in taken.text


def test_a_change_keeps_to_what_was_seen(owner: Browser, cast: Cast) -> None:
    path = f"/people/{cast.bruno.user_id}"
    fields = {"display_name": "Bruno M.", "username": "bruno", "email": "", "role": "winemaker"}
    version = read_version(owner, path)
    assert send(owner, path, **fields, version=version).status_code == 303
    page = owner.client.get(path).text
    assert "<h1>Bruno M.</h1>" in page
    assert re.search(r'value="winemaker" selected', page)
    stale = send(owner, path, **fields | {"role": "viewer"}, version=version)
    assert stale.status_code == 412
    assert "Somebody changed this" in stale.text
    assert re.search(r'value="winemaker" selected', owner.client.get(path).text)


def test_a_pin_is_given_and_taken_away(
    owner: Browser, cast: Cast, sign_in_api: Callable[[str], Api]
) -> None:
    bruno, path = cast.bruno.user_id, f"/people/{cast.bruno.user_id}"
    tablet = enroll(sign_in_api("ana"))
    weak = send(owner, f"{path}/pin", pin="1234")
    assert weak.status_code == 422
    assert type_pin(tablet, bruno, "1234").status_code == 401
    assert send(owner, f"{path}/pin", pin=PIN).status_code == 303
    assert type_pin(tablet, bruno).status_code == 201
    assert send(owner, f"{path}/pin", clear="1").status_code == 303
    assert tablet.get("/api/v1/fermentations").status_code == 401, "signed out with the PIN"
    assert type_pin(tablet, bruno).status_code == 401
    assert tablet.get("/api/v1/pin-people").json["items"] == []


def test_who_is_removed_is_out_of_everything_at_once_and_comes_back(
    owner: Browser, app: Flask, cast: Cast, sign_in_api: Callable[[str], Api]
) -> None:
    path = f"/people/{cast.bruno.user_id}"
    browser, program = Browser(app), sign_in_api("bruno")
    browser.sign_in("bruno")
    tablet = enroll(sign_in_api("ana"))
    assert program.call("PUT", "/account/pin", {"pin": PIN}).status_code == 204
    assert type_pin(tablet, cast.bruno.user_id).status_code == 201
    assert send(owner, f"{path}/remove").status_code == 303
    assert not browser.is_in()
    assert program.get("/fermentations").status_code == 401
    assert tablet.get("/api/v1/fermentations").status_code == 401
    assert type_pin(tablet, cast.bruno.user_id).status_code == 401
    assert owner.client.get(path).status_code == 404
    listed = owner.client.get("/people").text
    assert f"{path}/restore" in listed
    assert send(owner, f"{path}/restore").status_code == 303
    assert not browser.is_in()
    assert type_pin(tablet, cast.bruno.user_id).status_code == 201
    assert browser.sign_in("bruno").status_code == 303


def test_the_last_owner_is_told_why_not(owner: Browser, cast: Cast) -> None:
    refused = send(owner, f"/people/{cast.ana.user_id}/remove")
    assert refused.status_code == 409
    assert "last owner" in refused.text
    assert owner.is_in()
