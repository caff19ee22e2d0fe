"""Work orders: planned, done once with the entry they asked for, skipped with a reason, or not wanted any more."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from werkzeug.test import TestResponse

from tests.conftest import Cast, Winery
from tests.integration.cellar_work.conftest import Entries
from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock


def plan(api: Api, **more: Any) -> TestResponse:
    """Send a task."""
    body = {"client_uuid": str(uuid4()), "kind": "other", "title": "Clean the press", **more}
    return api.post("/tasks", body)


def planned(tank: Tank, kind: str = "addition", **more: Any) -> dict[str, Any]:
    """A task about the tank."""
    answer = plan(tank.api, kind=kind, title="DAP, the first half", fermentation_id=tank.id, **more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


def do(api: Api, task_id: int, **more: Any) -> TestResponse:
    """Say that a task was done."""
    return api.post(f"/tasks/{task_id}/do", {"client_uuid": str(uuid4()), **more})


def titles(api: Api, query: str = "") -> list[str]:
    """The tasks of a list."""
    return [item["title"] for item in api.get(f"/tasks{query}").json["items"]]


def test_a_task_is_planned_once_and_read_back(tank: Tank, cast: Cast) -> None:
    body = {
        "client_uuid": str(uuid4()),
        "kind": "addition",
        "title": "DAP, the first half",
        "instructions": "Into the pump-over.",
        "fermentation_id": tank.id,
        "vessel_code": "t-01",
        "assigned_to": cast.bruno.user_id,
        "due_at": "2026-09-24T06:30:00+02:00",
    }
    first = tank.api.post("/tasks", body)
    assert first.status_code == 201, first.text
    assert first.json["vessel_code"] == "T-01"
    assert (first.json["status"], first.json["assigned_to_name"]) == ("planned", "Bruno")
    assert first.headers["Location"] == f"/api/v1/tasks/{first.json['id']}"
    assert tank.api.post("/tasks", body).status_code == 200
    other = tank.api.post("/tasks", {**body, "title": "Something else"})
    assert (other.status_code, other.json["code"]) == (409, "uuid_reused")
    assert tank.api.get("/tasks").json["items"] == [first.json]
    assert tank.api.get(f"/tasks/{first.json['id']}").json == first.json


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"kind": "addition"}, "fermentation_id"),
        ({"fermentation_id": 999}, "fermentation_id"),
        ({"vessel_code": "X-99"}, "vessel_code"),
        ({"assigned_to": 999}, "assigned_to"),
        ({"title": ""}, "title"),
        ({"kind": "magic"}, "kind"),
        ({"due_at": "tomorrow"}, "due_at"),
    ],
)
def test_a_task_about_nothing_that_is_in_the_book_is_refused(
    tank: Tank, change: dict[str, Any], path: str
) -> None:
    refused = plan(tank.api, **change)
    assert refused.status_code == 422
    assert [fault["path"] for fault in refused.json["fields"]] == [path]
    assert titles(tank.api) == []


def test_doing_an_addition_writes_it_and_closes_the_task(
    tank: Tank, additions: Entries, sign_in_api: Callable[[str], Api]
) -> None:
    bruno = sign_in_api("bruno")
    task = planned(tank)
    body = {"client_uuid": str(uuid4()), "addition": additions.body()}
    first = bruno.post(f"/tasks/{task['id']}/do", body)
    assert first.status_code == 200, first.text
    assert (first.json["status"], first.json["closed_by_name"]) == ("done", "Bruno")
    written = tank.api.get(f"/fermentations/{tank.id}/additions").json["items"]
    assert [item["id"] for item in written] == [first.json["addition_id"]]
    again = bruno.post(f"/tasks/{task['id']}/do", body)
    assert (again.status_code, again.json) == (200, first.json)
    late = do(tank.api, task["id"], addition=additions.body())
    assert (late.status_code, late.json["code"]) == (409, "task_done")
    assert "Bruno did this task" in late.json["detail"]
    assert additions.listed() == ["20"]


def test_cap_work_and_samples_are_written_the_same_way(tank: Tank) -> None:
    when = (tank.started_at + timedelta(hours=2)).isoformat()
    punch = {"client_uuid": str(uuid4()), "kind": "punch_down", "started_at": when}
    done = do(tank.api, planned(tank, "cap_work")["id"], cap_work=punch).json
    assert (done["status"], done["cap_work_id"] is not None) == ("done", True)
    done = do(tank.api, planned(tank, "sample")["id"], sample=tank.body("22.0")).json
    samples = tank.api.get(f"/fermentations/{tank.id}/samples").json["items"]
    assert [item["id"] for item in samples] == [done["sample_id"]]
    assert do(tank.api, plan(tank.api).json["id"]).json["status"] == "done"


def test_a_transfer_moves_the_wine_and_closes_the_task_or_neither(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    bruno = sign_in_api("bruno")
    assert tank.api.post("/vessels", {"code": "T-02", "capacity_l": 5000}).status_code == 201
    task = planned(tank, "transfer")
    when = (tank.started_at + timedelta(hours=2)).isoformat()
    move = {"client_uuid": str(uuid4()), "moved_at": when, "to": [{"vessel_code": "T-01"}]}
    refused = do(bruno, task["id"], transfer=move)
    assert refused.status_code == 422
    assert [fault["path"] for fault in refused.json["fields"]] == ["transfer.to"]
    assert tank.api.get(f"/tasks/{task['id']}").json == task
    body = {"client_uuid": str(uuid4()), "transfer": {**move, "to": [{"vessel_code": "T-02"}]}}
    done = bruno.post(f"/tasks/{task['id']}/do", body)
    assert (done.status_code, done.json["status"]) == (200, "done"), done.text
    assert bruno.post(f"/tasks/{task['id']}/do", body).json == done.json
    transfers = tank.api.get(f"/transfers?fermentation_id={tank.id}").json["items"]
    assert [item["id"] for item in transfers] == [done.json["transfer_id"]]
    assert tank.api.get(f"/fermentations/{tank.id}").json["vessel_codes"] == ["T-02"]


def test_an_entry_that_is_refused_leaves_the_task_open(tank: Tank, additions: Entries) -> None:
    task = planned(tank)
    refused = do(tank.api, task["id"], addition=additions.body(dose="-5"))
    assert refused.status_code == 422
    assert [fault["path"] for fault in refused.json["fields"]] == ["addition.dose"]
    much = {"client_uuid": str(uuid4()), "addition": additions.body(dose="99")}
    asked = tank.api.post(f"/tasks/{task['id']}/do", much)
    assert (asked.status_code, asked.json["code"]) == (422, "needs_confirmation")
    assert tank.api.get(f"/tasks/{task['id']}").json == task
    assert additions.listed() == []
    much["addition"]["confirm"] = True  # type: ignore[index]
    assert tank.api.post(f"/tasks/{task['id']}/do", much).json["status"] == "done"


def test_a_task_is_done_by_the_entry_it_asks_for_and_no_other(
    tank: Tank, additions: Entries
) -> None:
    task = planned(tank)
    nothing = do(tank.api, task["id"])
    assert [fault["path"] for fault in nothing.json["fields"]] == ["addition"]
    both = do(tank.api, task["id"], addition=additions.body(), sample=tank.body("20.0"))
    assert [fault["path"] for fault in both.json["fields"]] == ["sample"]
    free = plan(tank.api).json["id"]
    assert do(tank.api, free, addition=additions.body()).status_code == 422
    assert additions.listed() == []


def test_of_two_who_do_a_task_at_once_one_does_it(
    tank: Tank, additions: Entries, sign_in_api: Callable[[str], Api]
) -> None:
    task = planned(tank)
    people = [sign_in_api("bruno"), sign_in_api("marco"), tank.api, sign_in_api("bruno")]
    answers: list[TestResponse] = []
    threads = [
        threading.Thread(
            target=lambda api=api: answers.append(
                do(api, task["id"], addition=additions.body(dose="5"))
            )
        )
        for api in people
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    winner = next(answer.json for answer in answers if answer.status_code == 200)
    for answer in answers:
        if answer.status_code == 409:
            assert winner["closed_by_name"] in answer.json["detail"]
    assert additions.listed() == ["5"]


def test_the_same_doing_twice_at_once_is_one(tank: Tank, additions: Entries) -> None:
    task = planned(tank)
    body = {"client_uuid": str(uuid4()), "addition": additions.body()}
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(
                tank.api.post(f"/tasks/{task['id']}/do", body).status_code
            )
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4
    assert additions.listed() == ["20"]


def test_a_task_is_skipped_with_a_reason_or_not_wanted_any_more(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    bruno = sign_in_api("bruno")
    first, second = (plan(tank.api).json["id"] for _ in range(2))
    assert bruno.post(f"/tasks/{first}/skip", {}).status_code == 422
    skipped = bruno.post(f"/tasks/{first}/skip", {"reason": "No power."})
    assert (skipped.json["status"], skipped.json["reason"]) == ("skipped", "No power.")
    assert bruno.post(f"/tasks/{first}/skip", {"reason": "No power."}).json == skipped.json
    cancelled = tank.api.post(f"/tasks/{second}/cancel", {})
    assert cancelled.json["status"] == "cancelled"
    assert tank.api.post(f"/tasks/{second}/cancel", {}).json == cancelled.json
    for refused in (
        bruno.post(f"/tasks/{first}/skip", {"reason": "Other."}),
        do(bruno, first),
        tank.api.post(f"/tasks/{first}/cancel", {}),
    ):
        assert (refused.status_code, refused.json["code"]) == (409, "task_skipped")
    assert bruno.post(f"/tasks/{second}/skip", {"reason": "X"}).json["code"] == "task_cancelled"


def test_a_change_names_the_version_it_was_made_from(tank: Tank, cast: Cast) -> None:
    task = planned(tank)
    path = f"/tasks/{task['id']}"
    tag = tank.api.get(path).headers["ETag"]
    assert tank.api.call("PATCH", path, {"title": "X"}).status_code == 428
    given = tank.api.call(
        "PATCH", path, {"assigned_to": cast.bruno.user_id, "title": "DAP"}, **{"If-Match": tag}
    )
    assert (given.json["assigned_to_name"], given.json["title"]) == ("Bruno", "DAP")
    stale = tank.api.call("PATCH", path, {"title": "X"}, **{"If-Match": tag})
    assert stale.status_code == 412
    taken = tank.api.call(
        "PATCH", path, {"assigned_to": None}, **{"If-Match": given.headers["ETag"]}
    )
    assert (taken.json["assigned_to"], taken.json["title"]) == (None, "DAP")
    stranger = tank.api.call(
        "PATCH", path, {"assigned_to": cast.carla.user_id}, **{"If-Match": taken.headers["ETag"]}
    )
    assert [fault["path"] for fault in stranger.json["fields"]] == ["assigned_to"]
    tank.api.post(f"{path}/cancel", {})
    closed = tank.api.call("PATCH", path, {"title": "X"}, **{"If-Match": "*"})
    assert (closed.status_code, closed.json["code"]) == (409, "task_cancelled")


def test_lists_tell_whose_and_when(
    tank: Tank, cast: Cast, sign_in_api: Callable[[str], Api]
) -> None:
    now = clock.now()
    due = [(now + timedelta(days=days)).isoformat() for days in (2, -1)]
    assert plan(tank.api, title="no day").status_code == 201
    assert plan(tank.api, title="later", due_at=due[0]).status_code == 201
    assert (
        plan(tank.api, title="late", due_at=due[1], assigned_to=cast.bruno.user_id).status_code
        == 201
    )
    closed = plan(tank.api, title="closed").json["id"]
    assert tank.api.post(f"/tasks/{closed}/cancel", {}).status_code == 200
    planned(tank)
    bruno = sign_in_api("bruno")
    assert titles(bruno, "?status=planned") == ["late", "later", "no day", "DAP, the first half"]
    assert titles(bruno, "?mine=true") == ["late"]
    assert titles(bruno, f"?due_before={now:%Y-%m-%dT%H:%M:%SZ}") == ["late"]
    assert titles(bruno, "?status=cancelled") == ["closed"]
    assert titles(bruno, f"?fermentation_id={tank.id}") == ["DAP, the first half"]
    assert titles(bruno, "?kind=addition") == ["DAP, the first half"]
    seen: list[str] = []
    cursor = ""
    while True:
        page = bruno.get(f"/tasks?limit=2{cursor}").json
        seen += [item["title"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["late", "later", "no day", "closed", "DAP, the first half"]


def test_a_neighbour_neither_sees_nor_does_nor_links(
    tank: Tank, cast: Cast, additions: Entries, sign_in_api: Callable[[str], Api]
) -> None:
    task = planned(tank)
    carla = sign_in_api("carla")
    path = f"/tasks/{task['id']}"
    answers = [
        carla.get(path),
        carla.call("PATCH", path, {"title": "X"}, **{"If-Match": "*"}),
        do(carla, task["id"], addition=additions.body()),
        carla.post(f"{path}/skip", {"reason": "X"}),
        carla.post(f"{path}/cancel", {}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert titles(carla) == []
    assert plan(carla, fermentation_id=tank.id).status_code == 422
    assert plan(carla, assigned_to=cast.ana.user_id).status_code == 422
    assert plan(carla, vessel_code="T-01").status_code == 422
    assert tank.api.get(path).json == task


@pytest.mark.parametrize(
    ("columns", "values", "home", "fault"),
    [
        ("", "", "ana", "row-level security"),
        (", fermentation_id", ", :tank", "carla", "foreign key"),
        (", vessel_id", ", (SELECT 1)", "carla", "foreign key"),
        (", assigned_to", ", :ana_user", "carla", "foreign key"),
        (", status", ", 'done'", "carla", "tasks_closed_by_somebody|tasks_done"),
    ],
)
def test_the_database_itself_refuses_a_task_that_cannot_be(
    book: Winery, tank: Tank, cast: Cast, columns: str, values: str, home: str, fault: str
) -> None:
    statement = (
        "INSERT INTO tasks (winery_id, client_uuid, body_hash, kind, title, instructions,"
        f" planned_by{columns}) VALUES (:winery, gen_random_uuid(), 'x', 'other', 'T', '', :user{values})"
    )
    given = {
        "winery": cast.carla.winery_id,
        "user": cast.carla.user_id,
        "tank": tank.id,
        "ana_user": cast.ana.user_id,
    }
    used = {name: value for name, value in given.items() if f":{name}" in statement}
    kind = ProgrammingError if home == "ana" else DBAPIError
    winery = cast.ana.winery_id if home == "ana" else cast.carla.winery_id
    with pytest.raises(kind, match=fault), book.app.transaction(winery) as session:
        session.execute(text(statement), used)
