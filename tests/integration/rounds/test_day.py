"""The day's work as a phone asks for it, and the evening's hand-over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from tests.integration.fermentation.test_starting import start
from tests.integration.rounds.test_round import sign_in_browser
from winery_appliance.cellar_work.dosing import AdditionKind, DoseUnit, find_limit
from winery_appliance.core import clock


def add(tank: Tank, dose: str, unit: str = "g_hl") -> dict[str, Any]:
    """DAP put into a wine."""
    body = {"client_uuid": str(uuid4()), "kind": "dap", "dose": dose, "unit": unit}
    body["done_at"] = clock.now().isoformat()
    answer = tank.api.post(f"/fermentations/{tank.id}/additions", body)
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json
    return added


def plan(api: Api, title: str, **more: Any) -> None:
    """Plan a task."""
    body = {"client_uuid": str(uuid4()), "kind": "other", "title": title, **more}
    assert api.post("/tasks", body).status_code == 201


def test_doses_come_with_the_limits_that_the_server_judges_by(
    sign_in_api: Callable[[str], Api],
) -> None:
    day = sign_in_api("bruno").get("/day").json
    assert {unit["unit"] for unit in day["units"]} == set(DoseUnit)
    for product in day["products"]:
        for limit in product["limits"]:
            usual, possible, source = find_limit(AdditionKind(product["kind"]), limit["counts"])
            told = (limit["usual"], limit["possible"], limit["source"])
            assert told == (usual, possible, source)


def test_a_wine_tells_what_it_had_and_how_much_it_is(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    first = add(tank, "20")
    add(tank, "10")
    void = {"client_uuid": str(uuid4()), "reason": "never done"}
    assert tank.api.post(f"/additions/{first['id']}/void", void).status_code == 201
    litres = tank.api.call(
        "PATCH", f"/fermentations/{tank.id}", {"start_volume_l": "4000"}, **{"If-Match": "*"}
    )
    assert litres.status_code == 200, litres.text
    to = [{"vessel_code": "T-77", "volume_l": "3000"}]
    move = {"client_uuid": str(uuid4()), "to": to, "leaves_rest": True}
    assert tank.api.post("/vessels", {"code": "T-77", "capacity_l": 5000}).status_code == 201
    assert tank.api.post(f"/fermentations/{tank.id}/move", move).status_code == 201
    (wine,) = sign_in_api("bruno").get("/day").json["tanks"]
    assert wine["given"] == [{"kind": "dap", "counts": "g", "per_litre": pytest.approx(0.1)}]
    assert wine["volume_l"] == 4000
    assert wine["vessel_codes"] == ["T-01", "T-77"]


def test_one_s_own_tasks_come_first(sign_in_api: Callable[[str], Api], cast: Cast) -> None:
    marco, now = sign_in_api("marco"), clock.now()
    plan(marco, "Wash the press", due_at=now.isoformat())
    plan(
        marco,
        "Top up",
        assigned_to=cast.bruno.user_id,
        due_at=(now + timedelta(days=3)).isoformat(),
    )
    titles = [task["title"] for task in sign_in_api("bruno").get("/day").json["tasks"]]
    assert titles == ["Top up", "Wash the press"]


def test_the_hand_over_has_what_the_next_shift_must_know(
    app: Flask, cast: Cast, book: Winery, tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    marco, now = sign_in_api("marco"), clock.now()
    read = start(marco, "READ-1", "T-02").json
    body = tank.body("20.0", measured_at=now.isoformat())
    assert marco.post(f"/fermentations/{read['id']}/samples", body).status_code == 201
    skip = {"client_uuid": str(uuid4()), "reason": "Foam", "skipped_at": now.isoformat()}
    assert marco.post(f"/fermentations/{tank.id}/skipped-readings", skip).status_code == 201
    plan(marco, "Soon", due_at=(now + timedelta(hours=20)).isoformat())
    plan(marco, "Far away", due_at=(now + timedelta(days=5)).isoformat())
    plan(marco, "Whenever")
    assert marco.post("/vessels", {"code": "EMPTY-1"}).status_code == 201
    page = sign_in_browser(app, book, cast.vera).get("/round/hand-over")
    assert page.status_code == 200
    unread, _, rest = page.text.partition("Open alarms")
    assert "T-01" in unread
    assert "Foam (Marco" in unread
    assert "READ-1" not in unread
    assert all(title in rest for title in ("Soon", "Whenever", "EMPTY-1"))
    assert "Far away" not in rest


def test_the_round_on_paper_has_every_tank(
    app: Flask, cast: Cast, book: Winery, tank: Tank
) -> None:
    assert tank.record("12.5", hours=200).status_code == 201
    page = sign_in_browser(app, book, cast.bruno).get("/round/paper")
    assert all(word in page.text for word in ("T-01", "26-TEM-01", "12.5", "°Bx"))
