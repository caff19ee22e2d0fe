"""Planning from the pages: a usual thing by one key, anything else by a line, once however often it is sent."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Cast
from tests.integration.browser import Browser
from tests.integration.conftest import Tank
from winery_appliance.core import clock


def plan(browser: Browser, tank: Tank, **typed: str) -> Any:
    page = f"/fermentations/{tank.id}"
    form = {"csrf_token": browser.token(page), **typed}
    return browser.client.post(f"{page}/tasks", data=form)


def read_tasks(tank: Tank) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = tank.api.get("/tasks?status=planned").json["items"]
    return items


def test_a_usual_thing_is_planned_for_the_evening_and_leads_back_to_the_board(
    tank: Tank, enter: Callable[[str], Browser]
) -> None:
    marco = enter("marco")
    assert plan(marco, tank, plan="pump_over", show="board").location == "/"
    assert "T-01: Pump-over is planned." in marco.client.get("/").text
    (task,) = read_tasks(tank)
    assert (task["kind"], task["title"], task["fermentation_id"]) == (
        "cap_work",
        "Pump-over",
        tank.id,
    )
    due = datetime.fromisoformat(task["due_at"])
    assert timedelta(0) < due - clock.now() <= timedelta(days=1)


def test_what_was_typed_is_planned_once_for_whom_it_was_given_to(
    tank: Tank, enter: Callable[[str], Browser], cast: Cast
) -> None:
    marco = enter("marco")
    given = {"title": "Top it up", "client_uuid": str(uuid4()), "tomorrow": "yes"}
    for _ in range(2):
        answer = plan(marco, tank, **given, assigned_to=str(cast.bruno.user_id))
        assert answer.location == f"/fermentations/{tank.id}#work"
    (task,) = read_tasks(tank)
    assert (task["title"], task["assigned_to"]) == ("Top it up", cast.bruno.user_id)
    assert datetime.fromisoformat(task["due_at"]) - clock.now() > timedelta(hours=3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"plan": "dance"},
        {"title": "x" * 121},
        {"title": "x", "assigned_to": "999999"},
    ],
)
def test_what_cannot_be_planned_is_said(
    tank: Tank, enter: Callable[[str], Browser], wrong: dict[str, str]
) -> None:
    marco = enter("marco")
    assert plan(marco, tank, **wrong).status_code == 303
    assert "Nothing was saved" in marco.client.get("/").text
    assert read_tasks(tank) == []


def test_a_cellar_hand_does_what_is_planned_and_plans_nothing(
    tank: Tank, enter: Callable[[str], Browser]
) -> None:
    assert plan(enter("bruno"), tank, plan="cool").status_code == 403
