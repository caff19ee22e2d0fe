"""The units in which a person likes to read sugar and temperature; NULL is the winery's."""

from alembic import op

revision = "0034_units_of_people"
down_revision = "0033_second_factor"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.execute(
        "ALTER TABLE users ADD COLUMN sugar_unit text, ADD COLUMN temperature_unit text,"
        " ADD CONSTRAINT users_sugar_unit CHECK (sugar_unit IN ('brix','sg','kg_m3','baume','oechsle','kmw')),"
        " ADD CONSTRAINT users_temperature_unit CHECK (temperature_unit IN ('celsius', 'fahrenheit'))"
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("ALTER TABLE users DROP COLUMN sugar_unit, DROP COLUMN temperature_unit")
