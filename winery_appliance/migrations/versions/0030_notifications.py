"""Who is told what, how, and when: settings, rules, webhooks, and the queue of what is to be delivered."""

from alembic import op

revision = "0030_notifications"
down_revision = "0029_patterns"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE notification_settings (
    winery_id bigint NOT NULL,
    smtp_host text,
    smtp_port integer DEFAULT 587 NOT NULL,
    smtp_security text DEFAULT 'starttls' NOT NULL,
    smtp_username text,
    smtp_password_sealed bytea,
    sender text,
    base_url text,
    digest_minutes integer DEFAULT 15 NOT NULL,
    escalate_minutes integer DEFAULT 60,
    summary_at time DEFAULT '06:00',
    PRIMARY KEY (winery_id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    CONSTRAINT notification_settings_port CHECK (smtp_port BETWEEN 1 AND 65535),
    CONSTRAINT notification_settings_security CHECK (smtp_security IN ('none', 'starttls', 'tls')),
    CONSTRAINT notification_settings_sender CHECK (smtp_host IS NULL OR sender IS NOT NULL),
    CONSTRAINT notification_settings_digest CHECK (digest_minutes BETWEEN 0 AND 1440),
    CONSTRAINT notification_settings_escalation CHECK (escalate_minutes BETWEEN 5 AND 1440)
);
CREATE TABLE notification_rules (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    role text,
    user_id bigint,
    severity text NOT NULL,
    quiet_from time,
    quiet_until time,
    critical_breaks_quiet boolean NOT NULL,
    escalation boolean NOT NULL,
    daily_summary boolean NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    FOREIGN KEY (winery_id, user_id) REFERENCES users (winery_id, id),
    CONSTRAINT notification_rules_for_one CHECK ((role IS NULL) <> (user_id IS NULL)),
    CONSTRAINT notification_rules_role CHECK (role IN ('owner', 'winemaker', 'cellar', 'viewer')),
    CONSTRAINT notification_rules_severity CHECK (severity IN ('info', 'warning', 'critical', 'none')),
    CONSTRAINT notification_rules_quiet CHECK ((quiet_from IS NULL) = (quiet_until IS NULL)),
    CONSTRAINT notification_rules_once UNIQUE NULLS NOT DISTINCT (winery_id, role, user_id)
);
CREATE TABLE webhooks (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    name text NOT NULL,
    url text NOT NULL,
    inside_address text,
    severity text NOT NULL,
    signing_secret_sealed bytea NOT NULL,
    created_by bigint NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (id),
    UNIQUE (winery_id, id),
    FOREIGN KEY (winery_id, created_by) REFERENCES users (winery_id, id),
    CONSTRAINT webhooks_severity CHECK (severity IN ('info', 'warning', 'critical'))
);
CREATE UNIQUE INDEX webhooks_name_key ON webhooks (winery_id, lower(name)) WHERE deleted_at IS NULL;
CREATE TABLE notices (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    kind text NOT NULL,
    cause text NOT NULL,
    severity text NOT NULL,
    anomaly_id bigint,
    user_id bigint,
    webhook_id bigint,
    created_at timestamptz DEFAULT now() NOT NULL,
    send_after timestamptz NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    last_error text,
    sent_at timestamptz,
    dropped_at timestamptz,
    dropped_because text,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, anomaly_id) REFERENCES anomalies (winery_id, id),
    FOREIGN KEY (winery_id, user_id) REFERENCES users (winery_id, id),
    FOREIGN KEY (winery_id, webhook_id) REFERENCES webhooks (winery_id, id),
    CONSTRAINT notices_to_one CHECK ((user_id IS NULL) <> (webhook_id IS NULL)),
    CONSTRAINT notices_kind CHECK (kind IN ('opened', 'worsened', 'reopened', 'assigned', 'escalated', 'summary', 'test')),
    CONSTRAINT notices_severity CHECK (severity IN ('info', 'warning', 'critical')),
    CONSTRAINT notices_end CHECK (sent_at IS NULL OR dropped_at IS NULL),
    CONSTRAINT notices_once UNIQUE NULLS NOT DISTINCT (winery_id, cause, user_id, webhook_id)
);
CREATE INDEX notices_due ON notices (send_after) WHERE sent_at IS NULL AND dropped_at IS NULL;
CREATE INDEX notices_of_winery ON notices (winery_id, id);
CREATE INDEX notices_sent ON notices (winery_id, user_id, sent_at) WHERE sent_at IS NOT NULL;
"""
NAMES = ("notification_settings", "notification_rules", "webhooks", "notices")

RIGHTS = """
GRANT SELECT, INSERT, UPDATE ON notification_settings TO winery_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON notification_rules TO winery_app;
GRANT SELECT, INSERT, UPDATE ON webhooks TO winery_app;
GRANT SELECT, INSERT, UPDATE (dropped_at, dropped_because, send_after) ON notices TO winery_app;
GRANT SELECT ON notification_settings, notification_rules, webhooks TO winery_worker;
GRANT SELECT, INSERT, DELETE, UPDATE (send_after, attempts, last_error, sent_at, dropped_at, dropped_because) ON notices
    TO winery_worker;
GRANT SELECT (id, winery_id, send_after, sent_at, dropped_at) ON notices TO winery_door;
CREATE POLICY door ON notices FOR SELECT TO winery_door USING (true);
-- Whom the worker writes to: no password, no PIN.
GRANT SELECT (id, winery_id, email, display_name, role, deleted_at) ON users TO winery_worker;
SELECT audit('notification_settings', key => 'winery_id');
SELECT audit('notification_rules');
SELECT audit('webhooks');
"""

# Whoever delivers looks every few seconds: one question for all wineries.
DOOR = """
CREATE FUNCTION door_find_due_notices() RETURNS TABLE (winery_id bigint) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
    SELECT DISTINCT n.winery_id FROM notices n WHERE n.sent_at IS NULL AND n.dropped_at IS NULL AND n.send_after <= now()
$$;
REVOKE ALL ON FUNCTION door_find_due_notices FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_find_due_notices TO winery_worker;
ALTER FUNCTION door_find_due_notices OWNER TO winery_door;
"""


def upgrade() -> None:
    """Make the tables; nobody is told anything until a mail server or a webhook is named."""
    op.execute(TABLES)
    for name in NAMES:
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {name} USING (winery_id = current_winery_id())"
            " WITH CHECK (winery_id = current_winery_id())"
        )
    op.execute(RIGHTS)
    op.execute(DOOR)


def downgrade() -> None:
    """Remove them; what was not delivered is not."""
    op.execute("SET LOCAL ROLE winery_door; DROP FUNCTION door_find_due_notices; RESET ROLE")
    op.execute(
        "REVOKE SELECT (id, winery_id, email, display_name, role, deleted_at) ON users FROM winery_worker"
    )
    for name in reversed(NAMES):
        op.execute(f"DROP TABLE {name}")
