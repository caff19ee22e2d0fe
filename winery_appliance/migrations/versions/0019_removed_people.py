"""Whoever is shut out is removed, and whoever is let in again is restored: one way of being gone instead of two."""

from alembic import op

revision = "0019_removed_people"
down_revision = "0018_life_of_anomalies"
branch_labels = None
depends_on = None

# The doors say "is active and not deleted"; what they are otherwise stays as it is.
DOORS = """
DO $$
DECLARE door regprocedure;
BEGIN
    FOREACH door IN ARRAY ARRAY['door_find_user(text)', 'door_find_session(bytea)', 'door_find_token(uuid)']::regprocedure[]
    LOOP
        EXECUTE regexp_replace(pg_get_functiondef(door), '{before}', '{after}');
    END LOOP;
END $$;
"""
# A migration has no winery: for these two statements the policies do not bind the owner.
REMOVE_SHUT_OUT = """
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
UPDATE users SET deleted_at = now() WHERE NOT is_active AND deleted_at IS NULL;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE users DROP COLUMN is_active;
"""
# A generated column is filled past the policies, and keeps its values when it becomes a plain one.
MAKE_AGAIN = """
ALTER TABLE users ADD is_active boolean GENERATED ALWAYS AS (deleted_at IS NULL) STORED;
ALTER TABLE users ALTER is_active DROP EXPRESSION, ALTER is_active SET DEFAULT true, ALTER is_active SET NOT NULL;
"""


def upgrade() -> None:
    """Remove who was shut out, then the column."""
    _rewrite_doors(r"(u\.)?is_active AND ", "")
    op.execute(REMOVE_SHUT_OUT)


def downgrade() -> None:
    """Make the column again, and say there who was removed."""
    op.execute(MAKE_AGAIN)
    op.execute("GRANT SELECT (is_active) ON users TO winery_door")
    _rewrite_doors(r"(u\.)?deleted_at IS NULL", r"\1is_active AND \1deleted_at IS NULL")


def _rewrite_doors(before: str, after: str) -> None:
    op.execute("SET LOCAL ROLE winery_door")
    op.execute(DOORS.format(before=before, after=after))
    op.execute("RESET ROLE")
