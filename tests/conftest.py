"""Fixtures for every test: a real PostgreSQL of our own, databases in it, and the cast.

Ana owns the winery DEMO, Marco makes its wine, Bruno works in its cellar, Vera may look. Carla owns the winery next door.
"""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
import psycopg
import pytest
from sqlalchemy import QueuePool

from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.auth.commands import CreateUser
from winery_appliance.auth.passwords import hash_password
from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor, create_user
from winery_appliance.core import postgres
from winery_appliance.core.db import Database
from winery_appliance.core.roles import prepare_roles, role_url
from winery_appliance.core.schema import migrate
from winery_appliance.core.settings import Settings
from winery_appliance.winery.service import create_winery

# How long an example takes is the machine's affair; benches measure speed.
hypothesis.settings.register_profile("winery", deadline=None)
hypothesis.settings.load_profile("winery")

PASSWORD = "harvest-at-six"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The quick files come last, whatever the dice say else: at the end they keep every processor busy."""
    items.sort(key=lambda item: "tests/unit" in item.path.as_posix())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The superuser's address of a PostgreSQL server made for this test run."""
    data = tmp_path_factory.mktemp("server")
    settings = Settings(data=data)
    postgres.ensure_cluster(settings)
    port = postgres.choose_port(settings)
    running = postgres.start_server(
        settings,
        postgres.cluster_dir(settings),
        port,
        # Tests make many databases and keep none: no need to wait for a disk.
        options={"fsync": "off", "full_page_writes": "off", "max_connections": "100"},
        stderr=subprocess.DEVNULL,
    )
    try:
        running.wait_until_ready()
        yield postgres.admin_url(settings)
    finally:
        running.stop()


@dataclass(frozen=True)
class Winery:
    """A prepared database, its settings, and one address per role."""

    settings: Settings
    app: Database
    worker: Database

    def url(self, role: str) -> str:
        """The address of a role."""
        return role_url(self.settings, role)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def template(server: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A migrated database that the others are copied from."""
    data = tmp_path_factory.mktemp("template")
    settings = Settings(data=data, database_url=_address(server, "template_book"))
    prepare_roles(settings)
    migrate(role_url(settings, "owner"))
    return settings


def _address(server: str, database: str) -> str:
    return server.rpartition("/")[0] + "/" + database


# Empties what a test wrote. Far quicker than a new copy of the template, which has a file for each table and index.
EMPTY = """
DO $$
DECLARE
    found record;
    is_used boolean;
BEGIN
    SET LOCAL session_replication_role = replica;
    PERFORM pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    FOR found IN SELECT oid::regclass AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        AND relname <> 'alembic_version'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', found.name) INTO is_used;
        IF is_used THEN EXECUTE format('DELETE FROM %s', found.name); END IF;
    END LOOP;
    PERFORM setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace;
END $$
"""
# Changes with every change of the schema or of the rights in it.
SHAPE = """
SELECT (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_policy)
    || (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_trigger)
    || (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_constraint)
    || (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_attribute WHERE attrelid >= 16384)
    || (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_proc)
    || (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_namespace)
    || (SELECT (count(*), max(xmin::text::bigint))::text FROM alembic_version)
    || (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_db_role_setting)
    || (SELECT string_agg((relowner, relrowsecurity, relforcerowsecurity, relacl)::text, '' ORDER BY oid)
        FROM pg_class WHERE relkind IN ('r', 'p', 'S', 'v') AND relnamespace = 'public'::regnamespace)
"""


@dataclass
class Shelf:
    """Copies of the template. One that a test gave back is emptied for the next; one that it rebuilt is dropped."""

    server: str
    shapes: dict[str, str] = field(default_factory=dict)
    free: list[str] = field(default_factory=list)

    def take(self) -> str:
        """The name of an empty database."""
        if self.free:
            return self.free.pop()
        name = f"book_{len(self.shapes)}"
        with psycopg.connect(self.server, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template_book')
        with psycopg.connect(_address(self.server, name)) as inside:
            self.shapes[name] = inside.execute(SHAPE).fetchone()[0]  # type: ignore[index]
        return name

    def put_back(self, name: str) -> None:
        """Empty a database for the next test, or drop it."""
        try:
            with psycopg.connect(_address(self.server, name)) as inside:
                if inside.execute(SHAPE).fetchone()[0] == self.shapes[name]:  # type: ignore[index]
                    inside.execute(EMPTY)
                    self.free.append(name)
                    return
        except psycopg.Error:
            pass  # a test closed it, or took a part of it away
        with psycopg.connect(self.server, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def clear(self) -> None:
        """Drop what is left."""
        with psycopg.connect(self.server, autocommit=True) as admin:
            for name in self.free:
                admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def shelf(server: str, template: Settings) -> Iterator[Shelf]:
    """Databases for this test run."""
    kept = Shelf(server)
    yield kept
    kept.clear()


@pytest.fixture
def make_database(shelf: Shelf, template: Settings) -> Iterator[Callable[[], Settings]]:
    """Give out empty, migrated databases."""
    given: list[str] = []

    def make() -> Settings:
        given.append(shelf.take())
        address = type(template.database_url)(_address(shelf.server, given[-1]))
        return template.model_copy(update={"database_url": address})

    yield make
    for name in given:
        shelf.put_back(name)


@pytest.fixture
def book(make_database: Callable[[], Settings]) -> Iterator[Winery]:
    """An empty book: migrated, no winery in it."""
    settings = make_database()
    winery = Winery(
        settings,
        Database(role_url(settings, "app"), pool_size=3),
        Database(role_url(settings, "worker"), pool_size=3),
    )
    yield winery
    close(winery.app)
    close(winery.worker)


def close(database: Database) -> None:
    """Close every connection. One that a thread of this test still holds would be lost, and fail some later test."""
    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    wait_for(lambda: pool.checkedout() == 0, "a connection is still in use", timeout_s=20)
    database.dispose()


@dataclass(frozen=True)
class Cast:
    """Who is who."""

    ana: Actor
    marco: Actor
    bruno: Actor
    vera: Actor
    carla: Actor


@pytest.fixture(scope="session")
def hashed_password() -> str:
    """One hash for all the cast: hashing is slow on purpose."""
    return hash_password(PASSWORD)


@pytest.fixture
def cast(book: Winery, hashed_password: str) -> Cast:
    """Two wineries with their people in `book`."""
    people: dict[str, Actor] = {}
    for code, members in (
        (
            "DEMO",
            {"ana": Role.OWNER, "marco": Role.WINEMAKER, "bruno": Role.CELLAR, "vera": Role.VIEWER},
        ),
        ("OTHER", {"carla": Role.OWNER}),
    ):
        with book.app.transaction() as session:
            winery_id = create_winery(session, code=code, name=f"{code.title()} Winery")
            for name, role in members.items():
                command = CreateUser(
                    email=f"{name}@{code}.winery",
                    username=name,
                    display_name=name.title(),
                    role=role,
                )
                user_id = create_user(session, winery_id, command, hashed_password)
                people[name] = Actor(user_id, winery_id, role, name.title())
    return Cast(**people)


@pytest.fixture
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parent.parent
