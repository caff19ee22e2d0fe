"""Tanks that the round passed by, and why; and samples measure only what this version knows."""

from alembic import op

revision = "0028_skipped_readings"
down_revision = "0027_vessels"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE skipped_readings (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    fermentation_id bigint NOT NULL,
    client_uuid uuid NOT NULL,
    reason text NOT NULL,
    skipped_at timestamptz NOT NULL,
    received_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    recorded_by bigint NOT NULL,
    body_hash bytea NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, fermentation_id) REFERENCES fermentations (winery_id, id),
    FOREIGN KEY (winery_id, recorded_by) REFERENCES users (winery_id, id),
    UNIQUE (winery_id, client_uuid),
    UNIQUE (winery_id, id),
    CONSTRAINT skipped_readings_not_of_the_future CHECK (skipped_at <= received_at + interval '1 day')
);
CREATE INDEX skipped_readings_of_fermentation ON skipped_readings (winery_id, fermentation_id, skipped_at, id);
"""

TYPES = """
ALTER TABLE samples ADD CONSTRAINT samples_sample_type CHECK (sample_type IN ('sugar', 'temperature', 'ph', 'ta', 'va', 'yan',
    'malic', 'lactic', 'free_so2', 'total_so2', 'alcohol', 'residual_sugar'));
"""


def upgrade() -> None:
    """Make the table with its policy and grants, and the constraint."""
    op.execute(TABLE)
    op.execute("ALTER TABLE skipped_readings ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE skipped_readings FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY tenant ON skipped_readings USING (winery_id = current_winery_id()) "
        "WITH CHECK (winery_id = current_winery_id())"
    )
    op.execute("GRANT SELECT, INSERT ON skipped_readings TO winery_app")
    op.execute("GRANT SELECT ON skipped_readings TO winery_worker")
    op.execute("SELECT audit('skipped_readings', inserts => false)")
    op.execute(TYPES)


def downgrade() -> None:
    """Remove them."""
    op.execute("ALTER TABLE samples DROP CONSTRAINT samples_sample_type")
    op.execute("DROP TABLE skipped_readings")
