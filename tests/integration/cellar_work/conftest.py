"""Two kinds of entries, tested alike: what makes one, and how it reads once it is in the book."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.integration.conftest import Api, Tank


@dataclass(frozen=True)
class Entries:
    """Where entries of one kind are sent, what a sound one says, and the field in which two may differ."""

    tank: Tank
    noun: str
    when: str
    plain: dict[str, Any]
    differs: str
    values: tuple[Any, Any]

    def body(self, *, hours: float = 1.0, **changes: Any) -> dict[str, Any]:
        """A sound entry, done so many hours after the start."""
        at = (self.tank.started_at + timedelta(hours=hours)).isoformat()
        return {"client_uuid": str(uuid4()), self.when: at, **self.plain, **changes}

    def record(self, *, hours: float = 1.0, api: Api | None = None, **changes: Any) -> TestResponse:
        """Send an entry."""
        return self.send(self.body(hours=hours, **changes), api=api)

    def send(self, body: dict[str, Any], *, api: Api | None = None) -> TestResponse:
        """Send a body."""
        return (api or self.tank.api).post(f"/fermentations/{self.tank.id}/{self.noun}", body)

    def recorded(self, **changes: Any) -> dict[str, Any]:
        """An entry in the book."""
        answer = self.record(**changes)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json
        return found

    def correct(self, entry_id: int, *, api: Api | None = None, **changes: Any) -> TestResponse:
        """Let another entry take the place of one."""
        body = self.body(reason="Typed too early.", **changes)
        return (api or self.tank.api).post(f"/{self.noun}/{entry_id}/correct", body)

    def void(self, entry_id: int, *, api: Api | None = None, **changes: Any) -> TestResponse:
        """Take an entry out of what counts."""
        body = {"client_uuid": str(uuid4()), "reason": "Another tank.", **changes}
        return (api or self.tank.api).post(f"/{self.noun}/{entry_id}/void", body)

    def listed(self, query: str = "") -> list[Any]:
        """The field that differs, of each entry in the list."""
        answer = self.tank.api.get(f"/fermentations/{self.tank.id}/{self.noun}{query}")
        assert answer.status_code == 200, answer.text
        return [item[self.differs] for item in answer.json["items"]]


@pytest.fixture
def additions(tank: Tank) -> Entries:
    """Additions of DAP to the tank."""
    plain = {"kind": "dap", "product": "DAP", "dose": "20", "unit": "g_hl", "volume_l": 5000}
    return Entries(tank, "additions", "done_at", plain, "dose", ("20", "21"))


@pytest.fixture(params=["additions", "cap-work"])
def entries(request: pytest.FixtureRequest, tank: Tank, additions: Entries) -> Entries:
    """Either kind of entries."""
    if request.param == "additions":
        return additions
    plain = {"kind": "punch_down", "duration_min": 15}
    return Entries(tank, "cap-work", "started_at", plain, "duration_min", (15, 20))
