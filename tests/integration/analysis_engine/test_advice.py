"""Advice: the winery's own over the built-in one, reckoned from the wine, taken up or not, weighed by what came of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from tests.integration.analysis_engine.test_analysis import FALLING, FLAT, analysis, record
from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank

TEMPLATE = {
    "anomaly_type": "stuck",
    "code": "call-marco",
    "action": "Call Marco.",
    "instructions": ["It has {alcohol_pct_vol} %vol.", "It has {ph} pH.", "{dose}"],
    "reasoning": "About {sugar_left_g_l} g/L are left.",
    "conditions": {"alcohol_pct_vol": {"below": 15}, "style": {"one_of": ["red"]}},
    "dose": "yeast_hulls",
    "confidence": 0.95,
}
TEMPLATES = "/recommendation_templates"


def advice_of(tank: Tank, check: str = "stuck") -> list[dict[str, Any]]:
    """What is offered against an anomaly, the likeliest first."""
    return [item for item in analysis(tank)["recommendations"] if item["check"] == check]


def act(api: Api, path: str, method: str = "POST", **body: Any) -> Any:
    """Change something as it is now."""
    tag = api.get(path.rpartition("/")[0] if method == "POST" else path).headers["ETag"]
    return api.call(method, path, body, **{"If-Match": tag})


@pytest.fixture
def stuck(tank: Tank, work_off: Callable[[], int]) -> list[dict[str, Any]]:
    """What is offered against a stop."""
    record(tank, FALLING + FLAT)
    work_off()
    return advice_of(tank)


def test_a_template_lives(sign_in_api: Callable[[str], Api]) -> None:
    api = sign_in_api("marco")
    made = api.post(TEMPLATES, TEMPLATE)
    assert made.status_code == 201, made.text
    assert api.post(TEMPLATES, TEMPLATE).status_code == 200
    other = api.post(TEMPLATES, TEMPLATE | {"action": "Call Ana."})
    assert (other.status_code, other.json["code"]) == (409, "code_taken")
    path = made.headers["Location"].removeprefix("/api/v1")
    assert api.get(path).json == made.json
    assert api.get(f"{TEMPLATES}?anomaly_type=stuck").json["items"] == [made.json]
    assert api.get(f"{TEMPLATES}?anomaly_type=h2s").json["items"] == []
    assert api.call("PATCH", path, {"in_use": False}).status_code == 428
    changed = act(api, path, "PATCH", in_use=False, dose=None, instructions=["Wait."])
    assert changed.status_code == 200
    assert (changed.json["in_use"], changed.json["action"]) == (False, "Call Marco.")
    stale = api.call("PATCH", path, {}, **{"If-Match": made.headers["ETag"]})
    assert stale.status_code == 412
    unreckoned = act(api, path, "PATCH", instructions=["{dose}"])
    assert unreckoned.json["fields"][0]["path"] == "dose"
    assert api.call("DELETE", path).status_code == 204
    assert api.get(path).status_code == 404
    assert len(api.get(f"{TEMPLATES}?deleted=true").json["items"]) == 1
    assert api.post(TEMPLATES, TEMPLATE).status_code == 201, "the code is free again"
    assert api.post(f"{path}/restore", None).status_code == 409
    assert sign_in_api("carla").get(TEMPLATES).json["items"] == []
    built_in = api.get(f"{TEMPLATES}/built-in").json["items"]
    assert len({template["code"] for template in built_in}) >= 25


@pytest.mark.parametrize(
    "change",
    [
        {"anomaly_type": "sadness"},
        {"action": "Look at {everything}."},
        {"instructions": ["{brix.real}"]},
        {"instructions": []},
        {"conditions": {"mood": {"below": 3}}},
        {"conditions": {"brix": {"above": 3}}},
        {"confidence": 1.5},
        {"dose": "wine"},
    ],
)
def test_what_cannot_be_is_refused_with_its_field(
    sign_in_api: Callable[[str], Api], change: dict[str, Any]
) -> None:
    answer = sign_in_api("marco").post(TEMPLATES, TEMPLATE | change)
    assert answer.status_code == 422
    assert answer.json["fields"][0]["path"].split(".")[0] == next(iter(change))


def test_the_winery_s_own_comes_first_and_silences(
    tank: Tank, stuck: list[dict[str, Any]], work_off: Callable[[], int]
) -> None:
    codes = [advice["template_code"] for advice in stuck]
    assert codes[0] == "stuck_measure"
    assert {other for other in stuck[0]["alternatives"]} == {a["action"] for a in stuck[1:]}
    assert stuck[0]["sources"]
    assert tank.api.post(TEMPLATES, TEMPLATE).status_code == 201
    silent = TEMPLATE | {"code": "stuck_measure", "in_use": False}
    assert tank.api.post(TEMPLATES, silent).status_code == 201
    capacity = {"code": "T-02", "capacity_l": 5000}
    assert tank.api.post("/vessels", capacity).status_code == 201
    to = {"client_uuid": str(uuid4()), "to": [{"vessel_code": "T-02"}]}
    assert tank.api.post(f"/fermentations/{tank.id}/move", to).status_code == 201
    work_off()
    record(tank, [(164, 8.1)])
    work_off()
    own, *rest = advice_of(tank)
    assert (own["template_code"], own["own"]) == ("call-marco", True)
    assert "stuck_measure" not in [advice["template_code"] for advice in rest]
    assert own["instructions"][0].endswith("%vol.")
    assert own["instructions"][1] == "Yeast hulls: 25 g/hL, 1.25 kg in a full vessel of 5000 L."
    assert "pH" not in " ".join(own["instructions"]), "a step that needs an unknown is left out"
    assert own["instructions"][-1] == "Bench trial first, check the law, the winemaker decides."


def test_what_was_decided_stays_and_its_outcome_moves_the_next(
    tank: Tank,
    stuck: list[dict[str, Any]],
    work_off: Callable[[], int],
    sign_in_api: Callable[[str], Api],
) -> None:
    marco = sign_in_api("marco")
    measure, waking = stuck[0], next(a for a in stuck if a["template_code"] == "stuck_encourage")
    path = f"/recommendations/{waking['id']}"
    early = act(marco, f"{path}/outcome", outcome="helped")
    assert (early.status_code, early.json["code"]) == (409, "recommendation_not_applied")
    applied = act(marco, f"{path}/apply", note="20 °C since noon")
    assert (applied.json["status"], applied.json["decided_by_name"]) == ("applied", "Marco")
    assert act(marco, f"{path}/apply").json == applied.json
    dismissed = act(marco, f"/recommendations/{measure['id']}/dismiss")
    assert dismissed.json["status"] == "dismissed"
    assert marco.post(f"{path}/dismiss", {}).status_code == 428

    record(tank, [(164, 8.1)])
    work_off()
    offered = {advice["id"]: advice for advice in advice_of(tank)}
    assert measure["id"] not in offered, "what was dismissed is not offered again"
    assert offered[waking["id"]]["decision_note"] == "20 °C since noon"
    assert offered[waking["id"]]["instructions"] == waking["instructions"]
    noted = act(marco, f"{path}/outcome", outcome="worse", note="nothing moved")
    assert noted.json["outcome"] == "worse"
    refused = act(marco, f"{path}/dismiss")
    assert (refused.status_code, refused.json["code"]) == (409, "outcome_noted")

    tank.api.post(f"/fermentations/{tank.id}/cancel", {})
    work_off()
    seen = tank.api.get("/winery").headers["ETag"]
    french = tank.api.call("PATCH", "/winery", {"language": "fr"}, **{"If-Match": seen})
    assert french.status_code == 200, french.text
    again = start_again(tank)
    record(again, FALLING + FLAT)
    work_off()
    weighed = {a["template_code"]: a for a in advice_of(again)}["stuck_encourage"]
    assert weighed["confidence"] < waking["confidence"]
    assert "Ici, cela a aidé 0 fois sur 1." in weighed["reasoning"]
    assert weighed["instructions"][-1].startswith("D'abord un essai")
    found = marco.get(f"/recommendations?fermentation_id={tank.id}&status=applied").json["items"]
    assert [item["id"] for item in found] == [waking["id"]]
    assert marco.get("/recommendations?limit=1").json["next_cursor"]
    carla = sign_in_api("carla")
    assert carla.get(path).status_code == 404
    assert carla.get("/recommendations").json["items"] == []


def test_advice_is_taken_up_from_the_page(
    app: Flask, tank: Tank, stuck: list[dict[str, Any]]
) -> None:
    marco = Browser(app)
    marco.sign_in("marco")
    wine = f"/fermentations/{tank.id}"
    form = {"csrf_token": marco.token(wine)}
    first = f"/recommendations/{stuck[0]['id']}"
    answer = marco.client.post(f"{first}/apply", data=form, follow_redirects=True)
    assert answer.request.path == wine
    assert "What was done" in answer.text
    marco.client.post(f"{first}/outcome", data=form | {"outcome": "helped"})
    assert tank.api.get(first).json["outcome"] == "helped"
    told = marco.client.post(
        f"{first}/outcome", data=form | {"outcome": "magic"}, follow_redirects=True
    )
    assert "Nothing was saved" in told.text
    second = f"/recommendations/{stuck[1]['id']}"
    page = marco.client.post(f"{second}/dismiss", data=form, follow_redirects=True).text
    assert stuck[1]["action"] not in page
    assert marco.client.post("/recommendations/999/apply", data=form).status_code == 404
    vera = Browser(app)
    vera.sign_in("vera")
    form = {"csrf_token": vera.token("/anomalies")}
    assert vera.client.post(f"{first}/apply", data=form).status_code == 403


def start_again(tank: Tank) -> Tank:
    """Another wine of the same kind."""
    started = tank.started_at + timedelta(minutes=1)
    body = {
        "code": "26-TEM-02",
        "vessel_code": "T-09",
        "yeast_strain": "EC-1118",
        "style": "red",
        "started_at": started.isoformat(),
    }
    answer = tank.api.post("/fermentations", body)
    assert answer.status_code == 201, answer.text
    return Tank(tank.api, answer.json["id"], started)
