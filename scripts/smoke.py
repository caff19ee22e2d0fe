"""Looks at a deployed appliance as a client: smoke.py https://NAME [--address IP] [--ca FILE] [--token-file FILE]

Without a token: that it is ready, serves its pages, and shows nobody what is nobody's business. With a token of a
winemaker there: a wine is started, read, analysed by the worker, and taken out again, by the same door as any program.
Standard library only, Python 3.11. Exit code 0: all is well; 1: a line tells what is not.
"""

import argparse
import http.client
import json
import socket
import ssl
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 60.0  # for the worker
OPEN = ("/readyz", "/healthz", "/sign-in", "/api/v1/openapi.json", "/static/css/app.css")
# (path, the statuses that are right for a stranger)
CLOSED = (
    ("/metrics", {404}),
    ("/api/v1/fermentations", {401}),
    ("/api/v1/log", {401}),
    ("/", {302, 303}),
)
HEADERS = ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy")


class Trouble(Exception):
    """What is not as it should be."""


@dataclass(frozen=True)
class Site:
    """Where the appliance answers, and who asks."""

    scheme: str
    name: str
    port: int
    address: str
    authority: str | None
    token: str | None
    patience_s: float

    def ask(self, method: str, path: str, body: Any = None, **more: str) -> tuple[int, Any, Any]:
        """Status, headers and body (JSON where it is). Raises OSError or HTTPException without an answer."""
        plain = socket.create_connection((self.address, self.port), timeout=20)
        connection = http.client.HTTPConnection(self.name, self.port, timeout=20)
        connection.sock = plain
        if self.scheme == "https":
            trust = ssl.create_default_context(cafile=self.authority)
            connection.sock = trust.wrap_socket(plain, server_hostname=self.name)
        headers = {"Content-Type": "application/json", **more}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        is_json = "json" in (answer.headers.get("Content-Type") or "")
        return answer.status, answer.headers, json.loads(text) if is_json and text else text

    def want(self, method: str, path: str, body: Any = None, *, status: set[int]) -> Any:
        """The body of an answer with one of these statuses. Raises Trouble."""
        got, _, answer = self.ask(method, path, body)
        if got not in status:
            raise Trouble(f"{method} {path} answered {got}: {str(answer)[:300]}")
        return answer


def main() -> int:
    """Every look in turn; the first trouble ends it."""
    site = read_arguments()
    try:
        await_readiness(site)
        for line in look_from_outside(site):
            print(f"ok  {line}")
        if site.token is not None:
            for line in walk_through(site):
                print(f"ok  {line}")
    except (Trouble, OSError, http.client.HTTPException, ValueError) as error:
        print(f"NOT {error}", file=sys.stderr)
        return 1
    return 0


def read_arguments() -> Site:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--address", help="connect there, whatever the name's address is")
    parser.add_argument("--ca", help="certificate of the authority to trust")
    parser.add_argument("--token-file", type=Path, help="token of a winemaker, for the whole walk")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds until it is ready")
    given = parser.parse_args()
    parts = urlsplit(given.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        parser.error("write the address as https://NAME")
    return Site(
        scheme=parts.scheme,
        name=parts.hostname,
        port=parts.port or (443 if parts.scheme == "https" else 80),
        address=given.address or parts.hostname,
        authority=given.ca,
        token=given.token_file.read_text().strip() if given.token_file else None,
        patience_s=given.patience,
    )


def await_readiness(site: Site) -> None:
    """Return once it is ready. Raises Trouble when it is not in time."""
    end = time.monotonic() + site.patience_s
    while True:
        try:
            status, _, answer = site.ask("GET", "/readyz")
            if status == 200:
                return
            trouble = f"/readyz answers {status}: {answer}"
        except (OSError, http.client.HTTPException) as error:
            trouble = f"no answer: {error}"
        if time.monotonic() > end:
            raise Trouble(trouble)
        time.sleep(1.0)


def look_from_outside(site: Site) -> Iterator[str]:
    """What a stranger sees."""
    stranger = replace(site, token=None)
    for path in OPEN:
        status, headers, _ = stranger.ask("GET", path)
        if status >= 400:
            raise Trouble(f"{path} answered {status}")
        if path == "/sign-in" and [name for name in HEADERS if name not in headers]:
            raise Trouble(f"/sign-in lacks {[name for name in HEADERS if name not in headers]}")
        yield path
    for path, right in CLOSED:
        if path == "/metrics" and site.scheme == "http":
            continue  # the front server closes it, and there is none
        status, _, _ = stranger.ask("GET", path)
        if status not in right:
            raise Trouble(f"{path} answered a stranger with {status}")
        yield f"{path} is closed"
    started = stranger.want("GET", "/api/v1/openapi.json", status={200})["info"]["version"]
    yield f"release {started}"


def walk_through(site: Site) -> Iterator[str]:
    """A wine from its start to its analysis, and out of the book again."""
    code = f"SMOKE-{uuid.uuid4().hex[:8]}"
    started_at = (datetime.now(UTC) - timedelta(days=2)).replace(microsecond=0)
    wine = site.want(
        "POST",
        "/api/v1/fermentations",
        {
            "code": code,
            "vessel_code": "SMOKE",
            "yeast_strain": "EC-1118",
            "style": "red",
            "started_at": started_at.isoformat(),
        },
        status={201},
    )
    path = f"/api/v1/fermentations/{wine['id']}"
    yield f"{code} was started"
    sample = {
        "client_uuid": str(uuid.uuid4()),
        "sample_type": "sugar",
        "value": "23.5",
        "unit": "brix",
        "measured_at": (started_at + timedelta(hours=6)).isoformat(),
    }
    site.want("POST", f"{path}/samples", sample, status={201})
    site.want("POST", f"{path}/samples", sample, status={200})
    yield "a reading was kept, once"
    end = time.monotonic() + PATIENCE_S
    while site.want("GET", f"{path}/analysis", status={200})["status"] != "done":
        if time.monotonic() > end:
            raise Trouble("the worker did not analyse it within a minute")
        time.sleep(0.5)
    yield "the worker analysed it"
    site.want("DELETE", path, status={204})
    yield f"{code} was taken out"


if __name__ == "__main__":
    sys.exit(main())
