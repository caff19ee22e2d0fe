"""A fermentation that starts from harvest lots, and the way from wine to ground and back."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api
from winery_appliance.core import clock
from winery_appliance.core.db import enter_winery

LOTS = {"26-L1": "Tempranillo", "26-L2": "Graciano", "26-L3": "Mazuelo"}
TABLES = ("vineyards", "vineyard_blocks", "harvest_lots", "fermentation_lot_sources")


@pytest.fixture
def api(sign_in_api: Callable[[str], Api]) -> Api:
    """Marco's program, with a vineyard, a block and three lots in the book."""
    marco = sign_in_api("marco")
    assert marco.post("/vineyards", {"code": "ALTO", "name": "=1+1"}).status_code == 201
    block = {"vineyard_code": "ALTO", "code": "3", "hectares": 1.5, "planted_year": 1988}
    assert marco.post("/vineyard-blocks", block).status_code == 201
    for code, variety in LOTS.items():
        body = {
            "vineyard_code": "ALTO",
            "block_code": "3" if code == "26-L1" else None,
            "code": code,
            "variety": variety,
            "vintage": "2026",
            "harvested_on": "2026-09-14",
            "kg_harvested": 4000,
        }
        assert marco.post("/harvest-lots", body).status_code == 201
    return marco


def start(api: Api, tag: str, *sources: Any, **more: Any) -> Any:
    """Start a fermentation in a vessel named like it; a source is a lot's code and its share, or a whole body."""
    lots = [
        s if isinstance(s, dict) else {"harvest_lot_code": s[0], "percentage": s[1]}
        for s in sources
    ]
    return api.post(
        "/fermentations",
        {
            "code": tag,
            "vessel_code": f"T-{tag}",
            "yeast_strain": "QA23",
            "style": "red",
            "started_at": (clock.now() - timedelta(days=2)).isoformat(),
            "lot_sources": lots,
            **more,
        },
    )


def lot_id(api: Api, code: str) -> int:
    items = api.get("/harvest-lots").json["items"]
    return int(next(item["id"] for item in items if item["code"] == code))


def test_a_fermentation_tells_its_lots(api: Api) -> None:
    made = start(
        api,
        "A",
        ("26-l2", "33,5"),
        {"harvest_lot_code": "26-L1", "percentage": 66.5, "kg": "1200.25"},
    )
    assert made.status_code == 201, made.text
    assert made.json["lot_sources"] == [
        {
            "harvest_lot_code": "26-L1",
            "variety": "Tempranillo",
            "vintage": "2026",
            "percentage": 66.5,
            "kg": 1200.25,
        },
        {
            "harvest_lot_code": "26-L2",
            "variety": "Graciano",
            "vintage": "2026",
            "percentage": 33.5,
            "kg": None,
        },
    ]
    assert api.get(f"/fermentations/{made.json['id']}").json == made.json
    assert api.get("/fermentations").json["items"] == [made.json]


def test_a_start_without_lots_stays_possible(api: Api) -> None:
    assert start(api, "A").json["lot_sources"] == []


@pytest.mark.parametrize(
    ("sources", "path", "code"),
    [
        ([("26-L1", 50)], "lot_sources", "sum_not_100"),
        ([("26-L1", 60), ("26-L2", "40.1001")], "lot_sources", "sum_not_100"),
        ([("26-L1", "99.8999")], "lot_sources", "sum_not_100"),
        ([("26-L1", 60), ("NONE", 40)], "lot_sources.1.harvest_lot_code", "unknown_lot"),
        ([("26-L1", 60), ("26-l1", 40)], "lot_sources.1.harvest_lot_code", "lot_twice"),
        ([("26-L1", 0)], "lot_sources.0.percentage", "greater_than"),
        ([("26-L1", "100.0001")], "lot_sources.0.percentage", "less_than_equal"),
        ([("26-L1", "99.99999")], "lot_sources.0.percentage", "decimal_max_places"),
        ([("26-L1", True)], "lot_sources.0.percentage", "value_error"),
        ([("26-L1", "ten")], "lot_sources.0.percentage", "value_error"),
        ([("26-L1", None)], "lot_sources.0.percentage", "value_error"),
        ([("\x00", 100)], "lot_sources.0.harvest_lot_code", "value_error"),
        (
            [{"harvest_lot_code": "26-L1", "percentage": 100, "kg": 0}],
            "lot_sources.0.kg",
            "greater_than",
        ),
        (
            [{"harvest_lot_code": "26-L1", "percentage": 100, "id": 1}],
            "lot_sources.0.id",
            "extra_forbidden",
        ),
        ([("26-L1", 1)] * 51, "lot_sources", "too_long"),
    ],
)
def test_wrong_lots_are_refused_with_the_field_and_nothing_is_saved(
    api: Api, sources: list[Any], path: str, code: str
) -> None:
    refused = start(api, "A", *sources)
    assert refused.status_code == 422, refused.text
    assert (refused.json["fields"][0]["path"], refused.json["fields"][0]["code"]) == (path, code)
    assert api.get("/fermentations").json["items"] == []
    assert api.get("/vessels").json["items"] == []


