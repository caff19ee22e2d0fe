"""A few digits on a shared tablet: enough there to record, worth nothing anywhere else, and not to be guessed."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.conftest import Cast, Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank
from winery_appliance.auth.commands import ChoosePin
from winery_appliance.auth.devices import find_device
from winery_appliance.auth.pins import TRIES, TRIES_A_DAY, sign_in_by_pin
from winery_appliance.core.errors import NotSignedIn, TooManyAttempts

PIN = "7305"
OURS = {"Sec-Fetch-Site": "same-origin", "X-Requested-With": "winery"}


@pytest.fixture
def ana(sign_in_api: Callable[[str], Api]) -> Api:
    return sign_in_api("ana")


def enroll(api: Api, name: str = "Cellar tablet 1") -> FlaskClient:
    """A new browser, made a shared device with a one-time code."""
    named = api.post("/shared-devices", {"name": name})
    assert named.status_code == 201, named.text
    client = api.app.test_client()
    done = client.post("/api/v1/device-enrolments", json={"code": named.json["code"].lower()})
    assert done.status_code == 204, done.text
    return client


@pytest.fixture
def tablet(ana: Api, sign_in_api: Callable[[str], Api]) -> FlaskClient:
    """A shared tablet; Ana and Bruno have a PIN."""
    for name in ("ana", "bruno"):
        assert sign_in_api(name).call("PUT", "/account/pin", {"pin": PIN}).status_code == 204
    return enroll(ana)


def type_pin(client: FlaskClient, user_id: int, pin: str = PIN) -> TestResponse:
    return client.post("/api/v1/pin-sessions", json={"user_id": user_id, "pin": pin})


def test_the_pin_opens_the_book_on_the_tablet(tablet: FlaskClient, cast: Cast) -> None:
    people = tablet.get("/api/v1/pin-people").json["items"]
    assert people == [
        {"user_id": cast.ana.user_id, "display_name": "Ana"},
        {"user_id": cast.bruno.user_id, "display_name": "Bruno"},
    ]
    made = type_pin(tablet, cast.bruno.user_id)
    assert (made.status_code, made.json["role"], made.json["expires_in"]) == (201, "cellar", 900)
    assert tablet.get("/api/v1/fermentations").status_code == 200


def test_the_pin_is_worth_nothing_without_the_device(
    app: Flask, tablet: FlaskClient, cast: Cast
) -> None:
    stranger = app.test_client()
    refused = type_pin(stranger, cast.bruno.user_id)
    assert (refused.status_code, refused.json["code"]) == (403, "not_enrolled")
    assert stranger.get("/api/v1/pin-people").status_code == 403
    stranger.set_cookie("winery_device", "guessed")
    assert type_pin(stranger, cast.bruno.user_id).status_code == 403
    by_password = Api(app, None).post("/tokens", {"email": "bruno", "password": PIN})
    assert by_password.status_code == 401


def test_a_neighbours_tablet_does_not_know_us(
    sign_in_api: Callable[[str], Api], tablet: FlaskClient, cast: Cast
) -> None:
    theirs = enroll(sign_in_api("carla"))
    assert theirs.get("/api/v1/pin-people").json["items"] == []
    assert type_pin(theirs, cast.bruno.user_id).status_code == 401


def test_an_owner_by_pin_may_what_a_cellar_hand_may(
    tablet: FlaskClient, tank: Tank, cast: Cast
) -> None:
    assert type_pin(tablet, cast.ana.user_id).json["role"] == "owner"
    sent = tablet.post(
        f"/api/v1/fermentations/{tank.id}/samples", json=tank.body("24.0"), headers=OURS
    )
    assert sent.status_code == 201
    for method, path, body in (
        ("GET", "users", None),
        ("POST", "vessels", {"code": "T-9"}),
        ("POST", "personal-tokens", {"name": "x", "scopes": ["read_book"]}),
        ("PUT", "account/pin", {"pin": "8264"}),
    ):
        refused = tablet.open(f"/api/v1/{path}", method=method, json=body, headers=OURS)
        assert (refused.status_code, refused.json["code"]) == (403, "limited_access"), path


def test_guesses_end_for_that_person_on_that_tablet_alone(
    ana: Api, tablet: FlaskClient, cast: Cast
) -> None:
    other = enroll(ana, "Cellar tablet 2")
    bruno = cast.bruno.user_id
    assert [type_pin(tablet, bruno, "0000").status_code for _ in range(TRIES)] == [401] * TRIES
    refused = type_pin(tablet, bruno)
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_attempts")
    assert type_pin(tablet, cast.ana.user_id).status_code == 201, "somebody else at the tablet"
    assert type_pin(other, bruno).status_code == 201, "the same person at another tablet"


def test_a_patient_guesser_is_stopped_for_the_day(
    tablet: FlaskClient, book: Winery, cast: Cast
) -> None:
    for _ in range(TRIES_A_DAY // TRIES):
        for _ in range(TRIES):
            assert type_pin(tablet, cast.bruno.user_id, "0000").status_code == 401
        with book.app.transaction() as session:
            session.execute(
                text("UPDATE sign_in_failures SET failed_at = failed_at - interval '11 minutes'")
            )
    refused = type_pin(tablet, cast.bruno.user_id)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 20 * 3600


def test_the_right_pin_forgets_the_slips(tablet: FlaskClient, cast: Cast) -> None:
    for _ in range(3):
        for _ in range(TRIES - 1):
            assert type_pin(tablet, cast.bruno.user_id, "0000").status_code == 401
        assert type_pin(tablet, cast.bruno.user_id).status_code == 201


def test_guesses_side_by_side_are_counted_like_guesses_in_a_row(
    tablet: FlaskClient, book: Winery, cast: Cast
) -> None:
    cookie = tablet.get_cookie("winery_device")
    assert cookie is not None
    device = find_device(book.app, cookie.value)
    assert device is not None
    together = threading.Barrier(3)

    def guess(_: int) -> int:
        together.wait(timeout=10)
        wrong = 0
        for _ in range(8):
            try:
                sign_in_by_pin(book.app, device, cast.bruno.user_id, "0000")
            except NotSignedIn:
                wrong += 1
            except TooManyAttempts:
                pass
        return wrong

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(guess, range(3))) <= TRIES


@pytest.mark.parametrize(
    "pin",
    ["1111", "1234", "9876", "7890", "0987", "1212", "373737", "1984", "2026", "2580", "123",
     "123456789", "12a4", "१२३४", "", "00000000"],
)  # fmt: skip
def test_pins_that_people_try_first_are_refused(ana: Api, pin: str) -> None:
    refused = ana.call("PUT", "/account/pin", {"pin": pin})
    assert refused.status_code == 422
    assert refused.json["fields"][0]["path"] == "pin"


@given(st.text("0123456789", min_size=4, max_size=8))
def test_few_pins_are_refused_and_none_with_a_shape(pin: str) -> None:
    ups = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
    shaped = ups in ({0}, {1}, {9}) or (
        len(pin) % 2 == 0 and len(set(zip(pin[::2], pin[1::2], strict=True))) == 1
    )
    try:
        ChoosePin(pin=pin)  # type: ignore[arg-type]
    except ValidationError:
        assert shaped or len(pin) == 4
    else:
        assert not shaped


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE shared_devices SET revoked_at = now()",
        "UPDATE users SET deleted_at = now()",
        "UPDATE user_sessions SET expires_at = now() WHERE device_id IS NOT NULL",
    ],
)
def test_what_is_taken_away_is_gone_at_the_next_request(
    tablet: FlaskClient, book: Winery, cast: Cast, statement: str
) -> None:
    assert type_pin(tablet, cast.bruno.user_id).status_code == 201
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(text(statement))
    assert tablet.get("/api/v1/fermentations").status_code == 401


def test_a_shared_device_is_renamed_listed_and_never_restored(ana: Api) -> None:
    first = ana.post("/shared-devices", {"name": "Press"})
    again = ana.post("/shared-devices", {"name": "PRESS"})
    assert (first.status_code, again.status_code) == (201, 200), "it waits, so there is a new code"
    assert again.json["device"] == first.json["device"]
    enrolments = [
        ana.app.test_client().post("/api/v1/device-enrolments", json={"code": named.json["code"]})
        for named in (first, again)
    ]
    assert [answer.status_code for answer in enrolments] == [422, 204]
    path = f"/shared-devices/{first.json['device']['id']}"
    read = ana.get(path)
    tag = {"If-Match": read.headers["ETag"]}
    enroll(ana, "Cellar")
    assert ana.call("PATCH", path, {"name": "Sorting"}).status_code == 428
    taken = ana.call("PATCH", path, {"name": "cellar"}, **tag)
    assert (taken.status_code, taken.json["code"]) == (409, "name_taken")
    renamed = ana.call("PATCH", path, {"name": "Sorting"}, **tag)
    assert renamed.json == {**read.json, "name": "Sorting"}
    assert ana.call("PATCH", path, {"name": "x"}, **tag).status_code == 412
    assert ana.call("DELETE", path, **tag).status_code == 412
    assert ana.call("DELETE", path).status_code == 204
    assert ana.get(path).json["revoked_at"] is not None
    assert ana.call("PATCH", path, {"name": "x"}, **{"If-Match": "*"}).status_code == 404
    assert ana.post(f"{path}/restore", None).status_code == 404, (
        "its secret may be in strange hands"
    )
    names, cursor = [], ""
    for _ in range(2):
        page = ana.get(f"/shared-devices?limit=1{cursor}").json
        names += [device["name"] for device in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert names == ["Cellar", "Sorting"], "the revoked last"
    assert page["next_cursor"] is None


def test_a_revoked_tablet_and_a_used_code_open_nothing(ana: Api, cast: Cast) -> None:
    named = ana.post("/shared-devices", {"name": "Press"}).json
    path = f"/shared-devices/{named['device']['id']}"
    client = ana.app.test_client()
    code = {"code": named["code"]}
    assert client.post("/api/v1/device-enrolments", json=code).status_code == 204
    second = ana.app.test_client().post("/api/v1/device-enrolments", json=code)
    assert (second.status_code, second.json["code"]) == (422, "wrong_code")
    assert ana.post("/shared-devices", {"name": "press"}).status_code == 409
    assert ana.call("DELETE", path).status_code == 204
    assert ana.call("DELETE", path).status_code == 404
    assert client.get("/api/v1/pin-people").status_code == 403
    assert ana.post("/shared-devices", {"name": "Press"}).status_code == 201


def test_codes_cannot_be_guessed_for_long(app: Flask, cast: Cast) -> None:
    client = app.test_client()

    def guess() -> int:
        return client.post("/api/v1/device-enrolments", json={"code": "ABCD"}).status_code

    assert [guess() for _ in range(6)] == [422] * 5 + [429]


def test_a_sign_in_by_pin_ends_when_idle_and_lives_while_used(
    tablet: FlaskClient, book: Winery, cast: Cast
) -> None:
    assert type_pin(tablet, cast.bruno.user_id).status_code == 201

    def pass_minutes(minutes: int) -> None:
        with book.app.transaction(cast.bruno.winery_id) as session:
            session.execute(
                text(
                    "UPDATE user_sessions SET expires_at = expires_at - make_interval(mins => :m),"
                    " last_seen_at = last_seen_at - make_interval(mins => :m)"
                ),
                {"m": minutes},
            )

    for _ in range(3):
        pass_minutes(10)
        assert tablet.get("/api/v1/fermentations").status_code == 200
    pass_minutes(16)
    assert tablet.get("/api/v1/fermentations").status_code == 401


def test_an_owners_code_sets_a_pin_once(ana: Api, cast: Cast) -> None:
    tablet = enroll(ana)
    marco = cast.marco.user_id
    code = ana.post(f"/users/{marco}/reset-code", None).json["code"]
    body = {"login": "marco", "code": code, "pin": "8264"}
    anybody = Api(ana.app, None)
    assert anybody.post("/pin-resets", {**body, "pin": "1234"}).status_code == 422
    assert anybody.post("/pin-resets", body).status_code == 204
    assert anybody.post("/pin-resets", body).json["code"] == "wrong_code"
    assert type_pin(tablet, marco, "8264").status_code == 201


def test_a_new_pin_ends_what_the_old_one_opened_and_nothing_else(
    tablet: FlaskClient, sign_in_api: Callable[[str], Api], cast: Cast
) -> None:
    assert type_pin(tablet, cast.bruno.user_id).status_code == 201
    bruno = sign_in_api("bruno")
    assert bruno.call("PUT", "/account/pin", {"pin": "8264"}).status_code == 204
    assert tablet.get("/api/v1/fermentations").status_code == 401
    assert bruno.get("/fermentations").status_code == 200
    assert type_pin(tablet, cast.bruno.user_id).status_code == 401


class TestPages:
    """What a person sees: names, a pad, and two taps to the next one."""

    def send(self, client: FlaskClient, page: str, action: str, **form: Any) -> TestResponse:
        found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
        assert found
        return client.post(action, data={"csrf_token": found.group(1), **form})

    def test_change_of_user_is_a_tap_a_name_and_a_pin(
        self, tablet: FlaskClient, cast: Cast
    ) -> None:
        wanted = tablet.get("/fermentations").headers["Location"]
        names = tablet.get(wanted).text
        assert re.findall(r"<span>(Ana|Bruno|Marco|Vera)</span>", names) == ["Ana", "Bruno"]
        page = f"/sign-in?user_id={cast.bruno.user_id}&next=/fermentations"
        done = self.send(
            tablet, page, "/sign-in/pin", user_id=cast.bruno.user_id, pin=PIN, next="/fermentations"
        )
        assert (done.status_code, done.headers["Location"]) == (303, "/fermentations")
        assert "Change user" in tablet.get("/fermentations").text
        left = self.send(tablet, "/fermentations", "/sign-out")
        assert "Who is here?" in tablet.get(left.headers["Location"]).text

    def test_a_wrong_pin_stays_with_the_person_and_says_so(
        self, tablet: FlaskClient, cast: Cast
    ) -> None:
        page = f"/sign-in?user_id={cast.bruno.user_id}"
        answer = self.send(tablet, page, "/sign-in/pin", user_id=cast.bruno.user_id, pin="0000")
        assert answer.status_code == 422
        assert "This is not the PIN." in answer.text
        assert "<h1>Bruno</h1>" in answer.text

    def test_the_password_is_still_a_way_in(self, tablet: FlaskClient) -> None:
        assert 'name="password"' in tablet.get("/sign-in?password=1").text

    def test_an_owner_shares_a_browser_sets_a_pin_and_revokes(self, app: Flask, cast: Cast) -> None:
        browser = Browser(app)
        browser.sign_in("ana")
        send = self.send
        assert send(browser.client, "/account", "/account/pin", pin="1234").status_code == 422
        assert send(browser.client, "/account", "/account/pin", pin=PIN).status_code == 303
        shared = send(browser.client, "/account", "/shared-devices", name="Cellar tablet 1")
        assert shared.status_code == 303
        cookie = shared.headers["Set-Cookie"]
        assert "winery_device=" in cookie
        assert "HttpOnly" in cookie
        again = send(browser.client, "/account", "/shared-devices", name="cellar tablet 1")
        assert again.status_code == 422
        send(browser.client, "/account", "/sign-out")
        assert "Who is here?" in browser.client.get("/sign-in").text
        other = Browser(app)
        other.sign_in("marco")
        revoked = send(other.client, "/account", "/shared-devices/1/revoke")
        assert revoked.status_code == 303
        assert "Who is here?" not in browser.client.get("/sign-in").text

    def test_a_cellar_hand_sees_no_devices(self, app: Flask, cast: Cast) -> None:
        browser = Browser(app)
        browser.sign_in("bruno")
        assert "Shared devices" not in browser.client.get("/account").text
        answer = self.send(browser.client, "/account", "/shared-devices", name="Mine")
        assert answer.status_code == 403
