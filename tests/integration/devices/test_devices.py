"""Devices: made known, hung into vessels, and what they read."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock

NOW = clock.now().replace(microsecond=0)


@pytest.fixture
def probe(tank: Tank) -> int:
    """A Tilt that nobody has hung anywhere yet."""
    made = tank.api.post("/devices", {"code": "TILT-RED", "kind": "tilt", "name": "Red one"})
    assert made.status_code == 201
    return int(made.json["id"])


def reading(at: datetime, value: float, **changes: Any) -> dict[str, Any]:
    return {
        "quantity": "temperature",
        "value": value,
        "unit": "celsius",
        "read_at": at.isoformat(),
        **changes,
    }


def test_a_device_is_made_once_and_its_code_is_its_own(tank: Tank, probe: int) -> None:
    same = {"code": "TILT-RED", "kind": "tilt", "name": "Red one"}
    again = tank.api.post("/devices", same)
    assert (again.status_code, again.json["id"]) == (200, probe)
    taken = tank.api.post("/devices", {**same, "code": "tilt-red", "kind": "ispindel"})
    assert (taken.status_code, taken.json["code"]) == (409, "code_taken")
    assert [item["code"] for item in tank.api.get("/devices").json["items"]] == ["TILT-RED"]


def test_a_change_names_what_it_was_made_from(tank: Tank, probe: int) -> None:
    read = tank.api.get(f"/devices/{probe}")
    change = {"name": "By the door"}
    assert tank.api.call("PATCH", f"/devices/{probe}", change).status_code == 428
    tag = read.headers["ETag"]
    changed = tank.api.call("PATCH", f"/devices/{probe}", change, **{"If-Match": tag})
    assert (changed.status_code, changed.json["name"], changed.json["kind"]) == (
        200,
        "By the door",
        "tilt",
    )
    stale = tank.api.call("PATCH", f"/devices/{probe}", change, **{"If-Match": tag})
    assert stale.status_code == 412


def test_a_device_moves_from_vessel_to_vessel(tank: Tank, probe: int) -> None:
    assert tank.api.post("/vessels", {"code": "T-02"}).status_code == 201
    places = f"/devices/{probe}/assignments"

    def move(code: str | None, days_ago: float) -> Any:
        since = (NOW - timedelta(days=days_ago)).isoformat()
        return tank.api.post(places, {"vessel_code": code, "since": since})

    assert move("T-01", 5).status_code == 201
    assert move("T-01", 5).status_code == 200, "sent again"
    assert move("t-02", 3).status_code == 201
    assert tank.api.get(f"/devices/{probe}").json["vessel_code"] == "T-02"
    early = move("T-01", 4)
    assert (early.status_code, early.json["code"]) == (409, "moved_later")
    assert move("T-99", 1).json["fields"][0]["code"] == "unknown_vessel"
    assert move(None, 2).status_code == 201
    assert move(None, 2).status_code == 200
    shown = tank.api.get(places).json["items"]
    assert [(place["vessel_code"], place["until"] is None) for place in shown] == [
        ("T-02", False),
        ("T-01", False),
    ]
    assert shown[1]["until"] == shown[0]["since"]
    assert tank.api.get(f"/devices/{probe}").json["vessel_code"] is None
    assert move("T-01", 2).status_code == 201


def test_the_database_refuses_two_vessels_at_once(
    book: Winery, tank: Tank, probe: int, cast: Cast
) -> None:
    tank.api.post(
        f"/devices/{probe}/assignments", {"vessel_code": "T-01", "since": NOW.isoformat()}
    )
    with (
        pytest.raises(DBAPIError, match="one_vessel_at_once"),
        book.app.transaction(cast.ana.winery_id) as session,
    ):
        session.execute(
            text(
                "INSERT INTO device_assignments (winery_id, device_id, vessel_id, during) SELECT"
                " winery_id, device_id, vessel_id, during FROM device_assignments"
            )
        )


def test_each_reading_has_an_answer_and_only_once_is_saved(tank: Tank, probe: int) -> None:
    at = NOW - timedelta(hours=3)
    items = [
        reading(at, 24.5),
        reading(at, 24.5),
        reading(at, 25.5),
        reading(at, 1.05, quantity="sugar", unit="sg"),
        reading(at, 75.2, unit="fahrenheit", read_at=(at + timedelta(minutes=1)).isoformat()),
        reading(at, 500),
        reading(at, 20, unit="sg"),
        reading(NOW + timedelta(hours=2), 20),
        reading(at, 20, quantity="ph"),
        {"value": "x"},
        7,
    ]
    sent = tank.api.post(f"/devices/{probe}/readings", {"items": items})
    assert sent.status_code == 200
    told = ["created", "repeated", "conflict", "created", "created", *["refused"] * 6]
    assert [item["status"] for item in sent.json["items"]] == told
    assert {item["problem"]["fields"][0]["path"] for item in sent.json["items"][5:8]} == {
        "value",
        "unit",
        "read_at",
    }
    again = tank.api.post(f"/devices/{probe}/readings", {"items": items}).json["items"]
    assert [item["status"] for item in again][:5] == [
        "repeated",
        "repeated",
        "conflict",
        "repeated",
        "repeated",
    ]
    listed = tank.api.get(f"/devices/{probe}/readings").json["items"]
    assert [(item["quantity"], round(item["value"], 1), item["unit"]) for item in listed] == [
        ("temperature", 24.5, "celsius"),
        ("sugar", 1048.1, "kg_m3"),
        ("temperature", 24.0, "celsius"),
    ]


def test_pages_of_a_window_hold_each_reading_once(tank: Tank, probe: int) -> None:
    # Over the turn of two months, so that several tables have a part of it.
    moments = [NOW - timedelta(days=70) + timedelta(days=5 * n) for n in range(14)]
    items = [reading(at, 20 + n / 10) for n, at in enumerate(moments)]
    items += [reading(at, 1.05, quantity="sugar", unit="sg") for at in moments]
    assert tank.api.post(f"/devices/{probe}/readings", {"items": items}).status_code == 200
    window = f"since={moments[2].isoformat()}&until={moments[12].isoformat()}".replace("+", "%2B")
    seen, cursor = [], ""
    while True:
        page = tank.api.get(f"/devices/{probe}/readings?{window}&limit=3{cursor}").json
        seen += [(item["read_at"], item["quantity"]) for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    wanted = [(at.isoformat(), kind) for at in moments[2:12] for kind in ("temperature", "sugar")]
    assert sorted(seen) == sorted(wanted)
    assert [at for at, _ in seen] == sorted(at for at, _ in seen)
    only = tank.api.get(f"/devices/{probe}/readings?quantity=sugar").json["items"]
    assert len(only) == 14


def test_more_than_a_thousand_at_once_are_refused(tank: Tank, probe: int) -> None:
    items = [reading(NOW - timedelta(seconds=n), 20) for n in range(1001)]
    assert tank.api.post(f"/devices/{probe}/readings", {"items": items}).status_code == 422
    sent = tank.api.post(f"/devices/{probe}/readings", {"items": items[:1000]})
    assert {item["status"] for item in sent.json["items"]} == {"created"}


def test_a_neighbours_device_is_not_there(
    tank: Tank, probe: int, sign_in_api: Callable[[str], Api]
) -> None:
    carla = sign_in_api("carla")
    assert carla.get("/devices").json["items"] == []
    for path in ("", "/assignments", "/readings"):
        assert carla.get(f"/devices/{probe}{path}").status_code == 404
    sent = carla.post(f"/devices/{probe}/readings", {"items": [reading(NOW, 20)]})
    assert sent.status_code == 404
    moved = {"vessel_code": None, "since": NOW.isoformat()}
    assert carla.post(f"/devices/{probe}/assignments", moved).status_code == 404


def test_a_reading_cannot_be_linked_to_a_neighbours_device(
    book: Winery, probe: int, cast: Cast
) -> None:
    with (
        pytest.raises(DBAPIError, match="foreign key"),
        book.app.transaction(cast.carla.winery_id) as session,
    ):
        session.execute(
            text(
                "INSERT INTO device_readings (winery_id, device_id, read_at, quantity, value)"
                " VALUES (:carla, :probe, now(), 'temperature', 20)"
            ),
            {"carla": cast.carla.winery_id, "probe": probe},
        )


def test_a_device_is_taken_out_of_use_and_brought_back(tank: Tank, probe: int, cast: Cast) -> None:
    path = f"/devices/{probe}"
    since = (NOW - timedelta(days=5)).isoformat()
    hung = tank.api.post(f"{path}/assignments", {"vessel_code": "T-01", "since": since})
    assert hung.status_code == 201
    sent = {"items": [reading(NOW - timedelta(days=1), 21.0)]}
    assert tank.api.post(f"{path}/readings", sent).json["items"][0]["status"] == "created"
    stale = tank.api.call("DELETE", path, **{"If-Match": '"older"'})
    assert (stale.status_code, stale.json["code"]) == (412, "changed_meanwhile")
    read = tank.api.get(path)
    tag = {"If-Match": read.headers["ETag"]}
    assert tank.api.call("DELETE", path, **tag).status_code == 204
    for method, below, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("GET", "/assignments", None),
        ("GET", "/readings", None),
        ("POST", "/readings", sent),
        ("POST", "/assignments", {"vessel_code": "T-01", "since": NOW.isoformat()}),
    ):
        assert tank.api.call(method, path + below, body).status_code == 404, (method, below)
    assert tank.api.get("/devices").json["items"] == []
    gone = tank.api.get("/devices?deleted=true").json["items"]
    assert [(item["code"], item["vessel_code"]) for item in gone] == [("TILT-RED", None)]
    heir = tank.api.post("/devices", {"code": "tilt-red", "kind": "tilt", "name": "Red one"})
    assert heir.status_code == 201, "the code is free"
    taken = tank.api.post(f"{path}/restore", None)
    assert (taken.status_code, taken.json["code"]) == (409, "code_taken")
    assert tank.api.call("DELETE", f"/devices/{heir.json['id']}").status_code == 204
    restored = tank.api.post(f"{path}/restore", None)
    assert restored.json == {**read.json, "vessel_code": None}
    assert tank.api.post(f"{path}/restore", None).json == restored.json, "again it stays as it is"
    assert len(tank.api.get(f"{path}/readings").json["items"]) == 1
    places = tank.api.get(f"{path}/assignments").json["items"]
    assert [place["until"] is None for place in places] == [False], "it hangs nowhere now"
