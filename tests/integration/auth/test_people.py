"""The owner lets people in and out, and never locks the last owner out; lost passwords have a way back."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD, Cast, Winery
from tests.integration.conftest import Api
from winery_appliance.auth.commands import ChangeUser
from winery_appliance.auth.people import RESET_CODE_LASTS, change_person
from winery_appliance.auth.permissions import Role
from winery_appliance.core.errors import Conflict

NEW_PASSWORD = "picked-by-moonlight"


def change(api: Api, user_id: int, **what: Any) -> TestResponse:
    etag = api.get(f"/users/{user_id}").headers["ETag"]
    return api.call("PATCH", f"/users/{user_id}", what, **{"If-Match": etag})


def enter(api: Api, login: str, password: str) -> TestResponse:
    return Api(api.app, None).post("/tokens", {"email": login, "password": password})


def reset(api: Api, login: str, code: str, password: str = NEW_PASSWORD) -> TestResponse:
    body = {"login": login, "code": code, "password": password}
    return Api(api.app, None).post("/password-resets", body)


def make_code(api: Api, user_id: int) -> str:
    made = api.post(f"/users/{user_id}/reset-code", None)
    assert made.status_code == 201, made.text
    return str(made.json["code"])


@pytest.fixture
def ana(sign_in_api: Callable[[str], Api]) -> Api:
    return sign_in_api("ana")


def test_who_was_let_in_can_sign_in(ana: Api) -> None:
    body = {"username": "Nino", "display_name": "Nino", "role": "cellar", "password": NEW_PASSWORD}
    made = ana.post("/users", body)
    assert made.status_code == 201
    assert made.json["username"] == "nino"
    assert "password" not in made.text
    assert ana.get(f"/users/{made.json['id']}").json == made.json
    assert made.json in ana.get("/users").json["items"]
    assert enter(ana, "NINO", NEW_PASSWORD).status_code == 201
    assert ana.post("/users", body).json["code"] == "login_taken"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"email": None, "username": None},
        {"username": "ana@demo.winery"},  # would make Ana's login name two people
        {"username": "a b"},
        {"email": "nobody"},
        {"username": "nino", "role": "king"},
        {"username": "nino", "password": "short"},
    ],
)
def test_people_without_a_login_of_their_own_are_refused(ana: Api, given: dict[str, Any]) -> None:
    body = {"display_name": "Nino", "role": "cellar", "password": NEW_PASSWORD, **given}
    assert ana.post("/users", body).status_code == 422
    assert len(ana.get("/users").json["items"]) == 4


def test_the_people_next_door_are_not_there(ana: Api, cast: Cast) -> None:
    carla = f"/users/{cast.carla.user_id}"
    assert ana.get(carla).status_code == 404
    assert ana.call("PATCH", carla, {"role": "viewer"}, **{"If-Match": "*"}).status_code == 404
    assert ana.post(f"{carla}/reset-code", None).status_code == 404
    names = [person["display_name"] for person in ana.get("/users").json["items"]]
    assert names == ["Ana", "Bruno", "Marco", "Vera"]


def test_a_change_names_what_it_rests_on(ana: Api, cast: Cast) -> None:
    path = f"/users/{cast.bruno.user_id}"
    read = ana.get(path)
    tag = {"If-Match": read.headers["ETag"]}
    assert ana.call("PATCH", path, {"display_name": "B."}).status_code == 428
    changed = ana.call("PATCH", path, {"display_name": "B."}, **tag)
    assert changed.json == {**read.json, "display_name": "B."}
    stale = ana.call("PATCH", path, {"role": "viewer"}, **tag)
    assert (stale.status_code, stale.json["code"]) == (412, "changed_meanwhile")
    assert ana.get(path).json == changed.json
    again = {"If-Match": changed.headers["ETag"]}
    assert ana.call("PATCH", path, {"role": "viewer"}, **again).json["role"] == "viewer"


def test_who_is_shut_out_stays_out_and_comes_back_only_through_the_door(
    ana: Api, cast: Cast, sign_in_api: Callable[[str], Api]
) -> None:
    bruno = sign_in_api("bruno")
    assert bruno.get("/fermentations").status_code == 200
    assert change(ana, cast.bruno.user_id, is_active=False).json["is_active"] is False
    assert bruno.get("/fermentations").status_code == 401
    assert enter(ana, "bruno", PASSWORD).status_code == 401
    assert ana.post(f"/users/{cast.bruno.user_id}/reset-code", None).status_code == 409
    assert change(ana, cast.bruno.user_id, is_active=True).status_code == 200
    assert bruno.get("/fermentations").status_code == 401, "the old token does not live again"
    assert enter(ana, "bruno", PASSWORD).status_code == 201


def test_another_role_ends_sign_ins_and_another_name_does_not(
    ana: Api, cast: Cast, sign_in_api: Callable[[str], Api]
) -> None:
    marco = sign_in_api("marco")
    assert change(ana, cast.marco.user_id, display_name="M.").status_code == 200
    assert marco.get("/fermentations").status_code == 200
    assert change(ana, cast.marco.user_id, role="cellar").status_code == 200
    assert marco.get("/fermentations").status_code == 401


@pytest.mark.parametrize("what", [{"role": "winemaker"}, {"is_active": False}])
def test_the_last_owner_stays(ana: Api, cast: Cast, what: dict[str, Any]) -> None:
    refused = change(ana, cast.ana.user_id, **what)
    assert (refused.status_code, refused.json["code"]) == (409, "last_owner")
    assert ana.get("/users").status_code == 200
    # A disabled owner cannot sign in, so does not count.
    assert change(ana, cast.marco.user_id, role="owner", is_active=False).status_code == 200
    assert change(ana, cast.ana.user_id, **what).status_code == 409
    assert change(ana, cast.marco.user_id, is_active=True).status_code == 200
    assert change(ana, cast.ana.user_id, **what).status_code == 200


def test_two_owners_who_remove_each_other_at_once_leave_one(
    ana: Api, cast: Cast, sign_in_api: Callable[[str], Api]
) -> None:
    assert change(ana, cast.marco.user_id, role="owner").status_code == 200
    marco = sign_in_api("marco")
    tags = {
        target: ana.get(f"/users/{target}").headers["ETag"]
        for target in (cast.ana.user_id, cast.marco.user_id)
    }
    ready = threading.Barrier(2)

    def demote(api: Api, target: int) -> int:
        ready.wait(timeout=10)
        tag = {"If-Match": tags[target]}
        return api.call("PATCH", f"/users/{target}", {"role": "viewer"}, **tag).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(demote, (ana, marco), (cast.marco.user_id, cast.ana.user_id)))
    # The second waits for the first; it is refused as the last owner, or was signed out by the first.
    assert statuses.count(200) == 1, statuses
    assert set(statuses) - {200} <= {401, 409}


def test_the_lock_lets_a_second_writer_see_what_the_first_left(book: Winery, cast: Cast) -> None:
    winery_id, ana, marco = cast.ana.winery_id, cast.ana.user_id, cast.marco.user_id
    viewer = ChangeUser(role=Role.VIEWER)
    with book.app.transaction(winery_id) as session:
        change_person(session, marco, ChangeUser(role=Role.OWNER), actor=cast.ana)

    def demote_ana() -> str:
        try:
            with book.app.transaction(winery_id) as session:
                change_person(session, ana, viewer, actor=cast.ana)
        except Conflict as refusal:
            return refusal.code
        return "changed"

    with ThreadPoolExecutor(1) as pool:
        with book.app.transaction(winery_id) as session:
            change_person(session, marco, viewer, actor=cast.ana)
            second = pool.submit(demote_ana)
            _wait_until_somebody_waits(book)
        assert second.result(timeout=10) == "last_owner"


def _wait_until_somebody_waits(book: Winery) -> None:
    for _ in range(2000):
        with book.worker.transaction() as session:
            if session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                return
    raise AssertionError("nobody waits for the lock")


def test_a_code_opens_the_way_back_once(
    ana: Api, cast: Cast, book: Winery, sign_in_api: Callable[[str], Api]
) -> None:
    bruno = sign_in_api("bruno")
    code = make_code(ana, cast.bruno.user_id)
    with book.app.transaction(cast.ana.winery_id) as session:
        kept = session.execute(text("SELECT password_resets::text FROM password_resets")).scalar()
    assert code.replace("-", "") not in str(kept).upper()
    assert reset(ana, "bruno@demo.winery", code.lower().replace("-", " ")).status_code == 204
    assert bruno.get("/fermentations").status_code == 401
    assert enter(ana, "bruno", PASSWORD).status_code == 401
    assert enter(ana, "bruno", NEW_PASSWORD).status_code == 201
    again = reset(ana, "bruno", code, "another-password")
    assert (again.status_code, again.json["code"]) == (422, "wrong_code")
    assert enter(ana, "bruno", NEW_PASSWORD).status_code == 201


def test_a_code_used_twice_at_once_works_once(ana: Api, cast: Cast) -> None:
    code = make_code(ana, cast.bruno.user_id)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: reset(ana, "bruno", code).status_code, range(2)))
    assert sorted(answers) == [204, 422]


def test_only_the_latest_code_of_the_right_person_works(ana: Api, cast: Cast) -> None:
    first = make_code(ana, cast.bruno.user_id)
    second = make_code(ana, cast.bruno.user_id)
    assert first != second
    assert reset(ana, "bruno", first).status_code == 422
    assert reset(ana, "vera", second).status_code == 422
    assert reset(ana, "nobody", second).status_code == 422
    assert reset(ana, "bruno", second).status_code == 204


def test_a_code_lasts_a_day(ana: Api, cast: Cast, book: Winery) -> None:
    code = make_code(ana, cast.bruno.user_id)
    assert timedelta(hours=24) == RESET_CODE_LASTS
    with book.app.transaction(cast.ana.winery_id) as session:
        lasts = session.scalar(text("SELECT expires_at - created_at FROM password_resets"))
        assert abs(lasts - RESET_CODE_LASTS) < timedelta(minutes=1)
        session.execute(text("UPDATE password_resets SET expires_at = now() - interval '1 s'"))
    assert reset(ana, "bruno", code).status_code == 422
    assert enter(ana, "bruno", PASSWORD).status_code == 201


def test_guessing_codes_shuts_the_door_for_codes_and_passwords(ana: Api, cast: Cast) -> None:
    code = make_code(ana, cast.bruno.user_id)
    assert [reset(ana, "bruno", f"WRONG-{n}").status_code for n in range(5)] == [422] * 5
    shut = reset(ana, "bruno", code)
    assert shut.status_code == 429
    assert int(shut.headers["Retry-After"]) > 0
    assert enter(ana, "bruno", PASSWORD).status_code == 429
