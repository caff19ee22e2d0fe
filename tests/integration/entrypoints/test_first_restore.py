"""The first page's other choice: who has the setup code and the kit asks for the winery that is in the copies."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from flask import Flask
from flask.testing import FlaskClient

from backup.requested_restore import PROGRESS, WITHDRAWN
from tests.conftest import Cast, Winery
from winery_appliance.core.clock import now
from winery_appliance.core.restored_data import REQUEST, request_dir
from winery_appliance.winery.service import make_setup_code

KEY = str(pyrage.x25519.Identity.generate())
KIT = f"# site: torre\n# verify key: MCowBQYDK2VwAyEA\n{KEY}\n"


@pytest.fixture
def code(book: Winery) -> str:
    with book.app.transaction() as session:
        return make_setup_code(session)


@pytest.fixture
def client(app: Flask, book: Winery) -> Iterator[FlaskClient]:
    yield app.test_client()
    folder = request_dir(book.settings)
    for path in folder.iterdir() if folder.is_dir() else ():
        path.unlink()


def ask(client: FlaskClient, **typed: str):  # type: ignore[no-untyped-def]
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/setup/restore").text)
    assert token
    return client.post("/setup/restore", data={"csrf_token": token[1], "repo": "nas", **typed})


def test_it_is_asked_for_shown_and_can_be_stopped(
    client: FlaskClient, book: Winery, code: str
) -> None:
    assert 'href="/setup/restore"' in client.get("/setup").text
    done = ask(client, setup_code=code, identity=KIT, time="2026-11-23T12:48:56+01:00")
    assert done.status_code == 303, done.text
    filed = json.loads((request_dir(book.settings) / REQUEST).read_text())
    assert (filed["identity"].strip(), filed["repo"]) == (KIT.strip(), "nas")
    assert filed["time"].startswith("2026-11-23T12:48:56")
    page = client.get("/setup/restore").text
    assert "It begins in a moment." in page
    assert KEY not in page
    other = client.application.test_client()
    assert "Stop it" not in other.get("/setup/restore").text, "who asked for it may stop it"
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    assert client.post("/setup/restore/stop", data={"csrf_token": token[1]}).status_code == 303
    assert (request_dir(book.settings) / "withdrawn").exists()


def stop(client: FlaskClient) -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/setup/restore").text)
    assert token
    assert client.post("/setup/restore/stop", data={"csrf_token": token[1]}).status_code == 303


def test_it_can_be_stopped_when_the_server_has_taken_the_request_away(
    client: FlaskClient, book: Winery, code: str
) -> None:
    """As in containers: the key lies on the disk no longer, and the restore is worked on."""
    assert ask(client, setup_code=code, identity=KIT).status_code == 303
    folder = request_dir(book.settings)
    take_up(folder, phase="unpack")

    refused = ask(client, setup_code=code, identity=KIT)
    assert refused.status_code == 422
    assert "under way" in refused.text, "a second one is refused"
    assert not (folder / REQUEST).exists()
    stop(client)
    assert (folder / WITHDRAWN).exists()


def take_up(folder: Path, **told: str) -> None:
    """As the server's command does: the request is gone, and the progress tells something new."""
    before = json.loads((folder / PROGRESS).read_text())
    (folder / REQUEST).unlink()
    (folder / PROGRESS).write_text(json.dumps(before | told))


def test_who_was_cut_off_while_asking_is_asked_again(
    client: FlaskClient, book: Winery, code: str
) -> None:
    assert ask(client, setup_code=code, identity=KIT).status_code == 303
    folder = request_dir(book.settings)
    take_up(folder, at=(now() - timedelta(minutes=5)).isoformat())
    page = client.get("/setup/restore").text
    assert "The restore ended without a word" in page
    assert ask(client, setup_code=code, identity=KIT).status_code == 303


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"setup_code": "AAAA-BBBB-CCCC"}, "setup code"),
        ({"identity": "nothing of the kind"}, "AGE-SECRET-KEY-1"),
        ({"identity": KEY}, "verify key"),
        ({"identity": ""}, "This is needed"),
        ({"time": "yesterday"}, "another look"),
        ({"repo": "/etc"}, "another look"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_asked_for(
    client: FlaskClient, book: Winery, code: str, changes: dict[str, str], said: str
) -> None:
    answer = ask(client, **{"setup_code": code, "identity": KIT, **changes})
    assert answer.status_code == 422
    assert said.lower() in answer.text.lower()
    assert KEY not in answer.text, "a key is not sent back"
    assert not (request_dir(book.settings) / REQUEST).exists()
    assert ask(client, setup_code=code, identity=KIT).status_code == 303, "the code is still good"


def test_where_a_winery_is_nothing_can_be_asked_for(
    client: FlaskClient, book: Winery, code: str, cast: Cast
) -> None:
    assert cast
    assert client.get("/setup/restore").status_code == 302
    client.get("/sign-in")
    assert client.post(
        "/setup/restore", data={"setup_code": code, "identity": KIT}
    ).status_code in {303, 400}
    assert not (request_dir(book.settings) / REQUEST).exists()
