"""The second factor: what it keeps out, what it lets in, and the ways back for who lost it."""

from collections.abc import Callable
from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import PASSWORD, Cast, Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Api
from winery_appliance.core import clock

PAGE = "/account/second-factor"


@pytest.fixture
def ana(sign_in_api: Callable[[str], Api]) -> Api:
    return sign_in_api("ana")


def set_up(api: Api) -> tuple[pyotp.TOTP, list[str]]:
    """Set up a second factor; the app and the recovery codes."""
    started = api.post(PAGE, {"password": PASSWORD})
    assert started.status_code == 201, started.text
    app = pyotp.TOTP(started.json["secret"])
    # A code of half a minute ago still fits, and leaves the one of now for the test.
    early = app.at(clock.now() - timedelta(seconds=30))
    confirmed = api.post(f"{PAGE}/confirm", {"code": early})
    assert confirmed.status_code == 200, confirmed.text
    return app, confirmed.json["recovery_codes"]


def type_code(browser: Browser, code: str) -> int:
    path = "/sign-in/code"
    sent = {"csrf_token": browser.token(path), "code": code}
    return int(browser.client.post(path, data=sent).status_code)


def test_the_password_alone_opens_nothing_any_more(app: Flask, ana: Api) -> None:
    totp, _ = set_up(ana)
    browser = Browser(app)
    answer = browser.sign_in("ana", next="/vessels")
    assert answer.headers["Location"].endswith("/sign-in/code")
    assert not browser.is_in()
    assert type_code(browser, "000000") == 401
    assert not browser.is_in()
    assert type_code(browser, totp.at(clock.now())) == 303
    assert browser.is_in()


def test_a_code_works_once_and_only_near_its_moment(app: Flask, ana: Api) -> None:
    totp, _ = set_up(ana)
    first, second, third = Browser(app), Browser(app), Browser(app)
    for browser in (first, second, third):
        browser.sign_in("ana")
    code = totp.at(clock.now())
    assert type_code(first, code) == 303
    assert type_code(second, code) == 401, "somebody looked over the shoulder"
    assert type_code(third, totp.at(clock.now() - timedelta(minutes=5))) == 401
    assert type_code(third, totp.at(clock.now() + timedelta(minutes=5))) == 401


def test_a_recovery_code_works_once_however_it_is_typed(app: Flask, ana: Api) -> None:
    _, codes = set_up(ana)
    assert len(set(codes)) == 10
    for expected in (303, 401):
        browser = Browser(app)
        browser.sign_in("ana")
        assert type_code(browser, codes[0].lower().replace("-", " ")) == expected
    assert ana.get(PAGE).json["recovery_codes_left"] == 9


def test_guessing_is_stopped_from_every_address_and_the_right_code_with_it(
    app: Flask, ana: Api
) -> None:
    totp, codes = set_up(ana)
    seen = []
    for number in range(6):
        browser = Browser(app)
        browser.client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        browser.sign_in("ana")
        seen.append(type_code(browser, f"{number:06d}"))
    assert seen == [401] * 5 + [429]
    browser = Browser(app)
    browser.sign_in("ana")
    assert type_code(browser, totp.at(clock.now())) == 429
    assert type_code(browser, codes[0]) == 429


def test_a_token_by_password_needs_the_code_too(app: Flask, ana: Api) -> None:
    totp, _ = set_up(ana)
    body = {"email": "ana", "password": PASSWORD}
    nobody = Api(app, None)
    refused = nobody.post("/tokens", body)
    assert (refused.status_code, refused.json["code"]) == (401, "second_factor_required")
    assert nobody.post("/tokens", body | {"code": "000000"}).status_code == 401
    assert nobody.post("/tokens", body | {"code": totp.at(clock.now())}).status_code == 201


