"""What a winery says of itself: where it lies, how it counts, whose law applies; and which wineries are the demo's."""

from alembic import op

revision = "0007_winery_settings"
down_revision = "0006_transfers"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE wineries
    ADD location text,
    ADD country text,
    ADD latitude double precision,
    ADD longitude double precision,
    ADD language text DEFAULT 'en' NOT NULL,
    ADD temperature_unit text DEFAULT 'celsius' NOT NULL,
    ADD legal_region text DEFAULT 'eu' NOT NULL,
    ADD walking_order text DEFAULT 'position' NOT NULL,
    ADD is_demo boolean DEFAULT false NOT NULL,
    ADD CONSTRAINT wineries_country CHECK (country ~ '^[A-Z]{2}$'),
    ADD CONSTRAINT wineries_place CHECK (
        (latitude IS NULL) = (longitude IS NULL) AND latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180),
    ADD CONSTRAINT wineries_language CHECK (language ~ '^[a-z]{2}$'),
    ADD CONSTRAINT wineries_temperature_unit CHECK (temperature_unit IN ('celsius', 'fahrenheit')),
    ADD CONSTRAINT wineries_legal_region CHECK (legal_region IN ('eu', 'us')),
    ADD CONSTRAINT wineries_walking_order CHECK (walking_order IN ('position', 'code'));
"""


def upgrade() -> None:
    """Add the columns; their defaults are what the appliance assumed so far."""
    op.execute(COLUMNS)


def downgrade() -> None:
    """Remove them."""
    for column in (
        "location",
        "country",
        "latitude",
        "longitude",
        "language",
        "temperature_unit",
        "legal_region",
        "walking_order",
        "is_demo",
    ):
        op.execute(f"ALTER TABLE wineries DROP {column}")
