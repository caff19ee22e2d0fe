"""The owner lets people in and out, and never locks the last owner out; lost passwords have a way back."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD, Cast, Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank
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
    again = ana.post("/users", body)
    assert (again.status_code, again.json) == (200, made.json)
    for other in ({"password": "another-one-of-ten"}, {"role": "viewer"}, {"display_name": "N."}):
        refused = ana.post("/users", body | other)
        assert (refused.status_code, refused.json["code"]) == (409, "login_taken"), other
    assert enter(ana, "nino", NEW_PASSWORD).status_code == 201


def test_who_is_invited_gets_in_by_a_code_alone(ana: Api) -> None:
    body = {"username": "nino", "display_name": "Nino", "role": "cellar"}
    made = ana.post("/users", body)
    assert (made.status_code, ana.post("/users", body).status_code) == (201, 200)
    assert reset(ana, "nino", make_code(ana, made.json["id"])).status_code == 204
    assert enter(ana, "nino", NEW_PASSWORD).status_code == 201


def test_logins_are_changed_and_one_is_left(ana: Api, cast: Cast) -> None:
    bruno = cast.bruno.user_id
    assert change(ana, bruno, username="Bruno.M").json["username"] == "bruno.m"
    assert enter(ana, "bruno", PASSWORD).status_code == 401
    assert enter(ana, "bruno.m", PASSWORD).status_code == 201
    taken = change(ana, bruno, username="carla")
    assert (taken.status_code, taken.json["code"]) == (409, "login_taken")
    assert change(ana, bruno, email=None).json["email"] is None
    bare = change(ana, bruno, username=None)
    assert (bare.status_code, bare.json["code"]) == (422, "no_login")
    assert enter(ana, "bruno.m", PASSWORD).status_code == 201


def test_the_list_of_people_comes_in_pages_and_the_removed_apart(ana: Api, cast: Cast) -> None:
    for name in ("zoe", "Zara", "áron"):
        body = {"username": name, "display_name": name, "role": "viewer"}
        made = ana.post("/users", body)
        assert made.status_code == 201
        if name == "zoe":
            assert ana.call("DELETE", f"/users/{made.json['id']}").status_code == 204
    names, cursor = [], ""
    while True:
        page = ana.get(f"/users?limit=2{cursor}").json
        names += [person["display_name"] for person in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert names == ["Ana", "Bruno", "Marco", "Vera", "Zara", "áron"]
    gone = ana.get("/users?deleted=true").json["items"]
    assert [person["display_name"] for person in gone] == ["zoe"]
    assert ana.get("/users?cursor=x").status_code == 422


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
    for method, below in (
        ("DELETE", ""),
        ("POST", "/restore"),
        ("POST", "/reset-code"),
        ("PUT", "/pin"),
        ("DELETE", "/pin"),
    ):
        body = {"pin": "7305"} if method == "PUT" else None
        assert ana.call(method, carla + below, body).status_code == 404, (method, below)
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
    path = f"/users/{cast.bruno.user_id}"
    before = ana.get(path)
    code = make_code(ana, cast.bruno.user_id)
    stale = ana.call("DELETE", path, **{"If-Match": '"older"'})
    assert (stale.status_code, stale.json["code"]) == (412, "changed_meanwhile")
    tag = {"If-Match": before.headers["ETag"]}
    assert ana.call("DELETE", path, **tag).status_code == 204
    assert bruno.get("/fermentations").status_code == 401
    assert enter(ana, "bruno", PASSWORD).status_code == 401
    assert reset(ana, "bruno", code).status_code == 422
    for method, below in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/reset-code"),
        ("DELETE", "/pin"),
    ):
        assert ana.call(method, path + below).status_code == 404, (method, below)
    restored = ana.post(f"{path}/restore", None)
    assert (restored.status_code, restored.json) == (200, before.json)
    assert ana.post(f"{path}/restore", None).json == before.json, "again it stays as it is"
    assert bruno.get("/fermentations").status_code == 401, "the old token does not live again"
    assert reset(ana, "bruno", code).status_code == 422, "nor does the old code"
    assert enter(ana, "bruno", PASSWORD).status_code == 201


def test_a_login_is_free_once_its_person_is_removed(ana: Api, cast: Cast) -> None:
    path = f"/users/{cast.bruno.user_id}"
    assert ana.call("DELETE", path).status_code == 204
    body = {"username": "bruno", "display_name": "Bruno the Second", "role": "viewer"}
    assert ana.post("/users", body).status_code == 201
    taken = ana.post(f"{path}/restore", None)
    assert (taken.status_code, taken.json["code"]) == (409, "login_taken")
    assert ana.get(path).status_code == 404


def test_what_a_removed_person_wrote_keeps_their_name(
    ana: Api, cast: Cast, tank: Tank, sign_in_api: Callable[[str], Api], app: Flask
) -> None:
    written = sign_in_api("bruno").post(f"/fermentations/{tank.id}/samples", tank.body("24.0"))
    assert written.status_code == 201
    assert ana.call("DELETE", f"/users/{cast.bruno.user_id}").status_code == 204
    owner = Browser(app)
    owner.sign_in("ana")
    assert "Bruno" in owner.client.get(f"/fermentations/{tank.id}").text
    task = {"client_uuid": str(uuid4()), "kind": "other", "title": "Clean"}
    refused = ana.post("/tasks", task | {"assigned_to": cast.bruno.user_id})
    assert refused.status_code == 422
    assert "assigned_to" in refused.text


def test_another_role_ends_sign_ins_and_another_name_does_not(
    ana: Api, cast: Cast, sign_in_api: Callable[[str], Api]
) -> None:
    marco = sign_in_api("marco")
    assert change(ana, cast.marco.user_id, display_name="M.").status_code == 200
    assert marco.get("/fermentations").status_code == 200
    assert change(ana, cast.marco.user_id, role="cellar").status_code == 200
    assert marco.get("/fermentations").status_code == 401


@pytest.mark.parametrize("how", ["demoted", "removed"])
def test_the_last_owner_stays(ana: Api, cast: Cast, how: str) -> None:
    def leave() -> TestResponse:
        if how == "removed":
            return ana.call("DELETE", f"/users/{cast.ana.user_id}")
        return change(ana, cast.ana.user_id, role="winemaker")

    refused = leave()
    assert (refused.status_code, refused.json["code"]) == (409, "last_owner")
    assert ana.get("/users").status_code == 200
    # A removed owner cannot sign in, so does not count.
    marco = f"/users/{cast.marco.user_id}"
    assert change(ana, cast.marco.user_id, role="owner").status_code == 200
    assert ana.call("DELETE", marco).status_code == 204
    assert leave().status_code == 409
    assert ana.post(f"{marco}/restore", None).json["role"] == "owner"
    assert leave().status_code in {200, 204}


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
