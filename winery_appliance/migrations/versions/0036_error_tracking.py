"""Errors in the log can be told to an error tracker, each once."""

from alembic import op

revision = "0036_error_tracking"
down_revision = "0035_rules"
branch_labels = None
depends_on = None

# Lines stand in no winery for the worker; it sees errors by this door only, and of them nothing that the log leaves out.
REPORTS = """
ALTER TABLE log_lines ADD COLUMN reported_at timestamptz;
CREATE INDEX log_lines_unreported ON log_lines (id) WHERE reported_at IS NULL AND level IN ('error', 'critical');
GRANT SELECT, UPDATE (reported_at) ON log_lines TO winery_door;

CREATE FUNCTION door_list_unreported_errors(since timestamptz, most bigint)
RETURNS TABLE (id bigint, at timestamptz, process text, level text, event text, request_id text, job_id text, details jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT id, at, process, level, event, request_id, job_id, details FROM log_lines
    WHERE reported_at IS NULL AND level IN ('error', 'critical') AND at >= since ORDER BY id LIMIT most
$$;
CREATE FUNCTION door_note_reported_errors(ids bigint[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    UPDATE log_lines SET reported_at = clock_timestamp() WHERE id = ANY (ids)
$$;
REVOKE ALL ON FUNCTION door_list_unreported_errors, door_note_reported_errors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_list_unreported_errors, door_note_reported_errors TO winery_worker;
ALTER FUNCTION door_list_unreported_errors OWNER TO winery_door;
ALTER FUNCTION door_note_reported_errors OWNER TO winery_door;
"""


def upgrade() -> None:
    """Add the note and the doors."""
    op.execute(REPORTS)


def downgrade() -> None:
    """Remove them."""
    op.execute(
        "SET LOCAL ROLE winery_door; DROP FUNCTION door_list_unreported_errors;"
        " DROP FUNCTION door_note_reported_errors; RESET ROLE"
    )
    op.execute("REVOKE SELECT, UPDATE (reported_at) ON log_lines FROM winery_door")
    op.execute("GRANT SELECT (id, at) ON log_lines TO winery_door")
    op.execute("ALTER TABLE log_lines DROP COLUMN reported_at")
