"""The log in the database: searchable by the owner, joined by the request, without secrets, and in nobody's way."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.log import set_up_logging
from winery_appliance.core.log_lines import MOST_WAITING, LineStore, keep_lines, read_row
from winery_appliance.entrypoints.periodic import purge_log_lines


@pytest.fixture
def kept(book: Winery) -> Iterator[LineStore]:
    """Every line of this test's process goes into the book, as in a process of the appliance."""
    root = logging.getLogger()
    before, level, shape = list(root.handlers), root.level, structlog.get_config()
    set_up_logging("web")
    store = keep_lines(book.worker)
    store.setFormatter(root.handlers[0].formatter)
    root.addHandler(store)
    yield store
    store.close()
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**shape)


def test_one_number_joins_the_request_with_the_work_that_follows(
    tank: Tank, kept: LineStore, work_off: Callable[[], int], sign_in_api: Callable[[str], Api]
) -> None:
    answer = tank.record("24.0")
    work_off()
    number = answer.headers["X-Request-Id"]
    kept.flush_lines()
    lines = sign_in_api("ana").get(f"/log?request_id={number}").json["items"]
    assert {line["event"] for line in lines} >= {"request", "events handled"}
    (handled,) = [line for line in lines if line["event"] == "events handled"]
    assert handled["job_id"].startswith("outbox-")
    assert "analyse_fermentation" in handled["details"]["reactions"]


def test_only_the_owner_reads_it_and_only_of_their_winery(
    book: Winery, cast: Cast, kept: LineStore, sign_in_api: Callable[[str], Api], app: Flask
) -> None:
    log = structlog.get_logger("test")
    log.warning("of the neighbour", winery_id=cast.carla.winery_id)
    log.warning("of ours", winery_id=cast.ana.winery_id)
    log.warning("of nobody")
    kept.flush_lines()

    def seen(name: str) -> set[str]:
        lines = sign_in_api(name).get("/log?level=warning").json["items"]
        return {line["event"] for line in lines} & {"of the neighbour", "of ours", "of nobody"}

    assert seen("ana") == {"of ours", "of nobody"}
    assert seen("carla") == {"of the neighbour", "of nobody"}
    for name in ("marco", "bruno", "vera"):
        assert sign_in_api(name).get("/log").status_code == 403
    browser = Browser(app)
    browser.sign_in("ana")
    assert "of ours" in browser.client.get("/log?text=of+ours").text
    assert "of nobody" not in browser.client.get("/log?text=of+ours").text
    assert browser.client.get("/log?level=loud").status_code == 422


CANARY = "canary-2b7c91"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "smtp_password",
        "token",
        "access_token",
        "client_secret",
        "pin",
        "code",
        "setup_code",
        "api_key",
        "Authorization",
        "cookie",
    ],
)
def test_what_is_named_like_a_secret_is_in_no_line(
    book: Winery, kept: LineStore, name: str
) -> None:
    structlog.get_logger("test").warning("careless", **{name: CANARY})
    kept.flush_lines()
    with book.app.transaction() as session:
        rows = session.execute(text("SELECT l::text FROM log_lines l")).scalars().all()
    assert any("careless" in row for row in rows)
    assert not any(CANARY in row for row in rows)


def test_what_somebody_typed_is_in_no_line_when_the_database_refuses_it(
    book: Winery, cast: Cast, kept: LineStore
) -> None:
    try:
        with book.app.transaction(cast.ana.winery_id) as session:
            session.execute(
                text(
                    "INSERT INTO users (winery_id, username, display_name, role, hashed_password)"
                    " VALUES (:w, :u, :u, 'owner', :p)"
                ),
                {"w": cast.ana.winery_id, "u": "ana", "p": CANARY},
            )
    except Exception:
        logging.getLogger("test").exception("refused")
    kept.flush_lines()
    with book.app.transaction() as session:
        rows = session.execute(text("SELECT l::text FROM log_lines l")).scalars().all()
    assert any("users_username_key" in row for row in rows)
    assert not any(CANARY in row or "(ana)" in row for row in rows)


def test_a_database_that_is_away_costs_the_caller_nothing_and_loses_nothing(book: Winery) -> None:
    away = Database("postgresql://winery_app@127.0.0.1:1/winery")
    store = keep_lines(away)
    line = {"timestamp": clock.now().isoformat(), "event": "kept", "level": "info"}
    record = logging.LogRecord("x", logging.INFO, "", 0, json.dumps(line), (), None)
    begun = time.process_time()
    for _ in range(MOST_WAITING + 500):
        store.emit(record)
    assert time.process_time() - begun < 5
    store.flush_lines()
    store._write = keep_lines(book.worker)._write  # it is back
    store.flush_lines()
    with book.app.transaction() as session:
        count = session.scalar(text("SELECT count(*) FROM log_lines WHERE event = 'kept'"))
    assert count == MOST_WAITING, "the oldest beyond the store are dropped"


def test_old_lines_and_too_many_are_forgotten(
    book: Winery, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = text(
        "INSERT INTO log_lines (at, process, level, event, details)"
        " SELECT :at, 'web', 'info', :event, '{}' FROM generate_series(1, :n)"
    )
    with book.app.transaction() as session:
        session.execute(add, {"at": clock.now() - timedelta(days=31), "event": "old", "n": 10})
        session.execute(add, {"at": clock.now(), "event": "young", "n": 1200})
    monkeypatch.setenv("WINERY_LOG_ROWS", "1000")
    purge_log_lines(book.worker)
    with book.app.transaction() as session:
        left = dict(session.execute(text("SELECT event, count(*) FROM log_lines GROUP BY 1")).all())
    assert left == {"young": 1000}


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8), st.text() | st.integers() | st.none(), max_size=5
    )
)
def test_any_line_becomes_a_row(given_fields: dict[str, Any]) -> None:
    line = {
        **given_fields,
        "timestamp": "2026-09-01T06:30:00Z",
        "event": "x\x00y",
        "level": "info",
        "process": "web",
        "winery_id": None,
        "user_id": None,
        "request_id": None,
        "job_id": None,
    }
    row = read_row(json.dumps(line))
    assert row["event"] == "xy"
    assert "\x00" not in repr(row["details"]).replace("\\x00", "\x00")


def test_lines_arrive_by_themselves(book: Winery, kept: LineStore) -> None:
    structlog.get_logger("test").info("by itself")

    def arrived() -> bool:
        with book.app.transaction() as session:
            return bool(
                session.scalar(text("SELECT count(*) FROM log_lines WHERE event = 'by itself'"))
            )

    wait_for(arrived, "the thread writes")
