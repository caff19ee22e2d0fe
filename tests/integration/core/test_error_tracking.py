"""Errors reach a tracker scrubbed, each once, late if need be; nobody waits for one that does not answer."""

import gzip
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DataError

from tests.conftest import Winery
from winery_appliance.core import error_tracking
from winery_appliance.core.error_tracking import NotReported, report_errors
from winery_appliance.core.log import set_up_logging
from winery_appliance.core.log_lines import keep_lines
from winery_appliance.core.settings import SettingsError, read_settings

CANARIES = ("canary-password", "canary-typed", "canary-address", "Bruno")


class Tracker(ThreadingHTTPServer):
    """Takes envelopes as Sentry and GlitchTip do."""

    daemon_threads = True

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self.status = 200
        tracker = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if tracker.status == 200:
                    assert self.path == "/api/7/envelope/"
                    assert "sentry_key=public" in self.headers["X-Sentry-Auth"]
                    tracker.raw.append(f"{self.headers}{body.decode()}")
                    tracker.events.append(json.loads(body.split(b"\n")[2]))
                self.send_response(tracker.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def dsn(self) -> str:
        """What the owner would be given."""
        return f"http://public@127.0.0.1:{self.server_port}/7"


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    made = Tracker()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def failing(book: Winery) -> Iterator[None]:
    """A process that logs as ours do, in which things went wrong."""
    root = logging.getLogger()
    before, level, shape = list(root.handlers), root.level, structlog.get_config()
    set_up_logging("web")
    store = keep_lines(book.app)
    store.setFormatter(root.handlers[0].formatter)
    root.addHandler(store)
    log = structlog.get_logger("winery.test")
    try:
        with book.app.transaction() as session:
            session.execute(text("SELECT CAST(:typed AS integer)"), {"typed": "canary-typed"})
    except DataError:
        log.exception("request failed", password="canary-password", request_id="r-1", user_id=7)
    logging.getLogger("waitress").error("Exception while serving /canary-address?name=Bruno")
    log.warning("not an error")
    store.flush_lines()
    root.removeHandler(store)
    store.close()
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**shape)


@pytest.mark.usefixtures("failing")
def test_an_error_is_told_once_and_without_what_people_typed(
    book: Winery, tracker: Tracker
) -> None:
    assert report_errors(book.worker, tracker.dsn) == 2
    assert report_errors(book.worker, tracker.dsn) == 0
    first, second = tracker.events
    assert first["logentry"]["formatted"] == "request failed"
    assert first["tags"] == {"process": "web", "request_id": "r-1"}
    (raised,) = first["exception"]["values"]
    assert raised["type"].endswith("DataError")
    places = [(frame["filename"], frame["function"]) for frame in raised["stacktrace"]["frames"]]
    assert any(name == "failing" for _, name in places)
    assert not [path for path, _ in places if path.startswith("/") and "site-packages" in path]
    assert second["logger"] == "waitress"
    for canary in (*CANARIES, socket.gethostname()):
        assert not [text for text in tracker.raw if canary in text], canary


@pytest.mark.usefixtures("failing")
def test_what_happened_while_the_tracker_was_away_is_told_later(
    book: Winery, tracker: Tracker
) -> None:
    tracker.status = 503
    with pytest.raises(NotReported):
        report_errors(book.worker, tracker.dsn)
    tracker.status = 200
    assert report_errors(book.worker, tracker.dsn) == 2


@pytest.mark.usefixtures("failing")
def test_nobody_waits_for_a_tracker_that_never_answers(
    app: Flask, book: Winery, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A black hole: who calls it gets neither an answer nor a refusal."""
    with closing(socket.socket()) as hole, closing(socket.socket()) as fills:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        fills.connect(hole.getsockname())  # its queue is full now
        monkeypatch.setattr(error_tracking, "TIMEOUT_S", 5.0)
        dsn = f"http://public@127.0.0.1:{hole.getsockname()[1]}/7"
        ended: list[str] = []

        def report() -> None:
            try:
                report_errors(book.worker, dsn)
            except NotReported as error:
                ended.append(str(error))

        waiting = threading.Thread(target=report)
        waiting.start()
        # Meanwhile pages are answered, and errors noted, from the same database.
        assert app.test_client().get("/sign-in").status_code == 200
        with book.worker.transaction() as session:
            session.execute(text("SELECT door_note_reported_errors(ARRAY[]::bigint[])"))
        assert waiting.is_alive(), "it is still calling"
        waiting.join(30)
    assert ended
    assert report_errors(book.worker, tracker.dsn) == 2, "and nothing was lost"


def test_it_is_off_by_itself_and_a_wrong_address_is_refused() -> None:
    assert read_settings({}).error_dsn is None
    for wrong in ("sentry.example", "https://sentry.example/7", "ftp://key@host/7"):
        with pytest.raises(SettingsError, match="WINERY_ERROR_DSN"):
            read_settings({"WINERY_ERROR_DSN": wrong})
