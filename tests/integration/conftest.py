"""The web application on a real database, without a server in between."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import Cast, Winery, close
from tests.integration.browser import Browser
from winery_appliance.auth.service import Actor, issue_token
from winery_appliance.core import clock
from winery_appliance.core.outbox import drain
from winery_appliance.core.secret_files import read_or_make_secret
from winery_appliance.entrypoints.reactions import REACTIONS
from winery_appliance.entrypoints.web import create_app


@pytest.fixture
def app(book: Winery) -> Iterator[Flask]:
    """The application as a process of the role `app` builds it."""
    made = create_app(book.settings)
    yield made
    close(made.extensions["winery_database"])


@dataclass
class Api:
    """A program that is signed in, talking JSON."""

    app: Flask
    token: str | None

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send `body` as JSON to a path below /api/v1."""
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return self.app.test_client().open(
            f"/api/v1{path}", method=method, json=body, headers=headers
        )

    def get(self, path: str, **headers: str) -> TestResponse:
        """GET."""
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> TestResponse:
        """POST."""
        return self.call("POST", path, body, **headers)


@pytest.fixture
def enter(app: Flask, cast: Cast) -> Callable[[str], Browser]:
    """Sign somebody of the cast in, in a browser of their own."""
    assert cast

    def sign_in(who: str) -> Browser:
        made = Browser(app)
        assert made.sign_in(who).status_code == 303
        return made

    return sign_in


@pytest.fixture
def sign_in_api(app: Flask, book: Winery, cast: Cast) -> Callable[[str], Api]:
    """A signed-in program by the name of one of the cast; the door itself has tests of its own."""
    key = read_or_make_secret(book.settings, "token_key")

    def sign_in(name: str) -> Api:
        actor: Actor = getattr(cast, name)
        with book.app.transaction(actor.winery_id) as session:
            return Api(app, issue_token(session, actor, key=key, lasts=timedelta(hours=12)))

    return sign_in


@dataclass
class Tank:
    """A running fermentation and a program that writes to it."""

    api: Api
    id: int
    started_at: datetime

    def body(self, value: str, *, hours: float = 1.0, **changes: Any) -> dict[str, Any]:
        """A sample's body, measured so many hours after the start."""
        return {
            "client_uuid": str(uuid4()),
            "sample_type": "sugar",
            "value": value,
            "unit": "brix",
            "measured_at": (self.started_at + timedelta(hours=hours)).isoformat(),
            **changes,
        }

    def record(self, value: str, *, hours: float = 1.0, **changes: Any) -> TestResponse:
        """Record a sample."""
        return self.send(self.body(value, hours=hours, **changes))

    def send(self, body: dict[str, Any]) -> TestResponse:
        """Send a sample's body."""
        return self.api.post(f"/fermentations/{self.id}/samples", body)


@pytest.fixture
def tank(sign_in_api: Callable[[str], Api]) -> Tank:
    """A red that began ten days ago in T-01, with Ana's program at hand."""
    api = sign_in_api("ana")
    started_at = (clock.now() - timedelta(days=10)).replace(microsecond=0)
    answer = api.post(
        "/fermentations",
        {
            "code": "26-TEM-01",
            "vessel_code": "T-01",
            "yeast_strain": "EC-1118",
            "style": "red",
            "started_at": started_at.isoformat(),
        },
    )
    assert answer.status_code == 201, answer.text
    return Tank(api, answer.json["id"], started_at.astimezone(UTC))


@pytest.fixture
def work_off(book: Winery) -> Callable[[], int]:
    """Do what the worker would: drain the outbox."""
    return lambda: drain(book.worker, REACTIONS)
