"""The owner says where the winery lies and how it counts; everybody of the winery reads it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api
from winery_appliance.winery.commands import ChangeWinery

ASSUMED = {
    "location": None,
    "country": None,
    "latitude": None,
    "longitude": None,
    "language": "en",
    "sugar_unit": "brix",
    "temperature_unit": "celsius",
    "time_zone": "UTC",
    "legal_region": "eu",
    "walking_order": "position",
    "audit_months": None,
    "is_demo": False,
}
CHANGE = {
    "name": "Bodega Torre",
    "location": "Camino del Río 3, Ollauri",
    "country": "es",
    "latitude": 42.54,
    "longitude": -2.84,
    "language": "ES",
    "sugar_unit": "baume",
    "temperature_unit": "fahrenheit",
    "time_zone": "Europe/Madrid",
    "legal_region": "us",
    "walking_order": "code",
    "audit_months": 36,
}


@pytest.fixture
def ana(sign_in_api: Callable[[str], Api]) -> Api:
    return sign_in_api("ana")


def change(api: Api, **what: Any) -> Any:
    return api.call("PATCH", "/winery", what, **{"If-Match": api.get("/winery").headers["ETag"]})


def test_a_new_winery_is_what_was_always_assumed(ana: Api, cast: Cast) -> None:
    read = ana.get("/winery").json
    expected = {"id": cast.ana.winery_id, "code": "DEMO", "name": "Demo Winery"}
    assert read == {**expected, **ASSUMED}


def test_what_was_changed_is_read_by_everybody_and_by_nobody_next_door(
    ana: Api, sign_in_api: Callable[[str], Api]
) -> None:
    before, carla = ana.get("/winery").json, sign_in_api("carla")
    hers = carla.get("/winery").json
    changed = change(ana, **CHANGE)
    assert changed.status_code == 200, changed.text
    assert changed.json == {**before, **CHANGE, "country": "ES", "language": "es"}
    assert sign_in_api("vera").get("/winery").json == changed.json
    assert carla.get("/winery").json == hers


def test_a_change_names_what_it_rests_on_and_leaves_the_rest(ana: Api) -> None:
    read = ana.get("/winery")
    tag = {"If-Match": read.headers["ETag"]}
    assert ana.call("PATCH", "/winery", {"name": "A"}).status_code == 428
    assert ana.call("PATCH", "/winery", {"name": "A"}, **tag).json == {**read.json, "name": "A"}
    stale = ana.call("PATCH", "/winery", {"name": "B"}, **tag)
    assert (stale.status_code, stale.json["code"]) == (412, "changed_meanwhile")
    assert ana.get("/winery").json["name"] == "A"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": " "},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": None},
        {"country": "ESP"},
        {"country": "1A"},
        {"language": "english"},
        {"sugar_unit": "celsius"},
        {"temperature_unit": "kelvin"},
        {"legal_region": "uk"},
        {"walking_order": "random"},
        {"audit_months": 11},
        {"audit_months": 12.5},
        {"latitude": 91, "longitude": 0},
        {"latitude": 1},
        {"code": "OTHER"},
        {"is_demo": True},
    ],
)
def test_what_cannot_be_is_refused_with_the_field(ana: Api, wrong: dict[str, Any]) -> None:
    before = ana.get("/winery").json
    refused = change(ana, **wrong)
    assert refused.status_code == 422
    assert refused.json["fields"][0]["path"] in {*wrong, "longitude"}
    assert ana.get("/winery").json == before


def test_a_place_is_taken_away_as_a_whole(ana: Api) -> None:
    assert change(ana, latitude=1.5, longitude=2.5).status_code == 200
    assert change(ana, latitude=None).json["code"] == "half_a_place"
    assert change(ana, latitude=None, longitude=None).json["latitude"] is None


def test_every_change_is_an_event_that_is_worked_off(
    ana: Api, book: Winery, cast: Cast, work_off: Callable[[], int]
) -> None:
    assert change(ana, name="A").status_code == 200
    assert ana.call("PUT", "/vessels/walking-order", {"codes": []}).status_code == 200
    with book.worker.transaction(cast.ana.winery_id) as session:
        events = session.scalars(text("SELECT event FROM outbox ORDER BY id")).all()
    assert events == ["WineryChanged", "WalkingOrderChanged"]
    assert work_off() == 2


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats())
def test_coordinates_lie_on_the_globe(latitude: float, longitude: float) -> None:
    fits = -90 <= latitude <= 90 and -180 <= longitude <= 180
    try:
        ChangeWinery(latitude=latitude, longitude=longitude)
    except ValueError:
        assert not fits
    else:
        assert fits
