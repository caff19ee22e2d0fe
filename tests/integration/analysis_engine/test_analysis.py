"""From a recorded sample to a stored, explained analysis, by the worker's own way."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

from flask import Flask
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank

FALLING = [(6, 24.0), (30, 20.1), (54, 15.2), (78, 10.4), (102, 8.3)]
FLAT = [(126, 8.2), (138, 8.2), (152, 8.1)]


def record(tank: Tank, curve: list[tuple[int, float]]) -> list[int]:
    ids = []
    for hours, brix in curve:
        answer = tank.record(f"{brix:.1f}", hours=hours)
        assert answer.status_code == 201, answer.text
        ids.append(answer.json["id"])
    return ids


def analysis(tank: Tank) -> dict:  # type: ignore[type-arg]
    answer = tank.api.get(f"/fermentations/{tank.id}/analysis")
    assert answer.status_code == 200
    return answer.json


def troubles(answer: dict) -> list[dict]:  # type: ignore[type-arg]
    """What is wrong with the ferment itself; that its readings are days old is true and beside the point here."""
    return [
        a
        for a in answer["anomalies"]
        if a["severity"] != "info" and a["check"] != "missing_reading"
    ]


def changes(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """What the latest analysis changed about alarms."""
    return [(change["check"], change["what"]) for change in answer["changes"]]


def test_before_the_first_run_the_analysis_is_pending(
    tank: Tank, work_off: Callable[[], int]
) -> None:
    assert analysis(tank)["status"] == "pending"
    work_off()
    assert analysis(tank)["status"] == "pending", "a start without a sample is nothing to analyse"
    record(tank, FALLING[:1])
    assert analysis(tank) == {
        "status": "pending",
        "analyzed_at": None,
        "covers_samples": 0,
        "anomalies": [],
        "recommendations": [],
        "forecast": None,
        "changes": [],
    }


def test_a_stuck_ferment_is_found_explained_and_cleared(
    app: Flask, tank: Tank, work_off: Callable[[], int]
) -> None:
    record(tank, FALLING)
    work_off()
    calm = analysis(tank)
    assert (calm["status"], calm["covers_samples"], troubles(calm)) == ("done", 5, [])
    expected = calm["forecast"]
    assert expected["dry_from"] < expected["dry_at"]
    assert expected["dry_to"] is None or expected["dry_at"] < expected["dry_to"]
    assert expected["brix_24h_low"] < expected["brix_24h"] < expected["brix_24h_high"] < 8.3
    assert not expected["found_dry"]
    assert 0 < expected["p_not_dry_in_time"] < 1

    flat = record(tank, FLAT)
    work_off()
    alarmed = analysis(tank)
    assert alarmed["covers_samples"] == 8
    assert ("stuck", "opened") in changes(alarmed)
    (anomaly,) = troubles(alarmed)
    assert (anomaly["check"], anomaly["severity"]) == ("stuck", "critical")
    assert flat[-1] in anomaly["evidence"]
    assert anomaly["threshold"]["text"]
    assert anomaly["threshold"]["unit"]
    assert anomaly["clears_when"]
    assert anomaly["opened_at"].endswith("+00:00")
    assert [advice["check"] for advice in alarmed["recommendations"]].count("stuck") >= 1

    record(tank, [(164, 8.1)])
    work_off()
    (again,) = troubles(analysis(tank))
    assert again["id"] == anomaly["id"], "one trouble is one anomaly"
    assert again["opened_at"] == anomaly["opened_at"]

    record(tank, [(188, 6.9), (212, 5.2)])
    work_off()
    assert "stuck" not in [trouble["check"] for trouble in analysis(tank)["anomalies"]]
    over = next(one for one in analysis(tank)["changes"] if one["check"] == "stuck")
    assert (over["anomaly_id"], over["what"]) == (anomaly["id"], "cleared")
    assert over["note"]
    browser = Browser(app)
    browser.sign_in("marco")
    page = unescape(browser.client.get(f"/fermentations/{tank.id}").text)
    assert f'<a href="/anomalies/{anomaly["id"]}">{over["title"]}</a>. {over["note"]}' in page


def test_what_stands_about_a_wine_is_told_anew_when_the_winery_speaks_another_language(
    app: Flask, tank: Tank, work_off: Callable[[], int]
) -> None:
    record(tank, FALLING + FLAT)
    work_off()
    (before,) = troubles(analysis(tank))
    changed = tank.api.call("PATCH", "/winery", {"language": "es"}, **{"If-Match": "*"})
    assert changed.status_code == 200, changed.text
    work_off()
    told = analysis(tank)
    (after,) = troubles(told)
    assert (after["id"], after["severity"], after["evidence"]) == (
        before["id"],
        before["severity"],
        before["evidence"],
    )
    assert changes(told) == [], "nothing happened to the wine"
    for words in ("title", "explanation", "clears_when"):
        assert after[words] != before[words]
        assert re.search(r"[0-9]\.[0-9]", after[words]) is None, "a comma, as they write it"
    browser = Browser(app)
    browser.sign_in("marco")
    page = unescape(browser.client.get(f"/fermentations/{tank.id}").text)
    assert f"{after['title'][1:]}</h1>" in page, "the headline says it, too"
    assert before["title"][1:] not in page


def test_a_batch_of_readings_makes_one_analysis(
    tank: Tank, work_off: Callable[[], int], book: Winery, cast: Cast
) -> None:
    record(tank, FALLING)
    work_off()
    with book.worker.transaction(cast.ana.winery_id) as session:
        assert session.scalar(text("SELECT count(*) FROM analyses")) == 1
        assert session.execute(text("SELECT * FROM door_find_pending_events(9)")).all() == []


def test_a_late_reading_is_analysed_at_its_place(tank: Tank, work_off: Callable[[], int]) -> None:
    record(tank, FALLING + FLAT)
    work_off()
    assert [a["check"] for a in troubles(analysis(tank))] == ["stuck"]
    slip = tank.record("18.3", hours=90, confirm=True)
    assert slip.status_code == 201
    work_off()
    assert analysis(tank)["covers_samples"] == 9


def test_an_unchanged_analysis_is_not_sent_twice(tank: Tank, work_off: Callable[[], int]) -> None:
    record(tank, FALLING)
    work_off()
    path = f"/fermentations/{tank.id}/analysis"
    tag = tank.api.get(path).headers["ETag"]
    assert tank.api.get(path, **{"If-None-Match": tag}).status_code == 304
    record(tank, FLAT[:1])
    work_off()
    assert tank.api.get(path, **{"If-None-Match": tag}).status_code == 200


def test_a_neighbours_fermentation_is_not_found(
    tank: Tank, sign_in_api: Callable[[str], Api], work_off: Callable[[], int]
) -> None:
    record(tank, FALLING + FLAT)
    work_off()
    carla = sign_in_api("carla")
    for path in ("", "/samples", "/analysis"):
        assert carla.get(f"/fermentations/{tank.id}{path}").status_code == 404
    assert carla.post(f"/fermentations/{tank.id}/samples", tank.body("9")).status_code == 404
    assert carla.get("/fermentations").json["items"] == []
