"""Templates of advice that a winery writes, and recommendations that are taken up or not, with what came of it.

A recommendation belongs to an anomaly and stays the same one from analysis to analysis.
"""

from alembic import op

revision = "0023_advice"
down_revision = "0022_audit_retention"
branch_labels = None
depends_on = None

TEMPLATES = """
CREATE TABLE recommendation_templates (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    anomaly_type text NOT NULL,
    code text NOT NULL,
    action text NOT NULL,
    instructions text[] NOT NULL,
    reasoning text NOT NULL,
    conditions jsonb NOT NULL,
    dose text,
    confidence double precision NOT NULL,
    in_use boolean NOT NULL,
    created_by bigint NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    FOREIGN KEY (winery_id, created_by) REFERENCES users (winery_id, id),
    UNIQUE (winery_id, id),
    CONSTRAINT recommendation_templates_dose CHECK (dose IN ('dap', 'so2', 'yeast_hulls', 'inoculation', 'rescue_culture')),
    CONSTRAINT recommendation_templates_confidence CHECK (confidence > 0 AND confidence < 1)
);
CREATE UNIQUE INDEX recommendation_templates_code_key ON recommendation_templates (winery_id, anomaly_type, lower(code))
    WHERE deleted_at IS NULL;
ALTER TABLE recommendation_templates ENABLE ROW LEVEL SECURITY;
ALTER TABLE recommendation_templates FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON recommendation_templates USING (winery_id = current_winery_id())
    WITH CHECK (winery_id = current_winery_id());
GRANT SELECT, INSERT, UPDATE ON recommendation_templates TO winery_app;
GRANT SELECT ON recommendation_templates TO winery_worker;
SELECT audit('recommendation_templates');
"""

# Each earlier one was made for a trouble of its wine: the last of its type, up to then. Row policies bind the owner, too, and would
# hide every winery's rows from this.
RECOMMENDATIONS = """
ALTER TABLE recommendations
    ADD COLUMN anomaly_id bigint,
    ADD COLUMN template_code text,
    ADD COLUMN own boolean DEFAULT false NOT NULL,
    ADD COLUMN sources text DEFAULT '' NOT NULL;
ALTER TABLE recommendations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE analyses NO FORCE ROW LEVEL SECURITY;
ALTER TABLE anomalies NO FORCE ROW LEVEL SECURITY;
UPDATE recommendations r SET template_code = 'earlier-' || r.id, anomaly_id = (
    SELECT a.id FROM anomalies a JOIN analyses n ON n.winery_id = r.winery_id AND n.id = r.analysis_id
    WHERE a.winery_id = r.winery_id AND a.fermentation_id = n.fermentation_id
    ORDER BY a.type <> r.anomaly_type, a.opened_at > n.analyzed_at, a.opened_at DESC, a.id DESC LIMIT 1);
DELETE FROM recommendations WHERE anomaly_id IS NULL;  -- of a wine without any trouble: there can be none
ALTER TABLE recommendations FORCE ROW LEVEL SECURITY;
ALTER TABLE analyses FORCE ROW LEVEL SECURITY;
ALTER TABLE anomalies FORCE ROW LEVEL SECURITY;
ALTER TABLE recommendations
    ALTER COLUMN anomaly_id SET NOT NULL,
    ALTER COLUMN template_code SET NOT NULL,
    ALTER COLUMN own DROP DEFAULT,
    ALTER COLUMN sources DROP DEFAULT,
    ADD COLUMN status text DEFAULT 'offered' NOT NULL,
    ADD COLUMN decided_at timestamptz,
    ADD COLUMN decided_by bigint,
    ADD COLUMN decision_note text,
    ADD COLUMN outcome text,
    ADD COLUMN outcome_at timestamptz,
    ADD COLUMN outcome_by bigint,
    ADD COLUMN outcome_note text,
    ADD FOREIGN KEY (winery_id, anomaly_id) REFERENCES anomalies (winery_id, id),
    ADD FOREIGN KEY (winery_id, decided_by) REFERENCES users (winery_id, id),
    ADD FOREIGN KEY (winery_id, outcome_by) REFERENCES users (winery_id, id),
    ADD UNIQUE (winery_id, id),
    ADD UNIQUE (winery_id, anomaly_id, template_code),
    ADD CONSTRAINT recommendations_status CHECK (status IN ('offered', 'applied', 'dismissed')),
    ADD CONSTRAINT recommendations_decided_by_somebody
        CHECK ((status = 'offered') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)),
    ADD CONSTRAINT recommendations_outcome CHECK (outcome IN ('helped', 'no_change', 'worse')),
    ADD CONSTRAINT recommendations_outcome_of_what_was_done
        CHECK ((outcome IS NULL OR status = 'applied') AND (outcome IS NULL) = (outcome_at IS NULL)
        AND (outcome IS NULL) = (outcome_by IS NULL));
CREATE INDEX recommendations_by_outcome ON recommendations (winery_id, anomaly_type, template_code) WHERE outcome IS NOT NULL;
GRANT UPDATE (status, decided_at, decided_by, decision_note, outcome, outcome_at, outcome_by, outcome_note)
    ON recommendations TO winery_app;
GRANT UPDATE (analysis_id, action, instructions, reasoning, confidence, own, sources) ON recommendations TO winery_worker;
"""

LESS = """
REVOKE UPDATE (analysis_id, action, instructions, reasoning, confidence, own, sources) ON recommendations FROM winery_worker;
REVOKE UPDATE (status, decided_at, decided_by, decision_note, outcome, outcome_at, outcome_by, outcome_note)
    ON recommendations FROM winery_app;
DROP INDEX recommendations_by_outcome;
ALTER TABLE recommendations
    DROP CONSTRAINT recommendations_winery_id_id_key,
    DROP COLUMN anomaly_id,
    DROP COLUMN template_code,
    DROP COLUMN own,
    DROP COLUMN sources,
    DROP COLUMN status,
    DROP COLUMN decided_at,
    DROP COLUMN decided_by,
    DROP COLUMN decision_note,
    DROP COLUMN outcome,
    DROP COLUMN outcome_at,
    DROP COLUMN outcome_by,
    DROP COLUMN outcome_note;
DROP TABLE recommendation_templates;
"""


def upgrade() -> None:
    """Make the templates, and give recommendations a life."""
    op.execute(TEMPLATES)
    op.execute(RECOMMENDATIONS)


def downgrade() -> None:
    """Remove both; what stays of recommendations is the last text of each."""
    op.execute(LESS)
