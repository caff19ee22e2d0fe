"""Measures how long an alarm takes to the mail server: ./.venv/bin/python -m tests.bench.alerting

From the answer to the sample that caused it to the last byte of the mail at a real SMTP server, through the real appliance:
with mail going out as it should, and for the analysis with a mail server that swallows everything and never answers.
"""

import re
import socket
import statistics
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiosmtpd.controller import Controller

from tests.integration.runtime.running_appliance import wait_for
from tests.system.appliance import LiveTank, RealAppliance
from winery_appliance.core.postgres import find_free_port

ALARMS = 20


class PostOffice:
    """Notes when the first mail about which tank came."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keep the moment of a mail."""
        mail = message_from_bytes(envelope.content, policy=policy.default)
        # Demo alarms may come in the same mail: what counts is which tanks it tells of.
        for code in re.findall(r"X-heat-[0-9]+", mail.get_content()):
            self.came.setdefault(code, time.monotonic())
        return "250 OK"


def set_up(appliance: RealAppliance, port: int) -> None:
    """Let mail go to this port of the machine."""
    path = "/api/v1/notification-settings"
    values = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none"}
    values |= {"sender": "cellar@demo.winery"}
    answer = appliance.call("PATCH", path, values, who="ana", **{"If-Match": "*"})
    assert answer.status == 200, answer.body


def overheat(appliance: RealAppliance, tank: LiveTank) -> float:
    """Send a temperature that needs somebody now; the moment it was saved."""
    body = {
        "client_uuid": str(uuid4()),
        "sample_type": "temperature",
        "value": "36.5",
        "unit": "celsius",
        "measured_at": (tank.started_at + timedelta(days=9)).isoformat(),
        "confirm": True,
    }
    answer = appliance.call("POST", f"/api/v1/fermentations/{tank.id}/samples", body, who="marco")
    assert answer.status == 201, answer.body
    return time.monotonic()


def measure_mails(appliance: RealAppliance, office: PostOffice) -> list[float]:
    """Seconds from each saved sample to its mail."""
    taken = []
    for number in range(ALARMS):
        tank = appliance.start_fermentation(f"heat-{number}")
        saved = overheat(appliance, tank)
        code = f"X-heat-{number}"
        wait_for(
            lambda code=code: code in office.came,
            f"no mail about {code}",
            timeout_s=90,
        )
        taken.append(office.came[code] - saved)
    return taken


def measure_analyses(appliance: RealAppliance, prefix: str) -> list[float]:
    """Seconds from each saved sample to its alarm in the book."""
    taken = []
    for number in range(ALARMS):
        tank = appliance.start_fermentation(f"{prefix}-{number}")
        saved = overheat(appliance, tank)
        path = f"/api/v1/anomalies?fermentation_id={tank.id}"
        wait_for(
            lambda path=path: bool(appliance.call("GET", path, who="ana").body["items"]),
            "no alarm",
            timeout_s=90,
        )
        taken.append(time.monotonic() - saved)
    return taken


def main() -> None:
    """Print the table."""
    office, port = PostOffice(), find_free_port()
    controller = Controller(office, hostname="127.0.0.1", port=port)
    controller.start()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(socket.create_server(("127.0.0.1", 0))) as hole,
    ):
        appliance = RealAppliance(Path(folder) / "var", find_free_port())
        try:
            appliance.start()
            set_up(appliance, port)
            mails = measure_mails(appliance, office)
            calm = measure_analyses(appliance, "calm")
            set_up(appliance, hole.getsockname()[1])
            swallowed = measure_analyses(appliance, "hole")
            appliance.stop()
        finally:
            appliance.kill_all()
            controller.stop()
    print(
        f"sample saved to mail at the server, median {statistics.median(mails):5.1f} s,"
        f" worst {max(mails):5.1f} s   (reach 60 s, n={ALARMS})"
    )
    print(f"sample saved to alarm in the book, median  {statistics.median(calm):5.2f} s")
    print(
        f"the same, mail server silent, median       {statistics.median(swallowed):5.2f} s"
        f"   ({statistics.median(swallowed) / statistics.median(calm):.2f} times)"
    )


if __name__ == "__main__":
    main()
