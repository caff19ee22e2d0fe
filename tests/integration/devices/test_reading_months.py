"""The tables of months: made ahead, filled from the default one, and dropped when there are too many."""

from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, InvalidParameterValue

from tests.conftest import Cast, Winery
from winery_appliance.core.schema import check_models
from winery_appliance.entrypoints.periodic import keep_device_reading_months


@pytest.fixture
def probe(book: Winery, cast: Cast) -> int:
    with psycopg.connect(superuser(book)) as admin:
        row = admin.execute(
            "INSERT INTO devices (winery_id, code, kind) VALUES (%s, 'D', 'tilt') RETURNING id",
            [cast.ana.winery_id],
        ).fetchone()
    assert row is not None
    return int(row[0])


def superuser(book: Winery) -> str:
    assert book.settings.database_url is not None
    return book.settings.database_url.get_secret_value()


def put(book: Winery, cast: Cast, probe: int, *moments: str) -> None:
    with psycopg.connect(book.url("app")) as connection:
        connection.execute("SELECT set_config('winery.id', %s, true)", [str(cast.ana.winery_id)])
        for at in moments:
            connection.execute(
                "INSERT INTO device_readings (winery_id, device_id, read_at, quantity, value)"
                " VALUES (%s, %s, %s, 'temperature', 20)",
                [cast.ana.winery_id, probe, at],
            )


def counts(book: Winery) -> dict[str, int]:
    """How many readings each part holds."""
    with psycopg.connect(superuser(book)) as admin:
        parts = admin.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid"
            " WHERE inhparent = 'device_readings'::regclass ORDER BY 1"
        ).fetchall()
        found = {}
        for (part,) in parts:
            row = admin.execute(f"SELECT count(*) FROM {part}").fetchone()
            assert row is not None
            found[part.removeprefix("device_readings_")] = row[0]
        return found


def keep(book: Winery, ahead: int, kept: int) -> tuple[int, int, int]:
    """What the job does, as the role that does it: months made, readings moved, months dropped."""
    with psycopg.connect(book.url("worker")) as connection:
        row = connection.execute(
            "SELECT * FROM keep_device_reading_months(%s, %s)", [ahead, kept]
        ).fetchone()
    assert row is not None
    return row


def test_this_month_and_two_more_are_there_from_the_start(book: Winery) -> None:
    keep_device_reading_months(book.worker)
    now = datetime.now(UTC)
    wanted = {
        f"{now.year + (now.month + n - 1) // 12}{(now.month + n - 1) % 12 + 1:02}" for n in range(3)
    }
    assert set(counts(book)) == {*wanted, "default"}
    assert keep(book, 2, 12) == (0, 0, 0), "there is nothing left to do"


def test_readings_move_out_of_the_default_table_when_their_month_is_made(
    book: Winery, cast: Cast, probe: int
) -> None:
    edges = ["2025-09-30T23:59:59.999999Z", "2025-10-01T00:00:00Z", "2025-10-31T23:59:59Z"]
    put(book, cast, probe, *edges, "2019-02-01T00:00:00Z")
    assert counts(book)["default"] == 4
    with psycopg.connect(superuser(book)) as admin:
        before = admin.execute("SELECT * FROM device_readings ORDER BY id").fetchall()
    assert keep(book, 2, 12) == (3, 4, 0)
    held = {part: rows for part, rows in counts(book).items() if rows}
    assert held == {"201902": 1, "202509": 1, "202510": 2}
    with psycopg.connect(superuser(book)) as admin:
        assert admin.execute("SELECT * FROM device_readings ORDER BY id").fetchall() == before
    put(book, cast, probe, "2025-10-02T00:00:00Z")
    assert counts(book)["202510"] == 3
    with pytest.raises(psycopg.errors.UniqueViolation):
        put(book, cast, probe, "2025-10-02T00:00:00Z")
    check_models(book.url("owner"))


def test_only_the_youngest_months_that_hold_readings_are_kept(
    book: Winery, cast: Cast, probe: int
) -> None:
    put(book, cast, probe, *(f"20{10 + n}-09-05T06:00:00Z" for n in range(14)))
    assert keep(book, 2, 12) == (14, 14, 2)
    assert {part for part, rows in counts(book).items() if rows} == {
        f"20{10 + n}09" for n in range(2, 14)
    }


def test_a_jump_of_the_clock_drops_nothing(book: Winery, cast: Cast, probe: int) -> None:
    """The months ahead hold nothing yet, however many a wrong clock has made."""
    put(book, cast, probe, *(f"2025-{n:02}-05T06:00:00Z" for n in range(1, 13)))
    assert keep(book, 24, 12)[2] == 0
    assert sum(counts(book).values()) == 12


def test_the_worker_may_do_just_that(book: Winery) -> None:
    for ahead, kept in ((25, 24), (-1, 24), (2, 11), (2, 0)):
        with pytest.raises(InvalidParameterValue):
            keep(book, ahead, kept)
    with psycopg.connect(book.url("worker")) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("DROP TABLE device_readings_default")
    with psycopg.connect(book.url("app")) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SELECT keep_device_reading_months(2, 24)")
