"""The API's description: sound by its own rules, and of exactly what the application answers."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.integration.conftest import Api, Tank
from winery_appliance.core.openapi import build_document

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    answer = app.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json
    return found


def operations(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }


def test_it_is_sound_by_the_rules_of_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_it_has_every_rule_of_the_api_and_nothing_else(
    app: Flask, document: dict[str, Any]
) -> None:
    served = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert len(served) > 8
    assert operations(document) == served


def test_each_operation_has_a_name_of_its_own_and_a_summary(document: dict[str, Any]) -> None:
    told = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in told]
    assert len(names) == len(set(names))
    assert [operation["operationId"] for operation in told if not operation.get("summary")] == []


def test_what_needs_somebody_says_so(app: Flask, document: dict[str, Any]) -> None:
    open_to_all = {
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["security"] == []
    }
    for method, path in operations(document):
        formats = {
            parameter["name"]: parameter["schema"].get("format")
            for parameter in document["paths"][path][method.lower()].get("parameters", ())
        }
        address = path.format_map(
            {name: NOBODY if kind == "uuid" else "1" for name, kind in formats.items()}
        )
        status = app.test_client().open(address, method=method, json={}).status_code
        assert (status == 401) == ((method, path) not in open_to_all), (method, path, status)


def test_a_view_that_does_not_describe_itself_is_found(app: Flask) -> None:
    app.add_url_rule("/api/v1/forgotten", view_func=lambda: "")
    with pytest.raises(LookupError, match="GET /api/v1/forgotten"):
        build_document(app)


def test_the_page_tells_every_operation_and_model(app: Flask, document: dict[str, Any]) -> None:
    page = app.test_client().get("/api/docs")
    assert page.status_code == 200
    told = {
        (method, path)
        for method, path in re.findall(
            r'<span class="badge">(\w+)</span> <code>([^<]+)</code>', page.text
        )
    }
    assert told == operations(document)
    for name in document["components"]["schemas"]:
        assert f'id="model-{name}"' in page.text
    assert re.findall(r"<script(?![^>]*\bsrc=\"/static/)", page.text) == []
    assert re.findall(r'(?:href|src)="https?:', page.text) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"confirm": "yes"}, "confirm"),
        ({"sample_temperature": "20"}, "sample_temperature"),
        ({"measured_at": 1_790_000_000}, "measured_at"),
        ({"measured_at": "1790000000"}, "measured_at"),
        ({"measured_at": "2026-09-24"}, "measured_at"),
    ],
)
def test_a_body_of_other_types_than_documented_is_refused(
    tank: Tank, change: dict[str, Any], path: str
) -> None:
    refused = tank.record("24.0", **change)
    assert refused.status_code == 422
    assert [fault["path"] for fault in refused.json["fields"]] == [path]


@pytest.mark.parametrize("query", ["limit=1_0", "limit=+5", "limit= 5", "limit=5.0", "limit=٣"])
def test_a_number_in_an_address_is_digits(sign_in_api: Callable[[str], Api], query: str) -> None:
    refused = sign_in_api("vera").get(f"/fermentations?{query}")
    assert (refused.status_code, refused.json["code"]) == (422, "bad_query")


def test_a_whole_number_may_be_written_with_a_point(sign_in_api: Callable[[str], Api]) -> None:
    api = sign_in_api("marco")
    sent = api.app.test_client().post(
        "/api/v1/vessels",
        data='{"code": "T-9", "capacity_l": 793.0}',
        headers={"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"},
    )
    assert (sent.status_code, sent.json["capacity_l"]) == (201, 793)


@pytest.mark.parametrize("row_id", ["0", "007", "9223372036854775808", "9" * 30, "-1", "٣", "x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_id_that_no_row_can_have_is_not_found(
    sign_in_api: Callable[[str], Api], row_id: str, method: str
) -> None:
    answer = sign_in_api("marco").call(method, f"/fermentations/{row_id}/samples", {})
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
