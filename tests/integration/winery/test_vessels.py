"""Vessels are described, put right, taken out of the cellar and brought back; wine keeps them there."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.core.roles import role_url

EGG = {
    "code": "E-1",
    "kind": "egg",
    "material": "concrete",
    "jacket": "none",
    "capacity_l": 650,
    "position": 7,
}


@pytest.fixture
def marco(sign_in_api: Callable[[str], Api]) -> Api:
    return sign_in_api("marco")


def change(api: Api, path: str, body: Any, tag: str | None = None) -> Any:
    seen = tag or api.get(path).headers["ETag"]
    return api.call("PATCH", path, body, **{"If-Match": seen})


def codes(api: Api, query: str = "") -> list[str]:
    return [vessel["code"] for vessel in api.get(f"/vessels{query}").json["items"]]


def test_a_vessel_is_described_and_put_right(marco: Api, book: Winery, cast: Cast) -> None:
    made = marco.post("/vessels", EGG)
    assert (made.status_code, made.json) == (201, EGG | {"id": made.json["id"], "deleted_at": None})
    path = made.headers["Location"].removeprefix("/api/v1")
    again = marco.post("/vessels", EGG)
    assert (again.status_code, again.json) == (200, made.json)
    assert marco.post("/vessels", EGG | {"position": 8}).json["code"] == "code_taken"
    assert marco.get(path).json == made.json
    assert marco.get(path).headers["ETag"] == made.headers["ETag"]
    body = {"kind": "amphora", "material": "clay", "jacket": None, "capacity_l": 800}
    changed = change(marco, path, body)
    assert (changed.status_code, changed.json) == (200, made.json | body)
    assert change(marco, path, {"code": "E-2"}, made.headers["ETag"]).status_code == 412
    assert marco.call("PATCH", path, {"code": "E-2"}).status_code == 428
    for wrong in (
        {"kind": "box"},
        {"material": "gold"},
        {"jacket": True},
        {"capacity_l": 0},
        {"code": None},
    ):
        refused = change(marco, path, wrong)
        assert (refused.status_code, refused.json["fields"][0]["path"]) == (422, next(iter(wrong)))
    assert marco.get(path).json == changed.json
    with book.app.transaction(cast.ana.winery_id) as session:
        told = session.scalars(
            text(
                "SELECT changes->'kind' FROM audit_log WHERE subject = 'vessels' AND action = 'update'"
            )
        ).all()
    assert told == [["egg", "amphora"]]


def test_one_that_left_can_come_back_unless_its_code_is_taken(
    marco: Api, sign_in_api: Callable[[str], Api]
) -> None:
    first = marco.post("/vessels", EGG).json
    path = f"/vessels/{first['id']}"
    tag = marco.get(path).headers["ETag"]
    assert change(marco, path, {"position": 8}).status_code == 200
    assert marco.call("DELETE", path, **{"If-Match": tag}).status_code == 412
    theirs = sign_in_api("carla")
    for method, where in (("GET", path), ("DELETE", path), ("POST", f"{path}/restore")):
        assert theirs.call(method, where).status_code == 404
    assert marco.call("DELETE", path).status_code == 204
    assert (codes(marco), codes(marco, "?deleted=true")) == ([], ["E-1"])
    assert marco.call("DELETE", path).status_code == 404
    assert change(marco, path, {"position": 9}).status_code == 404
    second = marco.post("/vessels", {"code": "e-1"}).json
    refused = marco.post(f"{path}/restore", None)
    assert (refused.status_code, refused.json["code"]) == (409, "code_taken")
    assert change(marco, f"/vessels/{second['id']}", {"code": "E-9"}).status_code == 200
    back = marco.post(f"{path}/restore", None)
    assert (back.status_code, back.json) == (200, first | {"position": 8})
    assert marco.post(f"{path}/restore", None).json == back.json
    assert change(marco, path, {"code": "E-9"}).json["code"] == "code_taken"
    assert sorted(codes(marco)) == ["E-1", "E-9"]


def test_wine_keeps_its_vessel_in_the_cellar(tank: Tank) -> None:
    api = tank.api
    path = f"/vessels/{api.get('/vessels').json['items'][0]['id']}"
    refused = api.call("DELETE", path)
    assert (refused.status_code, refused.json["code"]) == (409, "vessel_occupied")
    done = (tank.started_at + timedelta(hours=50)).isoformat()
    assert api.post(f"/fermentations/{tank.id}/complete", {"at": done}).status_code == 200
    assert api.call("DELETE", path).status_code == 204
    reopened = api.post(f"/fermentations/{tank.id}/reopen", {})
    assert (reopened.status_code, reopened.json["code"]) == (409, "vessel_deleted")
    assert api.get(f"/fermentations/{tank.id}").json["status"] == "completed"
    assert api.post(f"{path}/restore", None).status_code == 200
    assert api.post(f"/fermentations/{tank.id}/reopen", {}).status_code == 200


def test_wine_that_comes_in_at_once_finds_the_vessel_or_keeps_it(
    marco: Api, book: Winery, cast: Cast
) -> None:
    vessel_id = marco.post("/vessels", {"code": "T-01"}).json["id"]
    answers: list[Any] = []
    body = {
        "code": "A",
        "vessel_code": "T-01",
        "yeast_strain": "QA23",
        "style": "red",
        "started_at": "2026-02-15T08:00:00Z",
    }
    with psycopg.connect(role_url(book.settings, "app")) as deleting:
        deleting.execute("SELECT set_config('winery.id', %s, true)", [str(cast.ana.winery_id)])
        deleting.execute("UPDATE vessels SET deleted_at = now() WHERE id = %s", [vessel_id])
        late = threading.Thread(target=lambda: answers.append(marco.post("/fermentations", body)))
        late.start()
        wait_until_blocked(book)
        deleting.commit()
        late.join()
    assert answers[0].status_code == 201, answers[0].text
    ids = {vessel["code"]: vessel["id"] for vessel in marco.get("/vessels").json["items"]}
    assert ids["T-01"] != vessel_id, (
        "the wine lies in a new vessel of that code, not in the deleted one"
    )
    with psycopg.connect(role_url(book.settings, "app")) as connection:
        connection.execute("SELECT set_config('winery.id', %s, true)", [str(cast.ana.winery_id)])
        with pytest.raises(psycopg.errors.ForeignKeyViolation, match="is deleted"):
            connection.execute("UPDATE vessel_occupancies SET vessel_id = %s", [vessel_id])
        connection.rollback()


def wait_until_blocked(book: Winery) -> None:
    """Until another connection waits for a lock that this one holds."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    for _ in range(2000):
        with book.app.transaction() as session:
            if session.scalar(waiting):
                return
    raise AssertionError("nobody waits")
