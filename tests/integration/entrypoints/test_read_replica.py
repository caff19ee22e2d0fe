"""Heavy reading on a streaming standby that our own copies made: what it answers, and that it costs nobody a page."""

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask, g
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from tests.conftest import EMPTY, Cast, Winery, close
from tests.integration.backup.conftest import Cellar, making_cellars
from tests.integration.browser import Browser
from tests.integration.conftest import Tank
from tests.integration.entrypoints.standby import Standby, make_standby
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core import postgres, web
from winery_appliance.core.clock import monotonic_s
from winery_appliance.core.db import Database
from winery_appliance.core.errors import NotFound
from winery_appliance.core.read_replica import CATCH_UP_S, HANGS_S
from winery_appliance.core.roles import role_url
from winery_appliance.core.schema import migrate
from winery_appliance.core.settings import SettingsError, read_settings
from winery_appliance.entrypoints.web import create_app

LISTS = "/fermentations"


@pytest.fixture(scope="module")
def cellar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cellar]:
    """A primary with the appliance's schema, whose log and base copy are on the NAS; copying goes on no more."""
    with making_cellars(tmp_path_factory.mktemp("primary")) as make:
        made = make()
        migrate(role_url(made.settings, "owner"))
        made.start_stream()
        made.write(0, 3)
        made.await_shipped()
        made.kill_stream()
        yield made


@pytest.fixture(scope="module")
def made_standby(cellar: Cellar, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standby]:
    """A standby of it, made as the documents say: from the NAS, the kit and the primary's address."""
    standby = make_standby(cellar, tmp_path_factory.mktemp("standby") / "winery")
    yield standby
    standby.kill()


@pytest.fixture
def standby(made_standby: Standby) -> Standby:
    """It runs and replays."""
    if made_standby.server is None:
        made_standby.start()
    return made_standby


@pytest.fixture
def book(cellar: Cellar, standby: Standby) -> Iterator[Winery]:
    """The primary's book, empty, read on the standby."""
    address = SecretStr(f"postgresql://127.0.0.1:{standby.port}")
    settings = cellar.settings.model_copy(update={"read_database_url": address})
    made = Winery(
        settings,
        Database(role_url(settings, "app"), pool_size=3),
        Database(role_url(settings, "worker"), pool_size=3),
    )
    yield made
    close(made.app)
    close(made.worker)
    with psycopg.connect(postgres.admin_url(cellar.settings), dbname="winery") as admin:
        admin.execute(EMPTY)


@pytest.fixture
def app(book: Winery) -> Iterator[Flask]:
    """The application, with a view that says where it reads, and one whose reading takes as long as the test likes."""
    made = create_app(book.settings)
    replica = made.extensions["winery_read_replica"]
    wait_for(lambda: replica.is_used, "the standby is used", timeout_s=60)
    yield made
    replica.dispose()
    close(made.extensions["winery_database"])


def where(app: Flask, winery_id: int) -> str:
    """Where a view reads now."""
    with app.test_request_context("/"), web.reading(winery_id) as session:
        is_standby = session.execute(text("SELECT pg_is_in_recovery()")).scalar_one()
    return "standby" if is_standby else "primary"


def told(app: Flask) -> str:
    return str(app.test_client().get("/readyz").json["reads"])


def test_heavy_reading_is_answered_by_the_standby(
    app: Flask, tank: Tank, standby: Standby, cast: Cast
) -> None:
    assert where(app, cast.ana.winery_id) == "standby"
    before = standby.ask("SELECT count(*) FROM pg_stat_activity WHERE usename = 'winery_app'")
    assert before >= 1
    pages = [
        "/historical_samples",
        "/patterns",
        "/search?q=TEM",
        "/log",
        "/audit-log",
        LISTS,
        f"/fermentations/{tank.id}/samples",
        f"/fermentations/{tank.id}/similar",
        f"/fermentations/{tank.id}/origin",
        "/export?format=zip",
    ]
    question = "SELECT sum(xact_commit) FROM pg_stat_database WHERE datname = 'winery'"
    begun = standby.ask(question)
    for page in pages:
        answer = tank.api.get(page)
        assert answer.status_code == 200, (page, answer.text)
        assert answer.data
    wait_for(lambda: standby.ask(question) >= begun + len(pages), "the readings are counted there")
    assert told(app) == "replica"
    assert "winery_read_replica_used 1.0" in app.test_client().get("/metrics").text


