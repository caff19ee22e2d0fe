"""Starting a fermentation, who may do what, and the list of all."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock


def start(api: Api, tag: str, vessel: str, /, *, days_ago: float = 5, **more: Any):  # type: ignore[no-untyped-def]
    body = {
        "code": tag,
        "vessel_code": vessel,
        "yeast_strain": "QA23",
        "style": "white",
        "started_at": (clock.now() - timedelta(days=days_ago)).isoformat(),
        **more,
    }
    return api.post("/fermentations", body)


def test_a_started_fermentation_can_be_read_back(sign_in_api: Callable[[str], Api]) -> None:
    api = sign_in_api("marco")
    made = start(api, "26-VER-01", "T-05")
    assert made.status_code == 201
    assert made.json["vessel_code"] == "T-05"
    assert made.json["status"] == "active"
    assert api.get(f"/fermentations/{made.json['id']}").json == made.json
    assert api.get("/fermentations").json["items"] == [made.json]
    assert api.get("/vessels").json["items"][0]["code"] == "T-05"


def test_a_vessel_holds_one_fermentation_at_a_time(sign_in_api: Callable[[str], Api]) -> None:
    api = sign_in_api("marco")
    assert start(api, "A", "T-05").status_code == 201
    refused = start(api, "B", "t-05", days_ago=2)
    assert (refused.status_code, refused.json["code"]) == (409, "vessel_occupied")
    assert [item["code"] for item in api.get("/fermentations").json["items"]] == ["A"]


def test_a_code_is_used_once(sign_in_api: Callable[[str], Api]) -> None:
    api = sign_in_api("marco")
    assert start(api, "A", "T-05").status_code == 201
    refused = start(api, "a", "T-06")
    assert (refused.status_code, refused.json["code"]) == (409, "code_taken")
    codes = [vessel["code"] for vessel in api.get("/vessels").json["items"]]
    assert codes == ["T-05"], "the refused start left no vessel behind"


@pytest.mark.parametrize(
    "change",
    [
        {"code": ""},
        {"code": "x" * 41},
        {"code": "a/b"},
        {"vessel_code": "\x00"},
        {"style": "green"},
        {"started_at": "yesterday"},
        {"started_at": "2026-09-01T08:00:00"},
        {"yeast_strain": None},
        {"id": 7},
    ],
)
def test_malformed_starts_are_refused_with_the_field(
    sign_in_api: Callable[[str], Api], change: dict[str, Any]
) -> None:
    answer = start(sign_in_api("marco"), "A", "T-05", **change)
    assert answer.status_code == 422
    assert answer.json["fields"][0]["path"] == next(iter(change))


def test_a_start_far_in_the_future_is_refused(sign_in_api: Callable[[str], Api]) -> None:
    answer = start(sign_in_api("marco"), "A", "T-05", days_ago=-3)
    assert (answer.status_code, answer.json["code"]) == (422, "in_future")


def test_pages_of_fermentations_hold_each_once(sign_in_api: Callable[[str], Api]) -> None:
    api = sign_in_api("marco")
    for n in range(5):
        assert start(api, f"F{n}", f"T-{n}", days_ago=n).status_code == 201
    seen, cursor = [], ""
    while True:
        page = api.get(f"/fermentations?limit=2{cursor}").json
        seen += [item["code"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["F0", "F1", "F2", "F3", "F4"]


# One row an endpoint: method, path, body, and who may (everybody else is refused with 403).
ENDPOINTS = [
    ("GET", "/fermentations", None, "owner winemaker cellar viewer"),
    ("POST", "/fermentations", {}, "owner winemaker"),
    ("GET", "/fermentations/{id}", None, "owner winemaker cellar viewer"),
    ("GET", "/fermentations/{id}/samples", None, "owner winemaker cellar viewer"),
    ("POST", "/fermentations/{id}/samples", {}, "owner winemaker cellar"),
    ("POST", "/fermentations/{id}/complete", {"at": "?"}, "owner winemaker"),
    ("POST", "/fermentations/{id}/reopen", {"at": "?"}, "owner winemaker"),
    ("POST", "/fermentations/{id}/cancel", {"at": "?"}, "owner winemaker"),
    ("DELETE", "/fermentations/999", None, "owner winemaker"),
    ("POST", "/fermentations/{id}/restore", None, "owner winemaker"),
    ("PUT", "/fermentations/{id}/lot-sources", {}, "owner winemaker"),
    ("POST", "/fermentations/{id}/start", {"at": "?"}, "owner winemaker"),
    ("PUT", "/fermentations/{id}/af", {}, "owner winemaker"),
    ("PUT", "/fermentations/{id}/mlf", {}, "owner winemaker"),
    ("POST", "/fermentations/{id}/move", {}, "owner winemaker cellar"),
    ("PATCH", "/fermentations/{id}", {}, "owner winemaker"),
    ("POST", "/fermentations/{id}/split", {}, "owner winemaker"),
    ("POST", "/fermentations/{id}/blend", {}, "owner winemaker"),
    ("POST", "/fermentations/blend", {}, "owner winemaker"),
    ("GET", "/transfers", None, "owner winemaker cellar viewer"),
    ("GET", "/transfers/999", None, "owner winemaker cellar viewer"),
    ("POST", "/transfers/999/void", {}, "owner winemaker"),
    ("GET", "/fermentations/{id}/analysis", None, "owner winemaker cellar viewer"),
    ("GET", "/anomalies", None, "owner winemaker cellar viewer"),
    ("GET", "/anomalies/999", None, "owner winemaker cellar viewer"),
    ("GET", "/anomalies/999/history", None, "owner winemaker cellar viewer"),
    ("POST", "/anomalies/999/acknowledge", {}, "owner winemaker cellar"),
    ("POST", "/anomalies/999/assign", {}, "owner winemaker"),
    ("POST", "/anomalies/999/snooze", {}, "owner winemaker"),
    ("POST", "/anomalies/999/reopen", {}, "owner winemaker"),
    ("GET", "/recommendation_templates", None, "owner winemaker cellar viewer"),
    ("GET", "/recommendation_templates/built-in", None, "owner winemaker cellar viewer"),
    ("POST", "/recommendation_templates", {}, "owner winemaker"),
    ("GET", "/recommendation_templates/999", None, "owner winemaker cellar viewer"),
    ("PATCH", "/recommendation_templates/999", {}, "owner winemaker"),
    ("DELETE", "/recommendation_templates/999", None, "owner winemaker"),
    ("POST", "/recommendation_templates/999/restore", None, "owner winemaker"),
    ("GET", "/recommendations", None, "owner winemaker cellar viewer"),
    ("GET", "/recommendations/999", None, "owner winemaker cellar viewer"),
    ("POST", "/recommendations/999/apply", {}, "owner winemaker"),
    ("POST", "/recommendations/999/dismiss", {}, "owner winemaker"),
    ("POST", "/recommendations/999/outcome", {}, "owner winemaker"),
    ("POST", "/samples/batch", {}, "owner winemaker cellar"),
    ("POST", "/samples/999/correct", {}, "owner winemaker cellar"),
    ("POST", "/samples/999/void", {}, "owner winemaker cellar"),
    ("GET", "/samples/999/history", None, "owner winemaker cellar viewer"),
    ("GET", "/fermentations/{id}/additions", None, "owner winemaker cellar viewer"),
    ("POST", "/fermentations/{id}/additions", {}, "owner winemaker cellar"),
    ("POST", "/additions/999/correct", {}, "owner winemaker cellar"),
    ("POST", "/additions/999/void", {}, "owner winemaker cellar"),
    ("GET", "/additions/999/history", None, "owner winemaker cellar viewer"),
    ("GET", "/fermentations/{id}/cap-work", None, "owner winemaker cellar viewer"),
    ("POST", "/fermentations/{id}/cap-work", {}, "owner winemaker cellar"),
    ("POST", "/cap-work/999/correct", {}, "owner winemaker cellar"),
    ("POST", "/cap-work/999/void", {}, "owner winemaker cellar"),
    ("GET", "/fermentations/{id}/notes", None, "owner winemaker cellar viewer"),
    ("POST", "/fermentations/{id}/notes", {}, "owner winemaker cellar"),
    ("GET", "/fermentations/{id}/notes/999", None, "owner winemaker cellar viewer"),
    ("GET", "/fermentations/{id}/notes/999/photo", None, "owner winemaker cellar viewer"),
    ("DELETE", "/fermentations/{id}/notes/999", None, "owner winemaker"),
    ("POST", "/fermentations/{id}/notes/999/restore", None, "owner winemaker"),
    ("GET", "/tasks", None, "owner winemaker cellar viewer"),
    ("POST", "/tasks", {}, "owner winemaker"),
    ("GET", "/tasks/999", None, "owner winemaker cellar viewer"),
    ("PATCH", "/tasks/999", {}, "owner winemaker"),
    ("POST", "/tasks/999/do", {}, "owner winemaker cellar"),
    ("POST", "/tasks/999/skip", {}, "owner winemaker cellar"),
    ("POST", "/tasks/999/cancel", {"reason": 1}, "owner winemaker"),
    ("GET", "/cap-work/999/history", None, "owner winemaker cellar viewer"),
    ("GET", "/fermentations/{id}/origin", None, "owner winemaker cellar viewer"),
    ("GET", "/fermentations/{id}/destinations", None, "owner winemaker cellar viewer"),
    ("GET", "/vessels/1/origin", None, "owner winemaker cellar viewer"),
    ("GET", "/vineyard-blocks/1/fermentations", None, "owner winemaker cellar viewer"),
    ("GET", "/harvest-lots/{id}/fermentations", None, "owner winemaker cellar viewer"),
    ("GET", "/round", None, "owner winemaker cellar viewer"),
    ("GET", "/vessels", None, "owner winemaker cellar viewer"),
    ("POST", "/vessels", {}, "owner winemaker"),
    ("GET", "/vessels/999", None, "owner winemaker cellar viewer"),
    ("PATCH", "/vessels/999", {}, "owner winemaker"),
    ("DELETE", "/vessels/999", None, "owner winemaker"),
    ("POST", "/vessels/999/restore", None, "owner winemaker"),
    ("PUT", "/vessels/walking-order", {}, "owner winemaker"),
    ("GET", "/search?q=t", None, "owner winemaker cellar viewer"),
    ("GET", "/winery", None, "owner winemaker cellar viewer"),
    ("PATCH", "/winery", {}, "owner"),
    ("GET", "/users", None, "owner"),
    ("POST", "/users", {}, "owner"),
    ("GET", "/users/1", None, "owner"),
    ("PATCH", "/users/1", {}, "owner"),
    ("DELETE", "/users/999", None, "owner"),
    ("POST", "/users/999/restore", None, "owner"),
    ("PUT", "/users/999/pin", {}, "owner"),
    ("DELETE", "/users/999/pin", None, "owner"),
    ("POST", "/users/999/reset-code", None, "owner"),
    ("GET", "/vineyards", None, "owner winemaker cellar viewer"),
    ("POST", "/vineyards", {}, "owner winemaker"),
    ("PATCH", "/vineyards/{id}", {}, "owner winemaker"),
    ("DELETE", "/vineyards/{id}", None, "owner winemaker"),
    ("GET", "/vineyard-blocks", None, "owner winemaker cellar viewer"),
    ("POST", "/vineyard-blocks", {}, "owner winemaker"),
    ("PATCH", "/vineyard-blocks/{id}", {}, "owner winemaker"),
    ("DELETE", "/vineyard-blocks/{id}", None, "owner winemaker"),
    ("GET", "/harvest-lots", None, "owner winemaker cellar viewer"),
    ("POST", "/harvest-lots", {}, "owner winemaker"),
    ("PATCH", "/harvest-lots/{id}", {}, "owner winemaker"),
    ("DELETE", "/harvest-lots/{id}", None, "owner winemaker"),
    ("GET", "/imports", None, "owner winemaker cellar viewer"),
    ("POST", "/imports", {}, "owner winemaker"),
    ("GET", "/imports/{id}", None, "owner winemaker cellar viewer"),
    ("POST", "/imports/{id}/pieces", {}, "owner winemaker"),
    ("GET", "/imports/{id}/rows", None, "owner winemaker cellar viewer"),
    ("POST", "/imports/{id}/answers", {}, "owner winemaker"),
    ("POST", "/imports/{id}/save", None, "owner winemaker"),
    ("POST", "/imports/{id}/cancel", None, "owner winemaker"),
    ("POST", "/imports/{id}/undo", None, "owner winemaker"),
    ("GET", "/historical_samples", None, "owner winemaker cellar viewer"),
    ("GET", "/fermentations/{id}/similar", None, "owner winemaker cellar viewer"),
    ("GET", "/export?format=csv", None, "owner winemaker"),
    ("GET", "/patterns", None, "owner winemaker cellar viewer"),
    ("GET", "/patterns/999", None, "owner winemaker cellar viewer"),
    ("GET", "/audit-log", None, "owner"),
    ("GET", "/shared-devices", None, "owner winemaker"),
    ("POST", "/shared-devices", {}, "owner winemaker"),
    ("GET", "/shared-devices/999", None, "owner winemaker"),
    ("PATCH", "/shared-devices/999", {}, "owner winemaker"),
    ("DELETE", "/shared-devices/999", None, "owner winemaker"),
    ("PUT", "/account/pin", {}, "owner winemaker cellar viewer"),
    ("PUT", "/account/password", {}, "owner winemaker cellar viewer"),
    ("GET", "/tokens", None, "owner winemaker cellar viewer"),
    ("POST", "/personal-tokens", {}, "owner winemaker cellar viewer"),
    ("GET", "/devices", None, "owner winemaker cellar viewer"),
    ("POST", "/devices", {}, "owner winemaker"),
    ("GET", "/devices/999", None, "owner winemaker cellar viewer"),
    ("PATCH", "/devices/999", {}, "owner winemaker"),
    ("DELETE", "/devices/999", None, "owner winemaker"),
    ("POST", "/devices/999/restore", None, "owner winemaker"),
    ("GET", "/devices/999/assignments", None, "owner winemaker cellar viewer"),
    ("POST", "/devices/999/assignments", {}, "owner winemaker"),
    ("GET", "/devices/999/readings", None, "owner winemaker cellar viewer"),
    ("POST", "/devices/999/readings", {}, "owner winemaker cellar"),
    (
        "DELETE",
        "/tokens/00000000-0000-0000-0000-000000000000",
        None,
        "owner winemaker cellar viewer",
    ),
]
OPEN = {
    "tokens_api.create_token",
    "devices_api.enroll_shared_device",
    "devices_api.list_pin_people",
    "devices_api.sign_in_by_pin",
    "devices_api.reset_pin",
    "auth_api.reset_password",
    "api_docs.get_openapi",
}
CAST = {"owner": "ana", "winemaker": "marco", "cellar": "bruno", "viewer": "vera"}


@pytest.mark.parametrize(("method", "path", "body", "allowed"), ENDPOINTS)
def test_who_may_do_what(
    tank: Tank,
    sign_in_api: Callable[[str], Api],
    method: str,
    path: str,
    body: Any,
    allowed: str,
) -> None:
    path = path.format(id=tank.id)
    assert Api(tank.api.app, None).call(method, path, body).status_code == 401
    for role, name in CAST.items():
        status = sign_in_api(name).call(method, path, body).status_code
        assert (status == 403) == (role not in allowed.split()), (role, status)


def test_every_view_asks_for_a_permission_or_is_the_door(app: Flask) -> None:
    open_to_all = {
        "static",
        "auth.sign_in",
        "auth.enter",
        "auth.enter_by_pin",
        "devices.enroll",
        "devices.enroll_by_code",
        "devices.new_pin",
        "devices.reset_pin",
        "devices.new_password",
        "devices.reset_password",
        *OPEN,
        "rounds.service_worker",  # the same program for everybody
        "api_docs.show_docs",  # it says what any copy of this program says, and nothing about the winery
        "winery.first_run",
        "winery.set_up",
        "first_restore.ask",  # by the setup code, as long as there is no winery
        "first_restore.show",
        "first_restore.stop",
        "health.healthz",
        "health.readyz",
        "bridges_api.ingest_ispindel",  # a bridge's own token opens these
        "bridges_api.ingest_tilts",
        "handover.certificate",  # what a phone needs before it can trust this server; it tells nothing of the book
        "handover.poster",
        "handover.profile",
        "handover.show",
        "handover.try_out",
        "metrics.show",  # answered to the addresses of WINERY_METRICS_FROM only
        "second_factor.code",  # between the password and the code nobody is signed in yet
        "second_factor.enter",
        "analysis.board",  # sends a new appliance to its first run; what it shows asks for a permission
    }
    unguarded = {
        name for name, view in app.view_functions.items() if not hasattr(view, "permission")
    }
    assert unguarded == open_to_all
