"""Tablets that a cellar shares, and PINs that are worth something only there."""

from alembic import op

revision = "0009_shared_devices"
down_revision = "0008_additions"
branch_labels = None
depends_on = None

# A device is named first and enrolled by a one-time code, or both at once by who is signed in on it.
TABLES = """
CREATE TABLE shared_devices (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    name text NOT NULL,
    code_hash bytea,
    code_expires_at timestamptz,
    token_hash bytea,
    created_by bigint NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    enrolled_at timestamptz,
    last_seen_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, created_by) REFERENCES users (winery_id, id),
    UNIQUE (winery_id, id),
    UNIQUE (code_hash),
    UNIQUE (token_hash),
    CONSTRAINT shared_devices_codes_run_out CHECK ((code_hash IS NULL) = (code_expires_at IS NULL)),
    CONSTRAINT shared_devices_enrolled_once CHECK ((token_hash IS NULL) = (enrolled_at IS NULL))
);
CREATE UNIQUE INDEX shared_devices_name_key ON shared_devices (winery_id, lower(name)) WHERE revoked_at IS NULL;
ALTER TABLE shared_devices ENABLE ROW LEVEL SECURITY;
ALTER TABLE shared_devices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON shared_devices USING (winery_id = current_winery_id()) WITH CHECK (winery_id = current_winery_id());
CREATE POLICY door ON shared_devices FOR SELECT TO winery_door USING (true);
GRANT SELECT, INSERT, UPDATE ON shared_devices TO winery_app;
GRANT SELECT (id, winery_id, name, code_hash, code_expires_at, token_hash, last_seen_at, revoked_at) ON shared_devices TO winery_door;

ALTER TABLE users ADD COLUMN hashed_pin text;
ALTER TABLE user_sessions
    ADD COLUMN device_id bigint,
    ADD CONSTRAINT user_sessions_on_a_device FOREIGN KEY (winery_id, device_id) REFERENCES shared_devices (winery_id, id);
GRANT SELECT (device_id) ON user_sessions TO winery_door;
"""

DROP_SESSION_DOOR = "SET LOCAL ROLE winery_door; DROP FUNCTION door_find_session(bytea); RESET ROLE"
# name(arguments) -> (result, body)
_SESSION = (
    "session_id bigint, user_id bigint, winery_id bigint, role text, display_name text, last_seen_at timestamptz",
    "SELECT s.id, u.id, u.winery_id, u.role, u.display_name, s.last_seen_at{more} "
    "FROM user_sessions s JOIN users u ON u.id = s.user_id AND u.winery_id = s.winery_id {join}"
    "WHERE s.token_hash = hash AND s.expires_at > now() AND u.is_active AND u.deleted_at IS NULL{when}",
)
OLD_SESSION_DOOR = {
    "door_find_session(hash bytea)": (
        f"TABLE ({_SESSION[0]})",
        _SESSION[1].format(more="", join="", when=""),
    )
}
DOORS = {
    "door_find_session(hash bytea)": (
        f"TABLE ({_SESSION[0]}, device_id bigint)",
        _SESSION[1].format(
            more=", s.device_id",
            join="LEFT JOIN shared_devices d ON d.id = s.device_id AND d.winery_id = s.winery_id ",
            when=" AND d.revoked_at IS NULL",
        ),
    ),
    "door_find_device(hash bytea)": (
        "TABLE (device_id bigint, winery_id bigint, name text, last_seen_at timestamptz)",
        "SELECT d.id, d.winery_id, d.name, d.last_seen_at FROM shared_devices d "
        "WHERE d.token_hash = hash AND d.revoked_at IS NULL",
    ),
    "door_find_device_code(hash bytea)": (
        "TABLE (device_id bigint, winery_id bigint)",
        "SELECT d.id, d.winery_id FROM shared_devices d "
        "WHERE d.code_hash = hash AND d.code_expires_at > now() AND d.revoked_at IS NULL",
    ),
}


def upgrade() -> None:
    """Make the table and its doors; a sign-in on a device ends with the device."""
    op.execute(TABLES)
    op.execute(DROP_SESSION_DOOR)
    _make_doors(DOORS)


def _make_doors(doors: dict[str, tuple[str, str]]) -> None:
    for signature, (result, body) in doors.items():
        name = signature.partition("(")[0]
        op.execute(
            f"CREATE FUNCTION {signature} RETURNS {result} LANGUAGE sql STABLE SECURITY DEFINER "
            f"SET search_path = pg_catalog, public AS $$ {body} $$"
        )
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO winery_app")
        op.execute(f"ALTER FUNCTION {name} OWNER TO winery_door")


# The older schema would take a sign-in by PIN for one by password.
LESS = """
ALTER TABLE user_sessions NO FORCE ROW LEVEL SECURITY;
DELETE FROM user_sessions WHERE device_id IS NOT NULL;
ALTER TABLE user_sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE user_sessions DROP COLUMN device_id;
ALTER TABLE users DROP COLUMN hashed_pin;
DROP TABLE shared_devices;
"""


def downgrade() -> None:
    """Remove them; who is signed in by PIN is signed out."""
    op.execute(
        "SET LOCAL ROLE winery_door; DROP FUNCTION door_find_session(bytea), door_find_device(bytea), "
        "door_find_device_code(bytea); RESET ROLE"
    )
    op.execute(LESS)
    _make_doors(OLD_SESSION_DOOR)
