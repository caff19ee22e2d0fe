"""The box in the page's head jumps to the tank, without script."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from flask import Flask

from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank


@pytest.fixture
def browser(app: Flask, tank: Tank) -> Browser:
    assert tank
    made = Browser(app)
    assert made.sign_in("vera").status_code == 303
    return made


@pytest.mark.parametrize("wanted", ["t-01", " T-01 ", "26-TEM-01", "TEM"])
def test_a_clear_word_leads_to_the_tanks_page(browser: Browser, tank: Tank, wanted: str) -> None:
    assert tank.api.post("/vessels", {"code": "T-010"}).status_code == 201
    answer = browser.client.get(f"/search?q={quote(wanted)}")
    assert (answer.status_code, answer.location) == (302, f"/fermentations/{tank.id}")


def test_an_unclear_word_shows_what_there_is(browser: Browser, tank: Tank) -> None:
    assert tank.api.post("/vessels", {"code": "T-010"}).status_code == 201
    page = browser.client.get("/search?q=-01")
    assert page.status_code == 200
    assert f'href="/fermentations/{tank.id}"' in page.text
    assert "T-010" in page.text
    assert "never filled" in page.text


def test_a_word_that_fits_too_much_says_so(browser: Browser, tank: Tank) -> None:
    for n in range(10, 31):
        assert tank.api.post("/vessels", {"code": f"B-{n}"}).status_code == 201
    page = browser.client.get("/search?q=b-").text
    assert "More than 20 have" in page
    assert ("B-29" in page, "B-30" in page) == (True, False)
    assert "10 have “b-1” in code or name" in browser.client.get("/search?q=b-1").text


@pytest.mark.parametrize("wanted", ["", "%", "<script>", "\x00", "x" * 61, "T-99"])
def test_what_is_not_there_is_said(browser: Browser, wanted: str) -> None:
    page = browser.client.get(f"/search?q={quote(wanted)}")
    assert page.status_code == 200
    assert "<script>" not in page.text.partition("<main")[2]


def test_every_page_has_the_box(browser: Browser) -> None:
    assert 'role="search" action="/search"' in browser.client.get("/").text


def test_the_neighbours_tank_is_not_found(
    app: Flask, tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    assert sign_in_api("carla")
    carla = Browser(app)
    assert carla.sign_in("carla").status_code == 303
    page = carla.client.get("/search?q=T-01")
    assert page.status_code == 200
    found = page.text.partition("<main")[2]
    assert "Nothing here is called “T-01”" in found
    assert "/fermentations/" not in found
