"""Probes speak in their own shapes: an iSpindel and a TiltBridge as they come, with a token of their own."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.integration.conftest import Api
from winery_appliance.core import clock

ISPINDEL = {
    "name": "iSpindel01",
    "ID": 4711,
    "angle": 54.3,
    "temperature": 21.5,
    "temp_units": "C",
    "battery": 3.9,
    "gravity": 17.25,
    "interval": 900,
    "RSSI": -66,
}
TILTS = {"Red": {"temp": "68.0", "tempUnit": "F", "gravity": "1.0750", "sendingNoMore": 1}}


@pytest.fixture
def marco(sign_in_api: Callable[[str], Api]) -> Api:
    api = sign_in_api("marco")
    for code, kind in (("iSpindel01", "ispindel"), ("Tilt-Red", "tilt")):
        assert api.post("/devices", {"code": code, "kind": kind}).status_code == 201
    return api


@pytest.fixture
def token(marco: Api) -> str:
    """A token that may record and nothing else, as one is made for a device."""
    expires = (clock.now() + timedelta(days=30)).isoformat()
    body = {"name": "probes", "scopes": ["record_samples"], "expires_at": expires}
    made = marco.post("/personal-tokens", body)
    assert made.status_code == 201, made.text
    return str(made.json["access_token"])


def readings(marco: Api, code: str) -> dict[str, float]:
    devices = {d["code"]: d["id"] for d in marco.get("/devices").json["items"]}
    found = marco.get(f"/devices/{devices[code]}/readings").json["items"]
    return {each["quantity"]: each["value"] for each in found}


def test_an_ispindel_is_heard_as_it_comes(app: Flask, marco: Api, token: str) -> None:
    nobody = Api(app, None)
    answer = nobody.post("/ingest/ispindel", ISPINDEL | {"token": token})
    assert answer.status_code == 200, answer.text
    assert [item["status"] for item in answer.json["items"]] == ["created", "created"]
    kept = readings(marco, "iSpindel01")
    assert kept["temperature"] == 21.5
    assert 1065 < kept["sugar"] < 1075, "17.25 °Plato, as density"


@pytest.mark.parametrize(
    ("changes", "celsius"),
    [
        ({"temperature": 68, "temp_units": "F"}, 20.0),
        ({"temperature": 293.15, "temp_units": "K"}, 20.0),
    ],
)
def test_its_scales_are_read_as_it_names_them(
    app: Flask, marco: Api, token: str, changes: dict[str, Any], celsius: float
) -> None:
    body = ISPINDEL | changes | {"gravity": 1.0711, "token": token}
    assert Api(app, None).post("/ingest/ispindel", body).status_code == 200
    kept = readings(marco, "iSpindel01")
    assert kept["temperature"] == pytest.approx(celsius, abs=0.01)
    assert 1065 < kept["sugar"] < 1075


def test_a_tilt_bridge_is_heard_and_a_stranger_beside_it_stops_nothing(
    app: Flask, marco: Api, token: str
) -> None:
    pink = {"Pink": {"temp": 70, "gravity": 1.05}}
    answer = Api(app, None).post("/ingest/tilt", {"apiKey": token, "tilts": TILTS | pink})
    assert answer.status_code == 200, answer.text
    kept = readings(marco, "Tilt-Red")
    assert kept["temperature"] == pytest.approx(20.0, abs=0.01)
    only_pink = Api(app, None).post("/ingest/tilt", {"apiKey": token, "tilts": pink})
    assert (only_pink.status_code, "Tilt-Pink" in only_pink.json["detail"]) == (404, True)


def test_without_a_token_that_may_record_nothing_is_saved(
    app: Flask, marco: Api, token: str, sign_in_api: Callable[[str], Api]
) -> None:
    nobody = Api(app, None)
    assert nobody.post("/ingest/ispindel", ISPINDEL).status_code == 403
    assert nobody.post("/ingest/ispindel", ISPINDEL | {"token": "x" * 50}).status_code == 403
    vera = sign_in_api("vera").token
    assert nobody.post("/ingest/ispindel", ISPINDEL | {"token": vera}).status_code == 403
    carla = sign_in_api("carla").token
    assert nobody.post("/ingest/ispindel", ISPINDEL | {"token": carla}).status_code == 404
    assert readings(marco, "iSpindel01") == {}


@pytest.mark.parametrize(
    "changes",
    [{"gravity": "much"}, {"gravity": float("1e400")}, {"temperature": True}, {"name": ""}],
)
def test_what_makes_no_sense_is_refused_and_named(
    app: Flask, token: str, changes: dict[str, Any]
) -> None:
    answer = Api(app, None).post("/ingest/ispindel", ISPINDEL | {"token": token} | changes)
    assert answer.status_code == 422
    (name,) = changes
    assert [fault["path"] for fault in answer.json["fields"]] == [name]
