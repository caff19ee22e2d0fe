"""Past readings follow the book: whatever happened, what the worker kept is what a rebuilding makes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api
from winery_appliance.core import clock
from winery_appliance.entrypoints.reactions import REACTIONS
from winery_appliance.fermentation.events import FermentationEvent
from winery_appliance.historical_data.events import HistoryOutdated
from winery_appliance.historical_data.handlers import record_history
from winery_appliance.historical_data.projection import Rebuilt, rebuild_history

VARIETIES = ("Tempranillo", "Graciano", "Garnacha")
START = (clock.now() - timedelta(days=20)).replace(microsecond=0)


class Cellar:
    """A winery with three lots, and fermentations that started from them."""

    def __init__(self, api: Api, book: Winery, winery_id: int, work_off: Callable[[], int]) -> None:
        self.api, self.book, self.winery_id, self.work_off = api, book, winery_id, work_off
        self.lots = []
        assert api.post("/vineyards", {"code": "ALTO", "name": "Alto"}).status_code == 201
        for n, variety in enumerate(VARIETIES):
            lot = {"vineyard_code": "ALTO", "code": f"L{n}", "variety": variety, "vintage": "2026"}
            lot |= {"harvested_on": "2026-09-01", "kg_harvested": 4000}
            self.lots.append(api.post("/harvest-lots", lot).json["id"])
        self.wines = [
            self.start("A", {"L0": 60, "L1": 40}),
            self.start("B", {"L2": 100}),
            self.start("C", {}),
        ]

    def start(self, code: str, lots: dict[str, int]) -> int:
        """A wine of 1000 l in a vessel of its own."""
        body = {"code": code, "vessel_code": f"T-{code}", "yeast_strain": "QA23", "style": "red"}
        body["started_at"] = START.isoformat()
        if lots:
            body |= {  # type: ignore[assignment]
                "start_volume_l": 1000,
                "lot_sources": [
                    {"harvest_lot_code": lot, "percentage": part} for lot, part in lots.items()
                ],
            }
        made = self.api.post("/fermentations", body)
        assert made.status_code == 201, made.text
        return int(made.json["id"])

    def do(self, path: str, body: dict[str, Any] | None = None) -> int:
        """POST; refusals are part of life, faults are not."""
        answer = self.api.post(path, {} if body is None else body)
        assert answer.status_code < 500, answer.text
        return answer.status_code

    def record(self, wine: int, hours: int) -> int:
        """A sugar reading so many hours after the start."""
        value = f"{max(24 - hours / 6, -1.5):.1f}"
        body = {"client_uuid": str(uuid4()), "sample_type": "sugar", "value": value}
        body |= {"unit": "brix", "measured_at": (START + timedelta(hours=hours)).isoformat()}
        return self.do(f"/fermentations/{wine}/samples", body)

    def mend(self, wine: int, which: int, how: str) -> int:
        """Correct or void one of the current readings; 404 when there is none."""
        items = self.api.get(f"/fermentations/{wine}/samples").json["items"]
        if not items:
            return 404
        body: dict[str, Any] = {"client_uuid": str(uuid4()), "reason": "slip"}
        if how == "correct":
            body |= {"value": "19.5", "unit": "brix", "confirm": True}
        status = self.do(f"/samples/{items[which % len(items)]['id']}/{how}", body)
        assert status == 201
        return status

    def rename(self, lot: int, variety: str) -> int:
        """Put a lot's variety right."""
        path = f"/harvest-lots/{self.lots[lot]}"
        answer = self.api.call("PATCH", path, {"variety": variety}, **{"If-Match": "*"})
        return answer.status_code

    def read(self) -> list[tuple[Any, ...]]:
        """Every past reading."""
        with self.book.app.transaction(self.winery_id) as session:
            return [
                tuple(row)
                for row in session.execute(text("SELECT * FROM historical_samples ORDER BY id"))
            ]

    def resize(self, which: int, litres: int) -> int:
        """Put right what a vessel holds."""
        vessels = self.api.get("/vessels").json["items"]
        path = f"/vessels/{vessels[which]['id']}"
        body = {"capacity_l": litres}
        return self.api.call("PATCH", path, body, **{"If-Match": "*"}).status_code

    def read_drawn(self) -> list[tuple[Any, ...]]:
        """Every curve and every pattern, but for when it was written."""
        curves = "SELECT to_jsonb(p) - 'written_at' FROM past_ferments p ORDER BY fermentation_id"
        patterns = (
            "SELECT to_jsonb(p) - 'written_at' - 'id' FROM patterns p"
            " ORDER BY varietal, style, vessel_size"
        )
        with self.book.app.transaction(self.winery_id) as session:
            return [tuple(r) for sql in (curves, patterns) for r in session.execute(text(sql))]

    def read_varietals(self) -> dict[int, str | None]:
        """What each past wine is called."""
        with self.book.app.transaction(self.winery_id) as session:
            rows = session.execute(text("SELECT fermentation_id, varietal FROM historical_samples"))
            return {row.fermentation_id: row.varietal for row in rows}


