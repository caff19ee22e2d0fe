"""Where the fruit came from: vineyards, blocks, harvest lots, and the shares of lots in a fermentation.

The database itself keeps two promises, whoever writes: the shares of a live fermentation that has any sum to 100 %, and a
lot that a fermentation came from is not deleted. Triggers run with the writer's role, so they see what its policies show.
"""

from alembic import op

revision = "0004_fruit_origin"
down_revision = "0003_people"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE vineyards (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    notes text,
    created_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    UNIQUE (winery_id, id)
);
CREATE UNIQUE INDEX vineyards_code_key ON vineyards (winery_id, lower(code)) WHERE deleted_at IS NULL;

CREATE TABLE vineyard_blocks (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    vineyard_id bigint NOT NULL,
    code text NOT NULL,
    hectares numeric(8, 4),
    variety text,
    clone text,
    planted_year integer,
    created_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, vineyard_id) REFERENCES vineyards (winery_id, id),
    UNIQUE (winery_id, vineyard_id, id),
    CONSTRAINT vineyard_blocks_have_ground CHECK (hectares > 0),
    CONSTRAINT vineyard_blocks_planted_year CHECK (planted_year BETWEEN 1500 AND 2200)
);
CREATE UNIQUE INDEX vineyard_blocks_code_key ON vineyard_blocks (winery_id, vineyard_id, lower(code)) WHERE deleted_at IS NULL;

CREATE TABLE harvest_lots (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    vineyard_id bigint NOT NULL,
    block_id bigint,
    code text NOT NULL,
    variety text NOT NULL,
    vintage text NOT NULL,
    harvested_on date NOT NULL,
    kg_harvested numeric(12, 3) NOT NULL,
    brix_at_intake numeric(5, 2),
    created_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, vineyard_id) REFERENCES vineyards (winery_id, id),
    FOREIGN KEY (winery_id, vineyard_id, block_id) REFERENCES vineyard_blocks (winery_id, vineyard_id, id),
    UNIQUE (winery_id, id),
    CONSTRAINT harvest_lots_weigh_something CHECK (kg_harvested > 0),
    CONSTRAINT harvest_lots_brix CHECK (brix_at_intake BETWEEN 0 AND 60)
);
CREATE UNIQUE INDEX harvest_lots_code_key ON harvest_lots (winery_id, lower(code)) WHERE deleted_at IS NULL;
CREATE INDEX harvest_lots_by_day ON harvest_lots (winery_id, harvested_on, id);
CREATE INDEX harvest_lots_of_vineyard ON harvest_lots (winery_id, vineyard_id, block_id);

CREATE TABLE fermentation_lot_sources (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    fermentation_id bigint NOT NULL,
    harvest_lot_id bigint NOT NULL,
    percentage numeric(7, 4) NOT NULL,
    kg numeric(12, 3),
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, fermentation_id) REFERENCES fermentations (winery_id, id),
    FOREIGN KEY (winery_id, harvest_lot_id) REFERENCES harvest_lots (winery_id, id),
    UNIQUE (winery_id, fermentation_id, harvest_lot_id),
    CONSTRAINT fermentation_lot_sources_percentage CHECK (percentage > 0 AND percentage <= 100),
    CONSTRAINT fermentation_lot_sources_kg CHECK (kg > 0)
);
CREATE INDEX fermentation_lot_sources_of_lot ON fermentation_lot_sources (winery_id, harvest_lot_id);
"""

TENANT_TABLES = ("vineyards", "vineyard_blocks", "harvest_lots", "fermentation_lot_sources")

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON vineyards, vineyard_blocks, harvest_lots TO winery_app;
GRANT SELECT, INSERT ON fermentation_lot_sources TO winery_app;
GRANT SELECT ON vineyards, vineyard_blocks, harvest_lots, fermentation_lot_sources TO winery_worker;
"""

