"""Past ferments as curves, and the patterns drawn from them; the worker writes both, and from the book alone."""

from alembic import op

revision = "0029_patterns"
down_revision = "0028_skipped_readings"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE past_ferments (
    winery_id bigint NOT NULL,
    fermentation_id bigint NOT NULL,
    code text NOT NULL,
    varietal text NOT NULL,
    style text NOT NULL,
    vessel_size text NOT NULL,
    vintage integer,
    source text NOT NULL,
    started_at timestamptz NOT NULL,
    start_density double precision NOT NULL,
    share_gone double precision NOT NULL,
    last_h double precision NOT NULL,
    lag_h double precision,
    dry_h double precision,
    fastest double precision,
    temperature_c double precision,
    by_share bytea NOT NULL,
    by_time bytea NOT NULL,
    written_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (winery_id, fermentation_id),
    FOREIGN KEY (winery_id, fermentation_id) REFERENCES fermentations (winery_id, id),
    CONSTRAINT past_ferments_source CHECK (source IN ('live', 'imported'))
);
CREATE INDEX past_ferments_of_group ON past_ferments (winery_id, varietal, style, vessel_size);
CREATE TABLE patterns (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    varietal text NOT NULL,
    style text NOT NULL,
    vessel_size text NOT NULL,
    ferments integer NOT NULL,
    content jsonb NOT NULL,
    written_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (winery_id, id),
    UNIQUE (winery_id, varietal, style, vessel_size),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    CONSTRAINT patterns_ferments CHECK (ferments > 0)
);
"""
GRANTS = """
GRANT SELECT ON past_ferments, patterns TO winery_app;
GRANT SELECT, INSERT, DELETE ON past_ferments TO winery_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON patterns TO winery_worker;
"""

# The worker draws what was completed before; for this statement the policies do not bind the owner.
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
DELETE FROM outbox WHERE event = 'PatternOutdated';
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    """Make the tables, and let the worker fill them."""
    op.execute(TABLES)
    for table in ("past_ferments", "patterns"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {table} USING (winery_id = current_winery_id())"
            " WITH CHECK (winery_id = current_winery_id())"
        )
    op.execute(GRANTS)
    op.execute(FILL)


def downgrade() -> None:
    """Remove them, and the events that the older release does not know."""
    op.execute(FORGET)
    op.execute("DROP TABLE patterns, past_ferments")
