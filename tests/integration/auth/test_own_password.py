"""Somebody changes the own password: what it needs, what it ends, and what it leaves."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import PASSWORD
from tests.integration.browser import Browser
from tests.integration.conftest import Api
from winery_appliance.auth.own_password import GUESSES

pytestmark = pytest.mark.usefixtures("cast")
NEW = "two tanks and a press"


def change(browser: Browser, current: str, new: str) -> int:
    typed = {"current_password": current, "new_password": new}
    sent = typed | {"csrf_token": browser.token("/account")}
    return int(browser.client.post("/account/password", data=sent).status_code)


def may_enter(app: Flask, password: str) -> bool:
    asked = {"email": "bruno", "password": password}
    return bool(app.test_client().post("/api/v1/tokens", json=asked).status_code == 201)


def test_a_new_password_ends_every_other_way_in_and_leaves_this_one(
    app: Flask, sign_in_api: Callable[[str], Api]
) -> None:
    here, elsewhere, program = Browser(app), Browser(app), sign_in_api("bruno")
    here.sign_in("bruno")
    elsewhere.sign_in("bruno")
    assert change(here, PASSWORD, NEW) == 303
    assert here.is_in()
    assert not elsewhere.is_in()
    assert program.get("/fermentations").status_code == 401
    assert may_enter(app, NEW)
    assert not may_enter(app, PASSWORD)


@pytest.mark.parametrize(
    ("current", "new"),
    [("not the password", NEW), (PASSWORD, "short"), (PASSWORD, "x" * 257), ("", NEW)],
)
def test_what_does_not_do_changes_nothing(app: Flask, current: str, new: str) -> None:
    browser = Browser(app)
    browser.sign_in("bruno")
    assert change(browser, current, new) == 422
    assert browser.is_in()
    assert may_enter(app, PASSWORD)


def test_who_finds_a_browser_open_guesses_a_few_times(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in("bruno")
    tries = [change(browser, f"guess number {n}", NEW) for n in range(GUESSES + 1)]
    assert tries == [422] * GUESSES + [429]
    assert change(browser, PASSWORD, NEW) == 429, "the right one waits as well"
    assert may_enter(app, PASSWORD), "the person comes in all the while"


def test_a_program_changes_it_too_but_not_by_a_token_that_may_less(
    app: Flask, sign_in_api: Callable[[str], Api]
) -> None:
    bruno = sign_in_api("bruno")
    asked = {"current_password": PASSWORD, "new_password": NEW}
    named = {"name": "Grafana", "scopes": ["read_book"]}
    made = bruno.post("/personal-tokens", named)
    assert made.status_code == 201, made.text
    limited = app.test_client().put(
        "/api/v1/account/password",
        json=asked,
        headers={"Authorization": f"Bearer {made.json['access_token']}"},
    )
    assert limited.status_code == 403, limited.text
    assert (
        bruno.call("PUT", "/account/password", asked | {"current_password": "no"}).status_code
        == 401
    )
    assert bruno.call("PUT", "/account/password", asked).status_code == 204
    assert bruno.get("/fermentations").status_code == 401, "this token has ended as well"
    assert may_enter(app, NEW)
