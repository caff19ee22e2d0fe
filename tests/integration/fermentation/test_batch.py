"""Many readings at once: each has its own fate, and a batch judges as one reading after the other would."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank


def item(tank: Tank, value: str, **more: Any) -> dict[str, Any]:
    return {"fermentation_id": tank.id, **tank.body(value, **more)}


def send(api: Api, items: list[Any]) -> list[dict[str, Any]]:
    answer = api.post("/samples/batch", {"items": items})
    assert answer.status_code == 200, answer.text
    return list(answer.json["items"])


def statuses(api: Api, items: list[Any]) -> list[str]:
    return [outcome["status"] for outcome in send(api, items)]


def listed(tank: Tank) -> list[str]:
    items = tank.api.get(f"/fermentations/{tank.id}/samples?limit=2000").json["items"]
    return [entry["value"] for entry in items]


def start(tank: Tank, code: str, vessel: str) -> Tank:
    body = {
        "code": code,
        "vessel_code": vessel,
        "yeast_strain": "QA23",
        "style": "red",
        "started_at": tank.started_at.isoformat(),
    }
    answer = tank.api.post("/fermentations", body)
    assert answer.status_code == 201, answer.text
    return Tank(tank.api, answer.json["id"], tank.started_at)


def test_each_reading_has_its_own_fate_in_the_order_sent(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    strangers = start(Tank(sign_in_api("carla"), 0, tank.started_at), "X", "X-1")
    over = start(tank, "OVER", "T-02")
    tank.api.post(f"/fermentations/{over.id}/cancel", {})
    known = tank.body("24.0", hours=1)
    first = tank.send(known).json
    items = [
        {"fermentation_id": tank.id, **known},
        {"fermentation_id": tank.id, **known, "value": "24.1"},
        item(tank, "23.0", hours=10),
        item(tank, "204", hours=11),
        item(tank, "33.0", hours=12),
        item(strangers, "22.0", hours=13),
        item(over, "22.0", hours=13),
        {**item(tank, "22.0", hours=14), "unit": "furlong"},
        "not even an object",
        {**item(tank, "22.0", hours=15), "fermentation_id": 10**30},
        item(tank, "22.5", hours=16),
    ]
    outcomes = send(tank.api, items)
    assert [
        (outcome["status"], (outcome["problem"] or {}).get("code")) for outcome in outcomes
    ] == [
        ("repeated", None),
        ("conflict", "uuid_reused"),
        ("created", None),
        ("refused", "out_of_range"),
        ("needs_confirmation", "needs_confirmation"),
        ("not_found", "not_found"),
        ("conflict", "fermentation_cancelled"),
        ("refused", "invalid"),
        ("refused", "invalid"),
        ("refused", "invalid"),
        ("created", None),
    ]
    assert outcomes[0]["sample"] == first
    assert outcomes[7]["problem"]["fields"][0]["path"] == "unit"
    sent = [entry["client_uuid"] if isinstance(entry, dict) else None for entry in items]
    assert [outcome["client_uuid"] for outcome in outcomes] == sent
    assert listed(tank) == ["24.0", "23.0", "22.5"]
    assert listed(over) == []
    assert outcomes[2]["sample"] in tank.api.get(f"/fermentations/{tank.id}/samples").json["items"]


def test_sent_again_the_whole_batch_is_repeated(tank: Tank, book: Winery, cast: Cast) -> None:
    items = [item(tank, str(24 - n), hours=10 + 20 * n) for n in range(6)]
    first, again = send(tank.api, items), send(tank.api, items)
    assert {outcome["status"] for outcome in first} == {"created"}
    assert {outcome["status"] for outcome in again} == {"repeated"}
    assert [o["sample"] for o in again] == [o["sample"] for o in first]
    with book.app.transaction(cast.ana.winery_id) as session:
        events = session.scalars(text("SELECT event FROM outbox")).all()
    assert sorted(events) == ["FermentationStarted"] + ["SampleRecorded"] * 6 + ["VesselAdded"]


def test_one_by_one_and_in_a_batch_are_the_same_reading(tank: Tank) -> None:
    one = item(tank, "24.0", hours=1)
    assert statuses(tank.api, [one]) == ["created"]
    single = {key: value for key, value in one.items() if key != "fermentation_id"}
    assert tank.send(single).status_code == 200


def test_a_reading_sent_twice_in_one_batch_is_there_once(tank: Tank) -> None:
    one = item(tank, "24.0")
    other = {**one, "value": "23.0"}
    assert statuses(tank.api, [one, one, other]) == ["created", "repeated", "conflict"]
    assert listed(tank) == ["24.0"]
    bad, good = item(tank, "204", hours=9), item(tank, "23.0", hours=20)
    good["client_uuid"] = bad["client_uuid"]
    assert statuses(tank.api, [bad, good]) == ["refused", "created"]


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.generate],
)
@given(
    st.lists(
        st.tuples(st.floats(1, 230), st.floats(-3, 28), st.booleans()), min_size=1, max_size=12
    )
)
def test_a_batch_judges_as_one_reading_after_the_other_would(
    tank: Tank, rows: list[tuple[float, float, bool]]
) -> None:
    tag = uuid4().hex[:8]
    alone, together = start(tank, f"A{tag}", f"A{tag}"), start(tank, f"B{tag}", f"B{tag}")
    bodies = [alone.body(f"{brix:.1f}", hours=hours, confirm=sure) for hours, brix, sure in rows]
    one_by_one = [alone.send(body) for body in bodies]
    fresh = [
        {"fermentation_id": together.id, **body, "client_uuid": str(uuid4())} for body in bodies
    ]
    outcomes = send(tank.api, fresh)
    assert [outcome["status"] == "created" for outcome in outcomes] == [
        answer.status_code == 201 for answer in one_by_one
    ]
    for outcome, answer in zip(outcomes, one_by_one, strict=True):
        if answer.status_code != 201:
            assert outcome["problem"]["fields"] == answer.json["fields"]
    assert listed(together) == listed(alone)


def test_a_row_the_database_refuses_stops_no_other(tank: Tank, book: Winery) -> None:
    with psycopg.connect(book.url("owner")) as connection:
        connection.execute("ALTER TABLE samples ADD CHECK (value_typed <> '13.1')")
    items = [item(tank, value, hours=h) for value, h in (("24.0", 1), ("13.1", 100), ("9.0", 200))]
    outcomes = send(tank.api, items)
    assert [outcome["status"] for outcome in outcomes] == ["created", "refused", "created"]
    assert outcomes[1]["problem"]["code"] == "not_storable"
    assert listed(tank) == ["24.0", "9.0"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": []},
        {"items": {}},
        {"items": [{}] * 501},
        {"items": [{}], "more": 1},
        [],
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(tank: Tank, body: Any) -> None:
    answer = tank.api.post("/samples/batch", body)
    assert answer.status_code == 422


def test_the_same_batch_sent_by_many_at_once_is_there_once(tank: Tank) -> None:
    items = [item(tank, f"{24 - n * 0.5:.1f}", hours=10 + 5 * n) for n in range(20)]
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.append(statuses(tank.api, items))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for position in range(20):
        fates = sorted(fate[position] for fate in found)
        assert fates == ["created"] + ["repeated"] * 5
    assert len(listed(tank)) == 20


def test_a_batch_makes_one_analysis_of_each_fermentation(
    tank: Tank, work_off: Callable[[], int]
) -> None:
    other = start(tank, "26-TEM-02", "T-02")
    items = [
        item(where, str(24 - n), hours=10 + 20 * n) for where in (tank, other) for n in range(5)
    ]
    assert set(statuses(tank.api, items)) == {"created"}
    work_off()
    for where in (tank, other):
        found = tank.api.get(f"/fermentations/{where.id}/analysis").json
        assert found["covers_samples"] == 5


def test_the_number_of_statements_does_not_grow_with_the_batch(tank: Tank) -> None:
    from sqlalchemy import event

    engine = tank.api.app.extensions["winery_database"].engine
    counts = []
    for size in (5, 100):
        seen: list[str] = []
        listener = lambda *args, seen=seen: seen.append(args[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", listener)
        at = tank.started_at + timedelta(hours=100 + size / 10)
        items = [
            {**item(tank, "15.0"), "measured_at": (at + timedelta(seconds=n)).isoformat()}
            for n in range(size)
        ]
        assert set(statuses(tank.api, items)) == {"created"}
        event.remove(engine, "before_cursor_execute", listener)
        counts.append(len(seen))
    assert counts[0] == counts[1]