@pytest.mark.parametrize("given", [None, {}, "26-L1", ["26-L1"], [[]]])
def test_lots_of_another_shape_are_refused(api: Api, given: Any) -> None:
    refused = start(api, "A", lot_sources=given)
    assert refused.status_code == 422
    assert refused.json["fields"][0]["path"].startswith("lot_sources")


def test_what_the_service_lets_through_the_database_lets_through(api: Api) -> None:
    for n, shares in enumerate([["99.9"], ["60", "40.1"], ["33.3333", "33.3333", "33.3333"]]):
        sources = list(zip(LOTS, shares, strict=False))
        assert start(api, f"F{n}", *sources).status_code == 201


def test_a_used_lot_cannot_be_deleted_but_can_be_put_right(api: Api) -> None:
    assert start(api, "A", ("26-L1", 100)).status_code == 201
    place = f"/harvest-lots/{lot_id(api, '26-L1')}"
    refused = api.call("DELETE", place)
    assert (refused.status_code, refused.json["code"]) == (409, "lot_in_use")
    tag = {"If-Match": api.get(place).headers["ETag"]}
    assert api.call("PATCH", place, {"kg_harvested": 1}, **tag).status_code == 200
    free = f"/harvest-lots/{lot_id(api, '26-L2')}"
    assert api.call("DELETE", free).status_code == 204
    assert start(api, "B", ("26-L2", 100)).json["code"] == "unknown_lot"


def test_a_neighbours_lot_is_unknown(api: Api, sign_in_api: Callable[[str], Api]) -> None:
    refused = start(sign_in_api("carla"), "A", ("26-L1", 100))
    assert (refused.status_code, refused.json["code"]) == (422, "unknown_lot")


