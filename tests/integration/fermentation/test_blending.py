"""A wine is split, wines are blended, and what each consists of follows the litres there and back."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api
from winery_appliance.core import clock

BEGAN = (clock.now() - timedelta(days=10)).replace(microsecond=0)


def at(hours: float) -> datetime:
    return BEGAN + timedelta(hours=hours)


@pytest.fixture
def api(sign_in_api: Callable[[str], Api]) -> Api:
    """Two lots from two blocks, empty vessels T-01 to T-05 of 5000 L and barrels F-01 and F-02."""
    api = sign_in_api("ana")
    vineyard = api.post("/vineyards", {"code": "ALTO", "name": "Alto"})
    assert vineyard.status_code == 201
    for n in (1, 2):
        block = {"vineyard_code": "ALTO", "code": str(n)}
        assert api.post("/vineyard-blocks", block).status_code == 201
        lot = {
            "code": f"L{n}",
            "vineyard_code": "ALTO",
            "block_code": str(n),
            "variety": "Tempranillo",
            "vintage": "2026",
            "harvested_on": f"{BEGAN:%Y-%m-%d}",
            "kg_harvested": 5000,
        }
        made = api.post("/harvest-lots", lot)
        assert made.status_code == 201, made.text
    for code in ("T-01", "T-02", "T-03", "T-04", "T-05"):
        assert api.post("/vessels", {"code": code, "capacity_l": 5000}).status_code == 201
    for code in ("F-01", "F-02"):
        barrel = {"code": code, "kind": "barrel", "capacity_l": 225}
        assert api.post("/vessels", barrel).status_code == 201
    return api


def start(api: Api, code: str, vessel: str, litres: float | None, **shares: float) -> int:
    body = {
        "code": code,
        "vessel_code": vessel,
        "yeast_strain": "D254",
        "style": "red",
        "started_at": BEGAN.isoformat(),
        "lot_sources": [{"harvest_lot_code": k, "percentage": v} for k, v in shares.items()],
    }
    made = api.post("/fermentations", body | ({"start_volume_l": litres} if litres else {}))
    assert made.status_code == 201, made.text
    wine_id: int = made.json["id"]
    return wine_id


def part(to: str | None, litres: Any = None, **more: Any) -> dict[str, Any]:
    given = {"to_vessel_code": to, "volume_l": litres, **more}
    return {name: value for name, value in given.items() if value is not None}


def send(api: Api, path: str, hours: float, *parts: dict[str, Any], **more: Any) -> TestResponse:
    body = {"client_uuid": str(uuid4()), "moved_at": at(hours).isoformat(), "flows": parts, **more}
    return api.post(f"/fermentations/{path}", body)


def split(
    api: Api, wine: int, code: str, *parts: dict[str, Any], hours: float = 50, **more: Any
) -> TestResponse:
    return send(api, f"{wine}/split", hours, *parts, code=code, **more)


def blend(
    api: Api, into: int, *parts: dict[str, Any], hours: float = 60, **more: Any
) -> TestResponse:
    return send(api, f"{into}/blend", hours, *parts, **more)


def child_of(transfer: TestResponse) -> int:
    assert transfer.status_code == 201, transfer.text
    wine_id: int = transfer.json["flows"][0]["to_fermentation_id"]
    return wine_id


def read(api: Api, wine: int) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/fermentations/{wine}").json
    return found


def shares(api: Api, path: str, **query: str) -> dict[str, tuple[float, float | None]]:
    answer = api.get(f"/{path}/origin" + ask(query))
    assert answer.status_code == 200, answer.text
    found = answer.json
    given = {
        each["harvest_lot"]["code"]: (each["percentage"], each["volume_l"])
        for each in found["composition"]
    }
    total = sum(Decimal(str(share)) for share, _ in given.values())
    assert total + Decimal(str(found["unrecorded_percentage"])) == 100
    return given


def ask(query: dict[str, str]) -> str:
    told = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in query.items())
    return f"?{told}" if told else ""


def reached(api: Api, path: str, **query: str) -> dict[str, tuple[float, float | None]]:
    answer = api.get(f"/{path}" + ask(query))
    assert answer.status_code == 200, answer.text
    return {one["code"]: (one["share_percentage"], one["share_l"]) for one in answer.json["items"]}


class TestSplit:
    """A part of a wine is a wine of its own from then on."""

    def test_the_part_has_its_own_code_and_the_rest_stays(self, api: Api) -> None:
        wine = start(api, "A", "T-01", 3000, L1=60, L2=40)
        made = split(api, wine, "A1", part("T-02", 1000))
        child = read(api, child_of(made))
        assert (made.json["kind"], made.json["flows"][0]["empties"]) == ("split", False)
        assert (child["code"], child["style"], child["yeast_strain"]) == ("A1", "red", "D254")
        assert (child["vessel_codes"], child["status"]) == (["T-02"], "active")
        assert child["started_at"] == made.json["moved_at"]
        assert (child["start_volume_l"], child["lot_sources"]) == (0, [])
        assert shares(api, f"fermentations/{child['id']}") == {"L1": (60, 600), "L2": (40, 400)}
        assert shares(api, f"fermentations/{wine}") == {"L1": (60, 1200), "L2": (40, 800)}
        assert read(api, wine)["vessel_codes"] == ["T-01"]

    def test_a_barrel_becomes_a_wine_where_it_lies(self, api: Api) -> None:
        wine = start(api, "A", "T-01", 450, L1=100)
        to = [{"vessel_code": code, "volume_l": 225} for code in ("F-01", "F-02")]
        pressed = {"client_uuid": str(uuid4()), "moved_at": at(40).isoformat(), "to": to}
        assert api.post(f"/fermentations/{wine}/move", pressed).status_code == 201
        stays = split(api, wine, "A1", part("F-02", 100, from_vessel_code="F-02"))
        assert stays.json["fields"][0]["code"] == "same_vessel"
        child = child_of(split(api, wine, "A1", part("F-02", from_vessel_code="F-02")))
        assert read(api, wine)["vessel_codes"] == ["F-01"]
        assert read(api, child)["vessel_codes"] == ["F-02"]

    def test_what_is_said_to_stay_nowhere_was_lees(self, api: Api) -> None:
        wine = start(api, "A", "T-01", 3000)
        child = child_of(split(api, wine, "A1", part("T-02", 2900, empties=True)))
        assert (read(api, wine)["status"], read(api, wine)["ended_at"]) == (
            "completed",
            read(api, child)["started_at"],
        )
        assert start(api, "B", "T-03", 10)

    def test_the_same_body_again_changes_nothing(self, api: Api) -> None:
        wine = start(api, "A", "T-01", 3000)
        same = {"client_uuid": str(uuid4())}
        first = split(api, wine, "A1", part("T-02", 10), **same)
        again = split(api, wine, "A1", part("T-02", 10), **same)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json == first.json
        other = split(api, wine, "A2", part("T-02", 10), **same)
        assert (other.status_code, other.json["code"]) == (409, "uuid_reused")

    @pytest.mark.parametrize(
        ("parts", "more", "status", "code", "path"),
        [
            ([part("T-09", 1)], {}, 422, "unknown_vessel", "flows.0.to_vessel_code"),
            ([part("T-02", "3000.001")], {}, 422, "more_than_there_was", "flows.0.volume_l"),
            (
                [part("T-02", 2000), part("T-03", 1001)],
                {},
                422,
                "more_than_there_was",
                "flows.0.volume_l",
            ),
            ([part("T-02"), part("T-03", 1)], {}, 422, "volume_needed", "flows.0.volume_l"),
            ([part("F-01", 1000)], {}, 422, "over_capacity", "flows.0.volume_l"),
            ([part("T-01", 1000)], {}, 422, "same_vessel", "flows.0.to_vessel_code"),
            ([part("T-02", 1), part("t-02", 1)], {}, 422, "flow_twice", "flows.1"),
            ([part(None, 1)], {}, 422, "missing", "flows.0.to_vessel_code"),
            (
                [part("T-02", 1, from_vessel_code="T-05")],
                {},
                422,
                "not_in_vessel",
                "flows.0.from_vessel_code",
            ),
            ([], {}, 422, "too_short", "flows"),
            ([part("T-02", 1)], {"code": "a"}, 409, "taken", "code"),
            ([part("T-05", 1)], {}, 409, "occupied", "to"),
            ([part("T-02", 1)], {"hours": 0}, 422, "before_start", "moved_at"),
            ([part("T-02", 1)], {"hours": 480}, 422, "in_future", "moved_at"),
        ],
    )
    def test_what_cannot_be_is_refused_and_nothing_is_saved(
        self, api: Api, parts: Any, more: Any, status: int, code: str, path: str
    ) -> None:
        wine = start(api, "A", "T-01", 3000)
        start(api, "B", "T-05", 3000)
        more = dict(more)
        refused = split(api, wine, more.pop("code", "A1"), *parts, **more)
        assert (refused.status_code, refused.json["fields"][0]["code"]) == (status, code)
        assert refused.json["fields"][0]["path"] == path
        assert api.get("/transfers").json["items"] == []
        assert {wine["code"] for wine in api.get("/fermentations").json["items"]} == {"A", "B"}

    def test_litres_that_nobody_knows_are_asked_for(self, api: Api) -> None:
        wine = start(api, "A", "T-01", None, L1=100)
        refused = split(api, wine, "A1", part("T-02"))
        assert refused.json["fields"][0]["code"] == "volume_needed"
        assert "litres of A leave T-01" in refused.json["detail"]
        child = child_of(split(api, wine, "A1", part("T-02", 500)))
        assert shares(api, f"fermentations/{child}") == {"L1": (100, 500)}
        assert shares(api, f"fermentations/{wine}") == {"L1": (100, None)}


class TestBlend:
    """Wines go into one of them or into a new one."""

    def test_the_shares_are_weighed_by_litres_at_each_moment(self, api: Api) -> None:
        first, second = start(api, "A", "T-01", 3000, L1=100), start(api, "B", "T-02", 1000, L2=100)
        made = blend(api, second, part(None, 500, fermentation_code="a"))
        assert (made.status_code, made.json["kind"]) == (201, "blend")
        again = blend(api, second, part("T-02", 1500, fermentation_code="A"), hours=70)
        assert again.status_code == 201
        path = f"fermentations/{second}"
        assert shares(api, path, at=at(59).isoformat()) == {"L2": (100, 1000)}
        assert shares(api, path, at=at(60).isoformat()) == {
            "L1": (33.3333, 500),
            "L2": (66.6667, 1000),
        }
        assert shares(api, path) == {"L1": (66.6667, 2000), "L2": (33.3333, 1000)}
        assert reached(api, f"fermentations/{first}/destinations") == {
            "A": (100, 1000),
            "B": (66.6667, 2000),
        }
        vessel = next(v["id"] for v in api.get("/vessels").json["items"] if v["code"] == "T-02")
        told = api.get(f"/vessels/{vessel}/origin" + ask({"at": at(60).isoformat()})).json
        assert told["origin"]["composition"][0]["percentage"] == 66.6667
        assert told["origin"]["code"] == "B"
        empty = api.get(f"/vessels/{vessel}/origin" + ask({"at": at(-1).isoformat()})).json
        assert empty["origin"] is None

    def test_a_wine_of_which_nothing_stays_is_completed_and_a_void_brings_it_back(
        self, api: Api
    ) -> None:
        first, second = start(api, "A", "T-01", 3000, L1=100), start(api, "B", "T-02", 1000, L2=100)
        before = read(api, first), read(api, second)
        made = blend(api, second, part(None, fermentation_code="A"))
        assert made.json["flows"][0]["empties"] is True
        assert (read(api, first)["status"], read(api, first)["ended_at"]) == (
            "completed",
            made.json["moved_at"],
        )
        reopened = api.post(f"/fermentations/{first}/reopen", {})
        assert (reopened.status_code, reopened.json["code"]) == (409, "wine_elsewhere")
        for wine in (first, second):
            assert api.post(f"/fermentations/{wine}/cancel", {}).status_code == 409
        voided = api.post(f"/transfers/{made.json['id']}/void", {"reason": "not yet"})
        assert voided.status_code == 200, voided.text
        assert (read(api, first), read(api, second)) == before
        assert shares(api, f"fermentations/{second}") == {"L2": (100, 1000)}

    def test_a_reading_of_later_keeps_a_wine_from_going_wholly(self, api: Api) -> None:
        first, second = start(api, "A", "T-01", 3000), start(api, "B", "T-02", 1000)
        sample = {
            "client_uuid": str(uuid4()),
            "sample_type": "sugar",
            "value": "20.0",
            "unit": "brix",
            "measured_at": at(61).isoformat(),
        }
        assert api.post(f"/fermentations/{first}/samples", sample).status_code == 201
        refused = blend(api, second, part(None, fermentation_code="A"))
        assert refused.json["fields"][0]["code"] == "before_last_entry"
        assert read(api, first)["status"] == "active"
        assert blend(api, second, part(None, 10, fermentation_code="A")).status_code == 201

    def test_a_new_wine_of_many_and_its_void(self, api: Api) -> None:
        start(api, "A", "T-01", 3000, L1=100)
        start(api, "B", "T-02", 1000, L2=100)
        parts = [
            part("T-03", 1000, fermentation_code="A"),
            part("T-03", 250, fermentation_code="B"),
        ]
        made = send(api, "blend", 60, *parts, code="C")
        child = child_of(made)
        assert shares(api, f"fermentations/{child}") == {"L1": (80, 1000), "L2": (20, 250)}
        assert api.post(f"/transfers/{made.json['id']}/void", {"reason": "slip"}).status_code == 200
        gone = read(api, child)
        assert (gone["status"], gone["vessel_codes"]) == ("cancelled", ["T-03"])
        again = send(api, "blend", 60, *parts, code="C2")
        assert again.status_code == 201, "the vessel is free again"

    def test_style_and_yeast_are_asked_for_where_the_wines_differ(self, api: Api) -> None:
        start(api, "A", "T-01", 3000)
        white = {
            "code": "W",
            "vessel_code": "T-02",
            "yeast_strain": "QA23",
            "style": "white",
            "started_at": BEGAN.isoformat(),
            "start_volume_l": 100,
        }
        assert api.post("/fermentations", white).status_code == 201
        parts = [part("T-03", 10, fermentation_code=code) for code in "AW"]
        refused = send(api, "blend", 60, *parts, code="C")
        assert (refused.status_code, refused.json["fields"][0]["path"]) == (422, "style")
        refused = send(api, "blend", 60, *parts, code="C", style="rose")
        assert refused.json["fields"][0]["path"] == "yeast_strain"
        made = send(api, "blend", 60, *parts, code="C", style="rose", yeast_strain="D254")
        assert read(api, child_of(made))["style"] == "rose"

    @pytest.mark.parametrize(
        ("parts", "code"),
        [
            ([part(None, 1, fermentation_code="X")], "unknown_fermentation"),
            ([part(None, 1, fermentation_code="B")], "same_fermentation"),
            ([part("T-09", 1, fermentation_code="A")], "unknown_vessel"),
            ([part(None, 5001, fermentation_code="A")], "more_than_there_was"),
            ([part(None, 4001, fermentation_code="A")], None),
            ([part(None, 4251, fermentation_code="A")], "over_capacity"),
        ],
    )
    def test_what_cannot_be_is_refused(self, api: Api, parts: Any, code: str | None) -> None:
        start(api, "A", "T-01", 5000)
        second = start(api, "B", "T-02", 1000)
        refused = blend(api, second, *parts)
        if code is None:
            assert refused.status_code == 201
            return
        assert (refused.status_code, refused.json["code"]) == (422, code)
        assert api.get("/transfers").json["items"] == []

    def test_what_goes_into_a_wine_of_unknown_litres_is_refused_by_its_name(self, api: Api) -> None:
        start(api, "A", "T-01", 3000)
        second = start(api, "B", "T-02", None)
        refused = blend(api, second, part(None, 10, fermentation_code="A"))
        assert (refused.status_code, refused.json["code"]) == (422, "volume_needed")
        assert "litres of B lie in T-02" in refused.json["detail"]


class TestTrace:
    """Back and forward through generations."""

    def test_forward_from_lots_and_blocks_through_blends(self, api: Api) -> None:
        first = start(api, "A", "T-01", 3000, L1=100)
        second = start(api, "B", "T-02", 1000, L2=100)
        child = child_of(split(api, first, "A1", part("T-03", 1000)))
        assert blend(api, second, part(None, 1000, fermentation_code="A1")).status_code == 201
        lot = api.get("/harvest-lots").json["items"]
        lots = {one["code"]: one for one in lot}
        path = f"harvest-lots/{lots['L1']['id']}/fermentations"
        assert reached(api, path) == {"A": (100, 2000), "A1": (100, 0), "B": (50, 1000)}
        assert reached(api, path, at=at(55).isoformat()) == {"A": (100, 2000), "A1": (100, 1000)}
        assert reached(api, path, at=at(-1).isoformat()) == {}
        said = {one["code"]: one["percentage"] for one in api.get(f"/{path}").json["items"]}
        assert said == {"A": 100, "A1": None, "B": None}
        block = f"vineyard-blocks/{lots['L1']['block_id']}/fermentations"
        assert reached(api, block) == reached(api, path)
        assert reached(api, f"fermentations/{first}/destinations") == {
            "A": (100, 2000),
            "A1": (100, 0),
            "B": (50, 1000),
        }
        assert reached(api, f"fermentations/{child}/destinations") == {"B": (50, 1000)}
        for traced in (path, block, f"fermentations/{first}/destinations"):
            sheet = api.get(f"/{traced}?format=csv")
            rows = {
                row["fermentation_code"]: row for row in csv.DictReader(io.StringIO(sheet.text))
            }
            assert rows["B"]["share_percentage"] == "50.0000"
            assert rows["B"]["share_l"] == "1000.000"

    def test_what_nobody_recorded_is_a_part_of_its_own(self, api: Api) -> None:
        start(api, "A", "T-01", 3000)
        second = start(api, "B", "T-02", 1000, L2=100)
        assert blend(api, second, part(None, 1000, fermentation_code="A")).status_code == 201
        told = api.get(f"/fermentations/{second}/origin").json
        assert (told["unrecorded_percentage"], told["volume_l"]) == (50, 2000)
        sheet = api.get(f"/fermentations/{second}/origin?format=csv")
        rows = list(csv.DictReader(io.StringIO(sheet.text)))
        assert [(row["harvest_lot_code"], row["share_percentage"]) for row in rows] == [
            ("L2", "50.0000"),
            ("", "50.0000"),
        ]

    def test_the_order_of_recording_does_not_matter(self, api: Api) -> None:
        told = []
        for turn, order in enumerate(((0, 1), (1, 0))):
            tag = "XY"[turn]
            vessels = ("T-01", "T-02", "T-03", "T-04", "T-05")
            wines = [
                start(api, f"{tag}{n}", vessels[n], 1000, **{f"L{n % 2 + 1}": 100})
                for n in range(4)
            ]
            steps = [(0, 1, 61), (2, 3, 60)]
            made = []
            for step in (steps[n] for n in order):
                giver, taker, hours = step
                flow = part(None, 333, fermentation_code=f"{tag}{giver}")
                made.append(blend(api, wines[taker], flow, hours=hours))
            flow = part(None, 777, fermentation_code=f"{tag}1")
            made.append(blend(api, wines[3], flow, hours=62))
            assert [answer.status_code for answer in made] == [201, 201, 201]
            told.append([shares(api, f"fermentations/{wine}") for wine in wines])
            for answer in reversed(made):
                void = f"/transfers/{answer.json['id']}/void"
                assert api.post(void, {"reason": "again"}).status_code == 200
            for wine in wines:
                assert api.post(f"/fermentations/{wine}/cancel", {}).status_code == 200
        assert told[0] == told[1]

    def test_many_forebears_take_no_more_queries_than_few(self, api: Api, app: Flask) -> None:
        wine = start(api, "A", "T-01", 3000, L1=100)
        target = start(api, "B", "T-02", 1000, L2=100)
        vessel = next(v["id"] for v in api.get("/vessels").json["items"] if v["code"] == "T-02")
        lot = api.get("/harvest-lots").json["items"][0]
        paths = [
            f"/fermentations/{target}/origin",
            f"/fermentations/{wine}/destinations",
            f"/vessels/{vessel}/origin",
            f"/harvest-lots/{lot['id']}/fermentations",
            f"/vineyard-blocks/{lot['block_id']}/fermentations",
        ]

        def count() -> list[int]:
            counts = []
            for path in paths:
                statements: list[str] = []
                engine = app.extensions["winery_database"].engine
                listen = lambda *given: statements.append(given[2])  # noqa: B023, E731
                event.listen(engine, "before_cursor_execute", listen)
                assert api.get(path).status_code == 200
                event.remove(engine, "before_cursor_execute", listen)
                counts.append(len(statements))
            return counts

        assert blend(api, target, part(None, 1, fermentation_code="A"), hours=1).status_code == 201
        before = count()
        for n in range(6):
            source = ["A", *(f"A{m}" for m in range(n))][-1]
            wines = {w["code"]: w["id"] for w in api.get("/fermentations").json["items"]}
            made = split(
                api, wines[source], f"A{n}", part(("T-03", "T-04")[n % 2]), hours=2 * n + 2
            )
            assert made.status_code == 201, made.text
            more = blend(api, target, part(None, 1, fermentation_code=f"A{n}"), hours=2 * n + 3)
            assert more.status_code == 201, more.text
        assert count() == before


def test_a_trace_before_the_beginning_says_so(api: Api) -> None:
    wine = start(api, "A", "T-01", 3000)
    refused = api.get(f"/fermentations/{wine}/origin" + ask({"at": at(-1).isoformat()}))
    assert (refused.status_code, refused.json["fields"][0]["code"]) == (422, "before_start")
    assert api.get(f"/fermentations/{wine}/origin?at=yesterday").status_code == 422


def test_events_say_what_happened(api: Api, book: Winery, cast: Cast) -> None:
    first, second = start(api, "A", "T-01", 3000), start(api, "B", "T-02", 1000)
    child_of(split(api, first, "A1", part("T-03", 10)))
    made = blend(api, second, part(None, fermentation_code="A"))
    api.post(f"/transfers/{made.json['id']}/void", {"reason": "x"})
    with book.app.transaction(cast.ana.winery_id) as session:
        of_wine = "SELECT event FROM outbox WHERE event <> 'VesselAdded' ORDER BY id"
        events = session.scalars(text(of_wine)).all()
    assert events[2:] == [
        "FermentationSplit",
        "FermentationStarted",
        "FermentationCompleted",
        "FermentationBlended",
        "FermentationBlended",
        "FermentationReopened",
        "TransferVoided",
        "TransferVoided",
    ]


def test_a_neighbour_splits_blends_and_traces_nothing(
    api: Api, sign_in_api: Callable[[str], Api]
) -> None:
    wine = start(api, "A", "T-01", 3000, L1=100)
    lot = api.get("/harvest-lots").json["items"][0]
    vessel = api.get("/vessels").json["items"][0]["id"]
    carla = sign_in_api("carla")
    assert split(carla, wine, "A1", part("T-02", 10)).status_code == 404
    assert blend(carla, wine, part("T-02", 10, fermentation_code="A")).status_code == 404
    theirs = send(carla, "blend", 60, part("T-02", 10, fermentation_code="A"), code="C")
    assert theirs.json["fields"][0]["code"] == "unknown_fermentation"
    for path in (
        f"/fermentations/{wine}/destinations",
        f"/vessels/{vessel}/origin",
        f"/harvest-lots/{lot['id']}/fermentations",
        f"/vineyard-blocks/{lot['block_id']}/fermentations",
    ):
        assert carla.get(path).status_code == 404
