"""Samples that a device took: the medians of its hours, and the hours whose medians are to be made."""

from alembic import op

revision = "0017_samples_of_devices"
down_revision = "0016_tasks"
branch_labels = None
depends_on = None

# The worker locks a fermentation that it writes to, as everybody does, and PostgreSQL asks for the right to change a column of
# it: the identity is the one that cannot be given another value.
UP = """
ALTER TABLE samples
    ADD COLUMN device_id bigint,
    ALTER COLUMN recorded_by DROP NOT NULL,
    ADD FOREIGN KEY (winery_id, device_id) REFERENCES devices (winery_id, id),
    ADD CONSTRAINT samples_of_a_person_or_a_device CHECK (num_nonnulls(recorded_by, device_id) = 1);
CREATE INDEX samples_of_device ON samples (winery_id, device_id, measured_at) WHERE device_id IS NOT NULL;

ALTER TABLE devices
    ADD COLUMN refused_count bigint DEFAULT 0 NOT NULL,
    ADD COLUMN last_refusal text,
    ADD COLUMN last_refused_at timestamptz,
    ADD CONSTRAINT devices_refusals_have_a_reason CHECK (
        (refused_count = 0) = (last_refusal IS NULL) AND (refused_count = 0) = (last_refused_at IS NULL));
DROP TRIGGER audit ON devices;
SELECT audit('devices', quiet => '{refused_count,last_refusal,last_refused_at}');

CREATE TABLE device_hours (
    winery_id bigint NOT NULL,
    device_id bigint NOT NULL,
    hour timestamptz NOT NULL,
    PRIMARY KEY (winery_id, device_id, hour),
    FOREIGN KEY (winery_id, device_id) REFERENCES devices (winery_id, id)
);
ALTER TABLE device_hours ENABLE ROW LEVEL SECURITY;
ALTER TABLE device_hours FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON device_hours USING (winery_id = current_winery_id()) WITH CHECK (winery_id = current_winery_id());

GRANT SELECT, INSERT, UPDATE ON device_hours TO winery_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON device_hours TO winery_worker;
GRANT INSERT ON samples TO winery_worker;
GRANT UPDATE (id) ON fermentations TO winery_worker;
GRANT UPDATE (refused_count, last_refusal, last_refused_at) ON devices TO winery_worker;
"""

DOWN = """
REVOKE UPDATE (refused_count, last_refusal, last_refused_at) ON devices FROM winery_worker;
REVOKE UPDATE (id) ON fermentations FROM winery_worker;
REVOKE INSERT ON samples FROM winery_worker;
DROP TABLE device_hours;
DROP TRIGGER audit ON devices;
SELECT audit('devices');
ALTER TABLE devices DROP COLUMN refused_count, DROP COLUMN last_refusal, DROP COLUMN last_refused_at;
DROP INDEX samples_of_device;
ALTER TABLE samples DROP CONSTRAINT samples_of_a_person_or_a_device;
ALTER TABLE samples DISABLE ROW LEVEL SECURITY;
ALTER TABLE fermentations DISABLE ROW LEVEL SECURITY;
UPDATE samples s SET recorded_by = f.created_by FROM fermentations f
    WHERE (f.winery_id, f.id) = (s.winery_id, s.fermentation_id) AND s.recorded_by IS NULL;
ALTER TABLE fermentations ENABLE ROW LEVEL SECURITY;
ALTER TABLE samples ENABLE ROW LEVEL SECURITY;
ALTER TABLE samples DROP COLUMN device_id, ALTER COLUMN recorded_by SET NOT NULL;
"""


def upgrade() -> None:
    """Let a device stand where a person stands."""
    op.execute(UP)


def downgrade() -> None:
    """Give each sample of a device to who began its fermentation, so that none is lost."""
    for statement in DOWN.split(";\n"):
        if statement.strip():
            op.execute(statement)
