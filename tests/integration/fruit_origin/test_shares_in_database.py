"""The database itself keeps the shares of a fermentation at 100 %, whoever writes and however many at once."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal

import psycopg
import pytest

from tests.conftest import Cast, Winery
from tests.integration.conftest import Tank
from winery_appliance.core.roles import role_url
from winery_appliance.core.schema import check_models, downgrade, migrate

Connection = psycopg.Connection[tuple[object, ...]]


class Cellar:
    """Connections of their own to one fermentation and four lots, as a role of the database."""

    def __init__(self, book: Winery, winery_id: int, fermentation_id: int) -> None:
        self.book, self.winery_id, self.fermentation_id = book, winery_id, fermentation_id
        self.made: list[Connection] = []
        with self.connect() as connection:
            row = connection.execute(
                "INSERT INTO vineyards (winery_id, code, name) VALUES (%s, 'V', 'V') RETURNING id",
                [winery_id],
            ).fetchone()
            assert row is not None
            for code in "ABCD":
                connection.execute(
                    "INSERT INTO harvest_lots (winery_id, vineyard_id, code, variety, vintage,"
                    " harvested_on, kg_harvested) VALUES (%s, %s, %s, 'Tempranillo', '2026',"
                    " '2026-09-01', 900)",
                    [winery_id, row[0], code],
                )

    def connect(self, role: str = "app") -> Connection:
        """A connection that has begun a transaction in the winery."""
        connection = psycopg.connect(self.book.url(role))
        self.made.append(connection)
        connection.execute("SELECT set_config('winery.id', %s, true)", [str(self.winery_id)])
        return connection

    def add(self, connection: Connection, code: str, percentage: str) -> None:
        """Add a share."""
        connection.execute(
            "INSERT INTO fermentation_lot_sources (winery_id, fermentation_id, harvest_lot_id,"
            " percentage) SELECT winery_id, %s, id, %s FROM harvest_lots WHERE code = %s",
            [self.fermentation_id, percentage, code],
        )

    def fill(self, **shares: str) -> None:
        """Add shares and commit."""
        with self.connect() as connection:
            for code, percentage in shares.items():
                self.add(connection, code, percentage)

    def shares(self) -> dict[str, Decimal]:
        """What is committed."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT l.code, s.percentage FROM fermentation_lot_sources s"
                " JOIN harvest_lots l ON l.id = s.harvest_lot_id"
            ).fetchall()
        return dict(rows)  # type: ignore[arg-type]


@pytest.fixture
def cellar(book: Winery, tank: Tank, cast: Cast) -> Iterator[Cellar]:
    made = Cellar(book, cast.ana.winery_id, tank.id)
    yield made
    for connection in made.made:  # a commit that is refused leaves its connection open
        connection.close()


def wait_until_blocked(book: Winery, connection: Connection) -> None:
    """Return once the backend of `connection` waits for a lock of another; the database says so, no clock does."""
    with psycopg.connect(book.url("backup"), autocommit=True) as watcher:
        for _ in range(100_000):
            row = watcher.execute(
                "SELECT cardinality(pg_blocking_pids(%s)) > 0", [connection.info.backend_pid]
            ).fetchone()
            if row == (True,):
                return
    pytest.fail("the second writer never waited for the first")


def commit_second(book: Winery, first: Connection, second: Connection) -> Exception | None:
    """Commit `second` while `first` holds its lock, then `first`; what the second's commit raised."""
    raised: list[Exception] = []

    def commit() -> None:
        try:
            second.commit()
        except psycopg.Error as error:
            raised.append(error)

    first.execute("SET CONSTRAINTS ALL IMMEDIATE")
    thread = threading.Thread(target=commit)
    thread.start()
    wait_until_blocked(book, second)
    first.commit()
    thread.join()
    return raised[0] if raised else None


@pytest.mark.parametrize(
    ("shares", "accepted"),
    [
        ({"A": "100"}, True),
        ({"A": "99.9"}, True),
        ({"A": "60", "B": "40.1"}, True),
        ({"A": "33.3333", "B": "33.3333", "C": "33.3333"}, True),
        ({"A": "99.8999"}, False),
        ({"A": "60", "B": "40.1001"}, False),
        ({"A": "50"}, False),
    ],
)
def test_shares_are_checked_when_they_are_all_there(
    cellar: Cellar, shares: dict[str, str], accepted: bool
) -> None:
    if accepted:
        cellar.fill(**shares)
    else:
        with pytest.raises(psycopg.errors.CheckViolation, match="not to 100"):
            cellar.fill(**shares)
    assert len(cellar.shares()) == (len(shares) if accepted else 0)