# Runs at COMMIT. Two writers of one fermentation would each see only their own rows: the lock makes the second wait until
# the first is committed, and the sum, a statement of its own, then sees what is committed. A repeatable-read transaction
# would not see it, so it may not write here. The writer may have entered another winery (or none) since the write: the
# sum is taken in the winery of the row, else it would find nothing and be content.
SUM = """
CREATE FUNCTION check_lot_sources(winery bigint, fermentation bigint) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    entered text := current_setting('winery.id', true);
    total numeric;
    is_live boolean;
BEGIN
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        RAISE EXCEPTION 'lot sources cannot be written in a repeatable-read transaction' USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(format('lot_sources/%s/%s', winery, fermentation), 0));
    PERFORM set_config('winery.id', winery::text, true);
    SELECT sum(percentage) INTO total FROM fermentation_lot_sources s
        WHERE s.winery_id = winery AND s.fermentation_id = fermentation;
    SELECT data_source = 'live' INTO is_live FROM fermentations f WHERE f.winery_id = winery AND f.id = fermentation;
    PERFORM set_config('winery.id', coalesce(entered, ''), true);
    IF is_live AND abs(total - 100) > 0.1 THEN
        RAISE EXCEPTION 'the lot sources of fermentation % sum to % %%, not to 100 %%', fermentation, total
            USING ERRCODE = 'check_violation', CONSTRAINT = 'fermentation_lot_sources_sum', TABLE = 'fermentation_lot_sources';
    END IF;
END $$;

CREATE FUNCTION check_changed_lot_source() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM check_lot_sources(OLD.winery_id, OLD.fermentation_id);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM check_lot_sources(NEW.winery_id, NEW.fermentation_id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION check_sources_of_fermentation() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM check_lot_sources(NEW.winery_id, NEW.id);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER fermentation_lot_sources_sum AFTER INSERT OR UPDATE OR DELETE ON fermentation_lot_sources
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_changed_lot_source();
CREATE CONSTRAINT TRIGGER fermentations_lot_sources_sum AFTER UPDATE OF data_source ON fermentations
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_sources_of_fermentation();
"""

# A share takes a lock on its lot that a deletion waits for (the foreign key's own lock is too weak for that), and a deletion
# looks for shares after it has the row: one of the two sees the other.
USED_LOTS = """
CREATE FUNCTION hold_source_lot() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM FROM harvest_lots l WHERE l.winery_id = NEW.winery_id AND l.id = NEW.harvest_lot_id AND l.deleted_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'harvest lot % is deleted, or not in this winery', NEW.harvest_lot_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'fermentation_lot_sources_living_lot', TABLE = 'fermentation_lot_sources';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION keep_used_lot() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM fermentation_lot_sources s WHERE s.winery_id = NEW.winery_id AND s.harvest_lot_id = NEW.id) THEN
        RAISE EXCEPTION 'harvest lot % is used by a fermentation', NEW.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'harvest_lots_used_stay', TABLE = 'harvest_lots';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER fermentation_lot_sources_living_lot BEFORE INSERT OR UPDATE OF harvest_lot_id ON fermentation_lot_sources
    FOR EACH ROW EXECUTE FUNCTION hold_source_lot();
CREATE TRIGGER harvest_lots_used_stay AFTER UPDATE OF deleted_at ON harvest_lots
    FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION keep_used_lot();
"""


def upgrade() -> None:
    """Make the tables, their policies and grants, and the two promises."""
    op.execute(TABLES)
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {table} USING (winery_id = current_winery_id()) "
            "WITH CHECK (winery_id = current_winery_id())"
        )
    op.execute(GRANTS)
    op.execute(SUM)
    op.execute(USED_LOTS)


def downgrade() -> None:
    """Remove them; fermentations stay as they are."""
    op.execute("DROP TRIGGER fermentations_lot_sources_sum ON fermentations")
    for table in reversed(TENANT_TABLES):
        op.execute(f"DROP TABLE {table}")
    for function in (
        "keep_used_lot",
        "hold_source_lot",
        "check_sources_of_fermentation",
        "check_changed_lot_source",
        "check_lot_sources",
    ):
        op.execute(f"DROP FUNCTION {function}")
