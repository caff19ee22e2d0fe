"""A few characters find the tank, in this winery alone, with the help of an index."""

import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.search.queries import find


def search(api: Api, wanted: str, more: str = "") -> Any:
    return api.get(f"/search?q={quote(wanted)}{more}")


def found(api: Api, wanted: str) -> list[tuple[str, str, str]]:
    answer = search(api, wanted)
    assert answer.status_code == 200, answer.text
    return [(hit["kind"], hit["code"], hit["match"]) for hit in answer.json["items"]]


@pytest.fixture
def ana(tank: Tank) -> Api:
    """Of a winery with tank T-01, ferment 26-TEM-01 and some fruit."""
    api = tank.api
    for path, body in (
        ("/vessels", {"code": "T-010"}),
        ("/vessels", {"code": "T-01B"}),
        ("/vessels", {"code": "100%_\\x"}),
        ("/vineyards", {"code": "ALT", "name": "Alto de la Cruz"}),
        ("/vineyard-blocks", {"vineyard_code": "ALT", "code": "T-01 oben"}),
    ):
        assert api.post(path, body).status_code == 201
    return api


def test_the_same_comes_first_then_beginnings_then_parts(ana: Api) -> None:
    assert found(ana, "t-01") == [
        ("vessel", "T-01", "exact"),
        ("vessel", "T-010", "prefix"),
        ("vessel", "T-01B", "prefix"),
        ("vineyard_block", "T-01 oben", "prefix"),
    ]
    assert found(ana, "TEM") == [("fermentation", "26-TEM-01", "part")]
    assert found(ana, "alto DE") == [("vineyard", "ALT", "prefix")]
    assert found(ana, "Alto de la Cruz") == [("vineyard", "ALT", "exact")]
    assert found(ana, "cruz") == [("vineyard", "ALT", "part")]
    assert found(ana, "nothing") == []


@pytest.mark.parametrize("wanted", ["%", "_", "\\", "0%_\\", "100%_\\X"])
def test_wildcards_stand_for_themselves(ana: Api, wanted: str) -> None:
    assert [code for _, code, _ in found(ana, wanted)] == ["100%_\\x"]
    assert found(ana, f"{wanted}y") == []


@pytest.mark.parametrize("wanted", ["", " ", "\x00", "a\x00b", "x" * 61])
def test_what_cannot_be_searched_is_refused(ana: Api, wanted: str) -> None:
    refused = search(ana, wanted)
    assert (refused.status_code, refused.json["fields"][0]["path"]) == (422, "q")


def test_the_wrong_winery_finds_nothing(
    ana: Api, sign_in_api: Callable[[str], Api], book: Winery
) -> None:
    assert found(ana, "T-01")
    assert found(sign_in_api("carla"), "T-01") == []
    with book.app.transaction() as session:
        assert find(session, "T-01", limit=9) == [], "without a winery"


def test_what_is_deleted_is_not_found(ana: Api) -> None:
    lot = {
        "code": "L-1",
        "vineyard_code": "ALT",
        "variety": "Tempranillo",
        "harvested_on": "2026-09-20",
    }
    made = ana.post("/harvest-lots", {**lot, "kg_harvested": "1000", "vintage": "2026"})
    assert made.status_code == 201, made.text
    assert found(ana, "L-1") == [("harvest_lot", "L-1", "exact")]
    assert ana.call("DELETE", f"/harvest-lots/{made.json['id']}").status_code == 204
    assert found(ana, "L-1") == []


def test_only_as_many_as_were_asked_for(ana: Api) -> None:
    assert len(search(ana, "0", "&limit=2").json["items"]) == 2
    assert search(ana, "0", "&limit=0").status_code == 422


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.text(alphabet=string.ascii_letters + "%_\\-'0 ", min_size=1, max_size=4))
def test_it_finds_what_a_plain_comparison_finds(book: Winery, cast: Cast, wanted: str) -> None:
    codes = ["T-01", "t_1", "A%b", "x\\y", "it's", "0 0", "%", "ab"]
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(
            text(
                "INSERT INTO vessels (winery_id, code)"
                " SELECT current_winery_id(), c FROM unnest(CAST(:codes AS text[])) c"
                " ON CONFLICT DO NOTHING"
            ),
            {"codes": codes},
        )
        hits = {hit.code for hit in find(session, wanted, limit=50)}
    assert hits == {code for code in codes if wanted.lower() in code.lower()}


def test_the_door_uses_the_index_where_a_row_policy_forbids_it(book: Winery, cast: Cast) -> None:
    for winery_id, user_id in (
        (cast.ana.winery_id, cast.ana.user_id),
        (cast.carla.winery_id, cast.carla.user_id),
    ):
        with book.app.transaction(winery_id) as session:
            session.execute(
                text(
                    "INSERT INTO fermentations"
                    " (winery_id, code, style, yeast_strain, started_at, created_by)"
                    " SELECT :winery, to_char(n, 'FM00000') || '-LOT', 'red', 'QA23', now(), :user"
                    " FROM generate_series(1, 10000) n"
                ),
                {"winery": winery_id, "user": user_id},
            )
    with psycopg.connect(book.url("owner"), autocommit=True) as connection:
        connection.execute("ANALYZE fermentations")
        connection.execute("SELECT set_config('winery.id', %s, false)", (str(cast.ana.winery_id),))
        row = connection.execute(
            "SELECT prosrc FROM pg_proc WHERE proname = 'door_search'"
        ).fetchone()
        assert row is not None
        connection.execute("SET ROLE winery_door")
        connection.execute(f"PREPARE search (text, integer) AS {row[0]}")  # type: ignore[arg-type]
        through_the_door = _explain(connection, "EXECUTE search ('4321-', 20)")
    with psycopg.connect(book.url("app"), autocommit=True) as connection:
        connection.execute("SELECT set_config('winery.id', %s, false)", (str(cast.ana.winery_id),))
        plainly = _explain(
            connection,
            "SELECT id FROM fermentations WHERE winery_id = current_winery_id()"
            " AND deleted_at IS NULL AND lower(code) LIKE '%4321-%'",
        )
    scan = next(
        node for node in through_the_door if node.get("Index Name") == "fermentations_search"
    )
    assert (
        "4321" in str(scan["Index Cond"])
        or "LIKE" in scan["Index Cond"]
        or "~~" in scan["Index Cond"]
    )
    assert scan["Actual Rows"] < 10
    assert not any("~~" in str(node.get("Index Cond")) for node in plainly)
    assert max(node.get("Rows Removed by Filter", 0) for node in plainly) > 9000


def _explain(connection: psycopg.Connection[Any], statement: str) -> list[dict[str, Any]]:
    """Every node of the plan of a statement that was run."""
    row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}").fetchone()  # type: ignore[arg-type]
    assert row is not None
    waiting, nodes = [row[0][0]["Plan"]], []
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting += node.get("Plans", [])
    return nodes
