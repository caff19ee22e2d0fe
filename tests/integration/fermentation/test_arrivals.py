"""Fruit comes in once, whatever the line does, and the wines are made of what was weighed."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.conftest import Api, Tank
from tests.integration.fruit_origin.test_vineyards_and_lots import BLOCK, LOT, VINEYARD


@pytest.fixture
def ground(tank: Tank) -> Tank:
    """A vineyard with a block, and a running red."""
    for path, body in (("/vineyards", VINEYARD), ("/vineyard-blocks", BLOCK)):
        assert tank.api.post(path, body).status_code == 201
    return tank


def arrival(parts: dict[int, str], **changes: Any) -> dict[str, Any]:
    split = [{"fermentation_id": wine, "percentage": part} for wine, part in parts.items()]
    return {**LOT, "client_uuid": str(uuid4()), "split": split, **changes}


def start_another(tank: Tank) -> int:
    body = {"code": "26-TEM-02", "vessel_code": "T-02", "yeast_strain": "EC-1118", "style": "red"}
    answer = tank.api.post("/fermentations", body | {"started_at": tank.started_at.isoformat()})
    assert answer.status_code == 201, answer.text
    return int(answer.json["id"])


def read_sources(tank: Tank, wine: int) -> dict[str, tuple[float, float | None]]:
    found = tank.api.get(f"/fermentations/{wine}").json["lot_sources"]
    return {one["harvest_lot_code"]: (one["percentage"], one["kg"]) for one in found}


def test_a_lot_is_split_and_a_second_one_is_weighed_against_it(ground: Tank) -> None:
    other = start_another(ground)
    first = arrival({ground.id: "75", other: "25"}, code="L-1", kg_harvested="4000")
    made = ground.api.post("/fruit-arrivals", first)
    assert made.status_code == 201, made.text
    assert made.json["client_uuid"] == first["client_uuid"]
    assert made.json["lot"]["code"] == "L-1"
    assert read_sources(ground, ground.id) == {"L-1": (100.0, 3000.0)}
    assert read_sources(ground, other) == {"L-1": (100.0, 1000.0)}

    second = arrival({ground.id: "100"}, code="L-2", kg_harvested="1000")
    assert ground.api.post("/fruit-arrivals", second).status_code == 201
    assert read_sources(ground, ground.id) == {"L-1": (75.0, 3000.0), "L-2": (25.0, 1000.0)}


def test_a_line_that_was_cut_brings_it_in_once(ground: Tank) -> None:
    body = arrival({ground.id: "100"})
    assert ground.api.post("/fruit-arrivals", body).status_code == 201
    again = ground.api.post("/fruit-arrivals", body)
    assert (again.status_code, again.json["client_uuid"]) == (200, body["client_uuid"])
    assert read_sources(ground, ground.id) == {"26-L1": (100.0, 4210.5)}
    another = ground.api.post("/fruit-arrivals", arrival({}, kg_harvested="1"))
    assert (another.status_code, another.json["code"]) == (409, "code_taken")


def test_a_lot_may_come_in_before_anybody_knows_where_it_goes(ground: Tank) -> None:
    made = ground.api.post("/fruit-arrivals", arrival({}))
    assert (made.status_code, made.json["fermentations"]) == (201, [])


@pytest.mark.parametrize(
    ("parts", "code"), [(["50", "40"], "sum_not_100"), (["60", "60"], "sum_not_100")]
)
def test_parts_are_100_together_or_nothing_is_saved(
    ground: Tank, parts: list[str], code: str
) -> None:
    wines = [ground.id, start_another(ground)]
    refused = ground.api.post("/fruit-arrivals", arrival(dict(zip(wines, parts, strict=True))))
    assert (refused.status_code, refused.json["code"]) == (422, code)
    assert ground.api.get("/harvest-lots").json["items"] == []


def test_a_wine_is_named_once(ground: Tank) -> None:
    half = {"fermentation_id": ground.id, "percentage": "50"}
    refused = ground.api.post("/fruit-arrivals", arrival({}, split=[half, half]))
    assert (refused.status_code, refused.json["code"]) == (422, "named_twice")


def test_fruit_that_nobody_weighed_is_not_guessed_at(ground: Tank) -> None:
    assert ground.api.post("/harvest-lots", LOT | {"code": "OLD"}).status_code == 201
    path = f"/fermentations/{ground.id}"
    tag = ground.api.get(path).headers["ETag"]
    shares = {"lot_sources": [{"harvest_lot_code": "OLD", "percentage": 100}]}
    said = ground.api.call("PUT", f"{path}/lot-sources", shares, **{"If-Match": tag})
    assert said.status_code == 200, said.text
    refused = ground.api.post("/fruit-arrivals", arrival({ground.id: "100"}))
    assert (refused.status_code, refused.json["code"]) == (409, "weight_needed")
    assert [lot["code"] for lot in ground.api.get("/harvest-lots").json["items"]] == ["OLD"]


def test_a_cellar_hand_does_not_write_down_what_wines_are_made_of(
    ground: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    bruno = sign_in_api("bruno")
    assert bruno.post("/fruit-arrivals", arrival({ground.id: "100"})).status_code == 403
    assert bruno.get("/day").json["takes_in_fruit"] is False
    day = ground.api.get("/day").json
    assert day["takes_in_fruit"] is True
    assert day["vineyards"] == [
        {"code": "ALTO", "blocks": [{"code": "3", "variety": "Tempranillo"}]}
    ]
