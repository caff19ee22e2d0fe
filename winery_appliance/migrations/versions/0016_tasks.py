"""Work orders. The database itself sees to it that one that is done has its entry, and one that is not has none."""

from alembic import op

revision = "0016_tasks"
down_revision = "0015_search"
branch_labels = None
depends_on = None

TASKS = """
CREATE TABLE tasks (
    id bigint GENERATED ALWAYS AS IDENTITY,
    winery_id bigint NOT NULL,
    client_uuid uuid NOT NULL,
    body_hash bytea NOT NULL,
    kind text NOT NULL,
    title text NOT NULL,
    instructions text NOT NULL,
    fermentation_id bigint,
    vessel_id bigint,
    planned_by bigint NOT NULL,
    assigned_to bigint,
    due_at timestamptz,
    status text DEFAULT 'planned' NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    closed_at timestamptz,
    closed_by bigint,
    reason text,
    done_hash bytea,
    addition_id bigint,
    cap_work_id bigint,
    sample_id bigint,
    transfer_id bigint,
    PRIMARY KEY (id),
    FOREIGN KEY (winery_id) REFERENCES wineries (id),
    FOREIGN KEY (winery_id, fermentation_id) REFERENCES fermentations (winery_id, id),
    FOREIGN KEY (winery_id, vessel_id) REFERENCES vessels (winery_id, id),
    FOREIGN KEY (winery_id, planned_by) REFERENCES users (winery_id, id),
    FOREIGN KEY (winery_id, assigned_to) REFERENCES users (winery_id, id),
    FOREIGN KEY (winery_id, closed_by) REFERENCES users (winery_id, id),
    FOREIGN KEY (winery_id, addition_id) REFERENCES additions (winery_id, id),
    FOREIGN KEY (winery_id, cap_work_id) REFERENCES cap_work (winery_id, id),
    FOREIGN KEY (winery_id, sample_id) REFERENCES samples (winery_id, id),
    FOREIGN KEY (winery_id, transfer_id) REFERENCES transfers (winery_id, id),
    UNIQUE (winery_id, client_uuid),
    UNIQUE (winery_id, id),
    CONSTRAINT tasks_kind CHECK (kind IN ('addition', 'cap_work', 'sample', 'transfer', 'other')),
    CONSTRAINT tasks_status CHECK (status IN ('planned', 'done', 'skipped', 'cancelled')),
    CONSTRAINT tasks_about_a_wine CHECK (kind = 'other' OR fermentation_id IS NOT NULL),
    CONSTRAINT tasks_closed_by_somebody
        CHECK ((status = 'planned') = (closed_at IS NULL) AND (closed_at IS NULL) = (closed_by IS NULL)),
    CONSTRAINT tasks_skipped_why CHECK (status <> 'skipped' OR reason IS NOT NULL),
    CONSTRAINT tasks_done_how CHECK ((status = 'done') = (done_hash IS NOT NULL)),
    CONSTRAINT tasks_done_by_an_entry CHECK (
        (addition_id IS NOT NULL) = (status = 'done' AND kind = 'addition')
        AND (cap_work_id IS NOT NULL) = (status = 'done' AND kind = 'cap_work')
        AND (sample_id IS NOT NULL) = (status = 'done' AND kind = 'sample')
        AND (transfer_id IS NOT NULL) = (status = 'done' AND kind = 'transfer'))
);
CREATE INDEX tasks_by_day ON tasks (winery_id, status, due_at, id);
CREATE INDEX tasks_of_fermentation ON tasks (winery_id, fermentation_id);
ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tasks USING (winery_id = current_winery_id()) WITH CHECK (winery_id = current_winery_id());
GRANT SELECT, INSERT, UPDATE ON tasks TO winery_app;
GRANT SELECT ON tasks TO winery_worker;
"""


def upgrade() -> None:
    """Make the table with its policy and grants."""
    op.execute(TASKS)
    op.execute("SELECT audit('tasks')")


def downgrade() -> None:
    """Remove it."""
    op.execute("DROP TABLE tasks")