@pytest.mark.parametrize("percentage", ["0", "-1", "100.0001"])
def test_a_share_lies_between_0_and_100(cellar: Cellar, percentage: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="percentage"):
        cellar.fill(A=percentage)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM fermentation_lot_sources WHERE percentage = 40",
        "UPDATE fermentation_lot_sources SET percentage = 41 WHERE percentage = 40",
    ],
)
def test_a_change_or_removal_is_checked_too(cellar: Cellar, statement: str) -> None:
    cellar.fill(A="60", B="40")
    connection = cellar.connect("owner")
    connection.execute(statement)
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.commit()
    assert cellar.shares() == {"A": 60, "B": 40}


def test_all_shares_may_go_and_be_replaced(cellar: Cellar) -> None:
    cellar.fill(A="60", B="40")
    with cellar.connect("owner") as connection:
        connection.execute("DELETE FROM fermentation_lot_sources WHERE percentage = 40")
        cellar.add(connection, "C", "40")
    assert cellar.shares() == {"A": 60, "C": 40}
    with cellar.connect("owner") as connection:
        connection.execute("DELETE FROM fermentation_lot_sources")
    assert cellar.shares() == {}


def test_a_share_that_moves_is_checked_where_it_came_from(cellar: Cellar) -> None:
    cellar.fill(A="60", B="40")
    with cellar.connect("owner") as connection:
        row = connection.execute(
            "INSERT INTO fermentations (winery_id, code, style, yeast_strain, started_at,"
            " data_source, imported_at, created_by) SELECT winery_id, 'OLD', style, yeast_strain, started_at,"
            " 'imported', now(), created_by FROM fermentations RETURNING id"
        ).fetchone()
    assert row is not None
    connection = cellar.connect("owner")
    connection.execute(
        "UPDATE fermentation_lot_sources SET fermentation_id = %s WHERE percentage = 40", row
    )
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.commit()


def test_an_imported_fermentation_may_know_a_part_until_it_is_called_live(cellar: Cellar) -> None:
    with cellar.connect("owner") as connection:
        connection.execute("UPDATE fermentations SET data_source = 'imported', imported_at = now()")
    cellar.fill(A="50")
    connection = cellar.connect("owner")
    connection.execute("UPDATE fermentations SET data_source = 'live', imported_at = NULL")
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.commit()


def test_two_who_each_give_100_at_once_do_not_make_200(book: Winery, cellar: Cellar) -> None:
    with cellar.connect() as first, cellar.connect() as second:
        cellar.add(first, "A", "100")
        cellar.add(second, "B", "100")
        refused = commit_second(book, first, second)
    assert isinstance(refused, psycopg.errors.CheckViolation)
    assert cellar.shares() == {"A": 100}


def test_two_who_change_different_shares_at_once_are_added_up(book: Winery, cellar: Cellar) -> None:
    cellar.fill(A="50", B="50")
    change = (
        "UPDATE fermentation_lot_sources SET percentage = 50.08"
        " WHERE harvest_lot_id = (SELECT id FROM harvest_lots WHERE code = %s)"
    )
    with cellar.connect("owner") as first, cellar.connect("owner") as second:
        first.execute(change, ["A"])
        second.execute(change, ["B"])
        refused = commit_second(book, first, second)
    assert isinstance(refused, psycopg.errors.CheckViolation)
    assert cellar.shares() == {"A": Decimal("50.08"), "B": 50}


def test_one_who_calls_it_live_sees_shares_that_were_not_committed_yet(
    book: Winery, cellar: Cellar
) -> None:
    with cellar.connect("owner") as connection:
        connection.execute("UPDATE fermentations SET data_source = 'imported', imported_at = now()")
    with cellar.connect() as first, cellar.connect("owner") as second:
        cellar.add(first, "A", "50")
        second.execute("UPDATE fermentations SET data_source = 'live', imported_at = NULL")
        refused = commit_second(book, first, second)
    assert isinstance(refused, psycopg.errors.CheckViolation)


@pytest.mark.parametrize("winery", ["", "next door"])
def test_leaving_the_winery_before_the_commit_does_not_blind_the_check(
    cellar: Cellar, cast: Cast, winery: str
) -> None:
    elsewhere = str(cast.carla.winery_id) if winery else ""
    connection = cellar.connect()
    cellar.add(connection, "A", "50")
    connection.execute("SELECT set_config('winery.id', %s, true)", [elsewhere])
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.commit()
    with cellar.connect() as again:
        cellar.add(again, "A", "100")
        again.execute("SELECT set_config('winery.id', %s, true)", [elsewhere])
        again.execute("SET CONSTRAINTS ALL IMMEDIATE")
        entered = again.execute("SELECT current_setting('winery.id')").fetchone()
    assert entered == (elsewhere,), "the check leaves the transaction where it was"


