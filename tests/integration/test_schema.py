"""The schema: models and migrations agree, and the way back works."""

from collections.abc import Callable

import psycopg
from sqlalchemy import text

from winery_appliance.core.db import Database
from winery_appliance.core.roles import role_url
from winery_appliance.core.schema import check_models, downgrade, is_at_head, migrate
from winery_appliance.core.settings import Settings


def test_models_and_migrations_agree(make_database: Callable[[], Settings]) -> None:
    check_models(role_url(make_database(), "owner"))


def test_schema_can_be_taken_back_and_made_again(make_database: Callable[[], Settings]) -> None:
    url = role_url(make_database(), "owner")
    downgrade(url, "base")
    with psycopg.connect(url) as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind = 'r' AND relname <> 'alembic_version'"
        ).fetchall()
    assert left == []
    migrate(url)
    check_models(url)


def test_a_release_that_was_taken_back_works_on_the_later_schema(
    make_database: Callable[[], Settings],
) -> None:
    url = role_url(make_database(), "owner")
    owner = Database(url, pool_size=1)
    later = "9999_of_a_later_release"
    try:
        with owner.transaction() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": later})
        migrate(url)
        with owner.transaction() as session:
            assert is_at_head(session)
            found = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
            assert found == later, "the later release finds its schema again"
            session.execute(text("UPDATE alembic_version SET version_num = 'nobodys'"))
            assert not is_at_head(session)
    finally:
        owner.dispose()
