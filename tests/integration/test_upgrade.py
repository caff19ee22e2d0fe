"""A book that was kept with the first version goes on in this one, row for row, and can go back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.conftest import PASSWORD
from tests.integration.browser import Browser
from tests.integration.conftest import Api
from winery_appliance.core.roles import prepare_roles, role_url
from winery_appliance.core.schema import check_models, downgrade, migrate
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.web import create_app

FIRST = "0001_main_job"
DATABASE = "book_of_the_first_version"
Rows = dict[str, list[dict[str, Any]]]

# A reading's fingerprint as the first version made it; a device that sends it again must find it.
SENT = {
    "client_uuid": "0191d2c4-0000-7000-8000-000000000001",
    "sample_type": "sugar",
    "value": "24,6",
    "unit": "brix",
    "measured_at": "2026-09-01T06:30:00Z",
    "sample_temperature": 24.5,
    "qualifier": None,
}

# What later versions took away, because it is told by another column: it must be there again after the way back.
TAKEN_AWAY = {("users", "is_active")}

# An event that an update publishes has a number and a moment of its own.
OF_THE_MOMENT = {("outbox", "id"), ("outbox", "created_at"), ("outbox", "run_after")}

BOOK = Path(__file__).with_name("book_of_first_version.sql")


@pytest.fixture
def old_book(server: str, template: Settings, hashed_password: str) -> Iterator[Settings]:
    """A database as the first version left it: two wineries, and rows in every table."""
    address = server.rpartition("/")[0] + f"/{DATABASE}"
    settings = template.model_copy(update={"database_url": type(template.database_url)(address)})
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {DATABASE}")  # of a run that was cut off
    prepare_roles(settings)
    migrate(role_url(settings, "owner"), FIRST)
    sent = json.dumps({**SENT, "fermentation_id": "FERMENTATION"}, sort_keys=True)
    given = {"hashed": hashed_password, "client_uuid": SENT["client_uuid"], "sent": sent}
    # Many statements at once: the client fills them in.
    with psycopg.connect(address) as admin, psycopg.ClientCursor(admin) as cursor:
        cursor.execute(BOOK.read_bytes(), given)
    yield settings
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def read_rows(settings: Settings, columns: dict[str, list[str]]) -> Rows:
    """Every row of these tables by these columns, in an order of its own; the superuser sees all wineries."""
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as admin:
        return {
            table: [
                row
                for (row,) in admin.execute(
                    sql.SQL(
                        "SELECT to_jsonb(t) FROM (SELECT {} FROM {}) t ORDER BY t::text"
                    ).format(sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(table))
                )
            ]
            for table, names in columns.items()
        }


def read_columns(settings: Settings) -> dict[str, list[str]]:
    """The columns of every table but the schema's own mark."""
    columns: dict[str, list[str]] = {}
    with psycopg.connect(role_url(settings, "owner")) as connection:
        for table, column in connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, ordinal_position"
        ):
            columns.setdefault(table, []).append(column)
    return columns


def test_every_row_is_there_after_the_update_and_after_the_way_back(old_book: Settings) -> None:
    owner = role_url(old_book, "owner")
    columns = read_columns(old_book)
    before = read_rows(old_book, columns)
    assert [table for table, rows in before.items() if not rows] == [], "each table has a row"
    migrate(owner)
    check_models(owner)
    kept = {
        table: [name for name in names if (table, name) not in TAKEN_AWAY]
        for table, names in columns.items()
    }
    after = read_rows(old_book, kept)
    for table, rows in before.items():  # an update may add rows of its own
        stayed = [{name: row[name] for name in kept[table]} for row in rows]
        assert [row for row in stayed if row not in after[table]] == [], table
    downgrade(owner, FIRST)
    assert {table: set(names) for table, names in read_columns(old_book).items()} == {
        table: set(names) for table, names in columns.items()
    }
    assert read_rows(old_book, columns) == before
    lasting = {
        table: [name for name in names if (table, name) not in OF_THE_MOMENT]
        for table, names in kept.items()
    }
    migrate(owner)
    assert _cut(read_rows(old_book, kept), lasting) == _cut(after, lasting)


def _cut(rows: Rows, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """Rows by some of their columns only."""
    return {
        table: sorted(json.dumps({name: row[name] for name in columns[table]}) for row in found)
        for table, found in rows.items()
    }


def test_people_go_on_with_the_book_after_the_update(old_book: Settings) -> None:
    migrate(role_url(old_book, "owner"))
    app = create_app(old_book)
    try:
        browser = Browser(app)
        assert browser.sign_in("ana@demo.winery").status_code == 303
        board = browser.client.get("/").text
        assert "26-TEM-01" in board
        assert "Fermentation has stopped" in board
        signed_in = app.test_client().post(
            "/api/v1/tokens", json={"email": "marco1", "password": PASSWORD}
        )
        api = Api(app, signed_in.json["access_token"])
        listed = api.get("/fermentations").json["items"]
        assert {item["code"]: (item["status"], item["vessel_code"]) for item in listed} == {
            "26-TEM-01": ("active", "T-01"),
            "26-ALB-01": ("completed", "T-02"),
            "26-ROS-01": ("cancelled", "B-07"),
            "25-TEM-01": ("completed", "T-01"),
        }
        at = f"/fermentations/{next(i['id'] for i in listed if i['status'] == 'active')}"
        assert len(api.get(f"{at}/samples").json["items"]) == 17
        assert api.get(f"{at}/analysis").json["anomalies"] != []
        again = api.post(f"{at}/samples", SENT)
        assert (again.status_code, again.json["value"]) == (200, "24,6")
        new = {**SENT, "client_uuid": "0191d2c4-0000-7000-8000-000000000002", "confirm": True}
        assert api.post(f"{at}/samples", new).status_code == 201
        assert api.get("/vessels").json["items"] != []
    finally:
        app.extensions["winery_database"].dispose()


def test_a_used_book_can_go_back_and_come_again(old_book: Settings) -> None:
    owner = role_url(old_book, "owner")
    columns = read_columns(old_book)
    before = read_rows(old_book, columns)
    migrate(owner)
    app = create_app(old_book)
    try:
        signed_in = app.test_client().post(
            "/api/v1/tokens", json={"email": "ana@demo.winery", "password": PASSWORD}
        )
        api = Api(app, signed_in.json["access_token"])
        listed = api.get("/fermentations?status=active").json["items"]
        new = {**SENT, "client_uuid": "0191d2c4-0000-7000-8000-000000000003", "confirm": True}
        added = api.post(f"/fermentations/{listed[0]['id']}/samples", new)
        assert added.status_code == 201
        mended = {"client_uuid": SENT["client_uuid"][:-1] + "4", "reason": "Never taken."}
        assert api.post(f"/samples/{added.json['id']}/void", mended).status_code == 201
        cancelled = api.post(f"/fermentations/{listed[0]['id']}/cancel", {})
        assert cancelled.status_code == 200
    finally:
        app.extensions["winery_database"].dispose()
    downgrade(owner, FIRST)
    back = read_rows(old_book, columns)
    assert back["samples"] == before["samples"], "what was voided is gone, what counts is kept"
    assert [r["code"] for r in back["fermentations"]] == [
        r["code"] for r in before["fermentations"]
    ]
    migrate(owner)
    check_models(owner)
