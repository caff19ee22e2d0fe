"""Tokens that a person names and limits; when each was last used."""

from alembic import op

revision = "0005_personal_tokens"
down_revision = "0004_fruit_origin"
branch_labels = None
depends_on = None

TOKENS = """
ALTER TABLE access_tokens
    ADD COLUMN name text,
    ADD COLUMN scopes text[],
    ADD COLUMN last_used_at timestamptz,
    ADD CONSTRAINT access_tokens_named_are_scoped CHECK ((name IS NULL) = (scopes IS NULL)),
    ADD CONSTRAINT access_tokens_allow_something CHECK (cardinality(scopes) > 0);
CREATE UNIQUE INDEX access_tokens_name_key ON access_tokens (winery_id, user_id, lower(name)) WHERE revoked_at IS NULL;
GRANT SELECT (scopes, last_used_at) ON access_tokens TO winery_door;
"""

DROP_DOOR = "SET LOCAL ROLE winery_door; DROP FUNCTION door_find_token; RESET ROLE"
DOOR = """
CREATE FUNCTION door_find_token(token_id uuid)
RETURNS TABLE (user_id bigint, winery_id bigint, role text, display_name text{more_types})
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT u.id, u.winery_id, u.role, u.display_name{more_columns}
    FROM access_tokens t JOIN users u ON u.id = t.user_id AND u.winery_id = t.winery_id
    WHERE t.id = token_id AND t.expires_at > now() AND t.revoked_at IS NULL AND u.is_active AND u.deleted_at IS NULL $$;
REVOKE ALL ON FUNCTION door_find_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_find_token TO winery_app;
ALTER FUNCTION door_find_token OWNER TO winery_door;
"""


def upgrade() -> None:
    """Add the columns; the door tells the scopes and the last use, too."""
    op.execute(TOKENS)
    op.execute(DROP_DOOR)
    op.execute(
        DOOR.format(
            more_types=", scopes text[], last_used_at timestamptz",
            more_columns=", t.scopes, t.last_used_at",
        )
    )


# The older schema would let a limited token do everything its person may.
LESS_TOKENS = """
ALTER TABLE access_tokens NO FORCE ROW LEVEL SECURITY;
DELETE FROM access_tokens WHERE scopes IS NOT NULL;
ALTER TABLE access_tokens FORCE ROW LEVEL SECURITY;
ALTER TABLE access_tokens DROP COLUMN name, DROP COLUMN scopes, DROP COLUMN last_used_at;
"""


def downgrade() -> None:
    """Take it back; limited tokens end."""
    op.execute(DROP_DOOR)
    op.execute(LESS_TOKENS)
    op.execute(DOOR.format(more_types="", more_columns=""))
