"""A wine's alcoholic and malolactic fermentation are told apart, and its vintage is that of its fruit."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.core.roles import role_url


def read(tank: Tank) -> dict[str, Any]:
    found: dict[str, Any] = tank.api.get(f"/fermentations/{tank.id}").json
    return found


def later(tank: Tank, hours: float) -> str:
    return (tank.started_at + timedelta(hours=hours)).isoformat()


def put(
    tank: Tank, name: str, status: str, *, tag: str | None = None, **moments: str
) -> TestResponse:
    """Say how far a phase is, having read the wine last, or as `tag` says."""
    path = f"/fermentations/{tank.id}"
    seen = tag or tank.api.get(path).headers["ETag"]
    return tank.api.call(
        "PUT", f"{path}/{name}", {"status": status, **moments}, **{"If-Match": seen}
    )


def test_af_begins_with_the_wine_and_mlf_when_it_is_said(
    tank: Tank, book: Winery, cast: Cast
) -> None:
    before = read(tank)
    assert before["af"] == {"status": "running", "started_at": later(tank, 0), "ended_at": None}
    assert before["mlf"] == {"status": "not_started", "started_at": None, "ended_at": None}
    assert put(tank, "mlf", "running", started_at=later(tank, 48)).status_code == 200
    done = put(tank, "af", "done", ended_at=later(tank, 200))
    assert done.json["af"]["ended_at"] == later(tank, 200)
    assert (done.json["mlf"]["status"], done.json["status"]) == ("running", "active")
    assert read(tank) == done.json
    again = put(tank, "af", "done", tag=done.headers["ETag"])
    assert (again.status_code, again.json) == (200, done.json)
    with book.app.transaction(cast.ana.winery_id) as session:
        told = session.scalars(
            text(
                "SELECT payload->>'phase' FROM outbox WHERE event = 'FermentationPhaseChanged' ORDER BY id"
            )
        )
        assert list(told) == ["mlf", "af"], "each change once, the repetition not"


def test_a_wine_is_completed_without_mlf_and_reopened_as_it_was(tank: Tank) -> None:
    assert put(tank, "af", "done", ended_at=later(tank, 100)).status_code == 200
    before = read(tank)
    over = tank.api.post(f"/fermentations/{tank.id}/complete", {"at": later(tank, 150)}).json
    assert (over["status"], over["af"]["ended_at"]) == ("completed", later(tank, 100))
    assert over["mlf"]["status"] == "not_started"
    assert tank.api.post(f"/fermentations/{tank.id}/reopen", {}).json == before


def test_a_phase_that_runs_ends_with_its_wine_and_runs_again_with_it(tank: Tank) -> None:
    assert put(tank, "mlf", "running", started_at=later(tank, 48)).status_code == 200
    before = read(tank)
    early = tank.api.post(f"/fermentations/{tank.id}/complete", {"at": later(tank, 47)})
    assert (early.status_code, early.json["code"]) == (422, "before_last_entry")
    over = tank.api.post(f"/fermentations/{tank.id}/complete", {"at": later(tank, 150)}).json
    assert [over[name]["status"] for name in ("af", "mlf")] == ["done", "done"]
    assert put(tank, "mlf", "running").json["code"] == "wrong_status"
    assert put(tank, "mlf", "done", ended_at=later(tank, 140)).status_code == 200
    back = tank.api.post(f"/fermentations/{tank.id}/reopen", {}).json
    assert back["af"] == before["af"]
    assert back["mlf"]["ended_at"] == later(tank, 140), "its end was said, not that of the wine"


def test_nobody_overwrites_a_phase_they_have_not_seen(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    tag = tank.api.get(f"/fermentations/{tank.id}").headers["ETag"]
    assert put(tank, "mlf", "skipped").status_code == 200
    assert put(tank, "mlf", "running", tag=tag).status_code == 412
    path = f"/fermentations/{tank.id}/mlf"
    assert tank.api.call("PUT", path, {"status": "running"}).status_code == 428
    assert put(tank, "af", "skipped").json["code"] == "wrong_status"
    theirs = Tank(sign_in_api("carla"), tank.id, tank.started_at)
    assert put(theirs, "mlf", "running", tag='"x"').status_code == 404
    assert read(tank)["mlf"]["status"] == "skipped"


def test_what_is_split_off_has_the_phases_and_the_vintage_it_came_with(tank: Tank) -> None:
    for code in ("T-02", "T-03"):
        assert tank.api.post("/vessels", {"code": code}).status_code == 201
    path = f"/fermentations/{tank.id}"
    tag = tank.api.get(path).headers["ETag"]
    said = {"start_volume_l": 900, "vintage": 2026}
    assert tank.api.call("PATCH", path, said, **{"If-Match": tag}).status_code == 200
    assert put(tank, "af", "done", ended_at=later(tank, 100)).status_code == 200
    part = {"client_uuid": str(uuid4()), "moved_at": later(tank, 120), "code": "B"}
    flow = {"to_vessel_code": "T-02", "volume_l": 400}
    made = tank.api.post(f"{path}/split", {**part, "flows": [flow]}).json["flows"][0]
    child = Tank(tank.api, made["to_fermentation_id"], tank.started_at)
    parent = read(tank)
    assert [read(child)[key] for key in ("af", "mlf", "vintage")] == [
        parent[key] for key in ("af", "mlf", "vintage")
    ]
    assert put(child, "mlf", "running", started_at=later(tank, 110)).status_code == 200
    flows = [
        {"fermentation_code": parent["code"], "to_vessel_code": "T-03", "volume_l": 100},
        {"fermentation_code": "B", "to_vessel_code": "T-03"},
    ]
    whole = {"client_uuid": str(uuid4()), "moved_at": later(tank, 130), "code": "C", "flows": flows}
    blended = tank.api.post("/fermentations/blend", whole)
    assert blended.status_code == 201, blended.text
    blend = Tank(tank.api, blended.json["flows"][0]["to_fermentation_id"], tank.started_at)
    assert read(blend)["mlf"] == {
        "status": "running",
        "started_at": later(tank, 110),
        "ended_at": None,
    }
    assert (read(blend)["af"], read(blend)["vintage"]) == (parent["af"], 2026)
    assert (read(child)["status"], read(child)["mlf"]["status"]) == ("completed", "done")
    undo = tank.api.post(f"/transfers/{blended.json['id']}/void", {"reason": "Wrong tank."})
    assert undo.status_code == 200, undo.text
    assert read(child)["mlf"]["status"] == "running"
    assert read(blend)["mlf"]["status"] == "done", "cancelled, so nothing of it runs"


@pytest.mark.parametrize(
    ("lots", "named"),
    [
        ({"2026": "85", "2025": "15"}, 2026),
        ({"2026": "84.99", "2025": "15.01"}, None),
        ({"2026/27": "100"}, None),
        ({}, None),
    ],
)
def test_a_wine_is_called_by_the_year_of_its_fruit(
    sign_in_api: Callable[[str], Api], lots: dict[str, str], named: int | None
) -> None:
    api = sign_in_api("ana")
    assert api.post("/vineyards", {"code": "ALTO", "name": "Alto"}).status_code == 201
    for vintage in lots:
        lot = {
            "vineyard_code": "ALTO",
            "code": vintage.replace("/", "-"),
            "variety": "Graciano",
            "vintage": vintage,
            "harvested_on": "2026-02-14",
            "kg_harvested": 4000,
        }
        assert api.post("/harvest-lots", lot).status_code == 201
    body = {
        "code": "A",
        "vessel_code": "T-01",
        "yeast_strain": "QA23",
        "style": "red",
        "started_at": "2026-02-15T08:00:00Z",
        "lot_sources": [
            {"harvest_lot_code": vintage.replace("/", "-"), "percentage": part}
            for vintage, part in lots.items()
        ],
    }
    made = api.post("/fermentations", body)
    assert (made.status_code, made.json["vintage"]) == (201, named), made.text
    path = f"/fermentations/{made.json['id']}"
    for said, kept in ((2027, 2027), (None, named)):
        tag = api.get(path).headers["ETag"]
        changed = api.call("PATCH", path, {"vintage": said}, **{"If-Match": tag})
        assert (changed.status_code, changed.json["vintage"]) == (200, kept)
    listed = api.get(f"/fermentations?vintage={named or 2026}").json["items"]
    assert [item["code"] for item in listed] == (["A"] if named else [])
    other = api.post("/fermentations", body | {"code": "B", "vessel_code": "T-02", "vintage": 2020})
    assert other.json["vintage"] == 2020


@pytest.mark.parametrize(
    "nonsense",
    [
        "af_status = 'skipped', af_started_at = NULL",
        "af_started_at = NULL",
        "mlf_ended_at = now()",
        "mlf_status = 'done', mlf_started_at = now(), mlf_ended_at = now() - interval '1 day'",
        "status = 'completed', ended_at = now()",
        "status = 'planned'",
        "vintage = 26",
        "data_source = 'imported'",
        "imported_at = now()",
    ],
)
def test_the_database_refuses_states_that_contradict_each_other(
    tank: Tank, book: Winery, nonsense: str
) -> None:
    with psycopg.connect(role_url(book.settings, "app")) as connection:
        connection.execute(
            "SELECT set_config('winery.id', %s, true)",
            [str(tank.api.get("/winery").json["id"])],
        )
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(f"UPDATE fermentations SET {nonsense} WHERE id = {tank.id}")