def test_what_waits_for_a_code_is_no_sign_in_and_runs_out(
    app: Flask, ana: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    totp, _ = set_up(ana)
    browser = Browser(app)
    assert browser.client.get("/sign-in/code").status_code == 303, "nobody typed a password"
    browser.sign_in("ana")
    for path in ("/", "/account", "/api/v1/winery"):
        assert browser.client.get(path).status_code in {302, 401}
    later = clock.now() + timedelta(minutes=6)
    code = totp.at(clock.now())
    sent = {"csrf_token": browser.token("/sign-in/code"), "code": code}
    monkeypatch.setattr(clock, "now", lambda: later)
    answer = browser.client.post("/sign-in/code", data=sent)
    assert answer.headers["Location"].endswith("/sign-in")
    assert not browser.is_in()


def test_who_finds_a_browser_open_cannot_shut_its_person_out(ana: Api) -> None:
    assert ana.post(PAGE, {"password": "not-hers-at-all"}).status_code == 401
    totp, _ = set_up(ana)
    assert ana.post(PAGE, {"password": PASSWORD}).status_code == 409
    assert ana.post(f"{PAGE}/remove", {"code": "000000"}).status_code == 401
    assert ana.post(f"{PAGE}/remove", {"code": totp.at(clock.now())}).status_code == 204
    assert ana.get(PAGE).json == {
        "confirmed": False,
        "recovery_codes_left": 0,
        "required": False,
    }


def test_an_owner_takes_it_away_for_who_lost_everything(
    ana: Api, app: Flask, cast: Cast, sign_in_api: Callable[[str], Api]
) -> None:
    marco = sign_in_api("marco")
    set_up(marco)
    path = f"/users/{cast.marco.user_id}/second-factor"
    assert marco.call("DELETE", path).status_code == 403
    assert sign_in_api("carla").call("DELETE", path).status_code == 404, "of another winery"
    browser = Browser(app)
    browser.sign_in("marco")
    assert not browser.is_in()
    assert ana.call("DELETE", path).status_code == 204
    browser.sign_in("marco")
    assert browser.is_in()


def test_a_winery_that_asks_for_it_lets_nobody_work_without(
    app: Flask, ana: Api, sign_in_api: Callable[[str], Api]
) -> None:
    early = Browser(app)
    early.sign_in("marco")
    assert early.is_in()
    rule = {"second_factor_required": True}
    assert ana.call("PUT", "/sign-in-rules", rule).json["code"] == "own_factor_first"
    set_up(ana)
    assert sign_in_api("marco").call("PUT", "/sign-in-rules", rule).status_code == 403
    assert ana.call("PUT", "/sign-in-rules", rule).status_code == 200
    assert not early.is_in(), "who lacks one is signed out"
    marco = Browser(app)
    marco.sign_in("marco")
    assert marco.client.get("/").headers["Location"].endswith(PAGE)
    assert marco.client.get("/api/v1/winery").json["code"] == "second_factor_missing"
    body = {"email": "marco", "password": PASSWORD}
    assert Api(app, None).post("/tokens", body).json["code"] == "second_factor_missing"
    started = marco.client.post(PAGE, data={"csrf_token": marco.token(PAGE), "password": PASSWORD})
    assert "<svg" in started.text
    secret = started.text.split("<code>")[1].split("</code>")[0]
    done = marco.client.post(
        f"{PAGE}/confirm",
        data={"csrf_token": marco.token(PAGE), "code": pyotp.TOTP(secret).at(clock.now())},
    )
    assert done.text.count("<code>") == 10
    assert marco.client.get("/").status_code == 200
    bruno = Browser(app)
    bruno.sign_in("bruno")
    assert bruno.is_in(), "a cellar hand is not asked"


def test_neither_secret_nor_codes_can_be_read_from_the_database(
    ana: Api, book: Winery, cast: Cast
) -> None:
    totp, codes = set_up(ana)
    with book.app.transaction(cast.ana.winery_id) as session:
        rows = [
            row
            for table in ("second_factors", "recovery_codes", "audit_log")
            for row in session.execute(text(f"SELECT t::text FROM {table} t")).scalars()
        ]
    assert rows
    assert not any(totp.secret in row or codes[0] in row for row in rows)
