"""The round takes the way that the cellar hands walk."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.conftest import Cast
from tests.integration.conftest import Api

VESSELS = ("T-10", "T-2", "B-1", "t-3")


@pytest.fixture
def marco(sign_in_api: Callable[[str], Api]) -> Api:
    api = sign_in_api("marco")
    for code in VESSELS:
        assert api.post("/vessels", {"code": code}).status_code == 201
    return api


def order(api: Api, *codes: str, **headers: str) -> TestResponse:
    return api.call("PUT", "/vessels/walking-order", {"codes": list(codes)}, **headers)


def walk(answer: Any) -> list[str]:
    return [vessel["code"] for vessel in answer.json["items"]]


def test_without_an_order_numbers_in_codes_count_as_numbers(marco: Api) -> None:
    assert walk(marco.get("/vessels")) == ["B-1", "T-2", "t-3", "T-10"]


def test_the_named_come_first_and_the_rest_by_code(marco: Api) -> None:
    assert walk(order(marco, "T-10", "t-2")) == ["T-10", "T-2", "B-1", "t-3"]
    assert walk(marco.get("/vessels")) == ["T-10", "T-2", "B-1", "t-3"]
    assert [v["position"] for v in marco.get("/vessels").json["items"]] == [1, 2, None, None]
    assert walk(order(marco, "B-1")) == ["B-1", "T-2", "t-3", "T-10"]
    assert order(marco, "B-1").json == marco.get("/vessels").json


def test_a_winery_may_walk_by_code_whatever_the_positions(
    marco: Api, sign_in_api: Callable[[str], Api]
) -> None:
    assert order(marco, "T-10").status_code == 200
    ana = sign_in_api("ana")
    by_code = ana.call("PATCH", "/winery", {"walking_order": "code"}, **{"If-Match": "*"})
    assert by_code.status_code == 200
    assert walk(marco.get("/vessels")) == ["B-1", "T-2", "t-3", "T-10"]


@pytest.mark.parametrize(
    ("codes", "path"),
    [(("B-1", "X"), "codes.1"), (("B-1", "T-2", "b-1"), "codes.2"), (("T-2", "a/b"), "codes.1")],
)
def test_an_order_that_cannot_be_walked_changes_nothing(
    marco: Api, codes: tuple[str, ...], path: str
) -> None:
    before = order(marco, "t-3", "B-1").json
    refused = order(marco, *codes)
    assert (refused.status_code, refused.json["fields"][0]["path"]) == (422, path)
    assert marco.get("/vessels").json == before


def test_a_neighbours_vessel_is_no_vessel(
    marco: Api, sign_in_api: Callable[[str], Api], cast: Cast
) -> None:
    carla = sign_in_api("carla")
    assert carla.post("/vessels", {"code": "C-1"}).status_code == 201
    assert order(marco, "C-1").status_code == 422
    assert order(carla, "C-1").status_code == 200
    assert walk(marco.get("/vessels")) == ["B-1", "T-2", "t-3", "T-10"]


def test_who_names_an_older_list_is_told(marco: Api) -> None:
    tag = {"If-Match": marco.get("/vessels").headers["ETag"]}
    assert order(marco, "T-2", **tag).status_code == 200
    assert order(marco, "B-1", **tag).status_code == 412
    assert walk(marco.get("/vessels"))[0] == "T-2"


def test_two_orders_at_once_leave_one_of_them_whole(marco: Api) -> None:
    wanted = [VESSELS, VESSELS[::-1]] * 4
    with ThreadPoolExecutor(4) as pool:
        statuses = [a.status_code for a in pool.map(lambda codes: order(marco, *codes), wanted)]
    assert statuses == [200] * 8
    assert walk(marco.get("/vessels")) in (list(VESSELS), list(VESSELS[::-1]))
