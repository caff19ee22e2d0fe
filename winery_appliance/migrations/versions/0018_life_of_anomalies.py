"""The life of an anomaly: who has it, until when it sleeps, why it was cleared, and everything that ever became of it."""

from alembic import op

revision = "0018_life_of_anomalies"
down_revision = "0017_samples_of_devices"
branch_labels = None
depends_on = None

# Row policies bind the owner, too, and would hide every winery's rows from the update.
MORE = """
ALTER TABLE anomalies
    ADD COLUMN confirmed_at timestamptz,
    ADD COLUMN confirmations integer DEFAULT 0 NOT NULL,
    ADD COLUMN cleared_because text,
    ADD COLUMN acknowledged_at timestamptz,
    ADD COLUMN acknowledged_by bigint,
    ADD COLUMN assigned_to bigint,
    ADD COLUMN snoozed_until timestamptz,
    ADD COLUMN reopened_at timestamptz,
    ADD FOREIGN KEY (winery_id, acknowledged_by) REFERENCES users (winery_id, id),
    ADD FOREIGN KEY (winery_id, assigned_to) REFERENCES users (winery_id, id);
ALTER TABLE anomalies NO FORCE ROW LEVEL SECURITY;
UPDATE anomalies SET cleared_because = 'It was not found any more.' WHERE cleared_at IS NOT NULL;
ALTER TABLE anomalies FORCE ROW LEVEL SECURITY;
ALTER TABLE anomalies
    ADD CONSTRAINT anomalies_cleared_for_a_reason CHECK ((cleared_at IS NULL) = (cleared_because IS NULL)),
    ADD CONSTRAINT anomalies_acknowledged_by_somebody CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL));
CREATE INDEX anomalies_by_opening ON anomalies (winery_id, opened_at, id);
GRANT UPDATE (cleared_at, cleared_because, acknowledged_at, acknowledged_by, assigned_to, snoozed_until, reopened_at)
    ON anomalies TO winery_app;
"""

HISTORY = """
CREATE TABLE anomaly_history (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    anomaly_id bigint NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    what text NOT NULL,
    user_id bigint,
    note text NOT NULL,
    severity text NOT NULL,
    evidence bigint[] NOT NULL,
    assigned_to bigint,
    snoozed_until timestamptz,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, anomaly_id) REFERENCES anomalies (winery_id, id),
    FOREIGN KEY (winery_id, user_id) REFERENCES users (winery_id, id),
    FOREIGN KEY (winery_id, assigned_to) REFERENCES users (winery_id, id),
    CONSTRAINT anomaly_history_what CHECK (what IN ('opened', 'confirmed', 'graver', 'milder', 'cleared', 'acknowledged',
        'assigned', 'snoozed', 'reopened'))
);
CREATE INDEX anomaly_history_of_anomaly ON anomaly_history (winery_id, anomaly_id, id);
ALTER TABLE anomaly_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE anomaly_history FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON anomaly_history USING (winery_id = current_winery_id()) WITH CHECK (winery_id = current_winery_id());
GRANT SELECT, INSERT ON anomaly_history TO winery_app, winery_worker;
SELECT audit('anomaly_history', inserts => false);
"""

LESS = """
DROP TABLE anomaly_history;
DROP INDEX anomalies_by_opening;
REVOKE UPDATE (cleared_at, cleared_because, acknowledged_at, acknowledged_by, assigned_to, snoozed_until, reopened_at)
    ON anomalies FROM winery_app;
ALTER TABLE anomalies
    DROP COLUMN confirmed_at,
    DROP COLUMN confirmations,
    DROP COLUMN cleared_because,
    DROP COLUMN acknowledged_at,
    DROP COLUMN acknowledged_by,
    DROP COLUMN assigned_to,
    DROP COLUMN snoozed_until,
    DROP COLUMN reopened_at;
"""


def upgrade() -> None:
    """Add the columns and the history."""
    op.execute(MORE)
    op.execute(HISTORY)


def downgrade() -> None:
    """Remove both; anomalies stay."""
    op.execute(LESS)
