"""The schema: models and migrations agree, and the way back works."""

from collections.abc import Callable

import psycopg

from winery_appliance.core.roles import role_url
from winery_appliance.core.schema import check_models, downgrade, migrate
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
