"""Vineyards, blocks and harvest lots by the API: made, changed, deleted, restored, and by whom."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from tests.conftest import Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock

VINEYARD = {"code": "ALTO", "name": "Alto de la Cruz", "notes": "stony"}
BLOCK = {
    "vineyard_code": "ALTO",
    "code": "3",
    "hectares": "1.25",
    "variety": "Tempranillo",
    "clone": "RJ-43",
    "planted_year": 1988,
}
LOT = {
    "vineyard_code": "alto",
    "block_code": "3",
    "code": "26-L1",
    "variety": "Tempranillo",
    "vintage": "2026",
    "harvested_on": "2026-09-14",
    "kg_harvested": "4210,5",
    "brix_at_intake": 24.1,
}
KINDS = {"/vineyards": VINEYARD, "/vineyard-blocks": BLOCK, "/harvest-lots": LOT}
PATHS = list(KINDS)


@pytest.fixture
def api(sign_in_api: Callable[[str], Api]) -> Api:
    """Marco's program, with one vineyard, one block and one lot in the book."""
    marco = sign_in_api("marco")
    for path, body in KINDS.items():
        assert marco.post(path, body).status_code == 201
    return marco


def only(api: Api, path: str, query: str = "") -> dict[str, Any]:
    items = api.get(path + query).json["items"]
    assert len(items) == 1
    return dict(items[0])


def change(api: Api, path: str, row_id: int, body: Any) -> Any:
    tag = api.get(f"{path}/{row_id}").headers["ETag"]
    return api.call("PATCH", f"{path}/{row_id}", body, **{"If-Match": tag})


def test_what_was_sent_can_be_read_back(api: Api) -> None:
    lot = only(api, "/harvest-lots")
    block = only(api, "/vineyard-blocks")
    assert (lot["kg_harvested"], lot["brix_at_intake"]) == (4210.5, 24.1)
    assert (lot["vineyard_code"], lot["block_code"], lot["block_id"]) == ("ALTO", "3", block["id"])
    assert (lot["harvested_on"], lot["vintage"]) == ("2026-09-14", "2026")
    assert (block["hectares"], block["planted_year"]) == (1.25, 1988)
    assert api.get(f"/harvest-lots/{lot['id']}").json == lot


@pytest.mark.parametrize("path", PATHS)
def test_the_same_again_is_the_first_one_and_another_is_refused(api: Api, path: str) -> None:
    first = only(api, path)
    again = api.post(path, {**KINDS[path], "code": KINDS[path]["code"]})
    assert (again.status_code, again.json) == (200, first)
    field = "name" if path == "/vineyards" else "variety"
    other = api.post(path, {**KINDS[path], field: "something else"})
    assert (other.status_code, other.json["code"]) == (409, "code_taken")
    assert only(api, path) == first


@pytest.mark.parametrize("path", PATHS)
def test_two_who_send_the_same_at_once_make_one(api: Api, path: str) -> None:
    body = {**KINDS[path], "code": "NEW"}
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(api.post(path, body).status_code))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 5 + [201]


def test_a_block_code_is_its_vineyards_own(api: Api) -> None:
    assert api.post("/vineyards", {"code": "BAJO", "name": "Bajo"}).status_code == 201
    assert api.post("/vineyard-blocks", {**BLOCK, "vineyard_code": "BAJO"}).status_code == 201
    refused = api.post("/vineyard-blocks", {"vineyard_code": "Bajo", "code": "3"})
    assert refused.status_code == 409
    wrong = api.post("/harvest-lots", {**LOT, "code": "X", "block_code": "4"})
    assert (wrong.status_code, wrong.json["fields"][0]["path"]) == (422, "block_code")


@pytest.mark.parametrize("path", PATHS)
def test_a_change_needs_the_version_it_was_made_from(api: Api, path: str) -> None:
    place = f"{path}/{only(api, path)['id']}"
    old = api.get(place).headers["ETag"]
    missing = api.call("PATCH", place, {"code": "B"})
    assert (missing.status_code, missing.json["code"]) == (428, "precondition_required")
    done = api.call("PATCH", place, {"code": "B"}, **{"If-Match": old})
    assert (done.status_code, done.json["code"]) == (200, "B")
    assert api.get(place).headers["ETag"] == done.headers["ETag"] != old
    for tag in (old, "W/" + done.headers["ETag"], '"x"'):
        late = api.call("PATCH", place, {"code": "C"}, **{"If-Match": tag})
        assert (late.status_code, late.json["code"]) == (412, "changed_meanwhile")
        assert api.call("DELETE", place, **{"If-Match": tag}).status_code == 412
    assert api.get(place).json == done.json


