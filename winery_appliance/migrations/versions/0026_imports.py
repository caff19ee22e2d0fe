"""Imports of past vintages: the file as a resource, what is remembered of its layout, and what came of it.

The bulk of a file waits in two tables outside the policies, because COPY is refused under them. Only the worker reaches
those; who answers requests sees them through views that a policy binds. They are not logged: after a crash of the server
the file is read again.
"""

from alembic import op

revision = "0026_imports"
down_revision = "0025_lessons"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE imports (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    client_uuid uuid NOT NULL,
    file_name text NOT NULL,
    size_bytes bigint NOT NULL,
    received_bytes bigint DEFAULT '0' NOT NULL,
    content_hash text,
    state text DEFAULT 'uploading' NOT NULL,
    reader text,
    fingerprint text,
    mapping_name text,
    header jsonb DEFAULT '[]'::jsonb NOT NULL,
    answers jsonb DEFAULT '{}'::jsonb NOT NULL,
    questions jsonb DEFAULT '[]'::jsonb NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    failure text,
    cancel_requested boolean DEFAULT false NOT NULL,
    steps_done bigint DEFAULT '0' NOT NULL,
    steps_total bigint DEFAULT '0' NOT NULL,
    stage_started_at timestamptz,
    created_by bigint NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    saved_at timestamptz,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    FOREIGN KEY (winery_id, created_by) REFERENCES users (winery_id, id),
    UNIQUE (winery_id, id),
    UNIQUE (winery_id, client_uuid),
    CONSTRAINT imports_state CHECK (state IN ('uploading', 'waiting', 'asking', 'ready', 'saving', 'stopped', 'saved',
        'undoing', 'undone', 'cancelled', 'failed')),
    CONSTRAINT imports_size CHECK (size_bytes > 0 AND received_bytes BETWEEN 0 AND size_bytes)
);
CREATE UNIQUE INDEX imports_content_once ON imports (winery_id, content_hash)
    WHERE state NOT IN ('undone', 'cancelled', 'failed');

CREATE TABLE import_mappings (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    name text NOT NULL,
    fingerprint text NOT NULL,
    answers jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    UNIQUE (winery_id, id),
    UNIQUE (winery_id, fingerprint)
);
CREATE UNIQUE INDEX import_mappings_name_key ON import_mappings (winery_id, lower(name));

CREATE TABLE imported_wines (
    winery_id bigint NOT NULL,
    import_id bigint NOT NULL,
    number integer NOT NULL,
    fermentation_id bigint NOT NULL,
    is_new boolean NOT NULL,
    variety text,
    vineyard text,
    made_lot_id bigint,
    PRIMARY KEY (winery_id, import_id, number),
    FOREIGN KEY (winery_id, made_lot_id) REFERENCES harvest_lots (winery_id, id),
    FOREIGN KEY (winery_id, import_id) REFERENCES imports (winery_id, id),
    FOREIGN KEY (winery_id, fermentation_id) REFERENCES fermentations (winery_id, id)
);
CREATE INDEX imported_wines_of_fermentation ON imported_wines (winery_id, fermentation_id);

ALTER TABLE samples
    ADD COLUMN import_id bigint,
    ADD COLUMN import_line integer,
    ADD FOREIGN KEY (winery_id, import_id) REFERENCES imports (winery_id, id),
    ADD CONSTRAINT samples_of_a_line CHECK ((import_id IS NULL) = (import_line IS NULL));
CREATE INDEX samples_of_import ON samples (winery_id, import_id, fermentation_id) WHERE import_id IS NOT NULL;

CREATE UNLOGGED TABLE staged_wines (
    import_id bigint NOT NULL,
    number integer NOT NULL,
    code text NOT NULL,
    line integer NOT NULL,
    fermentation_id bigint,
    style text,
    yeast_strain text,
    started_at timestamptz,
    ended_at timestamptz,
    volume_l numeric(12, 3),
    vineyard text,
    variety text,
    harvested_on date,
    kg numeric(12, 3),
    lot text,
    vintage text,
    fault text,
    detail text,
    PRIMARY KEY (import_id, number)
);
CREATE UNLOGGED TABLE staged_readings (
    import_id bigint NOT NULL,
    line integer NOT NULL,
    place smallint NOT NULL,
    code text NOT NULL,
    wine integer,
    sample_type text,
    value_typed text,
    unit text,
    qualifier text,
    sample_temperature_c double precision,
    value double precision,
    measured_at timestamptz,
    verdict text NOT NULL,
    fault text,
    detail text,
    CONSTRAINT staged_readings_verdict CHECK (
        verdict IN ('matched', 'new', 'duplicate', 'conflicting', 'refused', 'left_out'))
);
CREATE INDEX staged_readings_of_wine ON staged_readings (import_id, wine);
CREATE INDEX staged_readings_odd ON staged_readings (import_id, line) WHERE verdict NOT IN ('matched', 'new');

-- The view's owner is bound by the policy of imports, so nobody sees another winery's rows through it.
CREATE VIEW import_rows WITH (security_barrier) AS
    SELECT r.*, w.code AS wine_code, w.fermentation_id, i.winery_id FROM imports i
    JOIN staged_readings r ON r.import_id = i.id
    LEFT JOIN staged_wines w ON w.import_id = r.import_id AND w.number = r.wine;
CREATE VIEW import_wine_rows WITH (security_barrier) AS
    SELECT w.*, i.winery_id FROM imports i JOIN staged_wines w ON w.import_id = i.id;
"""

TENANT_TABLES = ("imports", "import_mappings", "imported_wines")

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON imports, import_mappings TO winery_app, winery_worker;
GRANT SELECT ON imported_wines TO winery_app;
GRANT SELECT, INSERT, DELETE ON imported_wines TO winery_worker;
GRANT SELECT ON import_rows, import_wine_rows TO winery_app, winery_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON staged_readings, staged_wines TO winery_worker;
GRANT INSERT ON fermentations, fermentation_lot_sources, harvest_lots, vineyards TO winery_worker;
GRANT DELETE ON fermentation_lot_sources TO winery_worker;
GRANT UPDATE (deleted_at) ON fermentations, harvest_lots, vineyards TO winery_worker;
SELECT audit('imports', quiet => '{steps_done,steps_total,received_bytes,stage_started_at}'), audit('import_mappings');
"""


def upgrade() -> None:
    """Make the tables, the views, and let the worker write what an import brings."""
    op.execute(TABLES)
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {table} USING (winery_id = current_winery_id())"
            " WITH CHECK (winery_id = current_winery_id())"
        )
    op.execute(GRANTS)


def downgrade() -> None:
    """Remove them; imported fermentations stay."""
    op.execute(
        "REVOKE UPDATE (deleted_at) ON fermentations, harvest_lots, vineyards FROM winery_worker"
    )
    op.execute(
        "REVOKE INSERT ON fermentations, fermentation_lot_sources, harvest_lots, vineyards FROM winery_worker"
    )
    op.execute("REVOKE DELETE ON fermentation_lot_sources FROM winery_worker")
    op.execute("DROP VIEW import_rows, import_wine_rows")
    op.execute("DROP TABLE staged_readings, staged_wines")
    op.execute("ALTER TABLE samples DROP COLUMN import_line, DROP COLUMN import_id")
    op.execute("DROP TABLE imported_wines, import_mappings, imports")