def test_pages_of_the_past_are_answered_by_the_standby(
    app: Flask, tank: Tank, enter: Callable[[str], Browser]
) -> None:
    ana = enter("ana")
    for page in (
        "/history",
        "/history/patterns",
        "/search?q=nothing",
        "/log",
        f"/compare?id={tank.id}",
        f"/fermentations/{tank.id}/readings",
        f"/fermentations/{tank.id}/readings.csv",
        f"/fermentations/{tank.id}/readings.pdf",
        f"/fermentations/{tank.id}/origin",
        f"/fermentations/{tank.id}/similar",
    ):
        assert ana.client.get(page).status_code == 200, page
    assert told(app) == "replica"
    assert "Read replica" in ana.client.get("/status").text


def test_what_was_just_saved_is_read_every_time(app: Flask, tank: Tank) -> None:
    for n in range(40):
        assert tank.record(f"{24 - n / 10:.1f}", hours=1 + n, confirm=True).status_code == 201
        found = tank.api.get(f"/fermentations/{tank.id}/samples").json["items"]
        assert len(found) == n + 1
    assert told(app) == "replica"


def test_a_neighbour_s_rows_are_not_seen_there_and_none_can_be_written(
    app: Flask, tank: Tank, cast: Cast
) -> None:
    tank.record("24.0")
    count = text("SELECT count(*) FROM samples")
    with app.test_request_context("/"):
        with web.reading(cast.ana.winery_id) as session:
            assert session.execute(text("SELECT pg_is_in_recovery()")).scalar_one()
            assert session.execute(count).scalar_one() == 1
        with web.reading(cast.carla.winery_id) as session:
            assert session.execute(text("SELECT pg_is_in_recovery()")).scalar_one()
            assert session.execute(count).scalar_one() == 0
        with (
            pytest.raises(InternalError, match="read-only transaction"),
            web.reading(cast.ana.winery_id) as session,
        ):
            session.execute(text("UPDATE users SET display_name = display_name"))


def test_a_reading_on_the_primary_can_write_nothing_either(app: Flask, cast: Cast) -> None:
    change = text("UPDATE users SET display_name = display_name")
    with app.test_request_context("/"):
        g.reads_on_primary = True
        with (
            pytest.raises(InternalError, match="read-only transaction"),
            web.reading(cast.ana.winery_id) as session,
        ):
            session.execute(change)
        with web.transaction(cast.ana.winery_id) as session:  # by the same line of the pool
            session.execute(change)


def test_a_standby_that_is_killed_costs_nobody_a_page_and_comes_back(
    app: Flask, tank: Tank, standby: Standby, cast: Cast
) -> None:
    assert tank.api.get(LISTS).status_code == 200
    standby.kill()

    answers = [tank.api.get(LISTS).status_code for _ in range(20)]

    assert answers == [200] * 20
    assert told(app) == "primary"
    assert where(app, cast.ana.winery_id) == "primary"
    assert "winery_read_replica_used 0.0" in app.test_client().get("/metrics").text
    parts = {part["key"]: part for part in tank.api.get("/status").json["subsystems"]}
    assert parts["read_replica"]["level"] == "amber"
    standby.start()
    wait_for(lambda: where(app, cast.ana.winery_id) == "standby", "it is used again", 30)


def test_the_status_tells_of_a_standby_that_went_while_nobody_read(
    app: Flask, tank: Tank, standby: Standby
) -> None:
    def judge() -> str:
        parts = {part["key"]: part for part in tank.api.get("/status").json["subsystems"]}
        return str(parts["read_replica"]["level"])

    assert judge() == "green"
    standby.kill()

    assert judge() == "amber"
    standby.start()
    wait_for(lambda: judge() == "green", "it is used again", 30)


@pytest.mark.parametrize("how", ["conflict", "killed"])
def test_a_reading_that_breaks_off_in_the_middle_is_done_again_on_the_primary(
    app: Flask, standby: Standby, cast: Cast, how: str
) -> None:
    ran: list[bool] = []
    reads, goes_on = threading.Event(), threading.Event()

    def view() -> str:
        with web.reading(cast.ana.winery_id) as session:
            ran.append(session.execute(text("SELECT pg_is_in_recovery()")).scalar_one())
            if ran[-1]:
                reads.set()
                assert goes_on.wait(30)
            return str(session.execute(text("SELECT 6 * 7")).scalar_one())

    app.view_functions["health.healthz"] = view
    answers: list[Any] = []
    asking = threading.Thread(
        target=lambda: answers.append(app.test_client().get("/healthz", buffered=True))
    )
    asking.start()
    assert reads.wait(30)
    if how == "killed":
        standby.kill()
    else:
        standby.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE state = 'idle in transaction' AND application_name = 'winery-web-reads'"
        )
    goes_on.set()
    asking.join(30)

    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "42")]
    assert ran == [True, False]


