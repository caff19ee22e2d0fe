"""Recording a sample by the API: what is accepted, refused, asked, and what a retry does."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock


def test_a_sample_is_kept_as_typed_with_its_canonical_value(tank: Tank) -> None:
    answer = tank.record("1,083", unit="sg")
    assert answer.status_code == 201
    body = answer.json
    assert body["value"] == "1,083"
    assert body["unit"] == "sg"
    assert body["canonical_unit"] == "kg_m3"
    assert body["canonical_value"] == pytest.approx(1081.06, abs=0.01)
    assert body["measured_at"].endswith("+00:00")
    listed = tank.api.get(f"/fermentations/{tank.id}/samples").json
    assert listed == {"items": [body], "next_cursor": None}


def test_a_retry_gets_the_first_result_and_changes_nothing(tank: Tank) -> None:
    body = tank.body("24.0")
    first = tank.send(body)
    again = tank.send({**body, "confirm": True})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    assert len(tank.api.get(f"/fermentations/{tank.id}/samples").json["items"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"value": "23.9"},
        {"value": "24.00"},
        {"unit": "kmw", "value": "24.0"},
        {"qualifier": "<"},
        {"sample_temperature": 18},
    ],
)
def test_another_body_under_the_same_uuid_is_refused(tank: Tank, change: dict[str, str]) -> None:
    body = tank.body("24.0")
    assert tank.send(body).status_code == 201
    answer = tank.send({**body, **change, "confirm": True})
    assert answer.status_code == 409
    assert answer.mimetype == "application/problem+json"
    assert answer.json["code"] == "uuid_reused"


def test_the_same_moment_in_another_zone_is_the_same_body(tank: Tank) -> None:
    body = tank.body("24.0")
    assert tank.send(body).status_code == 201
    moment = (tank.started_at + timedelta(hours=1)).astimezone(clock.now().astimezone().tzinfo)
    assert tank.send({**body, "measured_at": moment.isoformat()}).status_code == 200


def test_the_same_uuid_in_another_fermentation_is_refused(tank: Tank) -> None:
    other = tank.api.post(
        "/fermentations",
        {
            "code": "26-TEM-02",
            "vessel_code": "T-02",
            "yeast_strain": "EC-1118",
            "style": "red",
            "started_at": tank.started_at.isoformat(),
        },
    ).json["id"]
    body = tank.body("24.0")
    assert tank.send(body).status_code == 201
    assert tank.api.post(f"/fermentations/{other}/samples", body).status_code == 409


def test_uuids_are_unique_per_winery_only(tank: Tank, sign_in_api: Callable[[str], Api]) -> None:
    carla = sign_in_api("carla")
    hers = carla.post(
        "/fermentations",
        {
            "code": "26-TEM-01",
            "vessel_code": "T-01",
            "yeast_strain": "EC-1118",
            "style": "red",
            "started_at": tank.started_at.isoformat(),
        },
    )
    assert hers.status_code == 201
    body = tank.body("24.0")
    assert tank.send(body).status_code == 201
    assert carla.post(f"/fermentations/{hers.json['id']}/samples", body).status_code == 201


@pytest.mark.parametrize(
    ("value", "unit", "code"),
    [
        ("204", "brix", "out_of_range"),
        ("-5.1", "brix", "out_of_range"),
        ("1.3", "sg", "out_of_range"),
        ("1.234,5", "brix", "unreadable_number"),
        ("NaN", "brix", "unreadable_number"),
        ("1e1", "brix", "unreadable_number"),
        ("24", "celsius", "wrong_unit"),
    ],
)
def test_what_cannot_be_is_refused(tank: Tank, value: str, unit: str, code: str) -> None:
    answer = tank.record(value, unit=unit, confirm=True)
    assert answer.status_code == 422
    assert answer.json["code"] == code
    assert answer.json["fields"]
    assert tank.api.get(f"/fermentations/{tank.id}/samples").json["items"] == []


def test_what_is_unusual_is_asked_once(tank: Tank) -> None:
    body = tank.body("31.5")
    asked = tank.send(body)
    assert asked.status_code == 422
    assert asked.json["code"] == "needs_confirmation"
    kept = tank.send({**body, "confirm": True})
    assert kept.status_code == 201
    assert kept.json["confirmed"] is True
    assert tank.send(body).status_code == 200, "a retry is not asked again"


def test_sugar_that_rises_is_asked_about(tank: Tank) -> None:
    assert tank.record("20.0", hours=60).status_code == 201
    answer = tank.record("21.5", hours=72)
    assert answer.json["code"] == "needs_confirmation"
    assert [field["code"] for field in answer.json["fields"]] == ["sugar_rose"]


def test_a_young_red_may_gain_sugar_from_its_skins(tank: Tank) -> None:
    assert tank.record("23.0", hours=2).status_code == 201
    assert tank.record("24.5", hours=20).status_code == 201


def test_a_reading_that_arrives_late_is_judged_by_both_neighbours(tank: Tank) -> None:
    assert tank.record("24.0", hours=2).status_code == 201
    assert tank.record("20.0", hours=100).status_code == 201
    assert tank.record("22.0", hours=50).status_code == 201
    answer = tank.record("15.0", hours=51)
    assert {field["code"] for field in answer.json["fields"]} == {
        "sugar_fell_too_fast",
        "sugar_rose",
    }


@pytest.mark.parametrize(("hours", "code"), [(-2, "before_start"), (24 * 11, "in_future")])
def test_readings_outside_the_fermentation_are_refused(tank: Tank, hours: float, code: str) -> None:
    answer = tank.record("24.0", hours=hours, confirm=True)
    assert (answer.status_code, answer.json["code"]) == (422, code)


@pytest.mark.parametrize(
    "change",
    [
        {"measured_at": "2026-09-01T08:00:00"},
        {"measured_at": "0001-01-01T00:00:00+00:00"},
        {"measured_at": "9999-12-31T23:59:59+00:00"},
        {"value": 24.0},
        {"value": "24\x00"},
        {"value": "\ud800"},
        {"value": ""},
        {"value": "2" * 500},
        {"client_uuid": "not-a-uuid"},
        {"sample_type": "colour"},
        {"unit": "furlong"},
        {"qualifier": "~"},
        {"sample_temperature": 99},
        {"surprise": 1},
    ],
)
def test_malformed_bodies_are_refused_with_the_field(tank: Tank, change: dict[str, object]) -> None:
    answer = tank.send({**tank.body("24.0"), **change})
    assert answer.status_code == 422, answer.text
    assert answer.json["fields"][0]["path"] == next(iter(change))


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[" * 100_000, b'{"value": NaN}', b"\xff\xfe", b"[]", b"null", b'"x"']
)
def test_bodies_that_are_no_json_object_are_refused(tank: Tank, raw: bytes) -> None:
    answer = tank.api.app.test_client().post(
        f"/api/v1/fermentations/{tank.id}/samples",
        data=raw,
        content_type="application/json",
        headers={"Authorization": f"Bearer {tank.api.token}"},
    )
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"


def test_a_body_that_is_too_large_is_refused(tank: Tank) -> None:
    answer = tank.send({**tank.body("24.0"), "value": "2" * 2_000_000})
    assert answer.status_code == 413
    assert answer.mimetype == "application/problem+json"


def test_the_same_reading_sent_by_ten_at_once_is_there_once(tank: Tank, book: Winery) -> None:
    body = tank.body("24.0")
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(tank.send(body).status_code))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 9 + [201]
    assert len(tank.api.get(f"/fermentations/{tank.id}/samples").json["items"]) == 1
    with book.worker.transaction() as session:
        pending = session.execute(text("SELECT * FROM door_find_pending_events(100)")).all()
    assert len(pending) == 3, "one event each for the vessel, the start and the sample"


def test_a_refused_sample_leaves_no_event(tank: Tank, book: Winery, cast: Cast) -> None:
    tank.record("204")
    with book.app.transaction(cast.ana.winery_id) as session:
        events = session.scalars(text("SELECT event FROM outbox")).all()
    assert events == ["VesselAdded", "FermentationStarted"]


def test_censored_results_keep_their_qualifier(tank: Tank) -> None:
    body = tank.record("<0,3", sample_type="malic", unit="g_l", confirm=True).json
    assert (body["value"], body["qualifier"]) == ("<0,3", "<")
    assert body["canonical_value"] == pytest.approx(0.3)


def test_a_hydrometer_reading_is_corrected_to_20_degrees(tank: Tank) -> None:
    warm = tank.record("1.0800", unit="sg", sample_temperature=30).json
    plain = tank.record("1.0800", unit="sg", hours=1.1, confirm=True).json
    assert warm["canonical_value"] > plain["canonical_value"] + 2


def test_pages_of_a_list_hold_everything_once(tank: Tank) -> None:
    for n in range(7):
        assert tank.record(str(24 - n), hours=10 + 24 * n).status_code == 201
    seen, cursor = [], ""
    while True:
        answer = tank.api.get(f"/fermentations/{tank.id}/samples?limit=3{cursor}").json
        seen += [item["value"] for item in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert seen == ["24", "23", "22", "21", "20", "19", "18"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=99999999999", "cursor=zzz", "cursor=W10="]
)
def test_odd_queries_are_refused(tank: Tank, query: str) -> None:
    answer = tank.api.get(f"/fermentations/{tank.id}/samples?{query}")
    assert answer.status_code == 422


def test_an_unknown_fermentation_is_not_found(tank: Tank) -> None:
    assert tank.api.get("/fermentations/999999/samples").status_code == 404
    huge = tank.api.get(f"/fermentations/{10**30}/samples")
    assert huge.status_code == 404


def test_uuid_is_free_again_after_a_refusal(tank: Tank) -> None:
    body = tank.body("204")
    assert tank.send(body).status_code == 422
    assert tank.send({**body, "value": "20.4"}).status_code == 201
