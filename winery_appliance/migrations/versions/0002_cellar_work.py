"""What happens to a running fermentation besides a new reading: its end, corrections, and work in the cellar."""

from alembic import op

revision = "0002_cellar_work"
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

# A correction is a new row: samples stay append-only.
SAMPLES = """
ALTER TABLE samples
    ADD COLUMN supersedes_id bigint,
    ADD COLUMN reason text,
    ADD COLUMN voids boolean DEFAULT false NOT NULL,
    ADD CONSTRAINT samples_supersede_a_sample FOREIGN KEY (winery_id, supersedes_id) REFERENCES samples (winery_id, id),
    ADD CONSTRAINT samples_supersede_for_a_reason CHECK ((supersedes_id IS NULL) = (reason IS NULL)),
    ADD CONSTRAINT samples_void_a_sample CHECK (supersedes_id IS NOT NULL OR NOT voids);
CREATE UNIQUE INDEX samples_superseded_once ON samples (winery_id, supersedes_id) WHERE supersedes_id IS NOT NULL;
"""


def upgrade() -> None:
    """Add what this version knows."""
    op.execute(OCCUPANCIES)
    op.execute(SAMPLES)


# The older schema knows no withdrawn claim: such rows cannot stand beside those that replaced them. Row policies bind the
# owner, too, and would hide every winery's rows from this.
LESS_OCCUPANCIES = """
ALTER TABLE vessel_occupancies NO FORCE ROW LEVEL SECURITY;
DELETE FROM vessel_occupancies WHERE withdrawn;
ALTER TABLE vessel_occupancies FORCE ROW LEVEL SECURITY;
ALTER TABLE vessel_occupancies DROP CONSTRAINT vessel_occupancies_never_two_at_once;
ALTER TABLE vessel_occupancies ADD CONSTRAINT vessel_occupancies_never_two_at_once
    EXCLUDE USING gist (vessel_id WITH =, during WITH &&);
ALTER TABLE vessel_occupancies DROP COLUMN withdrawn;
"""

# The older schema would count a corrected reading twice and a voided one, too: what counts now is kept.
LESS_SAMPLES = """
ALTER TABLE samples DROP CONSTRAINT samples_supersede_a_sample;
ALTER TABLE samples NO FORCE ROW LEVEL SECURITY;
DELETE FROM samples WHERE voids OR id IN (SELECT supersedes_id FROM samples);
ALTER TABLE samples FORCE ROW LEVEL SECURITY;
ALTER TABLE samples DROP COLUMN supersedes_id, DROP COLUMN reason, DROP COLUMN voids;
"""


def downgrade() -> None:
    """Take it back; what only this version can hold is lost."""
    op.execute(LESS_SAMPLES)
    op.execute(LESS_OCCUPANCIES)
