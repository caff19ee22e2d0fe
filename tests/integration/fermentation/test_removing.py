"""A fermentation that was a slip goes and can come back, with all that was recorded of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from werkzeug.test import TestResponse

from tests.integration.conftest import Api, Tank


def start(api: Api, code: str, vessel: str, at: str, **more: Any) -> TestResponse:
    body = {
        "code": code,
        "vessel_code": vessel,
        "yeast_strain": "QA23",
        "style": "red",
        "started_at": at,
        **more,
    }
    return api.post("/fermentations", body)


def delete(tank: Tank, tag: str | None = None) -> TestResponse:
    seen = {"If-Match": tag} if tag else {}
    return tank.api.call("DELETE", f"/fermentations/{tank.id}", **seen)


def restore(tank: Tank) -> TestResponse:
    return tank.api.post(f"/fermentations/{tank.id}/restore", None)


def listed(tank: Tank, query: str = "") -> list[str]:
    return [item["code"] for item in tank.api.get(f"/fermentations{query}").json["items"]]


def test_what_hangs_on_a_wine_comes_back_with_it(tank: Tank, work_off: Callable[[], int]) -> None:
    for hours, value in [
        (6, "24.0"),
        (30, "20.1"),
        (54, "15.2"),
        (78, "10.4"),
        (102, "8.3"),
        (126, "8.2"),
    ]:
        assert tank.record(value, hours=hours, confirm=True).status_code == 201
    work_off()
    path = f"/fermentations/{tank.id}"
    before = tank.api.get(path)
    samples = tank.api.get(f"{path}/samples").json
    open_alarms = tank.api.get("/anomalies").json["items"]
    assert open_alarms != []
    assert delete(tank, '"x"').status_code == 412
    assert delete(tank, before.headers["ETag"]).status_code == 204
    work_off()
    assert tank.api.get(path).status_code == 404
    assert delete(tank).status_code == 404
    assert tank.record("8.2", hours=150).status_code == 404
    assert (listed(tank), listed(tank, "?deleted=true")) == ([], ["26-TEM-01"])
    assert {alarm["status"] for alarm in tank.api.get("/anomalies").json["items"]} <= {"cleared"}
    back = restore(tank)
    assert (back.status_code, back.json) == (200, before.json)
    assert restore(tank).json == before.json
    assert tank.api.get(f"{path}/samples").json == samples
    work_off()
    again = [
        alarm["type"]
        for alarm in tank.api.get("/anomalies").json["items"]
        if alarm["status"] != "cleared"
    ]
    assert again == [alarm["type"] for alarm in open_alarms]


def test_a_deleted_wine_frees_its_vessel_and_its_code(tank: Tank) -> None:
    at = tank.started_at.isoformat()
    assert delete(tank).status_code == 204
    made = start(tank.api, "26-TEM-01", "T-01", at)
    assert made.status_code == 201, made.text
    other = Tank(tank.api, made.json["id"], tank.started_at)
    assert restore(tank).json["code"] == "code_taken"
    path = f"/fermentations/{other.id}"
    tag = tank.api.get(path).headers["ETag"]
    assert tank.api.call("PATCH", path, {"code": "B"}, **{"If-Match": tag}).status_code == 200
    refused = restore(tank)
    assert (refused.status_code, refused.json["code"]) == (409, "vessel_occupied")
    assert "T-01" in refused.json["detail"]
    assert listed(tank) == ["B"]
    assert delete(other).status_code == 204
    assert restore(tank).json["vessel_code"] == "T-01"
    vessel = tank.api.get("/vessels").json["items"][0]["id"]
    assert tank.api.get(f"/vessels/{vessel}/origin").json["origin"]["code"] == "26-TEM-01"


def test_a_vessel_that_left_meanwhile_is_named(tank: Tank) -> None:
    assert delete(tank).status_code == 204
    vessel = tank.api.get("/vessels").json["items"][0]["id"]
    assert tank.api.call("DELETE", f"/vessels/{vessel}").status_code == 204
    refused = restore(tank)
    assert (refused.status_code, refused.json["code"]) == (409, "vessel_deleted")
    assert "T-01" in refused.json["detail"]


def test_a_cancelled_one_comes_back_without_its_vessel(tank: Tank) -> None:
    assert tank.api.post(f"/fermentations/{tank.id}/cancel", {}).status_code == 200
    assert delete(tank).status_code == 204
    assert start(tank.api, "B", "T-01", tank.started_at.isoformat()).status_code == 201
    assert restore(tank).json["status"] == "cancelled"


def test_wine_that_is_part_of_another_stays_in_the_book(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    moved_at = (tank.started_at + timedelta(hours=1)).isoformat()
    assert tank.api.post("/vessels", {"code": "T-02"}).status_code == 201
    flow = {"to_vessel_code": "T-02", "volume_l": 10}
    body = {"client_uuid": str(uuid4()), "moved_at": moved_at, "code": "C", "flows": [flow]}
    made = tank.api.post(f"/fermentations/{tank.id}/split", body).json
    child = Tank(tank.api, made["flows"][0]["to_fermentation_id"], tank.started_at)
    for wine in (tank, child):
        assert delete(wine).json["code"] == "wine_elsewhere"
    assert tank.api.post(f"/transfers/{made['id']}/void", {"reason": "Slip."}).status_code == 200
    for wine in (tank, child):
        assert delete(wine).status_code == 204
    shown = tank.api.get("/transfers").json["items"][0]
    assert shown["flows"][0]["to_fermentation_code"] == "C", "what was recorded stays to be read"
    theirs = Tank(sign_in_api("carla"), tank.id, tank.started_at)
    assert (delete(theirs).status_code, restore(theirs).status_code) == (404, 404)
    assert restore(child).json["status"] == "cancelled"
    assert restore(tank).json["vessel_codes"] == ["T-01"]
