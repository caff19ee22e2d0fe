"""The appliance as a client on the LAN meets it: through nginx, by TLS that is verified."""

import http.client
import socket
import ssl
import time
from dataclasses import dataclass

from appliance.layout import Layout
from appliance.refusals import Failed

PAGES = ("/readyz", "/healthz", "/sign-in", "/api/v1/openapi.json", "/static/css/app.css")
TIMES = 6  # each page so often: both web processes are met


@dataclass(frozen=True)
class Front:
    """Where and under which name the appliance answers."""

    name: str
    address: str
    port: int
    authority: str | None  # file of the winery's authority; None: what this machine trusts


def read_front(layout: Layout) -> Front:
    """By IT's choices."""
    settings = layout.read_settings()
    authority = layout.secrets / "ca_certificate"
    key = layout.secrets / "ca_key"
    return Front(
        name=settings["WINERY_NAME"],
        address=settings.get("WINERY_PROBE_ADDRESS", settings["WINERY_ADDRESS"]),
        port=int(settings.get("WINERY_HTTPS_PORT", "443").rpartition(":")[2]),
        authority=str(authority) if key.is_file() and key.stat().st_size else None,
    )


def ask(front: Front, path: str, timeout_s: float = 10.0) -> int:
    """The status of GET `path`. Raises OSError or http.client.HTTPException when there is no answer."""
    trust = ssl.create_default_context(cafile=front.authority)
    with (
        socket.create_connection((front.address, front.port), timeout=timeout_s) as plain,
        trust.wrap_socket(plain, server_hostname=front.name) as line,
    ):
        connection = http.client.HTTPConnection(front.name, timeout=timeout_s)
        connection.sock = line
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().status


def probe(front: Front, patience_s: float = 60.0) -> None:
    """Return when every page answers, each several times on end. Raises Failed with what did not."""
    end = time.monotonic() + patience_s
    while True:
        trouble = _find_trouble(front)
        if trouble is None:
            return
        if time.monotonic() > end:
            raise Failed(f"as a client through nginx: {trouble}")
        time.sleep(1.0)


def _find_trouble(front: Front) -> str | None:
    for path in PAGES * TIMES:
        try:
            status = ask(front, path)
        except (OSError, http.client.HTTPException) as error:
            return f"{path} gave no answer ({error})"
        if status >= 400:  # before the first owner /sign-in leads to /setup
            return f"{path} answered {status}"
    return None
