"""Past readings: what the book has of completed fermentations, written out by the worker and by nobody else."""

from alembic import op

revision = "0020_historical_samples"
down_revision = "0019_removed_people"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE historical_samples (
    id bigint NOT NULL,
    winery_id bigint NOT NULL,
    fermentation_id bigint NOT NULL,
    varietal text,
    sample_type text NOT NULL,
    measured_at timestamptz NOT NULL,
    value double precision NOT NULL,
    qualifier text,
    source text NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (winery_id, id),
    FOREIGN KEY (winery_id, id) REFERENCES samples (winery_id, id),
    FOREIGN KEY (winery_id, fermentation_id) REFERENCES fermentations (winery_id, id),
    CONSTRAINT historical_samples_source CHECK (source IN ('live', 'imported')),
    CONSTRAINT historical_samples_qualifier CHECK (qualifier IN ('<', '>'))
);
CREATE INDEX historical_samples_by_moment ON historical_samples (winery_id, measured_at, id);
CREATE INDEX historical_samples_of_varietal ON historical_samples (winery_id, varietal, sample_type, measured_at);
CREATE INDEX historical_samples_of_fermentation ON historical_samples (winery_id, fermentation_id);
ALTER TABLE historical_samples ENABLE ROW LEVEL SECURITY;
ALTER TABLE historical_samples FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON historical_samples USING (winery_id = current_winery_id()) WITH CHECK (winery_id = current_winery_id());
GRANT SELECT ON historical_samples TO winery_app;
GRANT SELECT, INSERT, DELETE ON historical_samples TO winery_worker;
"""

# The worker fills the table with what was completed before; for this statement the policies do not bind the owner.
FILL = """
ALTER TABLE outbox NO FORCE ROW LEVEL SECURITY;
ALTER TABLE fermentations NO FORCE ROW LEVEL SECURITY;
INSERT INTO outbox (winery_id, event, subject, payload)
    SELECT winery_id, 'HistoryOutdated', 'fermentation:' || id, jsonb_build_object('winery_id', winery_id, 'fermentation_id', id)
    FROM fermentations WHERE status = 'completed' AND deleted_at IS NULL ORDER BY id;
ALTER TABLE fermentations FORCE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
"""
FORGET = """
ALTER TABLE outbox NO FORCE ROW LEVEL SECURITY;
DELETE FROM outbox WHERE event IN ('HistoryOutdated', 'LotChanged');
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    """Make the table, and let the worker fill it."""
    op.execute(TABLE)
    op.execute(FILL)


def downgrade() -> None:
    """Remove it, and the events that the older release does not know."""
    op.execute(FORGET)
    op.execute("DROP TABLE historical_samples")
