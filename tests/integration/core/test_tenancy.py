"""A forgotten filter finds nothing instead of a neighbour's wine: the database sees to it."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from tests.conftest import Cast, Winery
from tests.integration.conftest import Tank
from winery_appliance.core.db import enter_winery

# Tables that belong to the appliance and to no winery, each with its reason.
SHARED = {
    "alembic_version",  # the schema's own mark
    "huey_counter",
    "huey_kv",
    "huey_schedule",
    "huey_task",  # messages say "look into the outbox" and carry no data
    "periodic_jobs",
    "setup_codes",  # before there is a winery
    "staged_readings",
    "staged_wines",  # COPY is refused under policies; only the worker reaches them, others see them through views
    "sign_in_failures",  # an attempt proved nothing about whose it was
    "worker_heartbeats",
}


def tables(url: str) -> dict[str, tuple[bool, bool, bool]]:
    """Of each table: whether row security is on, forced, and whether it has the tenant policy."""
    with psycopg.connect(url) as connection:
        return {
            name: (enabled, forced, policy)
            for name, enabled, forced, policy in connection.execute(
                "SELECT relname, relrowsecurity, relforcerowsecurity, EXISTS (SELECT FROM pg_policy"
                " WHERE polrelid = c.oid AND polname = 'tenant') FROM pg_class c"
                " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
            )
        }


def test_nobody_gets_at_a_part_of_a_table_past_its_policy(book: Winery) -> None:
    with psycopg.connect(book.url("owner")) as connection:
        open_parts = connection.execute(
            "SELECT relname, rolname FROM pg_class c, pg_roles r WHERE relispartition AND relkind = 'r'"
            " AND rolname IN ('winery_app', 'winery_worker', 'winery_door') AND has_table_privilege("
            " r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"
        ).fetchall()
        parts = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r'"
        ).fetchone()
    assert parts is not None
    assert parts[0] >= 4, "there are parts to look at"
    assert open_parts == []


def test_every_table_is_a_tenants_or_named_as_shared(book: Winery) -> None:
    found = tables(book.url("owner"))
    unprotected = {name for name, guards in found.items() if guards != (True, True, True)}
    assert unprotected == SHARED


def test_every_reference_between_tenant_tables_carries_the_winery(book: Winery) -> None:
    with psycopg.connect(book.url("owner")) as connection:
        bare = connection.execute(
            """
            SELECT conrelid::regclass::text, conname FROM pg_constraint
            WHERE contype = 'f' AND confrelid <> 'wineries'::regclass AND NOT EXISTS (
                SELECT FROM unnest(conkey) key JOIN pg_attribute a
                ON a.attrelid = conrelid AND a.attnum = key WHERE a.attname = 'winery_id')
            """
        ).fetchall()
    assert bare == []


def test_requests_run_as_a_role_that_owns_and_bypasses_nothing(book: Winery) -> None:
    with psycopg.connect(book.url("owner")) as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, (SELECT count(*) FROM pg_class"
            " WHERE relowner = r.oid) FROM pg_roles r"
            " WHERE rolname IN ('winery_app', 'winery_worker') ORDER BY rolname"
        ).fetchall()
    assert rows == [
        ("winery_app", False, False, False, 0),
        ("winery_worker", False, False, False, 0),
    ]


@pytest.mark.parametrize("role", ["app", "worker"])
def test_no_tenant_row_is_seen_without_or_from_another_winery(
    book: Winery, tank: Tank, cast: Cast, role: str
) -> None:
    assert tank.record("24.0").status_code == 201
    database = getattr(book, role)
    readable = [
        name
        for name in tables(book.url("owner"))
        if name not in SHARED and _may_read(book, role, name)
    ]
    assert "samples" in readable
    with database.transaction() as session:
        for name in readable:
            assert _count(session, name) == 0, f"{name} without a winery"
        # A pooled connection's setting is '' after COMMIT; that is no winery either.
        session.execute(text("SELECT set_config('winery.id', '', true)"))
        for name in readable:
            assert _count(session, name) == 0, f"{name} with an empty setting"
        enter_winery(session, cast.carla.winery_id)
        own = {"wineries", "users", "audit_log"}  # what Carla sees of these is hers
        for name in readable:
            if name not in own:
                assert _count(session, name) == 0, f"{name} from the winery next door"
        enter_winery(session, cast.ana.winery_id)
        assert _count(session, "samples") == 1


def _may_read(book: Winery, role: str, table: str) -> bool:
    with psycopg.connect(book.url("owner")) as connection:
        row = connection.execute(
            "SELECT has_table_privilege(%s, %s, 'SELECT')", (f"winery_{role}", table)
        ).fetchone()
    assert row is not None
    return bool(row[0])


def _count(session: object, table: str) -> int:
    return int(session.scalar(text(f"SELECT count(*) FROM {table}")))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO vessels (winery_id, code) VALUES (:ana, 'X-1')",
        "INSERT INTO user_sessions (winery_id, user_id, token_hash, expires_at)"
        " VALUES (:ana, :ana_user, 'x', now() + interval '1 day')",
        "INSERT INTO outbox (winery_id, event, subject, payload) VALUES (:ana, 'e', 's', '{}')",
        "INSERT INTO samples (winery_id, fermentation_id, client_uuid, sample_type, value_typed,"
        " unit, value, measured_at, recorded_by, body_hash) VALUES (:ana, :tank,"
        " gen_random_uuid(), 'sugar', '1', 'brix', 1, now(), :ana_user, '')",
    ],
)
def test_a_row_of_another_winery_cannot_be_written(
    book: Winery, tank: Tank, cast: Cast, statement: str
) -> None:
    values = {"ana": cast.ana.winery_id, "ana_user": cast.ana.user_id, "tank": tank.id}
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        book.app.transaction(cast.carla.winery_id) as session,
    ):
        session.execute(text(statement), used)


def test_a_row_cannot_be_linked_to_a_neighbours(book: Winery, tank: Tank, cast: Cast) -> None:
    with (
        pytest.raises(DBAPIError, match="foreign key"),
        book.app.transaction(cast.carla.winery_id) as session,
    ):
        session.execute(
            text(
                "INSERT INTO samples (winery_id, fermentation_id, client_uuid, sample_type,"
                " value_typed, unit, value, measured_at, recorded_by, body_hash) VALUES (:carla,"
                " :tank, gen_random_uuid(), 'sugar', '1', 'brix', 1, now(), :user, '')"
            ),
            {"carla": cast.carla.winery_id, "tank": tank.id, "user": cast.carla.user_id},
        )


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize("statement", ["UPDATE samples SET value = 0", "DELETE FROM samples"])
def test_samples_can_neither_be_changed_nor_removed(
    book: Winery, tank: Tank, cast: Cast, role: str, statement: str
) -> None:
    assert tank.record("24.0").status_code == 201
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        getattr(book, role).transaction(cast.ana.winery_id) as session,
    ):
        session.execute(text(statement))


def test_two_ferments_cannot_share_a_vessel_even_without_the_service(
    book: Winery, tank: Tank, cast: Cast
) -> None:
    with (
        pytest.raises(DBAPIError, match="vessel_occupancies_never_two_at_once"),
        book.app.transaction(cast.ana.winery_id) as session,
    ):
        session.execute(
            text(
                "INSERT INTO vessel_occupancies (winery_id, vessel_id, fermentation_id, during)"
                " SELECT winery_id, vessel_id, fermentation_id, tstzrange(now(), NULL)"
                " FROM vessel_occupancies"
            )
        )


class TestDoors:
    """Look-ups before a winery is known: each narrow, and only for who needs it."""

    def test_the_door_role_reads_no_more_than_its_columns(self, book: Winery, cast: Cast) -> None:
        with psycopg.connect(book.url("owner")) as connection:
            connection.execute("SET ROLE winery_door")
            assert connection.execute("SELECT count(*) FROM users").fetchone() == (5,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM users")
        with psycopg.connect(book.url("owner")) as connection:
            connection.execute("SET ROLE winery_door")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT value FROM samples")

    def test_nobody_signs_in_as_the_door(self, book: Winery) -> None:
        with psycopg.connect(book.url("owner")) as connection:
            row = connection.execute(
                "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'winery_door'"
            ).fetchone()
        assert row == (False,)

    def test_each_door_opens_for_one_role_only(self, book: Winery) -> None:
        with psycopg.connect(book.url("owner")) as connection:
            rows = connection.execute(
                "SELECT proname, has_function_privilege('winery_app', oid, 'EXECUTE'),"
                " has_function_privilege('winery_worker', oid, 'EXECUTE'),"
                " pg_get_userbyid(proowner), prosecdef FROM pg_proc WHERE proname LIKE 'door%'"
            ).fetchall()
        assert len(rows) == 17
        for name, app, worker, owner, definer in rows:
            assert app != worker, name
            assert (owner, definer) == ("winery_door", True), name

    def test_the_outbox_door_tells_what_is_pending_of_every_winery(
        self, book: Winery, tank: Tank
    ) -> None:
        assert tank.record("24.0").status_code == 201
        with book.worker.transaction() as session:
            rows = session.execute(text("SELECT * FROM door_find_pending_events(10)")).all()
        assert {row.subject for row in rows} == {"vessel:1", f"fermentation:{tank.id}"}
