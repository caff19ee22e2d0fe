"""What the winery's finished ferments taught the forecast. Computed, and computed anew when there are others."""

from alembic import op

revision = "0025_lessons"
down_revision = "0024_deleted_devices"
branch_labels = None
depends_on = None

LESSONS = """
CREATE TABLE lessons (
    winery_id bigint NOT NULL,
    learned_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    learned_from text NOT NULL,
    ferments integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (winery_id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id)
);
ALTER TABLE lessons ENABLE ROW LEVEL SECURITY;
ALTER TABLE lessons FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON lessons USING (winery_id = current_winery_id()) WITH CHECK (winery_id = current_winery_id());
GRANT SELECT, INSERT, UPDATE ON lessons TO winery_worker;
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(LESSONS)


def downgrade() -> None:
    """Remove it."""
    op.execute("DROP TABLE lessons")
