"""An import may count the tables it fills, and no longer keeps an index that nobody needs."""

from alembic import op

revision = "0038_sizes_of_tables"
down_revision = "0037_whole_vintages"
branch_labels = None
depends_on = None

# Readings of an import are found by their wine.
UPGRADE = """
DROP INDEX samples_of_import;
GRANT MAINTAIN ON fermentations, harvest_lots TO winery_worker;
"""
DOWNGRADE = """
REVOKE MAINTAIN ON fermentations, harvest_lots FROM winery_worker;
CREATE INDEX samples_of_import ON samples (winery_id, import_id, fermentation_id) WHERE import_id IS NOT NULL;
"""


def upgrade() -> None:
    """Let the worker count, and drop the index."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Take both back."""
    op.execute(DOWNGRADE)
