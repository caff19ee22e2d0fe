"""What is said of a wine is put right by whoever read it last; what the shares stand on stays true."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.integration.conftest import Api, Tank


def change(wine: Tank, body: Any, *, tag: str | None = None) -> TestResponse:
    """Change a wine as it was read last, or as `tag` says."""
    path = f"/fermentations/{wine.id}"
    seen = tag or wine.api.get(path).headers["ETag"]
    return wine.api.call("PATCH", path, body, **{"If-Match": seen})


def start(api: Api, wine: Tank, code: str, vessel: str, litres: float | None) -> Tank:
    body = {
        "code": code,
        "vessel_code": vessel,
        "yeast_strain": "QA23",
        "style": "red",
        "started_at": wine.started_at.isoformat(),
    } | ({"start_volume_l": litres} if litres else {})
    return Tank(api, api.post("/fermentations", body).json["id"], wine.started_at)


def blend(wine: Tank, giver: str, litres: float | None, hours: float) -> TestResponse:
    flow = {"fermentation_code": giver} | ({"volume_l": litres} if litres else {})
    moved_at = (wine.started_at + timedelta(hours=hours)).isoformat()
    body = {"client_uuid": str(uuid4()), "moved_at": moved_at, "flows": [flow]}
    return wine.api.post(f"/fermentations/{wine.id}/blend", body)


def test_what_is_named_changes_and_the_rest_stays(tank: Tank) -> None:
    before = tank.api.get(f"/fermentations/{tank.id}").json
    body = {"code": "26-GRA-01", "yeast_strain": "D254", "style": "rose", "start_volume_l": "900.5"}
    changed = change(tank, body)
    assert changed.status_code == 200, changed.text
    assert changed.json == before | body | {"start_volume_l": 900.5}
    assert tank.api.get(f"/fermentations/{tank.id}").json == changed.json
    assert change(tank, {"start_volume_l": None}).json["start_volume_l"] is None
    assert change(tank, {}).json["code"] == "26-GRA-01"


def test_a_style_that_changed_is_judged_anew(tank: Tank, work_off: Callable[[], int]) -> None:
    assert tank.record("24.0").status_code == 201
    work_off()
    before = tank.api.get(f"/fermentations/{tank.id}/analysis").json
    assert change(tank, {"style": "white"}).status_code == 200
    assert work_off() == 1
    assert tank.api.get(f"/fermentations/{tank.id}/analysis").json != before
    assert change(tank, {"style": "white"}).status_code == 200
    assert work_off() == 0, "nothing changed, so nothing happened"


def test_nobody_overwrites_what_they_have_not_seen(tank: Tank) -> None:
    path = f"/fermentations/{tank.id}"
    tag = tank.api.get(path).headers["ETag"]
    assert change(tank, {"yeast_strain": "D254"}).headers["ETag"] != tag
    assert change(tank, {"yeast_strain": "X"}, tag=tag).status_code == 412
    assert tank.api.call("PATCH", path, {"yeast_strain": "X"}).status_code == 428
    assert tank.api.get(path).json["yeast_strain"] == "D254"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"code": ""}, "code"),
        ({"code": None}, "code"),
        ({"yeast_strain": ""}, "yeast_strain"),
        ({"style": "blue"}, "style"),
        ({"start_volume_l": 0}, "start_volume_l"),
        ({"start_volume_l": "-1"}, "start_volume_l"),
        ({"status": "completed"}, "status"),
    ],
)
def test_what_cannot_be_is_refused(tank: Tank, body: dict[str, Any], path: str) -> None:
    before = tank.api.get(f"/fermentations/{tank.id}").json
    refused = change(tank, body)
    assert (refused.status_code, refused.json["fields"][0]["path"]) == (422, path)
    assert tank.api.get(f"/fermentations/{tank.id}").json == before


def test_a_code_is_used_once(tank: Tank) -> None:
    other = start(tank.api, tank, "B", "T-02", None)
    refused = change(other, {"code": "26-tem-01"})
    assert (refused.status_code, refused.json["code"]) == (409, "code_taken")
    assert change(tank, {"code": "26-tem-01"}).json["code"] == "26-tem-01"


def test_litres_that_a_blend_asked_for_are_said_and_then_it_is_saved(tank: Tank) -> None:
    start(tank.api, tank, "B", "T-02", 1000)
    assert blend(tank, "B", 500, 10).json["code"] == "volume_needed"
    assert change(tank, {"start_volume_l": 1500}).status_code == 200
    assert blend(tank, "B", 500, 10).status_code == 201
    assert tank.api.get(f"/fermentations/{tank.id}/origin").json["volume_l"] == 2000
    refused = change(tank, {"start_volume_l": None})
    assert (refused.status_code, refused.json["code"]) == (409, "volume_computed")
    assert change(tank, {"start_volume_l": 1501}).status_code == 200


def test_a_wine_did_not_begin_with_less_than_left_it(tank: Tank) -> None:
    giver = start(tank.api, tank, "B", "T-02", 1000)
    assert change(tank, {"start_volume_l": 10}).status_code == 200
    assert blend(tank, "B", 500, 10).status_code == 201
    refused = change(giver, {"start_volume_l": "499.999"})
    assert (refused.status_code, refused.json["code"]) == (422, "less_than_went_out")
    assert tank.api.get(f"/fermentations/{giver.id}").json["start_volume_l"] == 1000
    assert change(giver, {"start_volume_l": 500}).status_code == 200


def test_a_wine_of_others_began_with_what_went_in(tank: Tank) -> None:
    flow = {"to_vessel_code": "T-02", "volume_l": 10}
    moved_at = (tank.started_at + timedelta(hours=1)).isoformat()
    assert tank.api.post("/vessels", {"code": "T-02"}).status_code == 201
    body = {"client_uuid": str(uuid4()), "moved_at": moved_at, "code": "C", "flows": [flow]}
    made = tank.api.post(f"/fermentations/{tank.id}/split", body).json
    child = Tank(tank.api, made["flows"][0]["to_fermentation_id"], tank.started_at)
    refused = change(child, {"start_volume_l": 900})
    assert (refused.status_code, refused.json["code"]) == (409, "volume_computed")
    assert change(child, {"code": "C2"}).json["code"] == "C2"


def test_a_neighbour_changes_nothing(tank: Tank, sign_in_api: Callable[[str], Api]) -> None:
    theirs = Tank(sign_in_api("carla"), tank.id, tank.started_at)
    assert change(theirs, {"code": "X"}, tag='"x"').status_code == 404
