"""What each analysis expects: when the wine will be dry, and its sugar tomorrow."""

from alembic import op

revision = "0013_forecast"
down_revision = "0012_devices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An analysis carries its forecast; NULL while there was not enough to say anything."""
    op.execute("ALTER TABLE analyses ADD COLUMN forecast jsonb")


def downgrade() -> None:
    """Take it back."""
    op.execute("ALTER TABLE analyses DROP COLUMN forecast")
