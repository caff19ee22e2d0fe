"""People: one-time codes for a new password, and a door that lists the wineries for whoever runs the appliance."""

from alembic import op

revision = "0003_people"
down_revision = "0002_cellar_work"
branch_labels = None
depends_on = None

# At most one code a person: a new one takes the place of the old, and using it removes it.
TABLES = """
CREATE TABLE password_resets (
    winery_id bigint NOT NULL,
    user_id bigint NOT NULL,
    code_hash bytea NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (winery_id, user_id),
    FOREIGN KEY (winery_id, user_id) REFERENCES users (winery_id, id)
);
ALTER TABLE password_resets ENABLE ROW LEVEL SECURITY;
ALTER TABLE password_resets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON password_resets USING (winery_id = current_winery_id()) WITH CHECK (winery_id = current_winery_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON password_resets TO winery_app;
"""

# For the command line, which connects as the worker here: what answers requests may not know the neighbours' names.
DOOR = """
CREATE FUNCTION door_list_wineries() RETURNS TABLE (id bigint, code text, name text) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$ SELECT w.id, w.code, w.name FROM wineries w ORDER BY w.code $$;
REVOKE ALL ON FUNCTION door_list_wineries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_list_wineries TO winery_worker;
ALTER FUNCTION door_list_wineries OWNER TO winery_door;
"""


def upgrade() -> None:
    """Make the table and the door."""
    op.execute(TABLES)
    op.execute(DOOR)


def downgrade() -> None:
    """Remove both."""
    op.execute("SET LOCAL ROLE winery_door; DROP FUNCTION door_list_wineries; RESET ROLE")
    op.execute("DROP TABLE password_resets")
