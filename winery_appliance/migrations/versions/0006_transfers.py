"""Where wine went: transfers, each with the flows from vessel to vessel that it is made of.

The database itself keeps what a trace stands on, whoever writes: a wine takes part in one transfer at a time and never
gives and receives in the same one, none happens before the wine began, and no more litres leave a vessel than were in it,
where that is known. Triggers run with the writer's role, so they see what its policies show.
"""

from alembic import op

revision = "0006_transfers"
down_revision = "0005_personal_tokens"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE fermentations
    ADD COLUMN start_volume_l numeric(12, 3),
    ADD CONSTRAINT fermentations_start_volume CHECK (start_volume_l >= 0);

CREATE TABLE transfers (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    client_uuid uuid NOT NULL,
    kind text NOT NULL,
    moved_at timestamptz NOT NULL,
    note text,
    recorded_by bigint NOT NULL,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    body_hash bytea NOT NULL,
    voided_at timestamptz,
    voided_by bigint,
    void_reason text,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    FOREIGN KEY (winery_id, recorded_by) REFERENCES users (winery_id, id),
    FOREIGN KEY (winery_id, voided_by) REFERENCES users (winery_id, id),
    UNIQUE (winery_id, id),
    UNIQUE (winery_id, client_uuid),
    CONSTRAINT transfers_kind CHECK (kind IN ('move', 'split', 'blend')),
    CONSTRAINT transfers_void_by_somebody CHECK ((voided_at IS NULL) = (voided_by IS NULL)),
    CONSTRAINT transfers_void_for_a_reason CHECK ((voided_at IS NULL) = (void_reason IS NULL)),
    CONSTRAINT transfers_not_of_the_future CHECK (moved_at <= recorded_at + interval '1 day')
);
CREATE INDEX transfers_by_moment ON transfers (winery_id, moved_at, id);

CREATE TABLE transfer_flows (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    transfer_id bigint NOT NULL,
    from_fermentation_id bigint NOT NULL,
    from_vessel_id bigint NOT NULL,
    to_fermentation_id bigint NOT NULL,
    to_vessel_id bigint NOT NULL,
    volume_l numeric(12, 3),
    empties boolean NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, transfer_id) REFERENCES transfers (winery_id, id),
    FOREIGN KEY (winery_id, from_fermentation_id) REFERENCES fermentations (winery_id, id),
    FOREIGN KEY (winery_id, from_vessel_id) REFERENCES vessels (winery_id, id),
    FOREIGN KEY (winery_id, to_fermentation_id) REFERENCES fermentations (winery_id, id),
    FOREIGN KEY (winery_id, to_vessel_id) REFERENCES vessels (winery_id, id),
    UNIQUE (winery_id, transfer_id, from_fermentation_id, from_vessel_id, to_fermentation_id, to_vessel_id),
    CONSTRAINT transfer_flows_volume CHECK (volume_l >= 0),
    CONSTRAINT transfer_flows_between_wines_are_measured CHECK (from_fermentation_id = to_fermentation_id OR volume_l IS NOT NULL),
    CONSTRAINT transfer_flows_lead_elsewhere CHECK (from_fermentation_id <> to_fermentation_id OR from_vessel_id <> to_vessel_id)
);
CREATE INDEX transfer_flows_from ON transfer_flows (winery_id, from_fermentation_id);
CREATE INDEX transfer_flows_to ON transfer_flows (winery_id, to_fermentation_id);
CREATE INDEX transfer_flows_from_vessel ON transfer_flows (winery_id, from_vessel_id);
CREATE INDEX transfer_flows_to_vessel ON transfer_flows (winery_id, to_vessel_id);
"""

TENANT_TABLES = ("transfers", "transfer_flows")

# A transfer stays as it was recorded; it can only be voided. Its undoing takes away the occupancies that it made.
GRANTS = """
GRANT SELECT, INSERT ON transfers, transfer_flows TO winery_app;
GRANT UPDATE (voided_at, voided_by, void_reason) ON transfers TO winery_app;
GRANT DELETE ON vessel_occupancies TO winery_app;
GRANT SELECT ON transfers, transfer_flows TO winery_worker;
"""

# Runs at COMMIT under one lock a winery, so that of two writers the second sees what the first did; see the same in
# check_lot_sources. A vessel's litres are followed from the start, or from nothing; NULL is "nobody knows".
CHECK = """
CREATE FUNCTION check_transfers(winery bigint, fermentation bigint) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    entered text := current_setting('winery.id', true);
    wrong text;
    wine fermentations%ROWTYPE;
    first_vessel bigint;
    vessel bigint;
    litres numeric;
    step record;
