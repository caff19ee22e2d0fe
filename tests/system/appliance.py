"""The real appliance: `winery up` with the demo, and a program that talks to it."""

import http.client
import json
import os
import signal
import sysconfig
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from tests.integration.runtime.running_appliance import Appliance, wait_for
from winery_appliance.core.postgres import admin_url

WINERY = str(Path(sysconfig.get_path("scripts"), "winery"))
PASSWORD = "harvest-at-six"


@dataclass
class Answer:
    """A status and a JSON body."""

    status: int
    body: Any


class RealAppliance(Appliance):
    """`winery up` on a data directory of its own."""

    command = (WINERY,)

    def __init__(self, data: Path, port: int) -> None:
        super().__init__(data, port)
        self.environment["WINERY_DEMO_PASSWORD"] = PASSWORD
        # Heavy work that would come by itself after the first base copy; the tests ask for it when they want it.
        self.environment |= {"WINERY_BACKUP_TOOLS": "no", "WINERY_BACKUP_DRILL_HOURS": "0"}
        self.environment["WINERY_BACKUP_DUMP_HOURS"] = "0"
        self._tokens: dict[str, str] = {}

    def _have_begun(self) -> bool:
        return self.try_call("GET", "/readyz").status == 200

    def call(
        self, method: str, path: str, body: Any = None, *, who: str = "", **more: str
    ) -> Answer:
        """One request, with `more` headers; raises OSError or HTTPException when the line is cut."""
        headers = {"Content-Type": "application/json", **more}
        if who:
            headers["Authorization"] = f"Bearer {self.token(who)}"
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            line.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = line.getresponse()
            text = answer.read()
        finally:
            line.close()
        return Answer(answer.status, json.loads(text) if text else None)

    def try_call(self, method: str, path: str, body: Any = None, *, who: str = "") -> Answer:
        """As `call`; status 0 when the line is cut."""
        try:
            return self.call(method, path, body, who=who)
        except (OSError, http.client.HTTPException, ValueError):
            return Answer(0, None)

    def token(self, who: str) -> str:
        """A token of one of the demo's people."""
        if who not in self._tokens:
            email = who if "@" in who else f"{who}@demo.winery"
            body = {"email": email, "password": PASSWORD}
            self._tokens[who] = self.call("POST", "/api/v1/tokens", body).body["access_token"]
        return self._tokens[who]

    def start_fermentation(
        self, code: str, *, days_ago: float = 10, who: str = "ana"
    ) -> "LiveTank":
        """Start a red in a new tank."""
        started_at = (datetime.now(UTC) - timedelta(days=days_ago)).replace(microsecond=0)
        answer = self.call(
            "POST",
            "/api/v1/fermentations",
            {
                "code": code,
                "vessel_code": f"X-{code}",
                "yeast_strain": "EC-1118",
                "style": "red",
                "started_at": started_at.isoformat(),
            },
            who=who,
        )
        assert answer.status == 201, answer
        return LiveTank(self, answer.body["id"], started_at)

    def admin(self) -> psycopg.Connection[tuple[Any, ...]]:
        """The administrator's connection to the winery's database, to hold locks and to count."""
        return psycopg.connect(admin_url(self.settings), dbname="winery")

    def count(self, query: str, *values: object) -> int:
        """A number from the database, whatever winery it belongs to."""
        with self.admin() as connection:
            row = connection.execute(query, values).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(row[0])

    def kill_part(self, name: str) -> int:
        """SIGKILL to one part; its process number."""
        pid = wait_for(lambda: self.part(name), name)
        os.kill(pid, signal.SIGKILL)
        return pid


@dataclass
class LiveTank:
    """A running fermentation of the real appliance."""

    appliance: RealAppliance
    id: int
    started_at: datetime

    def body(self, value: str, hours: float) -> dict[str, Any]:
        """A sugar sample's body."""
        return {
            "client_uuid": str(uuid4()),
            "sample_type": "sugar",
            "value": value,
            "unit": "brix",
            "measured_at": (self.started_at + timedelta(hours=hours)).isoformat(),
        }

    def send(self, body: dict[str, Any]) -> Answer:
        """Send a sample; status 0 when the line is cut."""
        path = f"/api/v1/fermentations/{self.id}/samples"
        return self.appliance.try_call("POST", path, body, who="ana")

    def send_until_kept(self, body: dict[str, Any]) -> Answer:
        """Send as the phone's outbox does: again and again with the same UUID, until answered."""
        kept: list[Answer] = []

        def attempt() -> bool:
            answer = self.send(body)
            if answer.status in {200, 201}:
                kept.append(answer)
            else:
                assert answer.status in {0, 503}, answer
            return bool(kept)

        wait_for(attempt, "an answer for this UUID")
        return kept[0]

    def analysis(self) -> dict[str, Any]:
        """The latest analysis."""
        answer = self.appliance.try_call(
            "GET", f"/api/v1/fermentations/{self.id}/analysis", who="ana"
        )
        return answer.body if answer.status == 200 else {"covers_samples": -1}

    def await_coverage(self, count: int) -> dict[str, Any]:
        """The analysis, once it covers so many samples."""
        wait_for(lambda: self.analysis()["covers_samples"] >= count, f"analysis of {count}")
        return self.analysis()


def in_background(act: Callable[[], object]) -> threading.Thread:
    """`act` in a thread of its own, started."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread
