"""What a winery wants of each rule, and looks at what rules would have said of past vintages."""

from alembic import op

revision = "0035_rules"
down_revision = "0034_units_of_people"
branch_labels = None
depends_on = None

RULES = """
CREATE TABLE rule_settings (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    check_id text NOT NULL,
    style text NOT NULL,
    in_use boolean DEFAULT true NOT NULL,
    limits jsonb DEFAULT '{}' NOT NULL,
    changed_at timestamptz,
    changed_by bigint,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    FOREIGN KEY (winery_id, changed_by) REFERENCES users (winery_id, id),
    UNIQUE (winery_id, check_id, style),
    CONSTRAINT rule_settings_style CHECK (style IN ('red', 'white', 'rose', 'orange')),
    CONSTRAINT rule_settings_changed_by_somebody CHECK ((changed_at IS NULL) = (changed_by IS NULL))
);
ALTER TABLE rule_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE rule_settings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON rule_settings USING (winery_id = current_winery_id()) WITH CHECK (winery_id = current_winery_id());
GRANT SELECT, INSERT, UPDATE ON rule_settings TO winery_app;
GRANT SELECT ON rule_settings TO winery_worker;
SELECT audit('rule_settings');
"""

REPLAYS = """
CREATE TABLE replays (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    vintage integer NOT NULL,
    rules jsonb NOT NULL,
    asked_by bigint NOT NULL,
    asked_at timestamptz DEFAULT now() NOT NULL,
    state text DEFAULT 'waiting' NOT NULL,
    ferments_done integer DEFAULT 0 NOT NULL,
    ferments_total integer DEFAULT 0 NOT NULL,
    finished_at timestamptz,
    failure text,
    result jsonb,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    FOREIGN KEY (winery_id, asked_by) REFERENCES users (winery_id, id),
    UNIQUE (winery_id, id),
    CONSTRAINT replays_state CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    CONSTRAINT replays_done CHECK ((state = 'done') = (result IS NOT NULL))
);
ALTER TABLE replays ENABLE ROW LEVEL SECURITY;
ALTER TABLE replays FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON replays USING (winery_id = current_winery_id()) WITH CHECK (winery_id = current_winery_id());
GRANT SELECT, INSERT ON replays TO winery_app;
GRANT SELECT, DELETE, UPDATE (state, ferments_done, ferments_total, finished_at, failure, result) ON replays TO winery_worker;
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(RULES)
    op.execute(REPLAYS)


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP TABLE replays")
    op.execute("DROP TABLE rule_settings")