def test_a_replay_that_stands_in_the_way_of_a_reading_leads_it_to_the_primary(
    app: Flask, cellar: Cellar, standby: Standby, cast: Cast
) -> None:
    """PostgreSQL's own recovery conflict: the primary locks a table that is being read on the standby."""
    standby.kill()
    standby.start(max_standby_streaming_delay="0")
    wait_for(lambda: where(app, cast.ana.winery_id) == "standby", "it is used again", 30)
    ran: list[bool] = []
    conflicts = "SELECT sum(confl_lock) FROM pg_stat_database_conflicts WHERE datname = 'winery'"
    before = standby.ask(conflicts)

    def view() -> str:
        with web.reading(cast.ana.winery_id) as session:
            ran.append(session.execute(text("SELECT pg_is_in_recovery()")).scalar_one())
            session.execute(text("SELECT count(*) FROM samples"))
            if ran[-1]:
                with cellar.connect() as primary, primary.transaction():
                    primary.execute("LOCK TABLE samples IN ACCESS EXCLUSIVE MODE")
                    primary.execute("SELECT pg_current_xact_id()")
                wait_for(lambda: standby.ask(conflicts) > before, "the conflict")
            return str(session.execute(text("SELECT count(*) FROM samples")).scalar_one())

    app.view_functions["health.healthz"] = view
    answer = app.test_client().get("/healthz")

    assert (answer.status_code, answer.text) == (200, "0")
    assert ran == [True, False]
    standby.kill()


def test_what_a_view_refuses_on_the_primary_is_answered_as_ever(
    app: Flask, standby: Standby, cast: Cast
) -> None:
    def view() -> str:
        with web.reading(cast.ana.winery_id) as session:
            if session.execute(text("SELECT pg_is_in_recovery()")).scalar_one():
                standby.kill()
                session.execute(text("SELECT 1"))
            raise NotFound("There is no such wine.")

    app.view_functions["health.healthz"] = view
    assert app.test_client().get("/healthz").status_code == 404


def test_a_standby_that_lags_is_not_used_until_it_has_caught_up(
    app: Flask, tank: Tank, standby: Standby, cast: Cast
) -> None:
    standby.ask("SELECT pg_wal_replay_pause()")
    tank.record("24.0")

    begun = monotonic_s()
    assert len(tank.api.get(f"/fermentations/{tank.id}/samples").json["items"]) == 1
    first_s = monotonic_s() - begun
    assert first_s >= CATCH_UP_S
    assert where(app, cast.ana.winery_id) == "primary"
    assert told(app) == "primary"
    standby.ask("SELECT pg_wal_replay_resume()")
    wait_for(lambda: where(app, cast.ana.winery_id) == "standby", "it is used again", 30)


def test_a_log_that_ends_in_the_middle_of_a_record_is_no_lag(
    app: Flask, cellar: Cellar, cast: Cast
) -> None:
    """As after much reading: PostgreSQL writes whole pages of its log, and the rest of a record with the next commit."""
    on_page = "SELECT (pg_current_wal_flush_lsn() - '0/0') % 8192 = 0"
    with cellar.connect() as primary:
        primary.execute("SELECT pg_logical_emit_message(false, 'test', repeat('x', 30000))")
        wait_for(lambda: primary.execute(on_page).fetchone() == (True,), "a page of the log")
        assert where(app, cast.ana.winery_id) == "standby"
        assert told(app) == "replica"


def test_a_standby_that_hangs_delays_one_page_by_a_second(
    app: Flask, tank: Tank, standby: Standby, cast: Cast
) -> None:
    assert where(app, cast.ana.winery_id) == "standby"
    standby.signal(signal.SIGSTOP)
    try:
        begun = monotonic_s()
        assert tank.api.get(LISTS).status_code == 200
        assert monotonic_s() - begun < HANGS_S + 3
        assert told(app) == "primary"
        begun = monotonic_s()
        assert [tank.api.get(LISTS).status_code for _ in range(10)] == [200] * 10
        assert monotonic_s() - begun < HANGS_S + 3
    finally:
        standby.signal(signal.SIGCONT)
    wait_for(lambda: where(app, cast.ana.winery_id) == "standby", "it is used again", 60)


def test_an_appliance_without_a_replica_says_nothing_of_one(
    cellar: Cellar,
) -> None:
    made = create_app(cellar.settings)
    assert "reads" not in made.test_client().get("/readyz").json
    assert "read_replica" not in made.test_client().get("/metrics").text
    close(made.extensions["winery_database"])


@pytest.mark.parametrize("address", ["standby", "host=standby", "https://standby/winery"])
def test_an_address_that_is_none_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(SettingsError, match=r"WINERY_READ_DATABASE_URL: .* postgresql://HOST:PORT"):
        read_settings({"WINERY_READ_DATABASE_URL": address})
