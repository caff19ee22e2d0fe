"""What the clock of a phone showed when a reading was typed, and how far it was off: phones in cellars are years off."""

from alembic import op

revision = "0011_device_clocks"
down_revision = "0010_audit_log"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep both beside the reading."""
    op.execute(
        "ALTER TABLE samples ADD COLUMN device_time timestamptz, ADD COLUMN clock_offset_ms bigint"
    )


def downgrade() -> None:
    """Forget them."""
    op.execute("ALTER TABLE samples DROP COLUMN device_time, DROP COLUMN clock_offset_ms")