def test_of_two_who_change_the_same_version_at_once_one_wins(api: Api) -> None:
    place = f"/harvest-lots/{only(api, '/harvest-lots')['id']}"
    tag = {"If-Match": api.get(place).headers["ETag"]}
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda n=n: statuses.append(  # type: ignore[misc]
                api.call("PATCH", place, {"kg_harvested": n}, **tag).status_code
            )
        )
        for n in range(1, 7)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [412] * 5


def test_a_change_leaves_what_it_does_not_name_and_empties_what_it_says_is_null(api: Api) -> None:
    lot = only(api, "/harvest-lots")
    changed = change(
        api, "/harvest-lots", lot["id"], {"brix_at_intake": None, "variety": "Graciano"}
    )
    assert changed.json == lot | {"brix_at_intake": None, "variety": "Graciano"}
    assert change(api, "/harvest-lots", lot["id"], {}).json == changed.json
    refused = change(api, "/harvest-lots", lot["id"], {"variety": None})
    assert refused.status_code == 422


def test_a_lot_moves_to_another_vineyard_only_with_a_word_about_its_block(api: Api) -> None:
    lot = only(api, "/harvest-lots")
    assert api.post("/vineyards", {"code": "BAJO", "name": "Bajo"}).status_code == 201
    refused = change(api, "/harvest-lots", lot["id"], {"vineyard_code": "BAJO"})
    assert (refused.status_code, refused.json["fields"][0]["path"]) == (422, "block_code")
    moved = change(api, "/harvest-lots", lot["id"], {"vineyard_code": "BAJO", "block_code": None})
    assert (moved.json["vineyard_code"], moved.json["block_id"]) == ("BAJO", None)


def test_a_change_to_a_code_in_use_is_refused(api: Api) -> None:
    second = api.post("/vineyards", {"code": "BAJO", "name": "Bajo"}).json
    refused = change(api, "/vineyards", second["id"], {"code": "alto"})
    assert (refused.status_code, refused.json["code"]) == (409, "code_taken")
    assert api.get(f"/vineyards/{second['id']}").json == second


@pytest.mark.parametrize("path", ["/vineyard-blocks", "/harvest-lots"])
def test_what_is_deleted_is_gone_and_comes_back(api: Api, path: str) -> None:
    row = only(api, path)
    place = f"{path}/{row['id']}"
    assert api.call("DELETE", place).status_code == 204
    assert api.get(place).status_code == 404
    assert api.call("DELETE", place).status_code == 404
    assert api.get(path).json["items"] == []
    assert only(api, path, "?deleted=true")["id"] == row["id"]
    assert api.call("POST", f"{place}/restore").json == row
    assert only(api, path) == row
    assert api.call("POST", f"{place}/restore").status_code == 200, "twice is once"


@pytest.mark.parametrize("path", ["/vineyard-blocks", "/harvest-lots"])
def test_a_code_is_free_after_a_deletion_and_bars_the_way_back(api: Api, path: str) -> None:
    place = f"{path}/{only(api, path)['id']}"
    assert api.call("DELETE", place).status_code == 204
    assert api.post(path, KINDS[path]).status_code == 201
    refused = api.call("POST", f"{place}/restore")
    assert (refused.status_code, refused.json["code"]) == (409, "code_taken")


def test_a_vineyard_goes_after_its_blocks_and_comes_back_before_them(api: Api) -> None:
    vineyard = f"/vineyards/{only(api, '/vineyards')['id']}"
    block = f"/vineyard-blocks/{only(api, '/vineyard-blocks')['id']}"
    refused = api.call("DELETE", vineyard)
    assert (refused.status_code, refused.json["code"]) == (409, "vineyard_has_blocks")
    assert api.call("DELETE", block).status_code == 204
    assert api.call("DELETE", vineyard).status_code == 204
    assert only(api, "/harvest-lots")["vineyard_code"] == "ALTO", "the lot keeps its origin"
    new = api.post("/harvest-lots", {**LOT, "code": "X", "block_code": None})
    assert (new.status_code, new.json["code"]) == (422, "unknown_vineyard")
    refused = api.call("POST", f"{block}/restore")
    assert (refused.status_code, refused.json["code"]) == (409, "vineyard_deleted")
    assert api.call("POST", f"{vineyard}/restore").status_code == 200
    assert api.call("POST", f"{block}/restore").status_code == 200


