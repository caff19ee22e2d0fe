"""What is done to a wine: additions and cap work, rows that are added and never changed."""

from alembic import op

revision = "0008_additions"
down_revision = "0007_winery_settings"
branch_labels = None
depends_on = None

ENTRY = """
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    fermentation_id bigint NOT NULL,
    client_uuid uuid NOT NULL,
    kind text NOT NULL,
    note text NOT NULL,
    received_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    recorded_by bigint NOT NULL,
    confirmed boolean NOT NULL,
    body_hash bytea NOT NULL,
    supersedes_id bigint,
    reason text,
    voids boolean DEFAULT false NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, fermentation_id) REFERENCES fermentations (winery_id, id),
    FOREIGN KEY (winery_id, recorded_by) REFERENCES users (winery_id, id),
    UNIQUE (winery_id, client_uuid),
    UNIQUE (winery_id, id),
    CONSTRAINT {table}_supersede FOREIGN KEY (winery_id, supersedes_id) REFERENCES {table} (winery_id, id),
    CONSTRAINT {table}_supersede_for_a_reason CHECK ((supersedes_id IS NULL) = (reason IS NULL)),
    CONSTRAINT {table}_void_an_entry CHECK (supersedes_id IS NOT NULL OR NOT voids),
    CONSTRAINT {table}_not_of_the_future CHECK ({when} <= received_at + interval '1 day'),
"""
OWN = {
    "additions": """
    product text,
    dose_typed text NOT NULL,
    unit text NOT NULL,
    counts text NOT NULL,
    amount double precision,
    per_litre double precision,
    volume_l numeric(12, 3),
    stock_lot text,
    done_at timestamptz NOT NULL,
    CONSTRAINT additions_kind CHECK (kind IN ('dap', 'complex_nutrient', 'thiamine', 'yeast', 'mlf_bacteria', 'so2', 'acid', 'sugar', 'water', 'enzyme', 'tannin', 'oak', 'bentonite', 'fining', 'copper', 'other')),
    CONSTRAINT additions_unit CHECK (unit IN ('g_hl', 'mg_l', 'g_l', 'ml_hl', 'ml_l', 'g', 'kg', 'ml', 'l')),
    CONSTRAINT additions_add_something CHECK (amount > 0 AND per_litre > 0),
    CONSTRAINT additions_have_a_dose CHECK (amount IS NOT NULL OR per_litre IS NOT NULL),
    CONSTRAINT additions_counts CHECK (counts IN ('g', 'ml')),
    CONSTRAINT additions_volume CHECK (volume_l > 0)
""",
    "cap_work": """
    started_at timestamptz NOT NULL,
    duration_min integer,
    CONSTRAINT cap_work_kind CHECK (kind IN ('pump_over', 'punch_down', 'rack_and_return', 'pulse_air', 'cold_soak_mixing', 'other')),
    CONSTRAINT cap_work_duration CHECK (duration_min BETWEEN 1 AND 1440)
""",
}
WHEN = {"additions": "done_at", "cap_work": "started_at"}


def upgrade() -> None:
    """Make the tables with their policies and grants."""
    for table, own in OWN.items():
        when = WHEN[table]
        op.execute(f"CREATE TABLE {table} ({ENTRY.format(table=table, when=when)} {own})")
        op.execute(
            f"CREATE UNIQUE INDEX {table}_superseded_once ON {table} (winery_id, supersedes_id) WHERE supersedes_id IS NOT NULL"
        )
        op.execute(
            f"CREATE INDEX {table}_of_fermentation ON {table} (winery_id, fermentation_id, {when}, id)"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {table} USING (winery_id = current_winery_id()) "
            "WITH CHECK (winery_id = current_winery_id())"
        )
        op.execute(f"GRANT SELECT, INSERT ON {table} TO winery_app")
        op.execute(f"GRANT SELECT ON {table} TO winery_worker")


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP TABLE cap_work")
    op.execute("DROP TABLE additions")
