"""A probe that left the cellar is taken out of use, and its code is free for the next one."""

from alembic import op

revision = "0024_deleted_devices"
down_revision = "0023_advice"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE devices ADD deleted_at timestamptz;
DROP INDEX devices_code_key;
CREATE UNIQUE INDEX devices_code_key ON devices (winery_id, lower(code)) WHERE deleted_at IS NULL;
"""
# The older schema knows no code twice, and no device that is gone: what was deleted is called by its number, too.
DOWNGRADE = """
ALTER TABLE devices NO FORCE ROW LEVEL SECURITY;
UPDATE devices SET code = left(code, 20) || ' (' || id || ')' WHERE deleted_at IS NOT NULL;
ALTER TABLE devices FORCE ROW LEVEL SECURITY;
DROP INDEX devices_code_key;
CREATE UNIQUE INDEX devices_code_key ON devices (winery_id, lower(code));
ALTER TABLE devices DROP deleted_at;
"""


def upgrade() -> None:
    """Add the moment, and let codes be unique among the living only."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Keep every device, those that were deleted by another code."""
    op.execute(DOWNGRADE)
