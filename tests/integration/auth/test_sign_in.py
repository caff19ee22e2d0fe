"""The door: who gets in, who is kept out, and how to leave."""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest
from flask import Flask
from itsdangerous import Signer
from sqlalchemy import text

from tests.conftest import PASSWORD, Cast, Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Api
from winery_appliance.auth.service import sign_token_id
from winery_appliance.core.secret_files import read_or_make_secret


@pytest.fixture
def browser(app: Flask, cast: Cast) -> Browser:
    assert cast
    return Browser(app)


@pytest.mark.parametrize("login", ["ana@demo.winery", "ANA@Demo.Winery", "ana", " Ana "])
def test_mail_or_name_and_password_open_the_door(browser: Browser, login: str) -> None:
    answer = browser.sign_in(login)
    assert answer.status_code == 303
    assert browser.is_in()


@pytest.mark.parametrize(
    ("login", "password"), [("ana", "wrong"), ("nobody", PASSWORD), ("", ""), ("ana\x00", "x")]
)
def test_the_wrong_ones_do_not_and_cannot_be_told_apart(
    browser: Browser, login: str, password: str
) -> None:
    answer = browser.sign_in(login, password)
    assert answer.status_code == 422
    assert not browser.is_in()


def test_a_wrong_name_and_a_wrong_password_read_the_same(browser: Browser) -> None:
    def sentence(answer: object) -> str:
        text_ = re.sub(r"\s+", " ", answer.text)  # type: ignore[attr-defined]
        return re.sub(r'(value|nonce)="[^"]*"', "", text_)

    assert sentence(browser.sign_in("ana", "wrong")) == sentence(browser.sign_in("nobody", "wrong"))


def test_five_failures_shut_the_door_for_that_login(browser: Browser, app: Flask) -> None:
    for _ in range(5):
        assert browser.sign_in("ana", "wrong").status_code == 422
    refused = browser.sign_in("ana")
    assert refused.status_code == 429, "even the right password waits now"
    assert browser.sign_in("bruno").status_code == 303, "somebody else on the same tablet does not"