BEGIN
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        RAISE EXCEPTION 'transfers cannot be written in a repeatable-read transaction' USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(format('transfers/%s', winery), 0));
    PERFORM set_config('winery.id', winery::text, true);
    SELECT * INTO wine FROM fermentations f WHERE f.winery_id = winery AND f.id = fermentation;
    SELECT o.vessel_id INTO first_vessel FROM vessel_occupancies o
        WHERE o.winery_id = winery AND o.fermentation_id = fermentation AND lower(o.during) = wine.started_at;
    SELECT CASE WHEN count(DISTINCT f.transfer_id) > 1 THEN 'transfers_one_at_a_time'
                WHEN bool_or(f.to_fermentation_id <> fermentation) AND bool_or(f.from_fermentation_id <> fermentation)
                    THEN 'transfers_give_or_receive'
                WHEN f.moved_at < wine.started_at OR f.moved_at = wine.started_at AND bool_or(f.from_fermentation_id = fermentation)
                    THEN 'transfers_after_start' END AS fault
        INTO wrong FROM (
            SELECT t.moved_at, s.* FROM transfer_flows s JOIN transfers t ON t.winery_id = s.winery_id AND t.id = s.transfer_id
            WHERE s.winery_id = winery AND fermentation IN (s.from_fermentation_id, s.to_fermentation_id) AND t.voided_at IS NULL
        ) f GROUP BY f.moved_at ORDER BY fault NULLS LAST LIMIT 1;
    FOR step IN
        SELECT side.vessel_id, side.moved_at, sum(went) AS went, sum(came) AS came, bool_or(empties) AS empties,
               bool_or(went IS NULL OR came IS NULL) AS unknown
        FROM (
            SELECT s.from_vessel_id AS vessel_id, t.moved_at, s.volume_l AS went, 0 AS came, s.empties
            FROM transfer_flows s JOIN transfers t ON t.winery_id = s.winery_id AND t.id = s.transfer_id
            WHERE s.winery_id = winery AND s.from_fermentation_id = fermentation AND t.voided_at IS NULL
            UNION ALL
            SELECT s.to_vessel_id, t.moved_at, 0, s.volume_l, false
            FROM transfer_flows s JOIN transfers t ON t.winery_id = s.winery_id AND t.id = s.transfer_id
            WHERE s.winery_id = winery AND s.to_fermentation_id = fermentation AND t.voided_at IS NULL
        ) side GROUP BY side.vessel_id, side.moved_at ORDER BY side.vessel_id, side.moved_at
    LOOP
        IF vessel IS DISTINCT FROM step.vessel_id THEN
            vessel := step.vessel_id;
            litres := CASE WHEN vessel = first_vessel THEN wine.start_volume_l ELSE 0 END;
        END IF;
        IF step.went > litres THEN
            wrong := 'transfers_no_more_than_there_was';
        END IF;
        litres := CASE WHEN step.empties THEN 0 ELSE litres - step.went END + step.came;
        IF step.unknown AND NOT (step.empties AND step.came = 0) THEN
            litres := NULL;
        END IF;
    END LOOP;
    PERFORM set_config('winery.id', coalesce(entered, ''), true);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the transfers of fermentation % break %', fermentation, wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = wrong, TABLE = 'transfers';
    END IF;
END $$;

CREATE FUNCTION check_new_flow() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM check_transfers(NEW.winery_id, NEW.from_fermentation_id);
    IF NEW.to_fermentation_id <> NEW.from_fermentation_id THEN
        PERFORM check_transfers(NEW.winery_id, NEW.to_fermentation_id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION check_voided_transfer() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    entered text := current_setting('winery.id', true);
    touched bigint[];
    wine bigint;
BEGIN
    PERFORM set_config('winery.id', NEW.winery_id::text, true);
    SELECT array_agg(f.from_fermentation_id) || array_agg(f.to_fermentation_id) INTO touched
        FROM transfer_flows f WHERE f.winery_id = NEW.winery_id AND f.transfer_id = NEW.id;
    PERFORM set_config('winery.id', coalesce(entered, ''), true);
    FOR wine IN SELECT DISTINCT unnest(touched) LOOP
        PERFORM check_transfers(NEW.winery_id, wine);
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION check_transfers_of_fermentation() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM check_transfers(NEW.winery_id, NEW.id);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER transfer_flows_sound AFTER INSERT OR UPDATE ON transfer_flows
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_new_flow();
CREATE CONSTRAINT TRIGGER transfers_sound AFTER UPDATE ON transfers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_voided_transfer();
CREATE CONSTRAINT TRIGGER fermentations_transfers_sound AFTER UPDATE OF start_volume_l, started_at ON fermentations
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_transfers_of_fermentation();
"""


def upgrade() -> None:
    """Make the tables, their policies and grants, and what the database keeps of itself."""
    op.execute(TABLES)
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {table} USING (winery_id = current_winery_id()) "
            "WITH CHECK (winery_id = current_winery_id())"
        )
    op.execute(GRANTS)
    op.execute(CHECK)


def downgrade() -> None:
    """Remove them; occupancies stay where the wine lay."""
    op.execute("DROP TRIGGER fermentations_transfers_sound ON fermentations")
    for table in reversed(TENANT_TABLES):
        op.execute(f"DROP TABLE {table}")
    for function in (
        "check_transfers_of_fermentation",
        "check_voided_transfer",
        "check_new_flow",
        "check_transfers",
    ):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("REVOKE DELETE ON vessel_occupancies FROM winery_app")
    op.execute("ALTER TABLE fermentations DROP COLUMN start_volume_l")
