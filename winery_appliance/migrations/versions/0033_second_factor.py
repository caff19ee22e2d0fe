"""A second factor for whoever signs in by password: codes of an app (RFC 6238), and recovery codes for a lost phone."""

from alembic import op

revision = "0033_second_factor"
down_revision = "0032_log_lines"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE sign_in_rules (
    winery_id bigint NOT NULL,
    second_factor_required boolean NOT NULL,
    PRIMARY KEY (winery_id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id)
);
CREATE TABLE second_factors (
    winery_id bigint NOT NULL,
    user_id bigint NOT NULL,
    secret_sealed bytea NOT NULL,
    confirmed_at timestamptz,
    last_step bigint DEFAULT 0 NOT NULL,
    PRIMARY KEY (winery_id, user_id),
    FOREIGN KEY (winery_id, user_id) REFERENCES users (winery_id, id)
);
CREATE TABLE recovery_codes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    user_id bigint NOT NULL,
    code_hash bytea NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, user_id) REFERENCES second_factors (winery_id, user_id) ON DELETE CASCADE
);
CREATE INDEX recovery_codes_of_user ON recovery_codes (winery_id, user_id);
"""
NAMES = ("sign_in_rules", "second_factors", "recovery_codes")
RIGHTS = """
GRANT SELECT, INSERT, UPDATE ON sign_in_rules TO winery_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON second_factors TO winery_app;
GRANT SELECT, INSERT, DELETE ON recovery_codes TO winery_app;
SELECT audit('sign_in_rules', key => 'winery_id');
SELECT audit('second_factors', key => 'user_id', quiet => '{last_step}');
SELECT audit('recovery_codes');
"""


def upgrade() -> None:
    """Make the tables; nobody has a second factor until they set one up."""
    op.execute(TABLES)
    for name in NAMES:
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {name} USING (winery_id = current_winery_id())"
            " WITH CHECK (winery_id = current_winery_id())"
        )
    op.execute(RIGHTS)


def downgrade() -> None:
    """Remove them; the password alone opens the door again."""
    for name in reversed(NAMES):
        op.execute(f"DROP TABLE {name}")