def test_a_block_is_not_added_to_a_vineyard_that_is_being_deleted(api: Api, book: Winery) -> None:
    place = f"/vineyard-blocks/{only(api, '/vineyard-blocks')['id']}"
    assert api.call("DELETE", place).status_code == 204
    vineyard = only(api, "/vineyards")
    answers: list[Any] = []
    with psycopg.connect(book.url("app")) as remover:
        remover.execute(
            "SELECT set_config('winery.id', (SELECT winery_id::text FROM"
            " door_find_user('marco') LIMIT 1), true)"
        )
        remover.execute("UPDATE vineyards SET deleted_at = now() WHERE id = %s", [vineyard["id"]])
        thread = threading.Thread(
            target=lambda: answers.append(api.post("/vineyard-blocks", BLOCK))
        )
        thread.start()
        wait_until_somebody_waits_for(book, remover)
        remover.commit()
        thread.join()
    assert (answers[0].status_code, answers[0].json["code"]) == (422, "unknown_vineyard")


def wait_until_somebody_waits_for(book: Winery, holder: Any) -> None:
    with psycopg.connect(book.url("backup"), autocommit=True) as watcher:
        for _ in range(100_000):
            row = watcher.execute(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted"
                " AND %s = ANY (pg_blocking_pids(pid)))",
                [holder.info.backend_pid],
            ).fetchone()
            if row == (True,):
                return
    pytest.fail("nobody waited for the one who holds the lock")


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/vineyards", {"code": ""}),
        ("/vineyards", {"code": "a/b"}),
        ("/vineyards", {"name": "\x00"}),
        ("/vineyards", {"notes": "\ud800"}),
        ("/vineyards", {"notes": "x" * 4001}),
        ("/vineyards", {"winery_id": 1}),
        ("/vineyard-blocks", {"vineyard_code": "NONE"}),
        ("/vineyard-blocks", {"hectares": 0}),
        ("/vineyard-blocks", {"hectares": "1.23456"}),
        ("/vineyard-blocks", {"hectares": 99999}),
        ("/vineyard-blocks", {"planted_year": "1988"}),
        ("/vineyard-blocks", {"planted_year": 10**30}),
        ("/harvest-lots", {"vineyard_code": None}),
        ("/harvest-lots", {"block_code": "9"}),
        ("/harvest-lots", {"kg_harvested": 0}),
        ("/harvest-lots", {"kg_harvested": -1}),
        ("/harvest-lots", {"kg_harvested": True}),
        ("/harvest-lots", {"kg_harvested": 1e300}),
        ("/harvest-lots", {"kg_harvested": "1e3"}),
        ("/harvest-lots", {"kg_harvested": "1.000,5"}),
        ("/harvest-lots", {"kg_harvested": [1]}),
        ("/harvest-lots", {"kg_harvested": "NaN"}),
        ("/harvest-lots", {"brix_at_intake": 61}),
        ("/harvest-lots", {"harvested_on": "14.09.2026"}),
        ("/harvest-lots", {"harvested_on": "2026-02-30"}),
        ("/harvest-lots", {"harvested_on": "0001-01-01"}),
        ("/harvest-lots", {"harvested_on": 1757800000}),
        ("/harvest-lots", {"harvested_on": "2026-09-14T00:00:00"}),
        ("/harvest-lots", {"vintage": ""}),
    ],
)
def test_malformed_bodies_are_refused_with_the_field(
    api: Api, path: str, wrong: dict[str, Any]
) -> None:
    field = next(iter(wrong))
    made = api.post(path, {**KINDS[path], "code": "NEW", **wrong})
    assert (made.status_code, made.json["fields"][0]["path"]) == (422, field)
    if (path, field) != ("/vineyard-blocks", "vineyard_code"):
        row = only(api, path)
        assert change(api, path, row["id"], wrong).status_code == 422
        assert only(api, path) == row


