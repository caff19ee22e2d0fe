"""The log of the last weeks in the database, for the owner to search."""

from alembic import op

revision = "0032_log_lines"
down_revision = "0031_measures"
branch_labels = None
depends_on = None

# Whoever asks sees the lines of their winery and those that belong to none. Writers stand in no winery.
TABLE = """
CREATE TABLE log_lines (
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    process text NOT NULL,
    level text NOT NULL,
    event text NOT NULL,
    request_id text,
    job_id text,
    of_winery bigint,
    user_id bigint,
    details jsonb NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX log_lines_by_moment ON log_lines (at);
CREATE INDEX log_lines_of_request ON log_lines (request_id);
ALTER TABLE log_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE log_lines FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON log_lines USING (of_winery IS NULL OR of_winery = current_winery_id()) WITH CHECK (true);
GRANT SELECT, INSERT ON log_lines TO winery_app;
GRANT INSERT ON log_lines TO winery_worker;
GRANT SELECT (id, at), DELETE ON log_lines TO winery_door;
CREATE POLICY door ON log_lines TO winery_door USING (true);

CREATE FUNCTION door_purge_log_lines(before timestamptz, kept bigint, most bigint) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH gone AS (DELETE FROM log_lines WHERE id IN (
        SELECT id FROM log_lines WHERE at < before OR id <= (SELECT max(id) FROM log_lines) - kept ORDER BY id LIMIT most)
        RETURNING 1)
    SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION door_purge_log_lines FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_purge_log_lines TO winery_worker;
ALTER FUNCTION door_purge_log_lines OWNER TO winery_door;
"""


def upgrade() -> None:
    """Make the table and what keeps it small."""
    op.execute(TABLE)


def downgrade() -> None:
    """Remove both; the log's files stay."""
    op.execute("SET LOCAL ROLE winery_door; DROP FUNCTION door_purge_log_lines; RESET ROLE")
    op.execute("DROP TABLE log_lines")
