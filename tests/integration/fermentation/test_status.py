"""How a fermentation ends, goes on after all, or is given up, and what its vessel and its alarms do."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock

STUCK = [(6, 24.0), (30, 20.1), (54, 15.2), (78, 10.4), (102, 8.3), (126, 8.2), (138, 8.2)]
STUCK_STILL = [*STUCK, (152, 8.1)]


def move(tank: Tank, verb: str, *, hours: float | None = None) -> TestResponse:
    at = {} if hours is None else {"at": (tank.started_at + timedelta(hours=hours)).isoformat()}
    return tank.api.post(f"/fermentations/{tank.id}/{verb}", at)


def start_next(tank: Tank, code: str, *, hours: float) -> TestResponse:
    return tank.api.post(
        "/fermentations",
        {
            "code": code,
            "vessel_code": "T-01",
            "yeast_strain": "QA23",
            "style": "white",
            "started_at": (tank.started_at + timedelta(hours=hours)).isoformat(),
        },
    )


def events(book: Winery, cast: Cast) -> list[str]:
    with book.app.transaction(cast.ana.winery_id) as session:
        of_wines = text("SELECT event FROM outbox WHERE subject LIKE 'fermentation:%' ORDER BY id")
        return list(session.scalars(of_wines).all())


def alarms(tank: Tank) -> list[str]:
    answer = tank.api.get(f"/fermentations/{tank.id}/analysis").json
    return [anomaly["check"] for anomaly in answer["anomalies"]]


def test_a_completed_fermentation_frees_its_vessel_from_its_end_on(tank: Tank) -> None:
    done = move(tank, "complete", hours=120)
    assert (done.status_code, done.json["status"]) == (200, "completed")
    assert done.json["ended_at"] == (tank.started_at + timedelta(hours=120)).isoformat()
    assert tank.api.get(f"/fermentations/{tank.id}").json == done.json
    assert start_next(tank, "EARLY", hours=119).json["code"] == "vessel_occupied"
    assert start_next(tank, "NEXT", hours=120).status_code == 201


def test_without_a_time_the_end_is_now(tank: Tank) -> None:
    before = clock.now()
    ended = move(tank, "complete").json["ended_at"]
    assert before.isoformat() <= ended <= clock.now().isoformat()


def test_asking_again_changes_nothing_but_another_end_is_refused(
    tank: Tank, book: Winery, cast: Cast
) -> None:
    first = move(tank, "complete", hours=100)
    assert move(tank, "complete", hours=100).json == first.json
    assert move(tank, "complete").json == first.json
    other = move(tank, "complete", hours=101)
    assert (other.status_code, other.json["code"]) == (409, "wrong_status")
    assert events(book, cast) == ["FermentationStarted", "FermentationCompleted"]


def test_a_reopened_fermentation_goes_on_without_a_gap(
    tank: Tank, book: Winery, cast: Cast
) -> None:
    move(tank, "complete", hours=100)
    assert tank.record("5.0", hours=110, confirm=True).json["code"] == "after_end"
    reopened = move(tank, "reopen")
    assert (reopened.status_code, reopened.json["status"]) == (200, "active")
    assert reopened.json["ended_at"] is None
    assert tank.record("5.0", hours=110, confirm=True).status_code == 201
    assert start_next(tank, "NEXT", hours=105).json["code"] == "vessel_occupied"
    assert move(tank, "reopen").status_code == 200
    assert events(book, cast)[1:3] == ["FermentationCompleted", "FermentationReopened"]


def test_reopening_is_refused_when_the_vessel_is_taken_meanwhile(
    tank: Tank, book: Winery, cast: Cast
) -> None:
    done = move(tank, "complete", hours=100)
    assert start_next(tank, "NEXT", hours=110).status_code == 201
    refused = move(tank, "reopen")
    assert (refused.status_code, refused.json["code"]) == (409, "vessel_occupied")
    assert tank.api.get(f"/fermentations/{tank.id}").json == done.json
    assert "FermentationReopened" not in events(book, cast)


def test_a_cancelled_fermentation_gives_its_vessel_back_also_for_the_past(
    tank: Tank, book: Winery, cast: Cast
) -> None:
    cancelled = move(tank, "cancel")
    assert (cancelled.status_code, cancelled.json["status"]) == (200, "cancelled")
    assert cancelled.json["vessel_code"] == "T-01", "one still sees where it lay"
    assert start_next(tank, "RIGHT", hours=0).status_code == 201
    assert tank.record("24").json["code"] == "fermentation_cancelled"
    assert events(book, cast)[:2] == ["FermentationStarted", "FermentationCancelled"]


def test_what_begins_tomorrow_can_be_cancelled_today(tank: Tank) -> None:
    ahead = start_next(tank, "AHEAD", hours=250)
    assert ahead.status_code == 409
    assert move(tank, "complete", hours=230).status_code == 200
    ahead = start_next(tank, "AHEAD", hours=250)
    assert ahead.status_code == 201
    tomorrow = Tank(tank.api, ahead.json["id"], tank.started_at + timedelta(hours=250))
    assert move(tomorrow, "complete").json["code"] == "before_last_entry"
    assert move(tomorrow, "cancel").json["status"] == "cancelled"


@pytest.mark.parametrize(
    ("first", "second"), [("complete", "cancel"), ("cancel", "complete"), ("cancel", "reopen")]
)
def test_moves_that_do_not_exist_are_refused(tank: Tank, first: str, second: str) -> None:
    before = move(tank, first).json
    refused = move(tank, second)
    assert (refused.status_code, refused.json["code"]) == (409, "wrong_status")
    assert tank.api.get(f"/fermentations/{tank.id}").json == before


def test_the_end_lies_behind_the_last_reading_and_not_ahead(tank: Tank) -> None:
    assert tank.record("24.0", hours=50).status_code == 201
    early = move(tank, "complete", hours=49)
    assert (early.status_code, early.json["code"]) == (422, "before_last_entry")
    for verb in ("complete", "cancel"):
        ahead = move(tank, verb, hours=24 * 12)
        assert (ahead.status_code, ahead.json["code"]) == (422, "in_future")
    assert move(tank, "complete", hours=50).status_code == 200


def test_the_start_is_no_end(tank: Tank) -> None:
    assert move(tank, "complete", hours=0).json["code"] == "before_last_entry"


@pytest.mark.parametrize("verb", ["complete", "cancel", "reopen"])
@pytest.mark.parametrize("body", [{"at": "noon"}, {"at": "2026-09-01T08:00:00"}, {"when": 1}, []])
def test_malformed_moves_are_refused(tank: Tank, verb: str, body: Any) -> None:
    answer = tank.api.post(f"/fermentations/{tank.id}/{verb}", body)
    assert answer.status_code == 422
    assert tank.api.get(f"/fermentations/{tank.id}").json["status"] == "active"


@pytest.mark.parametrize("verb", ["complete", "cancel", "reopen"])
def test_a_neighbours_fermentation_is_not_found(
    tank: Tank, sign_in_api: Callable[[str], Api], verb: str
) -> None:
    assert sign_in_api("carla").post(f"/fermentations/{tank.id}/{verb}", {}).status_code == 404
    assert tank.api.get(f"/fermentations/{tank.id}").json["status"] == "active"


@pytest.mark.parametrize("verb", ["complete", "cancel"])
def test_what_is_over_alarms_nobody_and_reopened_it_does_again(
    tank: Tank, work_off: Callable[[], int], verb: str
) -> None:
    for hours, brix in STUCK_STILL:
        assert tank.record(f"{brix:.1f}", hours=hours).status_code == 201
    work_off()
    assert "stuck" in alarms(tank)
    assert move(tank, verb).status_code == 200
    work_off()
    assert alarms(tank) == []
    if verb == "complete":
        assert tank.record("8.2", hours=145).status_code == 201, "a late one may still come"
        work_off()
        assert alarms(tank) == []
        assert move(tank, "reopen").status_code == 200
        work_off()
        assert "stuck" in alarms(tank)


def test_a_reading_and_the_end_at_once_never_leave_a_reading_behind_the_end(
    tank: Tank, book: Winery, cast: Cast
) -> None:
    """The reading is judged and then waits for the end to be saved: it must see it."""
    statuses: list[int] = []
    reading = tank.body("24.0", hours=60)
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(
            text("SELECT id FROM fermentations WHERE id = :id FOR UPDATE"), {"id": tank.id}
        )
        late = threading.Thread(target=lambda: statuses.append(tank.send(reading).status_code))
        late.start()
        wait_until_blocked(book)
        session.execute(
            text(
                "UPDATE fermentations SET status = 'completed', ended_at = :at, af_status = 'done', af_ended_at = :at"
                " WHERE id = :id"
            ),
            {"id": tank.id, "at": tank.started_at + timedelta(hours=50)},
        )
    late.join()
    assert statuses == [422]


def wait_until_blocked(book: Winery) -> None:
    """Until another connection waits for a lock that this one holds."""
    waiting = text(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
    )
    for _ in range(2000):
        with book.app.transaction() as session:
            if session.scalar(waiting):
                return
    raise AssertionError("nobody waits")


def test_of_two_moves_at_once_one_wins(tank: Tank) -> None:
    answers: list[tuple[str, int]] = []
    threads = [
        threading.Thread(
            target=lambda verb=verb: answers.append((verb, move(tank, verb).status_code))  # type: ignore[misc]
        )
        for verb in ("complete", "cancel") * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    final = tank.api.get(f"/fermentations/{tank.id}").json["status"]
    winner = {"completed": "complete", "cancelled": "cancel"}[final]
    assert {(verb, 200 if verb == winner else 409) for verb in ("complete", "cancel")} == set(
        answers
    )
