"""The audit log is kept for ever, or as many months as the owner says; only the owner's function removes any of it."""

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api
from winery_appliance.core import clock
from winery_appliance.entrypoints import periodic

# Months before now in which each winery's log holds entries: a pause in it is no month that counts.
MONTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 22, 23, 40)


@pytest.fixture
def old_logs(book: Winery, cast: Cast) -> Winery:
    """Two entries in each of these months, in both wineries."""
    with psycopg.connect(book.url("owner")) as connection:
        for winery_id in (cast.ana.winery_id, cast.carla.winery_id):
            connection.execute("SELECT set_config('winery.id', %s, true)", (str(winery_id),))
            connection.execute(
                "INSERT INTO audit_log (winery_id, at, via, action, subject, subject_id, changes)"
                " SELECT %s, date_trunc('month', now() - m * interval '1 month') + d * interval '1 day',"
                " 'session', 'update', 'old', m, '{}' FROM unnest(%s::int[]) m, generate_series(0, 1) d",
                (winery_id, list(MONTHS)),
            )
    return book


def read_months(api: Api) -> list[int]:
    """The months that are left, by how long ago they are."""
    items = api.get("/audit-log?subject=old&limit=2000").json["items"]
    return sorted(int(item["subject_id"]) for item in items)


def keep(api: Api, months: int | None) -> None:
    tag = {"If-Match": api.get("/winery").headers["ETag"]}
    assert api.call("PATCH", "/winery", {"audit_months": months}, **tag).status_code == 200


def test_whole_months_go_by_the_owners_word_in_small_batches(
    old_logs: Winery, sign_in_api: Callable[[str], Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, carla = sign_in_api("ana"), sign_in_api("carla")
    twice = sorted(MONTHS * 2)
    periodic.purge_audit_log(old_logs.worker)
    assert (read_months(ana), read_months(carla)) == (twice, twice), (
        "for ever, when nothing is said"
    )
    keep(ana, 12)
    with old_logs.worker.transaction() as session:
        assert session.scalar(text("SELECT purge_audit_log(1)")) == 1
        assert session.scalar(text("SELECT current_setting('winery.id', true)")) in {"", None}
    assert len(read_months(ana)) == len(twice) - 1, "no more than was asked for"
    monkeypatch.setattr(periodic, "AUDIT_BATCH", 2)
    periodic.purge_audit_log(old_logs.worker)
    assert read_months(ana) == twice[:24]
    assert read_months(carla) == twice, "the neighbour said nothing"
    keep(ana, 24)
    periodic.purge_audit_log(old_logs.worker)
    assert read_months(ana) == twice[:24], "fewer months than are kept"


def test_a_jump_of_the_clock_costs_one_month_at_most(
    old_logs: Winery, sign_in_api: Callable[[str], Api], cast: Cast
) -> None:
    ana = sign_in_api("ana")
    keep(ana, 12)
    with psycopg.connect(old_logs.url("owner")) as connection:
        connection.execute("SELECT set_config('winery.id', %s, true)", (str(cast.ana.winery_id),))
        connection.execute(
            "INSERT INTO audit_log (winery_id, at, via, action, subject, subject_id, changes)"
            " VALUES (%s, '2190-01-01', 'session', 'update', 'later', 'x', '{}')",
            (cast.ana.winery_id,),
        )
    periodic.purge_audit_log(old_logs.worker)
    assert read_months(ana) == sorted(MONTHS * 2)[:22]
    assert clock.now().year < 2190


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize("statement", ["DELETE FROM audit_log", "TRUNCATE audit_log"])
def test_nobody_else_removes_anything(book: Winery, cast: Cast, role: str, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        getattr(book, role).transaction(cast.ana.winery_id) as session,
    ):
        session.execute(text(statement))


def test_who_answers_requests_may_not_ask_for_it(book: Winery, cast: Cast) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        book.app.transaction(cast.ana.winery_id) as session,
    ):
        session.execute(text("SELECT purge_audit_log(1)"))
