"""A wine's alcoholic and malolactic fermentation apart, its vintage, the vessel it began in, and when it was imported."""

from alembic import op

revision = "0021_phases_and_vintage"
down_revision = "0020_historical_samples"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE fermentations
    ADD COLUMN vintage integer,
    ADD COLUMN vessel_code text,
    ADD COLUMN imported_at timestamptz,
    ADD COLUMN af_status text DEFAULT 'not_started' NOT NULL,
    ADD COLUMN af_started_at timestamptz,
    ADD COLUMN af_ended_at timestamptz,
    ADD COLUMN mlf_status text DEFAULT 'not_started' NOT NULL,
    ADD COLUMN mlf_started_at timestamptz,
    ADD COLUMN mlf_ended_at timestamptz;
"""

# What the update fills in is nobody's change, so the audit log does not tell it. Row policies bind the owner, too, and
# would hide every winery's rows. The vintage is that of 85 % of the fruit, as fermentation.lot_sources has it.
FILL = """
ALTER TABLE fermentations DISABLE TRIGGER audit;
ALTER TABLE fermentations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE vessel_occupancies NO FORCE ROW LEVEL SECURITY;
ALTER TABLE vessels NO FORCE ROW LEVEL SECURITY;
ALTER TABLE harvest_lots NO FORCE ROW LEVEL SECURITY;
ALTER TABLE fermentation_lot_sources NO FORCE ROW LEVEL SECURITY;
UPDATE fermentations SET imported_at = created_at WHERE data_source = 'imported';
UPDATE fermentations SET
    af_status = CASE WHEN ended_at IS NULL THEN 'running' ELSE 'done' END, af_started_at = started_at, af_ended_at = ended_at
    WHERE status <> 'planned';
UPDATE fermentations f SET vessel_code = (
    SELECT min(v.code) FROM vessel_occupancies o JOIN vessels v ON v.winery_id = o.winery_id AND v.id = o.vessel_id
    WHERE o.winery_id = f.winery_id AND o.fermentation_id = f.id AND lower(o.during) = f.started_at);
UPDATE fermentations f SET vintage = named.vintage::integer FROM (
    SELECT s.winery_id, s.fermentation_id, l.vintage, sum(s.percentage) AS part,
           sum(sum(s.percentage)) OVER (PARTITION BY s.winery_id, s.fermentation_id) AS whole
    FROM fermentation_lot_sources s JOIN harvest_lots l ON l.winery_id = s.winery_id AND l.id = s.harvest_lot_id
    GROUP BY s.winery_id, s.fermentation_id, l.vintage
) named
    WHERE f.winery_id = named.winery_id AND f.id = named.fermentation_id
      AND named.part >= 0.85 * named.whole AND named.vintage ~ '^(1[5-9][0-9]{2}|2[01][0-9]{2})$';
ALTER TABLE fermentation_lot_sources FORCE ROW LEVEL SECURITY;
ALTER TABLE harvest_lots FORCE ROW LEVEL SECURITY;
ALTER TABLE vessels FORCE ROW LEVEL SECURITY;
ALTER TABLE vessel_occupancies FORCE ROW LEVEL SECURITY;
ALTER TABLE fermentations FORCE ROW LEVEL SECURITY;
ALTER TABLE fermentations ENABLE TRIGGER audit;
"""

RULES = """
ALTER TABLE fermentations
    ADD CONSTRAINT fermentations_vintage CHECK (vintage BETWEEN 1500 AND 2199),
    ADD CONSTRAINT fermentations_imported_at CHECK ((data_source = 'imported') = (imported_at IS NOT NULL)),
    ADD CONSTRAINT fermentations_af CHECK (af_status IN ('not_started', 'running', 'done')
        AND (af_status IN ('running', 'done')) = (af_started_at IS NOT NULL)
        AND (af_status = 'done') = (af_ended_at IS NOT NULL) AND (af_ended_at IS NULL OR af_ended_at >= af_started_at)),
    ADD CONSTRAINT fermentations_mlf CHECK (mlf_status IN ('not_started', 'running', 'done', 'skipped')
        AND (mlf_status IN ('running', 'done')) = (mlf_started_at IS NOT NULL)
        AND (mlf_status = 'done') = (mlf_ended_at IS NOT NULL) AND (mlf_ended_at IS NULL OR mlf_ended_at >= mlf_started_at)),
    ADD CONSTRAINT fermentations_phases_of_what_runs CHECK (status = 'active'
        OR status = 'planned' AND af_started_at IS NULL AND mlf_started_at IS NULL
        OR status IN ('completed', 'cancelled') AND af_status <> 'running' AND mlf_status <> 'running');
CREATE INDEX fermentations_of_vintage ON fermentations (winery_id, vintage, started_at, id);
"""


def upgrade() -> None:
    """Add the columns and fill them from what the book knows: a wine that runs is in its alcoholic fermentation."""
    op.execute(COLUMNS)
    op.execute(FILL)
    op.execute(RULES)


def downgrade() -> None:
    """Remove them."""
    op.execute(
        "ALTER TABLE fermentations DROP COLUMN vintage, DROP COLUMN vessel_code, DROP COLUMN imported_at,"
        " DROP COLUMN af_status, DROP COLUMN af_started_at, DROP COLUMN af_ended_at,"
        " DROP COLUMN mlf_status, DROP COLUMN mlf_started_at, DROP COLUMN mlf_ended_at"
    )
