"""What was done to a wine explains what its readings show; and a tank that falls silent is noticed without a reading."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.analysis_engine.test_analysis import analysis, record, troubles
from tests.integration.conftest import Tank
from winery_appliance.analysis_engine.logged_work import read_logged_work
from winery_appliance.analysis_engine.silence import JUDGED_EVERY, note_silent_tanks
from winery_appliance.core import clock
from winery_appliance.entrypoints.periodic import JOBS

# A red that gets 3 °Bx back on its sixth day.
RISEN = [(6, 24.0), (30, 22.1), (54, 19.2), (78, 16.4), (102, 13.5), (126, 11.4), (138, 14.4)]
RISEN += [(150, 13.6), (162, 12.7)]
QUESTIONS = {"sugar_rise", "entry_error"}


def log(tank: Tank, what: str, hours: float, **body: Any) -> int:
    """Write down what was done."""
    at = (tank.started_at + timedelta(hours=hours)).isoformat()
    when = "started_at" if what == "cap-work" else "done_at"
    given = {"client_uuid": str(uuid4()), when: at, "confirm": True, **body}
    answer = tank.api.post(f"/fermentations/{tank.id}/{what}", given)
    assert answer.status_code == 201, answer.text
    return int(answer.json["id"])


def checks(tank: Tank) -> set[str]:
    """What the ferment is told for."""
    return {trouble["check"] for trouble in troubles(analysis(tank))}


def test_an_unlogged_rise_is_asked_about_and_a_logged_one_is_not(
    tank: Tank, work_off: Callable[[], int]
) -> None:
    for hours, brix in RISEN:
        assert tank.record(f"{brix}", hours=hours, confirm=True).status_code == 201
    work_off()
    before = checks(tank)
    asked = before & QUESTIONS
    assert asked
    log(tank, "cap-work", 120, kind="pump_over", duration_min=20)
    log(tank, "additions", 120, kind="oak", dose="2", unit="g_l")
    work_off()
    assert checks(tank) == before, "neither moves the sugar"
    added = log(tank, "additions", 130, kind="sugar", dose="30", unit="g_l")
    work_off()
    assert not checks(tank) & QUESTIONS
    assert checks(tank) < before
    cleared = list_anomalies(tank, "&status=cleared")
    for check in asked:
        assert cleared[check]["cleared_because"] == (
            "What was written down about the wine explains it."
        )
    void = {"client_uuid": str(uuid4()), "reason": "another tank"}
    assert tank.api.post(f"/additions/{added}/void", void).status_code == 201
    work_off()
    again = list_anomalies(tank)
    assert {check: again[check]["id"] for check in asked} == {
        check: cleared[check]["id"] for check in asked
    }


def list_anomalies(tank: Tank, query: str = "") -> dict[str, dict[str, Any]]:
    """Anomalies by their type."""
    found = tank.api.get(f"/anomalies?limit=50{query}").json["items"]
    return {anomaly["type"]: anomaly for anomaly in found}


def test_the_engine_is_given_everything_that_counts(
    tank: Tank, book: Winery, cast: Cast, sign_in_api: Callable[[str], Any]
) -> None:
    log(tank, "additions", 20, kind="dap", dose="30", unit="g_hl")
    log(tank, "additions", 30, kind="complex_nutrient", dose="0.2", unit="g_l")
    log(tank, "additions", 40, kind="water", dose="50", unit="ml_l")
    log(tank, "additions", 50, kind="so2", dose="20", unit="mg_l")
    log(tank, "cap-work", 60, kind="punch_down")
    assert tank.api.post("/vessels", {"code": "T-02", "capacity_l": 5000}).status_code == 201
    moved = tank.api.post(
        f"/fermentations/{tank.id}/move",
        {
            "client_uuid": str(uuid4()),
            "moved_at": (tank.started_at + timedelta(hours=70)).isoformat(),
            "to": [{"vessel_code": "T-02"}],
        },
    )
    assert moved.status_code == 201, moved.text
    with book.worker.transaction(cast.ana.winery_id) as session:
        done = read_logged_work(session, tank.id)
    assert [(d.kind, d.amount and round(d.amount, 3), d.unit) for d in done] == [
        ("addition_dap", 0.3, "g/L"),
        ("addition_nutrient", 0.2, "g/L"),
        ("addition_water", 50, "ml/L"),
        ("cap", None, ""),
        ("transfer", None, ""),
    ]
    with book.worker.transaction(cast.carla.winery_id) as session:
        assert read_logged_work(session, tank.id) == ()


def count_analyses(book: Winery, cast: Cast) -> int:
    """How often the wine was judged."""
    with book.worker.transaction(cast.ana.winery_id) as session:
        return int(session.scalar(text("SELECT count(*) FROM analyses")) or 0)


def test_a_silent_tank_is_judged_anew_now_and_then(
    tank: Tank, work_off: Callable[[], int], book: Winery, cast: Cast
) -> None:
    # The start is ten days back: the last of these readings is five hours old.
    record(tank, [(hours, 24 - hours / 12) for hours in range(163, 236, 12)])
    work_off()
    assert "missing_reading" not in list_anomalies(tank)
    job = JOBS["judge_silent_tanks"].run
    job(book.worker)
    assert count_analyses(book, cast) == 1, "a tank that is read needs none"

    with psycopg.connect(book.url("owner")) as owner:  # two days pass, and nobody comes
        owner.execute("SELECT set_config('winery.id', %s, false)", [str(cast.ana.winery_id)])
        owner.execute("UPDATE samples SET measured_at = measured_at - interval '2 days'")
        owner.execute("UPDATE analyses SET analyzed_at = analyzed_at - interval '2 days'")
        owner.execute("UPDATE fermentations SET started_at = started_at - interval '2 days'")
    job(book.worker)
    assert count_analyses(book, cast) == 2
    assert "missing_reading" in list_anomalies(tank)
    job(book.worker)
    assert count_analyses(book, cast) == 2, "not again and again"

    def due(days: float) -> int:
        with book.worker.transaction(cast.ana.winery_id) as session:
            found = note_silent_tanks(
                session, cast.ana.winery_id, now=clock.now() + timedelta(days=days)
            )
            session.rollback()
        return found

    assert due(JUDGED_EVERY / timedelta(days=1)) == 1
    assert due(30) == 0, "after weeks nothing changes any more"
    tank.api.post(f"/fermentations/{tank.id}/complete", {"at": clock.now().isoformat()})
    assert due(1) == 0