@pytest.fixture
def cellar(
    sign_in_api: Callable[[str], Api], book: Winery, cast: Cast, work_off: Callable[[], int]
) -> Cellar:
    return Cellar(sign_in_api("ana"), book, cast.ana.winery_id, work_off)


WINE = st.integers(0, 2)
STEPS = st.one_of(
    st.tuples(st.just("record"), WINE, st.integers(1, 200)),
    st.tuples(st.sampled_from(["correct", "void"]), WINE, st.integers(0, 9)),
    st.tuples(st.sampled_from(["complete", "reopen"]), WINE, st.just(0)),
    st.tuples(st.just("rename"), WINE, st.integers(0, 2)),
    st.tuples(st.just("resize"), WINE, st.sampled_from([500, 3000, 30000])),
)


@settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(STEPS, st.booleans()), min_size=4, max_size=12))
def test_what_the_worker_kept_is_what_a_rebuilding_makes(
    cellar: Cellar, steps: list[tuple[tuple[str, int, int], bool]]
) -> None:
    done = [cellar.record(wine, hours) for wine in cellar.wines for hours in (12, 60, 110, 150)]
    for (verb, which, number), work_now in steps:
        wine = cellar.wines[which]
        if verb == "record":
            done.append(cellar.record(wine, number))
        elif verb in {"correct", "void"}:
            done.append(cellar.mend(wine, number, verb))
        elif verb == "rename":
            done.append(cellar.rename(which, VARIETIES[number]))
        elif verb == "resize":
            done.append(cellar.resize(which, number))
        else:
            done.append(cellar.do(f"/fermentations/{wine}/{verb}"))
        if work_now:
            cellar.work_off()
    compare(cellar, (steps, done))
    for wine in cellar.wines:
        cellar.do(f"/fermentations/{wine}/complete")
    compare(cellar, "all completed")


def compare(cellar: Cellar, told: object) -> None:
    """Past readings are what is current of completed wines; a rebuilding changes none of them, and no pattern."""
    cellar.work_off()
    kept, drawn = cellar.read(), cellar.read_drawn()
    over = [
        wine
        for wine in cellar.wines
        if cellar.api.get(f"/fermentations/{wine}").json["status"] == "completed"
    ]
    current = {
        item["id"]
        for wine in over
        for item in cellar.api.get(f"/fermentations/{wine}/samples?limit=2000").json["items"]
    }
    assert {row[0] for row in kept} == current, told
    rebuilt = rebuild_history(cellar.book.worker, cellar.winery_id)
    assert (rebuilt.fermentations, rebuilt.samples) == (len(over), len(kept))
    assert cellar.read() == kept, told
    assert cellar.read_drawn() == drawn, told


def test_readings_come_with_the_end_and_go_when_it_is_withdrawn(cellar: Cellar) -> None:
    a, b, c = cellar.wines
    for wine in (a, b, c):
        assert [cellar.record(wine, hours) for hours in (1, 30)] == [201, 201]
    cellar.work_off()
    assert cellar.read() == []
    for wine in (a, b, c):
        assert cellar.do(f"/fermentations/{wine}/complete") == 200
    cellar.work_off()
    assert cellar.read_varietals() == {a: "Graciano, Tempranillo", b: "Garnacha", c: None}
    assert cellar.mend(a, 0, "correct") == 201
    assert cellar.mend(b, 0, "void") == 201
    cellar.work_off()
    listed = cellar.api.get("/historical_samples").json["items"]
    assert sum(item["fermentation_id"] == b for item in listed) == 1
    current = cellar.api.get(f"/fermentations/{a}/samples").json["items"]
    assert [item["id"] for item in listed if item["fermentation_id"] == a] == [
        item["id"] for item in current
    ]
    assert cellar.do(f"/fermentations/{a}/reopen") == 200
    cellar.work_off()
    assert set(cellar.read_varietals()) == {b, c}