def test_the_list_takes_as_many_queries_for_many_as_for_one(api: Api) -> None:
    def count(path: str) -> int:
        statements: list[str] = []
        engine = api.app.extensions["winery_database"].engine
        listen = lambda *given: statements.append(given[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", listen)
        assert api.get(path).status_code == 200
        event.remove(engine, "before_cursor_execute", listen)
        return len(statements)

    first = start(api, "A", ("26-L1", 100)).json["id"]
    uses = f"/harvest-lots/{lot_id(api, '26-L1')}/fermentations"
    before = count("/fermentations"), count(uses), count(f"/fermentations/{first}/origin")
    for n in range(4):
        many = start(api, f"B{n}", ("26-L1", 60), ("26-L2", 30), ("26-L3", 10)).json["id"]
    after = count("/fermentations"), count(uses), count(f"/fermentations/{many}/origin")
    assert before == after


def test_a_wine_is_traced_to_its_ground(api: Api) -> None:
    made = start(api, "A", ("26-L1", 75), ("26-L2", 25)).json
    origin = api.get(f"/fermentations/{made['id']}/origin").json
    assert (origin["fermentation_id"], origin["code"]) == (made["id"], "A")
    first, second = origin["lots"]
    assert (first["percentage"], first["harvest_lot"]["code"]) == (75, "26-L1")
    assert first["harvest_lot"]["kg_harvested"] == 4000
    assert (first["block"]["code"], first["block"]["planted_year"]) == ("3", 1988)
    assert first["vineyard"]["code"] == "ALTO"
    assert (second["harvest_lot"]["variety"], second["block"]) == ("Graciano", None)
    unknown = start(api, "B").json
    assert api.get(f"/fermentations/{unknown['id']}/origin").json["lots"] == []


def test_ground_that_left_the_book_is_still_where_the_wine_came_from(api: Api) -> None:
    made = start(api, "A", ("26-L1", 100)).json
    block = api.get("/vineyard-blocks").json["items"][0]["id"]
    vineyard = api.get("/vineyards").json["items"][0]["id"]
    assert api.call("DELETE", f"/vineyard-blocks/{block}").status_code == 204
    assert api.call("DELETE", f"/vineyards/{vineyard}").status_code == 204
    (lot,) = api.get(f"/fermentations/{made['id']}/origin").json["lots"]
    assert (lot["block"]["code"], lot["vineyard"]["code"]) == ("3", "ALTO")


def test_fruit_is_traced_to_its_wines(api: Api) -> None:
    for tag, share in (("A", 100), ("B", 40)):
        rest = [("26-L2", 100 - share)] if share < 100 else []
        assert start(api, tag, ("26-L1", share), *rest).status_code == 201
    uses = api.get(f"/harvest-lots/{lot_id(api, '26-L1')}/fermentations").json
    assert {use["code"]: use["percentage"] for use in uses["items"]} == {"A": 100, "B": 40}
    assert uses["items"][0]["vessel_code"].startswith("T-")
    none = api.get(f"/harvest-lots/{lot_id(api, '26-L3')}/fermentations").json
    assert none == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "", "application/json"),
        ("", "*/*", "application/json"),
        ("", "text/csv", "text/csv"),
        ("", "text/csv;q=0.5, application/json", "application/json"),
        ("?format=csv", "application/json", "text/csv"),
        ("?format=json", "text/csv", "application/json"),
    ],
)
def test_both_ways_are_told_as_asked(api: Api, query: str, accept: str, kind: str) -> None:
    made = start(api, "A", ("26-L1", 100)).json
    for path in (
        f"/fermentations/{made['id']}/origin",
        f"/harvest-lots/{lot_id(api, '26-L1')}/fermentations",
    ):
        answer = api.get(path + query, Accept=accept)
        assert (answer.status_code, answer.mimetype) == (200, kind)
        assert "Accept" in answer.headers["Vary"]
        assert api.get(path + "?format=xls").status_code == 422