def test_a_harvest_of_the_future_is_refused(api: Api) -> None:
    day = (clock.now() + timedelta(days=3)).date().isoformat()
    answer = api.post("/harvest-lots", {**LOT, "code": "X", "harvested_on": day})
    assert (answer.status_code, answer.json["code"]) == (422, "in_future")


@pytest.mark.parametrize("path", PATHS)
def test_pages_hold_everything_once_also_when_sorting_ties(api: Api, path: str) -> None:
    codes = {KINDS[path]["code"]}
    for code in ("a", "B", "c", "Ñ", "10"):
        assert api.post(path, {**KINDS[path], "code": code}).status_code == 201
        codes.add(code)
    seen, cursor = [], ""
    while True:
        page = api.get(f"{path}?limit=2{cursor}").json
        seen += [item["code"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(codes)
    assert set(seen) == codes
    if path != "/harvest-lots":
        assert seen == sorted(seen, key=str.lower)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "deleted=maybe",
        "vineyard_id=x",
        "vineyard_id=99999999999999999999",
        "cursor=zzz",
        "cursor=W10=",
        "cursor=WyJcdTAwMDAiLCAxXQ==",
        "cursor=WyJhIiwgMF0=",
    ],
)
def test_odd_queries_are_refused(api: Api, query: str) -> None:
    assert api.get(f"/vineyard-blocks?{query}").status_code == 422
    assert api.get("/harvest-lots?cursor=WyJhIiwgMV0=").status_code == 422, "no day in it"


def test_blocks_of_one_vineyard(api: Api) -> None:
    other = api.post("/vineyards", {"code": "BAJO", "name": "Bajo"}).json["id"]
    made = api.post("/vineyard-blocks", {"vineyard_code": "BAJO", "code": "1"}).json
    assert api.get(f"/vineyard-blocks?vineyard_id={other}").json["items"] == [made]


def test_a_list_takes_as_many_queries_for_many_as_for_one(api: Api) -> None:
    def count() -> int:
        statements: list[str] = []
        engine = api.app.extensions["winery_database"].engine
        listen = lambda *given: statements.append(given[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", listen)
        assert api.get("/harvest-lots").status_code == 200
        event.remove(engine, "before_cursor_execute", listen)
        return len(statements)

    before = count()
    for n in range(5):
        assert api.post("/harvest-lots", {**LOT, "code": f"N{n}"}).status_code == 201
    assert count() == before


@pytest.mark.parametrize("path", PATHS)
def test_the_winery_next_door_sees_and_changes_nothing(
    api: Api, sign_in_api: Callable[[str], Api], path: str
) -> None:
    carla = sign_in_api("carla")
    row = only(api, path)
    place = f"{path}/{row['id']}"
    assert carla.get(path).json["items"] == []
    assert carla.get(place).status_code == 404
    assert carla.call("PATCH", place, {"code": "MINE"}, **{"If-Match": "*"}).status_code == 404
    assert carla.call("DELETE", place).status_code == 404
    assert carla.call("POST", f"{place}/restore").status_code == 404
    if path != "/vineyards":
        assert carla.post(path, {**KINDS[path], "code": "X"}).json["code"] == "unknown_vineyard"
    assert only(api, path) == row


READERS, WRITERS = "owner winemaker cellar viewer", "owner winemaker"
ENDPOINTS = [
    (method, path + tail, allowed)
    for path in PATHS
    for method, tail, allowed in (
        ("GET", "", READERS),
        ("POST", "", WRITERS),
        ("GET", "/1", READERS),
        ("PATCH", "/1", WRITERS),
        ("DELETE", "/1", WRITERS),
        ("POST", "/1/restore", WRITERS),
    )
]
CAST = {"owner": "ana", "winemaker": "marco", "cellar": "bruno", "viewer": "vera"}


@pytest.mark.parametrize(("method", "path", "allowed"), ENDPOINTS)
def test_who_may_do_what(
    tank: Tank, sign_in_api: Callable[[str], Api], method: str, path: str, allowed: str
) -> None:
    assert Api(tank.api.app, None).call(method, path, {}).status_code == 401
    for role, name in CAST.items():
        status = sign_in_api(name).call(method, path, {}).status_code
        assert (status == 403) == (role not in allowed.split()), (role, status)
