"""The first run: a code from the terminal makes the winery and its owner, once."""

import re

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape

from tests.conftest import PASSWORD, Cast, Winery
from winery_appliance.core.postgres import admin_url
from winery_appliance.winery.service import make_setup_code


@pytest.fixture
def code(book: Winery) -> str:
    with book.app.transaction() as session:
        return make_setup_code(session)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def fill(client: FlaskClient, **changes: str):  # type: ignore[no-untyped-def]
    page = client.get("/setup")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    form = {
        "csrf_token": token.group(1),
        "winery_name": "Torrevela",
        "winery_code": "torre",
        "display_name": "Inés",
        "email": "ines@torrevela.example",
        "password": PASSWORD,
        "password_again": PASSWORD,
        **changes,
    }
    return client.post("/setup", data=form)


def test_the_first_page_of_a_new_appliance_is_the_first_run(client: FlaskClient, code: str) -> None:
    assert client.get("/").headers["Location"] == "/setup"
    done = fill(client, setup_code=code.lower().replace("-", " "))
    assert done.status_code == 303, done.text
    board = client.get("/")
    assert board.status_code == 200
    assert "Torrevela" in board.text
    assert client.get("/setup").status_code == 302, "the first run is over"
    other = client.application.test_client()
    assert "/sign-in" in other.get("/").headers["Location"]


def test_it_asks_language_units_and_tanks_and_the_book_begins_with_them(
    book: Winery, client: FlaskClient, code: str
) -> None:
    page = client.get("/setup", headers={"Accept-Language": "fr"}).text
    assert '<option value="fr" selected>' in page, "proposed is what the browser speaks"
    done = fill(
        client,
        setup_code=code,
        language="es",
        time_zone="Europe/Madrid",
        sugar_unit="baume",
        temperature_unit="fahrenheit",
        tanks="T-02 5.000\r\n\r\nt-01\t3000\r\nCuba vieja\r\n",
    )
    assert done.status_code == 303, done.text
    board = client.get("/").text
    assert 'lang="es"' in board
    assert "Hay 3 depósitos en la bodega." in board
    with psycopg.connect(admin_url(book.settings)) as admin:
        (settings,) = admin.execute(
            "SELECT language, time_zone, sugar_unit, temperature_unit FROM wineries"
        ).fetchall()
        tanks = admin.execute(
            "SELECT code, kind, capacity_l, position FROM vessels ORDER BY position"
        ).fetchall()
        (added,) = admin.execute(
            "SELECT count(*) FROM outbox WHERE event = 'VesselAdded'"
        ).fetchone() or (0,)
    assert settings == ("es", "Europe/Madrid", "baume", "fahrenheit")
    assert tanks == [
        ("T-02", "tank", 5000, 1),
        ("t-01", "tank", 3000, 2),
        ("Cuba vieja", "tank", None, 3),
    ]
    assert added == 3


def test_where_the_kit_and_the_copies_are_made_is_said_on_the_first_page(
    client: FlaskClient, code: str
) -> None:
    assert code
    page = client.get("/setup").text
    assert "winery-appliance kit" in page
    assert "winery_nas" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tanks": "T-1 5000\nT-1 3000"}, "Line 2: T-1 stands in line 1 already."),
        ({"tanks": "T-1 5000\nT/2 3000"}, "Line 2: A code goes without"),
        ({"tanks": "T-1; 0"}, "Line 1: This should be greater than 0."),
        ({"tanks": "T-1; lots"}, "Line 1: “lots” is no number of litres."),
        ({"language": "de"}, "This should be"),
        ({"sugar_unit": "celsius"}, "This should be"),
        ({"time_zone": "Mars/Olympus"}, "choose a time zone"),
        ({"setup_code": "AAAA-BBBB-CCCC"}, "setup code"),
        ({"password_again": "something else"}, "not the same"),
        ({"password": "short", "password_again": "short"}, "at least 10"),
        ({"email": "ines"}, "no e-mail address"),
        ({"winery_code": "with space"}, "without blanks"),
        ({"winery_name": ""}, "This is needed"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    book: Winery, client: FlaskClient, code: str, changes: dict[str, str], said: str
) -> None:
    answer = fill(client, **{"setup_code": code, **changes})
    assert answer.status_code == 422
    assert said.lower() in answer.text.lower()
    for typed in changes.items() - {("winery_name", "")}:
        assert escape(typed[1]) in answer.text or "password" in typed[0], "what was typed is there"
    with psycopg.connect(admin_url(book.settings)) as admin:
        made = admin.execute("SELECT code FROM wineries UNION ALL SELECT code FROM vessels")
        assert made.fetchall() == []
    assert fill(client, setup_code=code).status_code == 303, "the code is still good"


def test_a_code_works_once_and_only_the_latest(
    book: Winery, client: FlaskClient, code: str
) -> None:
    with book.app.transaction() as session:
        newer = make_setup_code(session)
    assert fill(client, setup_code=code).status_code == 422
    assert fill(client, setup_code=newer).status_code == 303


def test_an_appliance_with_a_winery_has_no_first_run(
    client: FlaskClient, code: str, cast: Cast
) -> None:
    assert cast
    assert client.get("/setup").status_code == 302