def test_the_fruit_of_a_wine_is_told_of_those_that_came_from_it(cellar: Cellar) -> None:
    a = cellar.wines[0]
    body = {
        "client_uuid": str(uuid4()),
        "moved_at": (START + timedelta(hours=40)).isoformat(),
        "code": "A2",
        "flows": [{"to_vessel_code": "T-A2", "volume_l": 400}],
    }
    assert cellar.do("/vessels", {"code": "T-A2"}) == 201
    split = cellar.api.post(f"/fermentations/{a}/split", body)
    assert split.status_code == 201, split.text
    child = next(
        item["id"]
        for item in cellar.api.get("/fermentations").json["items"]
        if item["code"] == "A2"
    )
    for wine in (a, child):
        assert cellar.record(wine, 50) == 201
        assert cellar.do(f"/fermentations/{wine}/complete") == 200
    cellar.work_off()
    assert set(cellar.read_varietals().values()) == {"Graciano, Tempranillo"}
    assert cellar.rename(1, "Mazuelo") == 200
    cellar.work_off()
    assert cellar.read_varietals() == dict.fromkeys((a, child), "Mazuelo, Tempranillo")


def test_a_rebuilding_mends_whatever_is_wrong(cellar: Cellar) -> None:
    a, b, _ = cellar.wines
    for wine in (a, b):
        assert cellar.record(wine, 1) == 201
        assert cellar.do(f"/fermentations/{wine}/complete") == 200
    cellar.work_off()
    right = cellar.read()
    with psycopg.connect(cellar.book.url("owner")) as connection:
        connection.execute("SELECT set_config('winery.id', %s, true)", (str(cellar.winery_id),))
        connection.execute("UPDATE historical_samples SET value = value + 1, varietal = 'x'")
        connection.execute("UPDATE fermentations SET deleted_at = now() WHERE id = %s", (b,))
    assert rebuild_history(cellar.book.worker, cellar.winery_id) == Rebuilt(1, 1)
    assert cellar.read() == [row for row in right if row[2] == a]


def test_only_the_worker_writes_history(book: Winery, cast: Cast) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        book.app.transaction(cast.ana.winery_id) as session,
    ):
        session.execute(text("DELETE FROM historical_samples"))


def test_whatever_happens_to_a_wine_its_history_is_looked_at_first() -> None:
    book_keeping = {FermentationEvent.__module__, HistoryOutdated.__module__}
    of_wines = [
        event
        for event in REACTIONS
        if event.__module__ in book_keeping and issubclass(event, FermentationEvent)
    ]
    assert len(of_wines) >= 13
    assert [event for event in of_wines if REACTIONS[event][:1] != [record_history]] == []


def test_history_is_filtered_paged_and_the_neighbours_is_not_there(
    cellar: Cellar, sign_in_api: Callable[[str], Api]
) -> None:
    a, b, _ = cellar.wines
    for wine in (a, b):
        for hours in (1, 30, 60):
            assert cellar.record(wine, hours) == 201
        assert cellar.do(f"/fermentations/{wine}/complete") == 200
    cellar.work_off()
    everything = cellar.api.get("/historical_samples").json
    assert (len(everything["items"]), everything["next_cursor"]) == (6, None)
    first = everything["items"][0]
    assert (first["unit"], first["source"], first["qualifier"]) == ("kg_m3", "live", None)
    paged: list[Any] = []
    cursor = ""
    while True:
        page = cellar.api.get(f"/historical_samples?limit=2{cursor}").json
        paged += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert paged == everything["items"]
    for query, found in (
        ("varietal=Garnacha", 3),
        ("varietal=Merlot", 0),
        (f"fermentation_id={a}", 3),
        ("source=imported", 0),
        ("sample_type=temperature", 0),
        (f"since={(START + timedelta(hours=30)).isoformat().replace('+', '%2B')}", 4),
        (f"until={(START + timedelta(hours=30)).isoformat().replace('+', '%2B')}", 2),
    ):
        answer = cellar.api.get(f"/historical_samples?{query}")
        assert len(answer.json["items"]) == found, query
    for wrong in ("source=typed", "cursor=x", "fermentation_id=-1", "since=yesterday"):
        assert cellar.api.get(f"/historical_samples?{wrong}").status_code == 422, wrong
    assert sign_in_api("carla").get("/historical_samples").json["items"] == []
