"""Every address by everybody: who may not is refused, and a neighbour's wine is not there to be read or written.

The addresses are those that the application knows, so a new one is held to this by itself.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg.sql import SQL, Identifier
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD
from tests.integration.api.test_query_counts import fill
from winery_appliance.auth.permissions import PERMISSIONS, Role
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.web import create_app

UNKNOWN = 10**17  # an id that no row has
LEAVING = {"auth.sign_out", "auth.sign_out_everywhere"}  # whoever asked these cannot walk on
PEOPLE = """
INSERT INTO users (winery_id, username, display_name, role, hashed_password)
    SELECT 1, role, role, role, %(hashed)s FROM unnest(ARRAY['owner', 'winemaker', 'cellar', 'viewer']) role;
INSERT INTO wineries (code, name) VALUES ('OTHER', 'Neighbour');
INSERT INTO users (winery_id, username, display_name, role, hashed_password)
    VALUES (2, 'carla', 'Carla', 'owner', %(hashed)s);
"""
OWN_PAGE = {"Sec-Fetch-Site": "same-origin", "X-Requested-With": "test", "If-Match": "*"}


@pytest.fixture
def settings(make_database: Callable[[], Settings], hashed_password: str) -> Settings:
    made = make_database()
    fill(made, {"n": 1, "hashed": hashed_password})
    with psycopg.connect(address_of(made)) as admin, psycopg.ClientCursor(admin) as cursor:
        cursor.execute(PEOPLE, {"hashed": hashed_password})  # type: ignore[arg-type]
    return made


@pytest.fixture
def full_app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    # Every form has a token; that one without it is refused is told by the tests of the sign-in.
    app.config["WTF_CSRF_ENABLED"] = False
    yield app
    app.extensions["winery_database"].dispose()


def address_of(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


def guarded_calls(app: Flask) -> list[tuple[str, Rule, Any]]:
    """Every method of every address that asks for a permission, with that permission."""
    return [
        (method, rule, permission)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if (permission := getattr(app.view_functions[rule.endpoint], "permission", None))
    ]


def sign_in(app: Flask, login: str) -> FlaskClient:
    client = app.test_client()
    answer = client.post("/sign-in", data={"login": login, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return client


def ask(
    client: FlaskClient, method: str, rule: Rule, *, row: int, body: Any = None
) -> TestResponse:
    path = re.sub(r"<uuid:\w+>", str(UUID(int=row)), rule.rule)
    path = re.sub(r"<(?:\w+:)?\w+>", str(row), path)
    given: dict[str, Any] = {"headers": OWN_PAGE}
    if rule.rule.startswith("/api/") and method not in {"GET", "DELETE"}:
        given["json"] = body if body is not None else {}
    return client.open(path, method=method, **given)


def test_who_is_not_signed_in_gets_nowhere(full_app: Flask) -> None:
    stranger = full_app.test_client()
    for method, rule, _ in guarded_calls(full_app):
        answer = ask(stranger, method, rule, row=1)
        way_in = answer.status_code == 302 and "/sign-in" in answer.headers["Location"]
        assert answer.status_code == 401 or way_in, (method, rule.rule, answer.status)


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_let_in_where_it_may_and_nowhere_else(full_app: Flask, role: Role) -> None:
    client = sign_in(full_app, role)
    calls = guarded_calls(full_app)
    assert len(calls) > 100
    for method, rule, permission in calls:
        if rule.endpoint in LEAVING:
            continue
        answer = ask(client, method, rule, row=UNKNOWN)
        may = permission in PERMISSIONS[role]
        told = (method, rule.rule, role, answer.status)
        assert answer.status_code < 500, told
        assert (answer.status_code == 403) == (not may), told
        assert answer.status_code != 401, told


def test_a_neighbours_rows_are_neither_read_nor_written(
    full_app: Flask, settings: Settings
) -> None:
    document = full_app.test_client().get("/api/v1/openapi.json").json
    assert document is not None
    before = read_rows(settings)
    carla = sign_in(full_app, "carla")
    asked = 0
    for method, rule, _ in guarded_calls(full_app):
        if rule.endpoint in LEAVING:
            continue
        operation = document["paths"].get(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), {})
        schema = find_body(operation.get(method.lower(), {}))
        body = make_example(schema, document) if schema else None
        answer = ask(carla, method, rule, row=1, body=body)
        told = (method, rule.rule, answer.status, body)
        assert answer.status_code < 500, told
        if "<" in rule.rule:
            asked += 1
            # A page's form says what went wrong on the page it leads to.
            refused = {404} if method == "GET" else {404, 409, 422}
            form = method == "POST" and not rule.rule.startswith("/api/")
            assert answer.status_code in (refused | {303} if form else refused), told
        assert b"Demo" not in answer.data, told  # the book as a file is no text
    assert asked > 60
    assert read_rows(settings) == before


def read_rows(settings: Settings) -> dict[str, set[str]]:
    """Every row of the first winery, table by table."""
    with psycopg.connect(address_of(settings)) as admin:
        tables = admin.execute(
            "SELECT table_name FROM information_schema.columns JOIN pg_class ON oid = table_name::regclass"
            " WHERE table_schema = 'public' AND column_name = 'winery_id' AND relkind IN ('r', 'p')"
        ).fetchall()
        return {
            table: {
                row
                for (row,) in admin.execute(
                    SQL("SELECT t::text FROM {} t WHERE winery_id = 1").format(Identifier(table))
                )
            }
            for (table,) in tables
        }


def find_body(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of an operation's JSON body."""
    content = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return schema


FORMATS = {
    "uuid": lambda: str(uuid4()),
    "date-time": lambda: "2026-09-24T06:30:00+02:00",
    "date": lambda: "2026-09-24",
}


def make_example(schema: dict[str, Any], document: dict[str, Any]) -> Any:
    """A plain body of this shape; every number in it is 1, the neighbour's row, or the least that is taken."""
    if "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return make_example(found, document)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return make_example(schema[choice][0], document)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type")
    if kind == "object":
        wanted = schema.get("properties", {})
        return {name: make_example(part, document) for name, part in wanted.items()}
    if kind == "array":
        return [make_example(schema.get("items", {}), document)]
    if kind == "string":
        shortest = schema.get("minLength", 1)
        return FORMATS.get(schema.get("format", ""), lambda: "1" * max(1, shortest))()
    return {"boolean": True, "null": None}.get(kind or "", max(1, schema.get("minimum", 1)))