def test_a_transaction_that_cannot_see_the_others_may_not_write(cellar: Cellar) -> None:
    connection = cellar.connect()
    connection.rollback()
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.execute("SELECT set_config('winery.id', %s, true)", [str(cellar.winery_id)])
    cellar.add(connection, "A", "100")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        connection.commit()


DELETE_A = "UPDATE harvest_lots SET deleted_at = now() WHERE code = 'A'"


def test_a_used_lot_is_not_deleted_and_a_deleted_one_is_not_used(cellar: Cellar) -> None:
    cellar.fill(A="100")
    with cellar.connect() as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(DELETE_A)
    with cellar.connect() as connection:
        connection.execute("UPDATE harvest_lots SET deleted_at = now() WHERE code = 'B'")
    with cellar.connect() as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        cellar.add(connection, "B", "0.05")


def test_a_deletion_waits_for_a_use_that_is_not_committed(book: Winery, cellar: Cellar) -> None:
    raised: list[Exception] = []
    with cellar.connect() as user, cellar.connect() as remover:
        cellar.add(user, "A", "100")

        def remove() -> None:
            try:
                remover.execute(DELETE_A)
            except psycopg.Error as error:
                raised.append(error)

        thread = threading.Thread(target=remove)
        thread.start()
        wait_until_blocked(book, remover)
        user.commit()
        thread.join()
    assert isinstance(raised[0], psycopg.errors.RestrictViolation)


def test_a_use_waits_for_a_deletion_that_is_not_committed(book: Winery, cellar: Cellar) -> None:
    raised: list[Exception] = []
    with cellar.connect() as user, cellar.connect() as remover:
        remover.execute(DELETE_A)

        def use() -> None:
            try:
                cellar.add(user, "A", "100")
            except psycopg.Error as error:
                raised.append(error)

        thread = threading.Thread(target=use)
        thread.start()
        wait_until_blocked(book, user)
        remover.commit()
        thread.join()
    assert isinstance(raised[0], psycopg.errors.ForeignKeyViolation)


def test_a_lot_lies_in_a_block_of_its_own_vineyard(cellar: Cellar) -> None:
    with cellar.connect() as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute(
            "WITH other AS (INSERT INTO vineyards (winery_id, code, name) SELECT winery_id, 'W',"
            " 'W' FROM vineyards RETURNING winery_id, id), block AS (INSERT INTO vineyard_blocks"
            " (winery_id, vineyard_id, code) SELECT winery_id, id, '1' FROM other RETURNING id)"
            " UPDATE harvest_lots SET block_id = (SELECT id FROM block)"
        )


def test_no_share_links_to_a_neighbours_lot(cellar: Cellar, cast: Cast) -> None:
    connection = cellar.connect()
    connection.execute("SELECT set_config('winery.id', %s, true)", [str(cast.carla.winery_id)])
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute(
            "INSERT INTO fermentation_lot_sources (winery_id, fermentation_id, harvest_lot_id,"
            " percentage) VALUES (%s, %s, 1, 100)",
            [cast.carla.winery_id, cellar.fermentation_id],
        )


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE fermentation_lot_sources SET harvest_lot_id = 1",
        "UPDATE fermentation_lot_sources SET fermentation_id = 1",
        "DELETE FROM harvest_lots",
    ],
)
def test_neither_role_gives_a_share_to_another_wine_or_lot(
    cellar: Cellar, role: str, statement: str
) -> None:
    """Shares are corrected, and laid down anew; what they are shares of stays."""
    cellar.fill(A="100")
    with cellar.connect(role) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
        connection.rollback()


def test_the_step_can_be_taken_back_and_again_with_a_ferment_in_the_book(
    cellar: Cellar, tank: Tank, make_database: Callable[[], object]
) -> None:
    cellar.fill(A="100")
    url = role_url(cellar.book.settings, "owner")
    downgrade(url, "0001_main_job")
    with cellar.connect("owner") as connection:
        left = connection.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " AND proname SIMILAR TO '%(lot|source)%'"
        ).fetchall()
        # The trigger on fermentations is gone too: this would fail without its function.
        connection.execute("UPDATE fermentations SET data_source = 'imported'")
    assert left == []
    migrate(url)
    check_models(url)
    assert cellar.shares() == {}
