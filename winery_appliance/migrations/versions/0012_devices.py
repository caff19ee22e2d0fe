"""Devices: probes, the vessels they hang in over time, and what they read.

Readings lie in one table a month, made ahead, and in a default one for months that have none. The roles that answer requests
and do queued work own no table, so they may neither make nor drop one: one function of the owner's does both, and nothing else.
"""

from alembic import op

revision = "0012_devices"
down_revision = "0011_device_clocks"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE devices (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    code text NOT NULL,
    kind text NOT NULL,
    name text,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    UNIQUE (winery_id, id),
    CONSTRAINT devices_kind CHECK (kind IN ('ispindel', 'tilt', 'probe', 'other'))
);
CREATE UNIQUE INDEX devices_code_key ON devices (winery_id, lower(code));

CREATE TABLE device_assignments (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    device_id bigint NOT NULL,
    vessel_id bigint NOT NULL,
    during tstzrange NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, device_id) REFERENCES devices (winery_id, id),
    FOREIGN KEY (winery_id, vessel_id) REFERENCES vessels (winery_id, id),
    CONSTRAINT device_assignments_last_some_time CHECK (NOT isempty(during) AND NOT lower_inf(during)),
    CONSTRAINT device_assignments_one_vessel_at_once EXCLUDE USING gist (device_id WITH =, during WITH &&)
);
CREATE INDEX device_assignments_of_vessel ON device_assignments (winery_id, vessel_id);

CREATE TABLE device_readings (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    device_id bigint NOT NULL,
    read_at timestamptz NOT NULL,
    quantity text NOT NULL,
    value double precision NOT NULL,
    received_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (winery_id, device_id, read_at, quantity),
    FOREIGN KEY (winery_id, device_id) REFERENCES devices (winery_id, id),
    CONSTRAINT device_readings_quantity CHECK (quantity IN ('sugar', 'temperature')),
    CONSTRAINT device_readings_are_numbers CHECK (value > '-Infinity' AND value < 'Infinity')
) PARTITION BY RANGE (read_at);
CREATE TABLE device_readings_default PARTITION OF device_readings DEFAULT;

GRANT SELECT, INSERT, UPDATE ON devices, device_assignments TO winery_app;
GRANT SELECT, INSERT ON device_readings TO winery_app;
GRANT SELECT ON devices, device_assignments, device_readings TO winery_worker;
SELECT audit('devices');
SELECT audit('device_assignments');
"""

TENANT_TABLES = ("devices", "device_assignments", "device_readings")

# Whatever the clock says, the youngest `kept` months that hold readings stay: a jump of the clock can drop nothing. A month is
# made while nobody writes to the default table, so that none of its readings is in both or in neither. Its readings come in after
# it is attached: ATTACH would look for their devices under the row policies, and find none; a row that is inserted does not.
KEEP_MONTHS = """
CREATE FUNCTION keep_device_reading_months(ahead integer, kept integer, OUT made integer, OUT moved bigint, OUT dropped integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC'
SET lock_timeout = '5s' AS $$
DECLARE
    month timestamp;
    part text;
    held boolean;
    holding integer := 0;
    found_rows bigint;
BEGIN
    IF ahead NOT BETWEEN 0 AND 24 OR kept < 12 THEN
        RAISE EXCEPTION 'ahead must lie between 0 and 24, and kept be at least 12' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    made := 0; moved := 0; dropped := 0;
    FOR month IN
        SELECT generate_series(date_trunc('month', now()::timestamp), date_trunc('month', now()::timestamp) + ahead * interval '1 month',
            interval '1 month')
        UNION SELECT DISTINCT date_trunc('month', read_at::timestamp) FROM device_readings_default
        ORDER BY 1
    LOOP
        part := 'device_readings_' || to_char(month, 'YYYYMM');
        CONTINUE WHEN to_regclass('public.' || part) IS NOT NULL;
        LOCK TABLE device_readings_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('CREATE TABLE public.%I (LIKE device_readings INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
        CREATE TABLE public.device_readings_moving (LIKE device_readings);
        WITH gone AS (DELETE FROM device_readings_default WHERE read_at >= month AND read_at < month + interval '1 month' RETURNING *)
            INSERT INTO device_readings_moving SELECT * FROM gone;
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        EXECUTE format('ALTER TABLE device_readings ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            part, month, month + interval '1 month');
        EXECUTE format('INSERT INTO public.%I OVERRIDING SYSTEM VALUE SELECT * FROM device_readings_moving', part);
        DROP TABLE device_readings_moving;
        made := made + 1;
        moved := moved + found_rows;
    END LOOP;
    FOR part IN
        SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid
        WHERE inhparent = 'device_readings'::regclass AND relname ~ '^device_readings_[0-9]{6}$' ORDER BY relname DESC
    LOOP
        IF holding >= kept THEN
            EXECUTE format('DROP TABLE public.%I', part);
            dropped := dropped + 1;
            CONTINUE;
        END IF;
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', part) INTO held;
        holding := holding + held::integer;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION keep_device_reading_months FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keep_device_reading_months TO winery_worker;
"""


def upgrade() -> None:
    """Make the tables, this month and the two to come."""
    op.execute(TABLES)
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {table} USING (winery_id = current_winery_id()) "
            "WITH CHECK (winery_id = current_winery_id())"
        )
    op.execute(KEEP_MONTHS)
    op.execute("SELECT keep_device_reading_months(2, 12)")


def downgrade() -> None:
    """Remove them; samples stay."""
    op.execute("DROP FUNCTION keep_device_reading_months")
    for table in reversed(TENANT_TABLES):
        op.execute(f"DROP TABLE {table}")
