"""Use cases of work orders: plan, change, do, skip and cancel. Doing one writes what it asked for in the same transaction.

Who changes a task holds its row until the end, so that of two who do it at once the second sees what the first did.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.queries import list_active_names
from winery_appliance.auth.service import Actor, require
from winery_appliance.cellar_work.commands import RecordAddition, RecordCapWork
from winery_appliance.cellar_work.entries import Recorded
from winery_appliance.cellar_work.events import (
    TaskCancelled,
    TaskChanged,
    TaskDone,
    TaskPlanned,
    TaskSkipped,
)
from winery_appliance.cellar_work.models import Task
from winery_appliance.cellar_work.service import record_addition, record_cap_work
from winery_appliance.cellar_work.task_commands import (
    CancelTask,
    ChangeTask,
    DoTask,
    PlanTask,
    SkipTask,
)
from winery_appliance.cellar_work.task_queries import TaskView, find_task
from winery_appliance.core import outbox
from winery_appliance.core.errors import (
    AppError,
    Conflict,
    FieldFault,
    NotFound,
    refuse_field,
)
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import N_, say
from winery_appliance.fermentation.commands import MoveFermentation
from winery_appliance.fermentation.queries import find_fermentation
from winery_appliance.fermentation.service import record_sample
from winery_appliance.fermentation.transfers import move_fermentation
from winery_appliance.winery.queries import find_vessel

CLOSED = {
    "done": N_("%(who)s did this task at %(when)s UTC. Nothing was saved."),
    "skipped": N_("%(who)s skipped this task at %(when)s UTC. Nothing was saved."),
    "cancelled": N_("%(who)s cancelled this task at %(when)s UTC. Nothing was saved."),
}


def plan_task(session: Session, command: PlanTask, *, actor: Actor) -> Recorded[TaskView]:
    """Plan a task; a retry with the same UUID finds the first one and changes nothing.

    Raises NotAllowed, Invalid for a wine, vessel or person that is not in the book, and Conflict when the UUID belongs to
    another task.
    """
    require(actor, Permission.PLAN_WORK)
    earlier = _find_earlier(session, command)
    if earlier is not None:
        return Recorded(earlier, created=False)
    values = command.model_dump(exclude={"vessel_code"})
    task_id = session.scalar(
        insert(Task)
        .values(
            **values,
            winery_id=actor.winery_id,
            vessel_id=_find_vessel_id(session, command),
            planned_by=actor.user_id,
            body_hash=command.fingerprint(),
        )
        .on_conflict_do_nothing(index_elements=["winery_id", "client_uuid"])
        .returning(Task.id)
    )
    if task_id is None:  # the same task arrived twice at once, and the other one was first
        winner = _find_earlier(session, command)
        assert winner is not None
        return Recorded(winner, created=False)
    outbox.publish(session, TaskPlanned(actor.winery_id, task_id))
    return Recorded(get_task(session, task_id), created=True)


def _find_earlier(session: Session, command: PlanTask) -> TaskView | None:
    found = session.scalar(select(Task).where(Task.client_uuid == command.client_uuid))
    if found is None:
        return None
    if found.body_hash != command.fingerprint():
        raise Conflict(
            say("This UUID belongs to another task. The first one stands; this one was not saved."),
            code="uuid_reused",
            fields=[FieldFault("client_uuid", "reused", say("Belongs to another task."))],
        )
    return find_task(session, found.id)


def _find_vessel_id(session: Session, command: PlanTask) -> int | None:
    """The vessel that is meant, once wine, vessel and person are known to be in the book."""
    if command.fermentation_id is None and command.kind != "other":
        raise refuse_field(
            "fermentation_id", "needed", say("Say which wine this is to be done to.")
        )
    if command.fermentation_id is not None:
        fermentation = find_fermentation(session, command.fermentation_id)
        if fermentation is None:
            raise refuse_field("fermentation_id", "unknown", say("There is no such fermentation."))
    _refuse_stranger(session, command.assigned_to)
    if command.vessel_code is None:
        return None
    vessel = find_vessel(session, command.vessel_code)
    if vessel is None:
        raise refuse_field(
            "vessel_code",
            "unknown",
            say("There is no vessel %(vessel_code)s.", vessel_code=command.vessel_code),
        )
    return vessel.id


def _refuse_stranger(session: Session, user_id: int | None) -> None:
    if user_id is not None and user_id not in list_active_names(session):
        raise refuse_field("assigned_to", "unknown", say("There is no such person in this winery."))


def get_task(session: Session, task_id: int) -> TaskView:
    """The task. Raises NotFound, also for one of another winery."""
    found = find_task(session, task_id)
    if found is None:
        raise NotFound(say("There is no such task in this winery."))
    return found


def change_task(
    session: Session,
    task_id: int,
    command: ChangeTask,
    *,
    actor: Actor,
    seen: Collection[str] | None,
) -> TaskView:
    """Change a planned task.

    Raises NotAllowed, NotFound, ChangedMeanwhile, Invalid for a stranger, and Conflict when it is closed.
    """
    require(actor, Permission.PLAN_WORK)
    row = _hold(session, task_id)
    found = get_task(session, task_id)
    refuse_stale(found, seen)
    _refuse_closed(found)
    values = command.model_dump(exclude_unset=True)
    _refuse_stranger(session, values.get("assigned_to"))
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
    outbox.publish(session, TaskChanged(actor.winery_id, task_id))
    return get_task(session, task_id)


def do_task(
    session: Session, task_id: int, command: DoTask, *, actor: Actor, now: datetime
) -> Recorded[TaskView]:
    """Write what a task asked for and close it, both or neither. The same again finds it done and changes nothing.

    Raises NotAllowed, NotFound, Invalid when the entry is not the one the task asks for, what recording the entry raises
    (its fields below the entry's name), and Conflict that says who was first.
    """
    require(actor, Permission.RECORD_CELLAR_WORK)
    row = _hold(session, task_id)
    found = get_task(session, task_id)
    done_hash = command.fingerprint(task_id)
    if found.status == "done" and row.done_hash == done_hash:
        return Recorded(found, created=False)
    _refuse_closed(found)
    _refuse_other_entry(found, command)
    if row.fermentation_id is not None:
        _write_entry(session, row, row.fermentation_id, command, actor, now)
    row.done_hash = done_hash
    _close(session, row, "done", None, actor, now)
    outbox.publish(session, TaskDone(actor.winery_id, task_id))
    return Recorded(get_task(session, task_id), created=True)


def _refuse_other_entry(task: TaskView, command: DoTask) -> None:
    asked = set() if task.kind == "other" else {task.kind}
    for kind in asked - command.entries.keys():
        raise refuse_field(
            kind,
            "needed",
            say("This task is done by an entry of %(replace)s.", replace=kind.replace("_", " ")),
        )
    for kind in command.entries.keys() - asked:
        raise refuse_field(
            kind,
            "not_asked_for",
            say("This task does not ask for %(replace)s.", replace=kind.replace("_", " ")),
        )


def _write_entry(
    session: Session,
    row: Task,
    fermentation_id: int,
    command: DoTask,
    actor: Actor,
    now: datetime,
) -> None:
    for kind, entry in command.entries.items():
        try:
            if isinstance(entry, RecordAddition):
                added = record_addition(session, fermentation_id, entry, actor=actor, now=now)
                row.addition_id = added.view.id
            elif isinstance(entry, RecordCapWork):
                worked = record_cap_work(session, fermentation_id, entry, actor=actor, now=now)
                row.cap_work_id = worked.view.id
            elif isinstance(entry, MoveFermentation):
                moved = move_fermentation(session, fermentation_id, entry, actor=actor, now=now)
                row.transfer_id = moved.transfer.id
            else:
                read = record_sample(session, fermentation_id, entry, actor=actor, now=now)
                row.sample_id = read.sample.id
        except AppError as error:
            error.fields = tuple(
                FieldFault(f"{kind}.{fault.path}", fault.code, fault.detail)
                for fault in error.fields
            )
            raise


def skip_task(
    session: Session, task_id: int, command: SkipTask, *, actor: Actor, now: datetime
) -> TaskView:
    """Say that a task was not done, and why. Asked again for the same reason, it stays as it is.

    Raises NotAllowed, NotFound, and Conflict that says who was first.
    """
    require(actor, Permission.RECORD_CELLAR_WORK)
    row = _hold(session, task_id)
    found = get_task(session, task_id)
    if (found.status, found.reason, found.closed_by) == ("skipped", command.reason, actor.user_id):
        return found
    _refuse_closed(found)
    _close(session, row, "skipped", command.reason, actor, now)
    outbox.publish(session, TaskSkipped(actor.winery_id, task_id))
    return get_task(session, task_id)


def cancel_task(
    session: Session, task_id: int, command: CancelTask, *, actor: Actor, now: datetime
) -> TaskView:
    """Say that a task is not wanted any more. Asked again, it stays as it is.

    Raises NotAllowed, NotFound, and Conflict when it was done or skipped, which says by whom.
    """
    require(actor, Permission.PLAN_WORK)
    row = _hold(session, task_id)
    found = get_task(session, task_id)
    if found.status == "cancelled":
        return found
    _refuse_closed(found)
    _close(session, row, "cancelled", command.reason, actor, now)
    outbox.publish(session, TaskCancelled(actor.winery_id, task_id))
    return get_task(session, task_id)


def _close(
    session: Session, row: Task, status: str, reason: str | None, actor: Actor, now: datetime
) -> None:
    row.status, row.reason = status, reason
    row.closed_by, row.closed_at = actor.user_id, now
    session.flush()


def _refuse_closed(task: TaskView) -> None:
    if task.status == "planned":
        return
    raise Conflict(
        say(
            CLOSED[task.status],
            who=task.closed_by_name,
            when=f"{task.closed_at:%Y-%m-%d %H:%M}",
        ),
        code=f"task_{task.status}",
    )


def _hold(session: Session, task_id: int) -> Task:
    found = session.scalar(select(Task).where(Task.id == task_id).with_for_update())
    if found is None:
        raise NotFound(say("There is no such task in this winery."))
    return found
