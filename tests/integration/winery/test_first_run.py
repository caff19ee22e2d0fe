"""The first run: a code from the terminal makes the winery and its owner, once."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD, Cast, Winery
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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"setup_code": "AAAA-BBBB-CCCC"}, "setup code"),
        ({"password_again": "something else"}, "not the same"),
        ({"password": "short", "password_again": "short"}, "at least 10"),
        ({"email": "ines"}, "no e-mail address"),
        ({"winery_code": "with space"}, "without blanks"),
        ({"winery_name": ""}, "This is needed"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    client: FlaskClient, code: str, changes: dict[str, str], said: str
) -> None:
    answer = fill(client, **{"setup_code": code, **changes})
    assert answer.status_code == 422
    assert said.lower() in answer.text.lower()
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
