"""What may be read of work orders: plain data, never rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.orm import Session

from winery_appliance.auth.queries import find_names
from winery_appliance.cellar_work.models import Task
from winery_appliance.core.paging import Page, cut_page, read_cursor, read_moment
from winery_appliance.winery.queries import list_vessels

# Where tasks without a day stand: behind all others.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TaskView:
    """One task; `closed_by` did, skipped or cancelled it, and what doing it wrote is linked."""

    id: int
    client_uuid: UUID
    kind: str
    title: str
    instructions: str
    fermentation_id: int | None
    vessel_code: str | None
    planned_by: int
    planned_by_name: str
    assigned_to: int | None
    assigned_to_name: str | None
    due_at: datetime | None
    status: str
    created_at: datetime
    closed_at: datetime | None
    closed_by: int | None
    closed_by_name: str | None
    reason: str | None
    addition_id: int | None
    cap_work_id: int | None
    sample_id: int | None
    transfer_id: int | None


def list_tasks(
    session: Session,
    *,
    status: str | None = None,
    kind: str | None = None,
    assigned_to: int | None = None,
    due_before: datetime | None = None,
    fermentation_id: int | None = None,
    cursor: str | None = None,
    limit: int = 200,
) -> Page[TaskView]:
    """Tasks, the first due first and those without a day last. Raises Invalid for a cursor that is not ours."""
    due = func.coalesce(Task.due_at, literal(NEVER))
    filters = [
        (Task.status, status),
        (Task.kind, kind),
        (Task.assigned_to, assigned_to),
        (Task.fermentation_id, fermentation_id),
    ]
    wanted = select(Task).where(
        *(column == value for column, value in filters if value is not None)
    )
    if due_before is not None:
        wanted = wanted.where(Task.due_at < due_before)
    if cursor is not None:
        wanted = wanted.where(tuple_(due, Task.id) > tuple_(*read_cursor(cursor, read_moment)))
    tasks = _view(session, wanted.order_by(due, Task.id).limit(limit + 1))
    return cut_page(tasks, limit, lambda task: ((task.due_at or NEVER).isoformat(), task.id))


def find_task(session: Session, task_id: int) -> TaskView | None:
    """The task with this id."""
    found = _view(session, select(Task).where(Task.id == task_id))
    return found[0] if found else None


def _view(session: Session, wanted: Select[Task]) -> Sequence[TaskView]:
    rows = session.scalars(wanted).all()
    people = [row.planned_by for row in rows]
    people += [one for row in rows for one in (row.assigned_to, row.closed_by) if one is not None]
    names = find_names(session, people)
    vessels = {vessel.id: vessel.code for vessel in list_vessels(session)}
    return [
        TaskView(
            row.id,
            row.client_uuid,
            row.kind,
            row.title,
            row.instructions,
            row.fermentation_id,
            None if row.vessel_id is None else vessels.get(row.vessel_id, ""),
            row.planned_by,
            names.get(row.planned_by, ""),
            row.assigned_to,
            None if row.assigned_to is None else names.get(row.assigned_to, ""),
            row.due_at,
            row.status,
            row.created_at,
            row.closed_at,
            row.closed_by,
            None if row.closed_by is None else names.get(row.closed_by, ""),
            row.reason,
            row.addition_id,
            row.cap_work_id,
            row.sample_id,
            row.transfer_id,
        )
        for row in rows
    ]
