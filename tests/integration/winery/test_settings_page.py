"""The owner changes the winery's settings by a form that works without script."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.conftest import Cast
from tests.integration.browser import Browser
from tests.integration.conftest import Api

PAGE = "/winery/settings"


@pytest.fixture
def browser(app: Flask, cast: Cast) -> Browser:
    assert cast
    made = Browser(app)
    assert made.sign_in("ana").status_code == 303
    return made


def read_form(browser: Browser) -> dict[str, str]:
    """Every field of the form as the page sends it back untouched."""
    page = browser.client.get(PAGE).text
    sent = {}
    for tag in re.findall(r"<input[^>]*>", page.partition('<form class="sheet')[2]):
        named = re.search(r'name="([^"]+)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        assert named
        assert value
        sent[named.group(1)] = value.group(1)
    for name, options in re.findall(r'<select[^>]*name="(\w+)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="(\w+)" selected', options)
        assert chosen, name
        sent[name] = chosen.group(1)
    return sent


def send(browser: Browser, **changes: str) -> Any:
    return browser.client.post(PAGE, data=read_form(browser) | changes)


@pytest.fixture
def ana(sign_in_api: Callable[[str], Api]) -> Api:
    return sign_in_api("ana")


def test_what_is_sent_back_untouched_changes_nothing(browser: Browser, ana: Api) -> None:
    before = ana.get("/winery").json
    assert send(browser).status_code == 303
    assert ana.get("/winery").json == before


def test_the_owner_changes_and_sees_it(browser: Browser, ana: Api) -> None:
    changes = {
        "name": "Bodega Torre",
        "time_zone": "Europe/Madrid",
        "country": "es",
        "latitude": "42,54",
        "longitude": "−2.84",
        "sugar_unit": "baume",
    }
    assert send(browser, **changes).status_code == 303
    kept = ana.get("/winery").json
    assert (kept["latitude"], kept["longitude"]) == (42.54, -2.84)
    assert (kept["name"], kept["country"], kept["sugar_unit"]) == ("Bodega Torre", "ES", "baume")
    page = browser.client.get(PAGE).text
    assert "The settings are saved." in page
    assert "Bodega Torre" in page
    assert send(browser, latitude="", longitude="").status_code == 303
    assert ana.get("/winery").json["latitude"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Madrid"},
        {"name": " "},
        {"latitude": "95", "longitude": "0"},
        {"latitude": "1"},
        {"country": "Spain"},
        {"legal_region": "uk"},
    ],
)
def test_what_cannot_be_comes_back_as_typed_and_nothing_is_saved(
    browser: Browser, ana: Api, wrong: dict[str, str]
) -> None:
    before = ana.get("/winery").json
    answer = send(browser, **wrong)
    assert answer.status_code == 422
    assert "Nothing was saved" in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert ana.get("/winery").json == before


def test_a_form_opened_before_somebody_elses_change_is_refused(browser: Browser, ana: Api) -> None:
    opened = read_form(browser)
    assert ana.call("PATCH", "/winery", {"name": "New"}, **{"If-Match": "*"}).status_code == 200
    answer = browser.client.post(PAGE, data=opened | {"name": "Old"})
    assert answer.status_code == 422
    assert "Somebody changed this" in answer.text
    assert ana.get("/winery").json["name"] == "New"


@pytest.mark.parametrize("login", ["marco", "bruno", "vera"])
def test_only_the_owner_meets_the_page(app: Flask, cast: Cast, login: str) -> None:
    assert cast
    browser = Browser(app)
    browser.sign_in(login)
    assert browser.client.get(PAGE).status_code == 403
    token = browser.token("/account")
    assert browser.client.post(PAGE, data={"csrf_token": token}).status_code == 403
    assert "/winery/settings" not in browser.client.get("/account").text


def test_the_account_page_leads_there(browser: Browser) -> None:
    assert f'href="{PAGE}"' in browser.client.get("/account").text