def test_a_sheet_holds_the_origin_and_runs_nothing(api: Api) -> None:
    made = start(api, "-2+3", ("26-L1", "66.6667"), ("26-L2", "33.3333")).json
    answer = api.get(f"/fermentations/{made['id']}/origin?format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["percentage"] for row in rows] == ["66.6667", "33.3333"]
    assert rows[0]["vineyard_name"] == "'=1+1"
    assert rows[0]["fermentation_code"] == "'-2+3"
    assert (rows[0]["block_code"], rows[1]["block_code"]) == ("3", "")
    uses = api.get(f"/harvest-lots/{lot_id(api, '26-L1')}/fermentations?format=csv")
    assert next(csv.DictReader(io.StringIO(uses.text)))["fermentation_code"] == "'-2+3"
    assert "attachment" in uses.headers["Content-Disposition"]


def test_a_neighbour_traces_nothing(api: Api, sign_in_api: Callable[[str], Api]) -> None:
    made = start(api, "A", ("26-L1", 100)).json
    carla = sign_in_api("carla")
    assert carla.get(f"/fermentations/{made['id']}/origin").status_code == 404
    assert carla.get(f"/harvest-lots/{lot_id(api, '26-L1')}/fermentations").status_code == 404


@pytest.mark.parametrize("role", ["app", "worker"])
def test_rows_of_all_four_tables_are_seen_by_their_winery_only(
    api: Api, book: Winery, cast: Cast, role: str
) -> None:
    assert start(api, "A", ("26-L1", 100)).status_code == 201
    with getattr(book, role).transaction() as session:
        for winery, seen in ((None, False), (cast.carla, False), (cast.ana, True)):
            if winery is not None:
                enter_winery(session, winery.winery_id)
            for table in TABLES:
                found = session.scalar(text(f"SELECT EXISTS (SELECT FROM {table})"))
                assert found == seen, (table, winery)


def test_the_worker_analyses_a_fermentation_that_has_lots(
    api: Api, work_off: Callable[[], int]
) -> None:
    made = start(api, "A", ("26-L1", 100)).json
    body = {
        "client_uuid": "11111111-1111-4111-8111-111111111111",
        "sample_type": "sugar",
        "value": "24.0",
        "unit": "brix",
        "measured_at": clock.now().isoformat(),
    }
    assert api.post(f"/fermentations/{made['id']}/samples", body).status_code == 201
    work_off()
    assert api.get(f"/fermentations/{made['id']}/analysis").json["status"] == "done"


def put_lots(api: Api, wine_id: int, *sources: tuple[str, Any], tag: str | None = None) -> Any:
    """All shares of a wine anew, as it was read last or as `tag` says."""
    path = f"/fermentations/{wine_id}"
    seen = tag or api.get(path).headers["ETag"]
    lots = [{"harvest_lot_code": code, "percentage": share} for code, share in sources]
    return api.call("PUT", f"{path}/lot-sources", {"lot_sources": lots}, **{"If-Match": seen})


def test_shares_are_put_right_and_what_they_were_stays_in_the_log(
    api: Api, book: Winery, cast: Cast
) -> None:
    made = start(api, "A", ("26-L1", 60), ("26-L2", 40)).json
    tag = api.get(f"/fermentations/{made['id']}").headers["ETag"]
    changed = put_lots(api, made["id"], ("26-l1", "70"), ("26-L3", "29.95"))
    assert changed.status_code == 200, changed.text
    shares = {lot["harvest_lot_code"]: lot["percentage"] for lot in changed.json["lot_sources"]}
    assert shares == {"26-L1": 70, "26-L3": 29.95}
    assert api.get(f"/fermentations/{made['id']}").json == changed.json
    origin = api.get(f"/fermentations/{made['id']}/origin").json
    assert [each["harvest_lot"]["code"] for each in origin["composition"]] == ["26-L1", "26-L3"]
    with book.app.transaction(cast.ana.winery_id) as session:
        logged = session.execute(
            text(
                "SELECT action, changes->'percentage', user_id FROM audit_log"
                " WHERE subject = 'fermentation_lot_sources' ORDER BY id DESC LIMIT 3"
            )
        ).all()
    assert sorted((action, part) for action, part, _ in logged) == [
        ("delete", [40.0, None]),
        ("insert", [None, 29.95]),
        ("update", [60.0, 70.0]),
    ]
    assert {user_id for _, _, user_id in logged} == {cast.marco.user_id}
    assert put_lots(api, made["id"], ("26-L1", 100), tag=tag).status_code == 412
    path = f"/fermentations/{made['id']}/lot-sources"
    assert api.call("PUT", path, {"lot_sources": []}).status_code == 428
    assert put_lots(api, made["id"]).json["lot_sources"] == []


@pytest.mark.parametrize(
    ("sources", "code"),
    [
        ([("26-L1", 60), ("26-L2", "39.89")], "sum_not_100"),
        ([("26-L1", 60), ("26-l1", 40)], "lot_twice"),
        ([("26-L1", 60), ("nowhere", 40)], "unknown_lot"),
    ],
)
def test_shares_that_cannot_be_change_nothing(api: Api, sources: Any, code: str) -> None:
    made = start(api, "A", ("26-L1", 60), ("26-L2", 40)).json
    refused = put_lots(api, made["id"], *sources)
    assert (refused.status_code, refused.json["code"]) == (422, code)
    assert api.get(f"/fermentations/{made['id']}").json == made


def test_a_vintage_that_was_that_of_the_lots_follows_them(api: Api) -> None:
    old = {
        "vineyard_code": "ALTO",
        "code": "25-L1",
        "variety": "Graciano",
        "vintage": "2025",
        "harvested_on": "2025-09-14",
        "kg_harvested": 4000,
    }
    assert api.post("/harvest-lots", old).status_code == 201
    follows = start(api, "A", ("26-L1", 100)).json
    said = start(api, "B", ("26-L1", 100), vintage=2024).json
    assert put_lots(api, follows["id"], ("25-L1", 100)).json["vintage"] == 2025
    assert put_lots(api, said["id"], ("25-L1", 100)).json["vintage"] == 2024
