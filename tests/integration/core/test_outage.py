"""The database goes away under a signed-in person and a program: both are told so, and nothing breaks."""

import re
from collections.abc import Callable

import psycopg
import pytest
from flask import Flask

from tests.conftest import PASSWORD, Cast, Winery
from tests.integration.conftest import Api


@pytest.fixture
def cut_off(book: Winery, server: str) -> Callable[[], None]:
    """Close this database's door and end who is inside, as a server that is being restarted does."""

    def cut() -> None:
        assert book.settings.database_url is not None
        name = book.settings.database_url.get_secret_value().rpartition("/")[2]
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )

    return cut


def test_a_person_and_a_program_are_told(
    app: Flask,
    cast: Cast,
    sign_in_api: Callable[[str], Api],
    cut_off: Callable[[], None],
) -> None:
    assert cast
    api, browser = sign_in_api("ana"), app.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/sign-in").text)
    assert token
    form = {"csrf_token": token.group(1), "login": "ana", "password": PASSWORD}
    assert browser.post("/sign-in", data=form).status_code == 303
    assert browser.get("/").status_code == 200
    cut_off()
    page = browser.get("/")
    assert page.status_code == 503
    assert "Nothing was saved" in page.text
    assert page.headers["Retry-After"]
    answer = api.get("/fermentations")
    assert (answer.status_code, answer.json["code"]) == (503, "database_unavailable")
    assert browser.get("/readyz").status_code == 503
    assert browser.get("/healthz").status_code == 200


def test_a_process_without_a_worker_serves_people_and_is_not_whole(app: Flask) -> None:
    client = app.test_client()
    whole, alone = client.get("/readyz"), client.get("/readyz?of=web")
    assert (whole.status_code, alone.status_code) == (503, 200)
    assert whole.json["checks"] == alone.json["checks"]
    assert not alone.json["checks"]["worker"]
