"""The audit log: the database itself notes who changed what, in the same transaction, whoever writes.

A table joins by one line in a migration, `SELECT audit('name')`. Only the trigger's function can write the log, and nobody
who answers requests, works the queue or types at the command line can change it.
"""

from alembic import op

revision = "0010_audit_log"
down_revision = "0009_shared_devices"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    user_id bigint,
    via text NOT NULL,
    request_id text,
    action text NOT NULL,
    subject text NOT NULL,
    subject_id text NOT NULL,
    changes jsonb NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    FOREIGN KEY (winery_id, user_id) REFERENCES users (winery_id, id),
    CONSTRAINT audit_log_action CHECK (action IN ('insert', 'update', 'delete'))
);
CREATE INDEX audit_log_of_winery ON audit_log (winery_id, id);
CREATE INDEX audit_log_of_subject ON audit_log (winery_id, subject, subject_id, id);
CREATE INDEX audit_log_of_user ON audit_log (winery_id, user_id, id);
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_log USING (winery_id = current_winery_id()) WITH CHECK (winery_id = current_winery_id());
CREATE POLICY door ON audit_log FOR INSERT TO winery_door WITH CHECK (true);
GRANT SELECT ON audit_log TO winery_app;
GRANT INSERT ON audit_log TO winery_door;
"""

# The one place that says what never enters the log: everything binary, and what is named as a secret.
HIDDEN = """
CREATE FUNCTION audit_hidden_columns(audited regclass) RETURNS text[] LANGUAGE sql STABLE
SET search_path = pg_catalog, public AS $$
    SELECT coalesce(array_agg(attname::text), '{}') FROM pg_attribute
    WHERE attrelid = audited AND attnum > 0 AND NOT attisdropped
      AND (atttypid = 'bytea'::regtype OR attname ~ '(hash|password|secret|_pin$|^pin$)')
$$;
"""

# Arguments of the trigger: the column that identifies a row, the column of its winery, and columns that change by mere use,
# which make no entry of their own. That a hidden column changed is told; its values are not.
RECORD = """
CREATE FUNCTION record_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    hidden text[] := audit_hidden_columns(TG_RELID);
    old_row jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) END;
    one_row jsonb := CASE WHEN TG_OP = 'DELETE' THEN old_row ELSE new_row END;
    changed jsonb;
BEGIN
    SELECT jsonb_object_agg(key, CASE WHEN key = ANY (hidden) THEN '["hidden", "hidden"]'
                                      ELSE jsonb_build_array(o.value, n.value) END)
        INTO changed FROM jsonb_each(old_row) o FULL JOIN jsonb_each(new_row) n USING (key)
        WHERE coalesce(o.value, 'null') <> coalesce(n.value, 'null');
    IF TG_OP = 'UPDATE' AND changed - TG_ARGV[2]::text[] IS NOT DISTINCT FROM '{}' OR changed IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO audit_log (winery_id, user_id, via, request_id, action, subject, subject_id, changes)
    VALUES ((one_row ->> TG_ARGV[1])::bigint,
            nullif(current_setting('winery.user_id', true), '')::bigint,
            coalesce(nullif(current_setting('winery.via', true), ''), nullif(current_setting('application_name'), ''), session_user),
            nullif(current_setting('winery.request_id', true), ''),
            lower(TG_OP), TG_TABLE_NAME, one_row ->> TG_ARGV[0], changed);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION record_audit FROM PUBLIC;
ALTER FUNCTION record_audit OWNER TO winery_door;
SET LOCAL ROLE winery_door;
GRANT EXECUTE ON FUNCTION record_audit TO winery_owner;  -- who attaches it to tables
RESET ROLE;

CREATE FUNCTION audit(audited regclass, key text DEFAULT 'id', winery text DEFAULT 'winery_id',
                      quiet text[] DEFAULT '{}', inserts boolean DEFAULT true) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER audit AFTER %s UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION record_audit(%L, %L, %L)',
                   CASE WHEN inserts THEN 'INSERT OR' ELSE '' END, audited, key, winery, quiet);
END $$;
REVOKE ALL ON FUNCTION audit FROM PUBLIC;
"""

# A sample is never changed, names who recorded it and when, and a correction is a row of its own: its insertion is its entry.
AUDITED = """
SELECT audit('wineries', winery => 'id');
SELECT audit('users');
SELECT audit('user_sessions', quiet => '{last_seen_at,expires_at}');
SELECT audit('access_tokens', quiet => '{last_used_at}');
SELECT audit('password_resets', key => 'user_id');
SELECT audit('shared_devices', quiet => '{last_seen_at}');
SELECT audit('vessels');
SELECT audit('fermentations');
SELECT audit('vessel_occupancies');
SELECT audit('samples', inserts => false);
SELECT audit('vineyards');
SELECT audit('vineyard_blocks');
SELECT audit('harvest_lots');
SELECT audit('fermentation_lot_sources');
SELECT audit('transfers');
SELECT audit('transfer_flows');
SELECT audit('additions');
SELECT audit('cap_work');
"""

TABLES = (
    "wineries",
    "users",
    "user_sessions",
    "access_tokens",
    "password_resets",
    "shared_devices",
    "vessels",
    "fermentations",
    "vessel_occupancies",
    "samples",
    "vineyards",
    "vineyard_blocks",
    "harvest_lots",
    "fermentation_lot_sources",
    "transfers",
    "transfer_flows",
    "additions",
    "cap_work",
)


def upgrade() -> None:
    """Make the log and let every table of a winery that people write join it."""
    op.execute(TABLE)
    op.execute(HIDDEN)
    op.execute(RECORD)
    op.execute(AUDITED)


def downgrade() -> None:
    """Remove the log with everything in it."""
    for table in TABLES:
        op.execute(f"DROP TRIGGER audit ON {table}")
    op.execute("DROP FUNCTION audit")
    op.execute("SET LOCAL ROLE winery_door; DROP FUNCTION record_audit; RESET ROLE")
    op.execute("DROP FUNCTION audit_hidden_columns")
    op.execute("DROP TABLE audit_log")
