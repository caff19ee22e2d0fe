"""How long a winery keeps its audit log: for ever, or so many months, which one function of the owner's sees to."""

from alembic import op

revision = "0022_audit_retention"
down_revision = "0021_phases_and_vintage"
branch_labels = None
depends_on = None

COLUMN = """
ALTER TABLE wineries ADD audit_months integer, ADD CONSTRAINT wineries_audit_months CHECK (audit_months BETWEEN 12 AND 1200);
CREATE INDEX audit_log_by_moment ON audit_log (winery_id, at);
SET LOCAL ROLE winery_door;
GRANT EXECUTE ON FUNCTION door_list_wineries TO winery_owner;
RESET ROLE;
"""

# Whatever the clock says, the youngest months that hold entries stay: a jump of the clock can remove no more than its own month's
# worth. The policies bind this function, too: it enters one winery after the other, and leaves the caller where it was.
PURGE = """
CREATE FUNCTION purge_audit_log(most bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    entered text := current_setting('winery.id', true);
    winery bigint;
    kept integer;
    oldest timestamptz;
    month timestamptz;
    gone bigint;
    removed bigint := 0;
BEGIN
    IF most NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'most must lie between 1 and 100000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR winery IN SELECT w.id FROM door_list_wineries() w LOOP
        EXIT WHEN removed >= most;
        PERFORM set_config('winery.id', winery::text, true);
        SELECT w.audit_months INTO kept FROM wineries w;
        CONTINUE WHEN kept IS NULL;
        oldest := 'infinity';
        FOR n IN 1..kept LOOP
            SELECT date_trunc('month', max(a.at)) INTO month FROM audit_log a WHERE a.winery_id = winery AND a.at < oldest;
            EXIT WHEN month IS NULL;
            oldest := month;
        END LOOP;
        CONTINUE WHEN month IS NULL;  -- fewer months than are kept
        DELETE FROM audit_log WHERE id IN (
            SELECT a.id FROM audit_log a WHERE a.winery_id = winery AND a.at < oldest ORDER BY a.at LIMIT most - removed);
        GET DIAGNOSTICS gone = ROW_COUNT;
        removed := removed + gone;
    END LOOP;
    PERFORM set_config('winery.id', coalesce(entered, ''), true);
    RETURN removed;
END $$;
REVOKE ALL ON FUNCTION purge_audit_log FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purge_audit_log TO winery_worker;
"""


def upgrade() -> None:
    """Every winery keeps its log for ever until its owner says otherwise."""
    op.execute(COLUMN)
    op.execute(PURGE)


def downgrade() -> None:
    """Remove the setting; what was removed from a log stays so."""
    op.execute("DROP FUNCTION purge_audit_log")
    op.execute(
        "SET LOCAL ROLE winery_door; REVOKE EXECUTE ON FUNCTION door_list_wineries FROM winery_owner; RESET ROLE"
    )
    op.execute("DROP INDEX audit_log_by_moment")
    op.execute("ALTER TABLE wineries DROP audit_months")
