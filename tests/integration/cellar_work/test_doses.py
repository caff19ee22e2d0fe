"""Doses: kept as typed, reckoned, asked about when they are unusual and refused when they cannot be."""

import threading
from typing import Any

import pytest

from tests.integration.cellar_work.conftest import Entries


@pytest.mark.parametrize("typed", ["1,5", "1.5"])
def test_a_comma_is_a_point_and_what_was_typed_stays(additions: Entries, typed: str) -> None:
    entry = additions.recorded(dose=typed, unit="kg", volume_l="5000,0")
    assert (entry["dose"], entry["unit"]) == (typed, "kg")
    assert (entry["amount"], entry["counts"], entry["per_litre"]) == (1500, "g", 0.3)


@pytest.mark.parametrize(
    ("dose", "unit", "volume_l", "amount", "counts", "per_litre"),
    [
        ("20", "g_hl", 5000, 1000, "g", 0.2),
        ("200", "mg_l", 5000, 1000, "g", 0.2),
        ("0.2", "g_l", None, None, "g", 0.2),
        ("1", "kg", None, 1000, "g", None),
        ("500", "g", 5000, 500, "g", 0.1),
        ("10", "ml_hl", 5000, 500, "ml", 0.1),
        ("0.5", "l", 5000, 500, "ml", 0.1),
        ("500", "ml", 5000, 500, "ml", 0.1),
    ],
)
def test_a_rate_and_the_whole_tell_each_other(
    additions: Entries,
    dose: str,
    unit: str,
    volume_l: Any,
    amount: Any,
    counts: str,
    per_litre: Any,
) -> None:
    entry = additions.recorded(dose=dose, unit=unit, volume_l=volume_l)
    assert entry["counts"] == counts
    assert entry["amount"] == pytest.approx(amount)
    assert entry["per_litre"] == pytest.approx(per_litre)


@pytest.mark.parametrize("dose", ["", "0", "-5", "<5", "1,085.2", "1e3", "a lot", "NaN", "٣"])
def test_what_is_no_dose_is_refused(additions: Entries, dose: str) -> None:
    refused = additions.record(dose=dose, confirm=True)
    assert refused.status_code == 422
    assert [fault["path"] for fault in refused.json["fields"]] == ["dose"]


@pytest.mark.parametrize("volume", [0, -1, "much", 1e300, True])
def test_what_is_no_volume_is_refused(additions: Entries, volume: Any) -> None:
    refused = additions.record(volume_l=volume, confirm=True)
    assert [fault["path"] for fault in refused.json["fields"]] == ["volume_l"]


def test_more_dap_than_the_law_allows_is_asked_about_all_additions_together(
    additions: Entries,
) -> None:
    additions.recorded(dose="48")
    additions.recorded(dose="0.48", unit="g_l", volume_l=None)
    asked = additions.record(dose="1")
    assert (asked.status_code, asked.json["code"]) == (422, "needs_confirmation")
    assert "0.96 g/L" in asked.json["detail"]
    kept = additions.record(dose="1", confirm=True)
    assert (kept.status_code, kept.json["confirmed"]) == (201, True)
    assert additions.record(dose="1", kind="complex_nutrient").status_code == 201, "another kind"


def test_what_a_correction_replaces_is_not_counted_twice(additions: Entries) -> None:
    entry = additions.recorded(dose="90")
    assert additions.correct(entry["id"], dose="95").status_code == 201
    assert additions.record(dose="5").status_code == 422, "95 and 5 are more than 96"
    assert additions.correct(entry["id"] + 1, dose="90").status_code == 201
    assert additions.record(dose="5").status_code == 201


def test_two_who_add_at_once_see_each_others_dose(additions: Entries) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(additions.record(dose="60").status_code))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201, 422, 422, 422]


def test_an_impossible_dose_is_refused_even_when_confirmed(additions: Entries) -> None:
    refused = additions.record(dose="20", unit="g_l", confirm=True)
    assert (refused.status_code, refused.json["code"]) == (422, "out_of_range")
    assert additions.listed() == []


def test_without_a_volume_the_vessel_tells_the_least_it_comes_to(additions: Entries) -> None:
    api = additions.tank.api
    begun = api.post("/vessels", {"code": "T-77", "capacity_l": 1000})
    assert begun.status_code == 201
    started = additions.tank.started_at.isoformat()
    made = api.post(
        "/fermentations",
        {
            "code": "S",
            "vessel_code": "T-77",
            "yeast_strain": "X",
            "style": "white",
            "started_at": started,
        },
    ).json
    body = additions.body(dose="1", unit="kg", volume_l=None)
    path = f"/fermentations/{made['id']}/additions"
    assert api.post(path, body).status_code == 201
    heavy = additions.body(dose="2", unit="kg", volume_l=None)
    assert api.post(path, heavy).json["code"] == "needs_confirmation"
    heavy = additions.body(dose="20", unit="kg", volume_l=None, confirm=True)
    assert api.post(path, heavy).json["code"] == "out_of_range"
    full = additions.body(dose="1", volume_l=30000)
    asked = api.post(path, full)
    assert [fault["code"] for fault in asked.json["fields"]] == ["more_than_vessel_holds"]


def test_a_pump_that_ran_all_day_is_asked_about(additions: Entries) -> None:
    tank = additions.tank
    body = {
        "client_uuid": "7b0f5f0e-6c39-4a39-8a6c-0d6d3f0c9a11",
        "kind": "pump_over",
        "started_at": tank.started_at.isoformat(),
        "duration_min": 400,
    }
    path = f"/fermentations/{tank.id}/cap-work"
    asked = tank.api.post(path, body)
    assert [fault["code"] for fault in asked.json["fields"]] == ["unusual_duration"]
    assert tank.api.post(path, {**body, "confirm": True}).status_code == 201
    for minutes in (0, 1441, 1.5, "20"):
        assert tank.api.post(path, {**body, "duration_min": minutes}).status_code == 422
