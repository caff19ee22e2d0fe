"""Errors told to a Sentry or GlitchTip of the winery's choice; off until a DSN is named.

What is told are error lines of the log, which every process keeps in the database: so nobody's work waits for the tracker,
processes without a way out of the house are heard too, and what happened offline is told later. Told are the kind of error,
where in our code it arose, and ids. Not told: messages of exceptions (they repeat what people typed), variables, addresses,
names, the machine's name.
"""

import re
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from sentry_sdk.consts import EndpointType
from sentry_sdk.envelope import Envelope, Item, PayloadRef
from sentry_sdk.utils import Dsn
from sqlalchemy import text

from winery_appliance.core import clock
from winery_appliance.core.db import Database

TIMEOUT_S = 10.0
BATCH = 20
LOOK_BACK = timedelta(days=1)
CLIENT = "winery-appliance"
LEFT_OUT = "(left out)"
OURS = re.compile(r"/(winery_appliance|backup|sync)/")
FRAME = re.compile(r'^ *File "([^"]+)", line (\d+), in (\S+)', re.MULTILINE)
KIND = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)
NUMBERS = uuid.UUID("0b0a4b12-7a34-5a8e-8a57-1f8c6f6a2d10")  # ours: the same line is the same event


class NotReported(Exception):
    """The tracker did not take it; the text says why."""


def report_errors(db: Database, dsn: str) -> int:
    """Tell the tracker of errors it has not been told of; how many. Raises NotReported."""
    with db.transaction() as session:
        rows = (
            session.execute(
                text("SELECT * FROM door_list_unreported_errors(:since, :most)"),
                {"since": clock.now() - LOOK_BACK, "most": BATCH},
            )
            .mappings()
            .all()
        )
    for row in rows:  # one at a time: what was told before the line broke is noted
        _post(dsn, describe_error(dict(row)))
        with db.transaction() as session:
            session.execute(
                text("SELECT door_note_reported_errors(:ids)"), {"ids": [int(row["id"])]}
            )
    return len(rows)


def describe_error(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the log as an event. https://develop.sentry.dev/sdk/data-model/event-payloads/"""
    details = row["details"]
    logger = str(details.get("logger", ""))
    ours = logger.startswith("winery")
    tags = {"process": row["process"], "request_id": row["request_id"], "job_id": row["job_id"]}
    event: dict[str, Any] = {
        "event_id": uuid.uuid5(NUMBERS, f"{row['at'].isoformat()} {row['id']}").hex,
        "timestamp": row["at"].isoformat(),
        "platform": "python",
        "level": "fatal" if row["level"] == "critical" else "error",
        "logger": logger,
        # What a library logs may repeat an address or what was typed; our own events are fixed words.
        "logentry": {"formatted": row["event"] if ours else LEFT_OUT},
        "release": f"{CLIENT}@{version(CLIENT)}",
        "tags": {name: value for name, value in tags.items() if value},
    }
    # A long line was cut, and stands there as JSON.
    trace = details.get("exception") or str(details.get("cut", "")).replace("\\n", "\n").replace(
        '\\"', '"'
    )
    values = list(_read_trace(trace))
    if values:
        event["exception"] = {"values": values}
    return event


def _read_trace(trace: str) -> Iterator[dict[str, Any]]:
    """The last exception of a traceback: its kind and its frames, the outermost first."""
    last = trace.rpartition("Traceback (most recent call last):\n")[2]
    frames = [
        {
            "filename": _shorten(path),
            "lineno": int(line),
            "function": name,
            "in_app": OURS.search(path) is not None,
        }
        for path, line, name in FRAME.findall(last)
    ]
    kinds = KIND.findall(last)
    if kinds or frames:
        yield {
            "type": kinds[0] if kinds else "Exception",
            "value": LEFT_OUT,
            "stacktrace": {"frames": frames},
        }


def _shorten(path: str) -> str:
    """A file without the folders of this machine above its package."""
    found = OURS.search(path)
    return path[found.start() + 1 :] if found else path.rpartition("site-packages/")[2]


def _post(dsn: str, event: dict[str, Any]) -> None:
    envelope = Envelope(headers={"event_id": event["event_id"]})
    envelope.add_item(Item(payload=PayloadRef(json=event), type="event"))
    auth = Dsn(dsn).to_auth(f"{CLIENT}/{version(CLIENT)}")
    request = urllib.request.Request(  # noqa: S310 - the settings let in http and https only
        auth.get_api_url(EndpointType.ENVELOPE),
        data=envelope.serialize(),
        headers={
            "Content-Type": "application/x-sentry-envelope",
            "X-Sentry-Auth": auth.to_header(),
            "User-Agent": CLIENT,
        },
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310
            return
    except (OSError, urllib.error.URLError) as error:
        raise NotReported(f"the error tracker did not take it: {error}") from error
