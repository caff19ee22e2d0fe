"""A wine is planned, put right, and started in a vessel that is free."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock


@pytest.fixture
def plan(tank: Tank) -> Tank:
    """A wine planned for T-01, where another one lies, and for next week."""
    body = {
        "code": "PLAN",
        "vessel_code": "t-01",
        "yeast_strain": "QA23",
        "style": "white",
        "started_at": (clock.now() + timedelta(days=7)).isoformat(),
        "status": "planned",
    }
    made = tank.api.post("/fermentations", body)
    assert made.status_code == 201, made.text
    return Tank(tank.api, made.json["id"], tank.started_at)


def read(wine: Tank) -> dict[str, Any]:
    found: dict[str, Any] = wine.api.get(f"/fermentations/{wine.id}").json
    return found


def change(wine: Tank, body: Any) -> TestResponse:
    path = f"/fermentations/{wine.id}"
    return wine.api.call("PATCH", path, body, **{"If-Match": wine.api.get(path).headers["ETag"]})


def start(wine: Tank, **body: Any) -> TestResponse:
    return wine.api.post(f"/fermentations/{wine.id}/start", body)


def test_a_plan_takes_no_vessel_and_no_entries(plan: Tank) -> None:
    made = read(plan)
    assert (made["status"], made["vessel_codes"], made["af"]["status"]) == (
        "planned",
        ["T-01"],
        "not_started",
    )
    refused = plan.record("24.0", hours=1)
    assert (refused.status_code, refused.json["code"]) == (409, "fermentation_planned")
    punch = {
        "client_uuid": str(uuid4()),
        "kind": "punch_down",
        "started_at": clock.now().isoformat(),
    }
    assert plan.api.post(f"/fermentations/{plan.id}/cap-work", punch).status_code in (409, 422)
    batch = {"items": [plan.body("24.0") | {"fermentation_id": plan.id}]}
    assert plan.api.post("/samples/batch", batch).json["items"][0]["status"] == "conflict"
    listed = plan.api.get("/fermentations?status=planned").json["items"]
    assert [item["code"] for item in listed] == ["PLAN"]


def test_a_plan_is_put_right_and_its_start_afterwards_not(plan: Tank, tank: Tank) -> None:
    when = (clock.now() + timedelta(days=9)).replace(microsecond=0).isoformat()
    changed = change(plan, {"vessel_code": "T-77", "started_at": when})
    assert (changed.json["vessel_codes"], changed.json["started_at"]) == (["T-77"], when)
    vessels = {vessel["code"]: vessel["id"] for vessel in plan.api.get("/vessels").json["items"]}
    path = f"/vessels/{vessels['T-77']}"
    tag = plan.api.get(path).headers["ETag"]
    assert plan.api.call("PATCH", path, {"code": "T-78"}, **{"If-Match": tag}).status_code == 200
    assert read(plan)["vessel_codes"] == ["T-78"], "the plan follows the vessel's name"
    refused = change(tank, {"vessel_code": "T-77"})
    assert (refused.status_code, refused.json["code"]) == (409, "begun")


def test_a_plan_starts_where_there_is_room(plan: Tank, tank: Tank) -> None:
    assert start(plan).json["code"] == "vessel_occupied"
    assert read(plan)["status"] == "planned"
    small = {"code": "B-1", "kind": "barrel", "capacity_l": 225}
    assert plan.api.post("/vessels", small).status_code == 201
    refused = start(plan, vessel_code="b-1", start_volume_l=300)
    assert (refused.status_code, refused.json["code"]) == (422, "over_capacity")
    assert start(plan, vessel_code="nowhere").json["fields"][0]["path"] == "vessel_code"
    ahead = (clock.now() + timedelta(days=3)).isoformat()
    assert start(plan, at=ahead).json["fields"][0]["path"] == "at"
    before = clock.now()
    begun = start(plan, vessel_code="b-1", start_volume_l=228)
    assert begun.status_code == 200, begun.text
    assert (begun.json["status"], begun.json["vessel_codes"]) == ("active", ["B-1"])
    assert before <= datetime.fromisoformat(begun.json["started_at"]) <= clock.now()
    assert begun.json["af"] == {
        "status": "running",
        "started_at": begun.json["started_at"],
        "ended_at": None,
    }
    assert start(plan).json == begun.json
    assert start(plan, vessel_code="T-01").json["code"] == "wrong_status"
    other = {"code": "C", "vessel_code": "B-1", "yeast_strain": "X", "style": "red"}
    taken = plan.api.post("/fermentations", other | {"started_at": clock.now().isoformat()})
    assert taken.json["code"] == "vessel_occupied"


def test_a_plan_whose_vessel_was_freed_starts_as_it_was_meant(plan: Tank, tank: Tank) -> None:
    assert tank.api.post(f"/fermentations/{tank.id}/complete", {}).status_code == 200
    assert start(plan).json["vessel_codes"] == ["T-01"]


def test_a_plan_is_given_up_and_only_a_plan_starts(
    plan: Tank, tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    assert start(Tank(sign_in_api("carla"), plan.id, tank.started_at)).status_code == 404
    assert tank.api.post(f"/fermentations/{plan.id}/complete", {}).json["code"] == "wrong_status"
    assert tank.api.post(f"/fermentations/{plan.id}/cancel", {}).json["status"] == "cancelled"
    assert start(plan).json["code"] == "wrong_status"
