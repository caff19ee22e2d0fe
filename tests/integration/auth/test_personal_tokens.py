"""Tokens that people make for programs: they may no more than their scopes and their person, and end at once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD, Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.auth.permissions import PERMISSIONS, Permission, Role
from winery_appliance.auth.service import Actor
from winery_appliance.core import clock

READ = ["read_book"]


def make(api: Api, *, name: str = "Press", scopes: list[str] | None = None, **more: Any) -> Any:
    return api.post("/personal-tokens", {"name": name, "scopes": scopes or READ, **more})


def program(api: Api, made: TestResponse) -> Api:
    assert made.status_code == 201, made.text
    return Api(api.app, made.json["access_token"])


@pytest.fixture
def ana(sign_in_api: Callable[[str], Api]) -> Api:
    return sign_in_api("ana")


def test_a_reading_token_reads_and_does_nothing_else(ana: Api, tank: Tank) -> None:
    reader = program(ana, make(ana))
    assert reader.get("/fermentations").status_code == 200
    sample = tank.body("24.0")
    refused = reader.post(f"/fermentations/{tank.id}/samples", sample)
    assert (refused.status_code, refused.json["code"]) == (403, "limited_access")
    assert reader.get("/users").status_code == 403
    assert ana.get(f"/fermentations/{tank.id}/samples").json["items"] == []


def test_a_recording_token_records_and_reads_nothing(ana: Api, tank: Tank) -> None:
    probe = program(ana, make(ana, scopes=["record_samples"]))
    sent = probe.post(f"/fermentations/{tank.id}/samples", tank.body("24.0"))
    assert sent.status_code == 201
    assert probe.get("/fermentations").status_code == 403


@settings(max_examples=200)
@given(
    role=st.sampled_from(Role),
    scopes=st.none() | st.frozensets(st.sampled_from(Permission)),
    permission=st.sampled_from(Permission),
)
def test_no_way_in_may_more_than_its_role_or_its_scopes(
    role: Role, scopes: frozenset[Permission] | None, permission: Permission
) -> None:
    may = Actor(1, 1, role, "x", scopes=scopes).may(permission)
    assert may == (permission in PERMISSIONS[role] and (scopes is None or permission in scopes))


def test_the_secret_is_told_once_and_the_list_tells_the_rest(ana: Api) -> None:
    made = make(ana, name="Lab")
    assert made.json["scopes"] == READ
    # The field of an iSpindel's own firmware takes 80 characters.
    assert len(made.json["access_token"]) <= 80
    lasts = datetime.fromisoformat(made.json["expires_at"]) - clock.now()
    assert timedelta(days=89, hours=23) < lasts <= timedelta(days=90)
    listed = ana.get("/tokens")
    assert made.json["access_token"] not in listed.text
    told = next(item for item in listed.json["items"] if item["name"] == "Lab")
    assert told == {
        key: value for key, value in made.json.items() if key not in {"access_token", "token_type"}
    }
    assert told["last_used_at"] is None


def test_the_list_tells_when_a_token_was_used_and_is_not_written_at_every_use(
    ana: Api, book: Winery, cast: Cast
) -> None:
    reader = program(ana, make(ana))

    def last_use() -> Any:
        return next(i for i in ana.get("/tokens").json["items"] if i["name"])["last_used_at"]

    assert reader.get("/fermentations").status_code == 200
    first = last_use()
    assert first is not None
    assert reader.get("/fermentations").status_code == 200
    assert last_use() == first
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(
            text("UPDATE access_tokens SET last_used_at = last_used_at - interval '6 minutes'")
        )
    assert reader.get("/fermentations").status_code == 200
    assert last_use() > first


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "", "scopes": READ}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["fly"]}, "scopes.0"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": READ, "expires_at": "2026-01-01T00:00:00"}, "expires_at"),
    ],
)
def test_malformed_wishes_are_refused_with_the_field(ana: Api, body: Any, path: str) -> None:
    refused = ana.post("/personal-tokens", body)
    assert refused.status_code == 422
    assert refused.json["fields"][0]["path"] == path


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_the_end_lies_ahead_and_within_a_year(ana: Api, days: int) -> None:
    refused = make(ana, expires_at=(clock.now() + timedelta(days=days)).isoformat())
    assert (refused.status_code, refused.json["code"]) == (422, "bad_expiry")
    assert make(ana, expires_at=(clock.now() + timedelta(days=365)).isoformat()).status_code == 201


def test_nobody_hands_out_more_than_they_hold(sign_in_api: Callable[[str], Api]) -> None:
    refused = make(sign_in_api("bruno"), scopes=["read_book", "run_fermentations"])
    assert (refused.status_code, refused.json["code"]) == (422, "scope_beyond_role")


def test_a_limited_token_makes_lists_and_revokes_no_others_but_may_end_itself(ana: Api) -> None:
    made = make(ana, scopes=[str(p) for p in Permission])
    limited = program(ana, made)
    assert make(limited, name="Child").json["code"] == "limited_access"
    assert limited.get("/tokens").json["code"] == "limited_access"
    other = make(ana, name="Other").json["id"]
    assert limited.call("DELETE", f"/tokens/{other}").status_code == 403
    assert limited.call("DELETE", f"/tokens/{made.json['id']}").status_code == 204
    assert limited.get("/fermentations").status_code == 401


def test_a_name_is_used_once_among_the_living(ana: Api, sign_in_api: Callable[[str], Api]) -> None:
    first = make(ana, name="Press")
    again = make(ana, name="PRESS")
    assert (again.status_code, again.json["code"]) == (409, "name_taken")
    assert make(sign_in_api("marco"), name="Press").status_code == 201
    assert ana.call("DELETE", f"/tokens/{first.json['id']}").status_code == 204
    assert make(ana, name="Press").status_code == 201


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("UPDATE access_tokens SET revoked_at = now()", 401),
        ("UPDATE access_tokens SET expires_at = now()", 401),
        ("UPDATE users SET deleted_at = now()", 401),
        ("UPDATE users SET role = 'viewer'", 403),
        ("UPDATE access_tokens SET scopes = '{record_samples}' WHERE scopes IS NOT NULL", 403),
    ],
)
def test_what_is_taken_away_is_gone_at_the_next_request(
    ana: Api, book: Winery, cast: Cast, statement: str, status: int
) -> None:
    limited = program(ana, make(ana, scopes=["manage_users"]))
    assert limited.get("/users").status_code == 200
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(text(statement))
    assert limited.get("/users").status_code == status


def test_another_password_ends_every_token(ana: Api, sign_in_api: Callable[[str], Api]) -> None:
    bruno = sign_in_api("bruno")
    probe = program(bruno, make(bruno, scopes=["record_samples"]))
    person = next(p for p in ana.get("/users").json["items"] if p["username"] == "bruno")
    code = ana.post(f"/users/{person['id']}/reset-code", None).json["code"]
    body = {"login": "bruno", "code": code, "password": "picked-by-moonlight"}
    assert Api(ana.app, None).post("/password-resets", body).status_code == 204
    assert probe.post("/fermentations/1/samples", {}).status_code == 401


def test_people_see_their_own_tokens_and_the_owner_everybodys(
    ana: Api, sign_in_api: Callable[[str], Api]
) -> None:
    marco, carla = sign_in_api("marco"), sign_in_api("carla")
    for api in (ana, marco, carla):
        assert make(api).status_code == 201

    def seen(api: Api) -> set[str]:
        return {item["display_name"] for item in api.get("/tokens").json["items"]}

    assert seen(marco) == {"Marco"}
    assert seen(carla) == {"Carla"}
    assert seen(ana) == {"Ana", "Marco"}


def test_pages_of_tokens_hold_each_once(ana: Api) -> None:
    for n in range(5):
        assert make(ana, name=f"T{n}").status_code == 201
    seen, cursor = [], ""
    while True:
        page = ana.get(f"/tokens?limit=2{cursor}").json
        seen += [item["name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["T4", "T3", "T2", "T1", "T0", None]
    assert ana.get("/tokens?cursor=x").json["code"] == "bad_cursor"


def test_the_door_by_password_stays_as_it_is(ana: Api) -> None:
    body = {"email": "ana@demo.winery", "password": PASSWORD}
    made = Api(ana.app, None).post("/tokens", body)
    assert (made.status_code, sorted(made.json)) == (
        201,
        ["access_token", "expires_in", "token_type"],
    )
    assert program(ana, made).get("/users").status_code == 200
    assert ana.call("DELETE", f"/tokens/{uuid4()}").status_code == 404
