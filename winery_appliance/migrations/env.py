"""Alembic's way in; `core.schema` hands over the connection and decides about the transaction."""

from typing import Any

from alembic import context

from winery_appliance.core.db import Base


def _is_ours(_entity: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Huey's tables are its own, and a month of readings is a part of its table: no model of ours describes them."""
    others = ("huey_", "device_readings_")
    return not (kind == "table" and name is not None and name.startswith(others))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_object=_is_ours,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
