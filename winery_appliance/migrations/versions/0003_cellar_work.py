"""What happens to a running fermentation besides a new reading: its end, corrections, and work in the cellar."""

from alembic import op

revision = "0003_cellar_work"
down_revision = "0001_main_job"
branch_labels = None
depends_on = None

# A cancelled fermentation keeps nobody out of its vessel, not even in the past.
OCCUPANCIES = """
ALTER TABLE vessel_occupancies ADD COLUMN withdrawn boolean DEFAULT false NOT NULL;
ALTER TABLE vessel_occupancies DROP CONSTRAINT vessel_occupancies_never_two_at_once;
ALTER TABLE vessel_occupancies ADD CONSTRAINT vessel_occupancies_never_two_at_once
    EXCLUDE USING gist (vessel_id WITH =, during WITH &&) WHERE (NOT withdrawn);
"""


def upgrade() -> None:
    """Add what this version knows."""
    op.execute(OCCUPANCIES)


# The older schema knows no withdrawn claim: such rows cannot stand beside those that replaced them.
LESS_OCCUPANCIES = """
DELETE FROM vessel_occupancies WHERE withdrawn;
ALTER TABLE vessel_occupancies DROP CONSTRAINT vessel_occupancies_never_two_at_once;
ALTER TABLE vessel_occupancies ADD CONSTRAINT vessel_occupancies_never_two_at_once
    EXCLUDE USING gist (vessel_id WITH =, during WITH &&);
ALTER TABLE vessel_occupancies DROP COLUMN withdrawn;
"""


def downgrade() -> None:
    """Take it back; what only this version can hold is lost."""
    op.execute(LESS_OCCUPANCIES)
