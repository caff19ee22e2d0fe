"""Alembic's way in; `core.schema` hands over the connection and decides about the transaction."""

from typing import Any

from alembic import context

from winery_appliance.core.db import Base


def _is_ours(_entity: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Huey's tables are its own: no model of ours describes them."""
    return not (kind == "table" and name is not None and name.startswith("huey_"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_object=_is_ours,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
