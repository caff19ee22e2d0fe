"""What a file of past vintages sets going waits behind the readings of this morning; a past reading names its line."""

from alembic import op

revision = "0037_whole_vintages"
down_revision = "0036_error_tracking"
branch_labels = None
depends_on = None

# The door with one argument stays for the release before this one.
UPGRADE = """
ALTER TABLE outbox ADD COLUMN patient boolean DEFAULT false NOT NULL;
ALTER TABLE outbox NO FORCE ROW LEVEL SECURITY;
UPDATE outbox SET patient = true WHERE event IN ('HistoryOutdated', 'PatternOutdated') AND done_at IS NULL;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
DROP INDEX outbox_pending;
CREATE INDEX outbox_pending ON outbox (patient, id) WHERE done_at IS NULL;
GRANT SELECT (patient) ON outbox TO winery_door;
CREATE FUNCTION door_find_pending_events(n integer, are_patient boolean)
RETURNS TABLE (id bigint, winery_id bigint, subject text) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
    SELECT id, outbox.winery_id, outbox.subject FROM outbox
    WHERE done_at IS NULL AND run_after <= now() AND patient = are_patient ORDER BY id LIMIT n
$$;
REVOKE ALL ON FUNCTION door_find_pending_events(integer, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_find_pending_events(integer, boolean) TO winery_worker;
ALTER FUNCTION door_find_pending_events(integer, boolean) OWNER TO winery_door;
"""
LINES = """
ALTER TABLE historical_samples ADD COLUMN import_id bigint, ADD COLUMN import_line integer,
    ADD CONSTRAINT historical_samples_of_a_line CHECK ((import_id IS NULL) = (import_line IS NULL));
ALTER TABLE historical_samples NO FORCE ROW LEVEL SECURITY;
ALTER TABLE samples NO FORCE ROW LEVEL SECURITY;
UPDATE historical_samples h SET import_id = s.import_id, import_line = s.import_line
    FROM samples s WHERE s.id = h.id AND s.import_id IS NOT NULL;
ALTER TABLE samples FORCE ROW LEVEL SECURITY;
ALTER TABLE historical_samples FORCE ROW LEVEL SECURITY;
"""
DOWNGRADE = """
ALTER TABLE historical_samples DROP COLUMN import_line, DROP COLUMN import_id;
SET LOCAL ROLE winery_door;
DROP FUNCTION door_find_pending_events(integer, boolean);
RESET ROLE;
DROP INDEX outbox_pending;
ALTER TABLE outbox NO FORCE ROW LEVEL SECURITY;
DELETE FROM outbox WHERE event = 'PastLoaded';
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
ALTER TABLE outbox DROP COLUMN patient;
CREATE INDEX outbox_pending ON outbox (id) WHERE done_at IS NULL;
"""


def upgrade() -> None:
    """Tell apart what can wait, and where a past reading stood."""
    op.execute(UPGRADE)
    op.execute(LINES)


def downgrade() -> None:
    """Let all events stand in one line again, without those that the older release does not know."""
    op.execute(DOWNGRADE)
