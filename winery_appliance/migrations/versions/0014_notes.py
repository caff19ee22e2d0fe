"""What people write about a wine, with photos. The photos are in the database, so that every copy of it has them."""

from alembic import op

revision = "0014_notes"
down_revision = "0013_forecast"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE fermentation_notes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    fermentation_id bigint NOT NULL,
    user_id bigint NOT NULL,
    client_uuid uuid NOT NULL,
    content text NOT NULL,
    noted_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamptz,
    body_hash bytea NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id, fermentation_id) REFERENCES fermentations (winery_id, id),
    FOREIGN KEY (winery_id, user_id) REFERENCES users (winery_id, id),
    UNIQUE (winery_id, client_uuid),
    UNIQUE (winery_id, id),
    CONSTRAINT fermentation_notes_not_of_the_future CHECK (noted_at <= created_at + interval '1 day')
);
CREATE INDEX fermentation_notes_of_fermentation ON fermentation_notes (winery_id, fermentation_id, noted_at, id);

CREATE TABLE note_photos (
    note_id bigint NOT NULL,
    winery_id bigint NOT NULL,
    digest text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    image bytea NOT NULL,
    thumbnail bytea NOT NULL,
    PRIMARY KEY (note_id),
    FOREIGN KEY (winery_id, note_id) REFERENCES fermentation_notes (winery_id, id),
    UNIQUE (winery_id, note_id),
    CONSTRAINT note_photos_at_most_1_mb CHECK (octet_length(image) <= 1000000),
    CONSTRAINT note_photos_small_thumbnail CHECK (octet_length(thumbnail) <= 100000),
    CONSTRAINT note_photos_show_something CHECK (width > 0 AND height > 0)
);
-- JPEG is compressed already.
ALTER TABLE note_photos ALTER COLUMN image SET STORAGE EXTERNAL, ALTER COLUMN thumbnail SET STORAGE EXTERNAL;
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE (deleted_at) ON fermentation_notes TO winery_app;
GRANT SELECT, INSERT ON note_photos TO winery_app;
GRANT SELECT ON fermentation_notes, note_photos TO winery_worker;
"""


def upgrade() -> None:
    """Make the tables with their policies and grants."""
    op.execute(TABLES)
    for table in ("fermentation_notes", "note_photos"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {table} USING (winery_id = current_winery_id()) "
            "WITH CHECK (winery_id = current_winery_id())"
        )
    op.execute(GRANTS)
    op.execute("SELECT audit('fermentation_notes'), audit('note_photos', key => 'note_id')")


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP TABLE note_photos")
    op.execute("DROP TABLE fermentation_notes")
