"""Rules are the winery's own: tried on a past vintage before they hold, then switched and moved, by style."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.analysis_engine.test_analysis import FALLING, FLAT, analysis, record
from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank
from tests.integration.fermentation.test_batch import item, send, start
from winery_appliance.analysis_engine import replaying
from winery_appliance.analysis_engine.replaying import run_pending_replays

STOPPED = [24.0, 24.1, 22.5, 20.0, 17.5, 15.0, 12.5, 10.1, 8.0, *[7.9, 8.0] * 4]
WELL = [24.0, 23.6, 21.5, 19.0, 16.4, 13.7, 11.0, 8.4, 5.9, 3.7, 1.8, 0.3, -0.8, -1.5, -1.9, -2.1]


def finish(tank: Tank, code: str, values: list[float]) -> int:
    """A wine of the past; its vintage."""
    wine = start(tank, code, code)
    readings = [
        item(wine, f"{brix:.1f}", hours=1 + 12 * at, confirm=True) for at, brix in enumerate(values)
    ]
    assert {told["status"] for told in send(tank.api, readings)} == {"created"}
    at = (wine.started_at + timedelta(hours=12 * len(values))).isoformat()
    ended = tank.api.post(f"/fermentations/{wine.id}/complete", {"at": at})
    assert ended.status_code == 200, ended.text
    return wine.started_at.year


def change(api: Api, check: str, body: dict[str, Any], style: str = "red", tag: str = "") -> Any:
    path = f"/rules/{check}/{style}"
    seen = tag or api.get(path).headers["ETag"]
    return api.call("PATCH", path, body, **{"If-Match": seen})


def test_a_rule_that_is_switched_off_or_moved_judges_the_running_wines_anew(
    tank: Tank, work_off: Callable[[], int]
) -> None:
    record(tank, FALLING + FLAT)
    work_off()
    kinds = lambda: {a["check"] for a in analysis(tank)["anomalies"]}  # noqa: E731
    assert "stuck" in kinds()
    api = tank.api
    off = change(api, "stuck", {"in_use": False})
    assert off.status_code == 200, off.text
    work_off()
    assert "stuck" not in kinds()
    assert change(api, "stuck", {"in_use": True}, style="white").status_code == 200
    work_off()
    assert "stuck" not in kinds(), "another style is another rule"
    assert change(api, "stuck", {"in_use": True}).status_code == 200
    work_off()
    assert "stuck" in kinds()
    moved = change(api, "stuck", {"limits": {"window_h": 60}})
    assert moved.json["limits"]["window_h"] == 60
    assert moved.json["defaults"]["window_h"] == 48
    assert moved.json["changed_by_name"]
    back = change(api, "stuck", {"limits": {"window_h": None}})
    assert back.json["limits"] == back.json["defaults"]


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"no_such": 1}, "limits.no_such"),
        ({"window_h": 0}, "limits.window_h"),
        ({"window_h": 1e9}, "limits.window_h"),
        ({"chance": 0.95}, "limits.chance"),
    ],
)
def test_limits_that_a_check_cannot_work_with_are_refused(
    tank: Tank, limits: dict[str, float], field: str
) -> None:
    refused = change(tank.api, "stuck", {"limits": limits})
    assert refused.status_code == 422
    assert refused.json["fields"][0]["path"] == field
    rule = tank.api.get("/rules/stuck/red").json
    assert rule["limits"] == rule["defaults"]


def test_who_may_and_who_read_something_older_may_not(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    old = tank.api.get("/rules/temp_high/red").headers["ETag"]
    assert change(tank.api, "temp_high", {"limits": {"high_warning_c": 29}}).status_code == 200
    late = change(tank.api, "temp_high", {"in_use": False}, tag=old)
    assert late.status_code == 412
    cellar = sign_in_api("bruno")
    assert change(cellar, "temp_high", {"in_use": False}).status_code == 403
    assert cellar.post("/replays", {"vintage": 2025}).status_code == 403
    assert tank.api.get("/rules/nothing/red").status_code == 404
    assert tank.api.get("/rules/stuck/purple").status_code == 404
    other = sign_in_api("carla").get("/rules/temp_high/red").json
    assert other["limits"] == other["defaults"], "the neighbour's rules are the neighbour's"


def test_a_past_vintage_says_what_a_rule_would_have_brought(
    tank: Tank, book: Winery, cast: Cast, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(tank, "OLD-1", WELL)
    vintage = finish(tank, "OLD-2", STOPPED)
    held: list[int] = []
    real = replaying.compare_rules

    def watch(*given: Any) -> Any:
        with psycopg.connect(book.url("owner")) as owner:
            row = owner.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
            ).fetchone()
        assert row is not None
        held.append(row[0])
        return real(*given)

    monkeypatch.setattr(replaying, "compare_rules", watch)
    off = [
        {"check": check, "style": "red", "in_use": False}
        for check in ("stuck", "sluggish", "slow_start")
    ]
    asked = tank.api.post("/replays", {"vintage": vintage, "rules": off})
    assert asked.status_code == 202, asked.text
    where = asked.headers["Location"].removeprefix("/api/v1")
    assert tank.api.get(where).json["state"] == "waiting"
    assert run_pending_replays(book.worker) == 1
    assert run_pending_replays(book.worker) == 0
    assert held == [0, 0], "no transaction is held while it computes"
    done = tank.api.get(where).json
    assert (done["state"], done["ferments_done"], done["ferments_total"]) == ("done", 2, 2)
    result = done["result"]
    assert (result["ferments"], result["in_time"]) == (2, 1)
    stuck = [alarm for alarm in result["now"] if alarm["check"] == "stuck"]
    assert [(alarm["code"], alarm["false"]) for alarm in stuck] == [("OLD-2", False)]
    assert not {"stuck", "sluggish", "slow_start"} & {alarm["check"] for alarm in result["then"]}
    rule = tank.api.get("/rules/stuck/red").json
    assert rule["in_use"], "a trial changes nothing"
    with book.worker.transaction(cast.carla.winery_id) as session:
        assert session.scalar(text("SELECT count(*) FROM replays")) == 0
    ana = Browser(app)
    ana.sign_in("ana")
    page = ana.client.get(where.replace("/replays", "/rules/replays")).text
    assert f"0 alarms in 2 ferments of {vintage}" in page
    count = len(result["now"])
    alarms = "1 alarm" if count == 1 else f"{count} alarms"
    assert f"{alarms} in 2 ferments of {vintage}, 0 of them false" in page


def test_the_pages_try_and_save_without_script(tank: Tank, book: Winery, app: Flask) -> None:
    vintage = finish(tank, "OLD-1", WELL)
    ana, vera = Browser(app), Browser(app)
    ana.sign_in("ana")
    vera.sign_in("vera")
    index = ana.client.get("/rules")
    assert index.status_code == 200
    assert "/rules/stuck/red" in index.text
    page = "/rules/temp_high/red"
    shown = ana.client.get(page).text
    version = shown.split('name="version" value="')[1].split('"')[0]
    form = {"csrf_token": ana.token(page), "version": version, "in_use": "yes"}
    tried = ana.client.post(
        f"{page}/replays",
        data=form | {"vintage": str(vintage), "limit_high_warning_c": "29,5"},
    )
    assert tried.status_code == 303, tried.text
    assert "Looking at" in ana.client.get(tried.headers["Location"]).text
    run_pending_replays(book.worker)
    assert "0 alarms in 1 ferments" in ana.client.get(tried.headers["Location"]).text
    wrong = ana.client.post(page, data=form | {"limit_high_warning_c": "hot"})
    assert wrong.status_code == 422
    assert 'value="hot"' in wrong.text
    saved = ana.client.post(page, data=form | {"limit_high_warning_c": "29,5"})
    assert saved.status_code == 303, saved.text
    assert tank.api.get("/rules/temp_high/red").json["limits"]["high_warning_c"] == 29.5
    assert "own limits" in ana.client.get("/rules").text
    assert "Save the rule" not in vera.client.get(page).text
    assert vera.client.post(page, data={"csrf_token": vera.token(page)}).status_code == 403