def test_programs_are_told_when_to_come_back(app: Flask, cast: Cast) -> None:
    api = Api(app, None)
    body = {"email": "ana@demo.winery", "password": "wrong"}
    statuses = [api.post("/tokens", body).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    last = api.post("/tokens", body)
    assert last.json["code"] == "too_many_attempts"
    assert 0 < int(last.headers["Retry-After"]) <= 600


def test_the_session_is_a_new_one_after_the_sign_in(browser: Browser) -> None:
    before = browser.token()
    browser.sign_in("ana")
    with browser.client.session_transaction() as session:
        assert session.get("_user_id")
    assert browser.token("/account") != before


def test_a_form_without_its_token_is_refused(browser: Browser) -> None:
    answer = browser.client.post("/sign-in", data={"login": "ana", "password": PASSWORD})
    assert answer.status_code == 400
    assert not browser.is_in()


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/fermentations", "/fermentations"),
        ("//evil.example/x", "/"),
        ("https://evil.example/x", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_the_way_on_never_leads_to_another_site(
    browser: Browser, wanted: str, goes_to: str
) -> None:
    assert browser.sign_in("ana", next=wanted).headers["Location"] == goes_to


def test_the_cookie_is_kept_from_scripts_and_other_sites(browser: Browser) -> None:
    cookies = browser.sign_in("ana").headers.getlist("Set-Cookie")
    ours = next(cookie for cookie in cookies if cookie.startswith("winery_session="))
    assert "HttpOnly" in ours
    assert "SameSite=Lax" in ours


def test_signing_out_takes_the_row_away(browser: Browser, app: Flask) -> None:
    browser.sign_in("ana")
    stolen = browser.client.get_cookie("winery_session")
    assert stolen is not None
    browser.client.post("/sign-out", data={"csrf_token": browser.token("/account")})
    assert not browser.is_in()
    thief = app.test_client()
    thief.set_cookie("winery_session", stolen.value)
    assert thief.get("/account").status_code == 302


def test_signing_out_everywhere_ends_other_browsers_and_tokens(
    app: Flask, browser: Browser, sign_in_api: Callable[[str], Api]
) -> None:
    phone, api, bruno = Browser(app), sign_in_api("ana"), Browser(app)
    phone.sign_in("ana")
    browser.sign_in("ana")
    bruno.sign_in("bruno")
    browser.client.post("/sign-out-everywhere", data={"csrf_token": browser.token("/account")})
    assert not phone.is_in()
    assert not browser.is_in()
    assert api.get("/fermentations").status_code == 401
    assert bruno.is_in()


def test_a_session_that_ran_out_is_worth_nothing(
    browser: Browser, book: Winery, cast: Cast
) -> None:
    browser.sign_in("ana")
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(text("UPDATE user_sessions SET expires_at = now() - interval '1 second'"))
    assert not browser.is_in()


def test_a_person_who_was_removed_is_out_at_once(
    browser: Browser, book: Winery, cast: Cast, sign_in_api: Callable[[str], Api]
) -> None:
    api = sign_in_api("bruno")
    browser.sign_in("bruno")
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(text("UPDATE users SET deleted_at = now() WHERE username = 'bruno'"))
    assert not browser.is_in()
    assert api.get("/fermentations").status_code == 401
    assert browser.sign_in("bruno").status_code == 422


class TestTokens:
    """Tokens for programs."""

    def test_a_token_says_whose_it_is(self, sign_in_api: Callable[[str], Api], cast: Cast) -> None:
        claims = jwt.decode(sign_in_api("bruno").token or "", options={"verify_signature": False})
        assert claims["winery"] == cast.bruno.winery_id
        assert claims["role"] == "cellar"
        assert claims["exp"] - claims["iat"] == 12 * 3600

    def test_a_revoked_token_opens_nothing(self, sign_in_api: Callable[[str], Api]) -> None:
        api = sign_in_api("ana")
        token_id = jwt.decode(api.token or "", options={"verify_signature": False})["jti"]
        assert api.call("DELETE", f"/tokens/{token_id}").status_code == 204
        assert api.get("/fermentations").status_code == 401

    def test_another_persons_token_cannot_be_revoked(
        self, sign_in_api: Callable[[str], Api]
    ) -> None:
        ana, bruno, carla = (sign_in_api(name) for name in ("ana", "bruno", "carla"))
        token_id = jwt.decode(ana.token or "", options={"verify_signature": False})["jti"]
        assert bruno.call("DELETE", f"/tokens/{token_id}").status_code == 404
        assert carla.call("DELETE", f"/tokens/{token_id}").status_code == 404
        assert ana.get("/fermentations").status_code == 200

    def test_forged_and_stale_tokens_open_nothing(
        self, app: Flask, book: Winery, cast: Cast
    ) -> None:
        key = read_or_make_secret(book.settings, "token_key")
        now = datetime.now(UTC)
        claims = {
            "sub": str(cast.ana.user_id),
            "winery": cast.ana.winery_id,
            "role": "owner",
            "jti": "8f14e45f-ceea-4e7a-9c3d-1f3a2b4c5d6e",
            "iat": now,
            "exp": now + timedelta(hours=1),
        }
        forged = [
            jwt.encode(claims, key, algorithm="HS256"),  # signed well, but in no list
            jwt.encode(claims, "x" * 40, algorithm="HS256"),
            jwt.encode(claims, None, algorithm="none"),
            jwt.encode({**claims, "jti": 7}, key, algorithm="HS256"),
            jwt.encode({**claims, "exp": now - timedelta(hours=1)}, key, algorithm="HS256"),
            sign_token_id(UUID(str(claims["jti"])), key=key),  # signed well, but in no list
            sign_token_id(UUID(str(claims["jti"])), key="x" * 40),
            Signer(key, digest_method=hashlib.sha256).sign(b"j_RP5c7qTnqcPR86KyxNXg").decode(),
            sign_token_id(UUID(str(claims["jti"])), key=key).replace(".", "A."),
            "x.y.z",
            "x.y",
            "é.y",
            ".",
            "",
        ]
        for token in forged:
            answer = Api(app, token or "-").get("/fermentations")
            assert answer.status_code == 401, token
            assert answer.mimetype == "application/problem+json"
            assert answer.headers["WWW-Authenticate"] == "Bearer"


class TestCookieAndJson:
    """A browser's cookie on the JSON door: only for our own pages."""

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Sec-Fetch-Site": "same-origin", "X-Requested-With": "winery"}, 422),
            ({"Origin": "http://localhost", "X-Requested-With": "winery"}, 422),
            ({"Sec-Fetch-Site": "cross-site", "X-Requested-With": "winery"}, 403),
            ({"Sec-Fetch-Site": "same-site", "X-Requested-With": "winery"}, 403),
            ({"Origin": "https://evil.example", "X-Requested-With": "winery"}, 403),
            ({"Sec-Fetch-Site": "same-origin"}, 403),
            ({}, 403),
        ],
    )
    def test_writes_come_from_our_own_pages_only(
        self, browser: Browser, headers: dict[str, str], status: int
    ) -> None:
        browser.sign_in("ana")
        answer = browser.client.post("/api/v1/vessels", json={}, headers=headers)
        assert answer.status_code == status

    def test_reading_needs_no_more_than_the_cookie(self, browser: Browser) -> None:
        browser.sign_in("ana")
        assert browser.client.get("/api/v1/vessels").status_code == 200
