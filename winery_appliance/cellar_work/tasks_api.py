"""Work orders for programs."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.cellar_work import task_queries, tasks
from winery_appliance.cellar_work.answers import TaskAnswer
from winery_appliance.cellar_work.task_commands import (
    CancelTask,
    ChangeTask,
    DoTask,
    ListTasks,
    PlanTask,
    SkipTask,
)
from winery_appliance.cellar_work.task_queries import TaskView
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes

blueprint = Blueprint("tasks_api", __name__, url_prefix="/api/v1/tasks")
TASK = {201: TaskAnswer, 200: TaskAnswer}


@blueprint.get("")
@describes({200: ListOf[TaskAnswer]}, query=ListTasks)
@permitted(Permission.READ_BOOK)
def list_tasks() -> ResponseReturnValue:
    """Tasks, the first due first; `status=planned` are the open ones, `mine=true` one's own."""
    actor = current_actor()
    wanted = web.read_query(ListTasks)
    with web.transaction(actor.winery_id) as session:
        page = task_queries.list_tasks(
            session,
            **wanted.model_dump(exclude={"mine"}),
            assigned_to=actor.user_id if wanted.mine == "true" else None,
        )
    return web.answer_written(ListOf[TaskAnswer].write(page))


@blueprint.post("")
@describes(TASK, body=PlanTask, problems=[409])
@permitted(Permission.PLAN_WORK)
def plan_task() -> ResponseReturnValue:
    """Plan a task: 201 the first time, 200 with the first result for the same body again."""
    actor = current_actor()
    command = web.read_json(PlanTask)
    with web.transaction(actor.winery_id) as session:
        planned = tasks.plan_task(session, command, actor=actor)
    response = _answer(planned.view)
    if planned.created:
        response.status_code = 201
        response.headers["Location"] = f"/api/v1/tasks/{planned.view.id}"
    return response


@blueprint.get("/<id:task_id>")
@describes({200: TaskAnswer})
@permitted(Permission.READ_BOOK)
def get_task(task_id: int) -> ResponseReturnValue:
    """One task."""
    with web.transaction(current_actor().winery_id) as session:
        view = tasks.get_task(session, task_id)
    return _answer(view)


@blueprint.patch("/<id:task_id>")
@describes({200: TaskAnswer}, body=ChangeTask, headers=IF_MATCH, problems=[409, 412, 428])
@permitted(Permission.PLAN_WORK)
def change_task(task_id: int) -> ResponseReturnValue:
    """Change what is named of a planned task, also whose it is; what is not named stays."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeTask)
    with web.transaction(actor.winery_id) as session:
        view = tasks.change_task(session, task_id, command, actor=actor, seen=seen)
    return _answer(view)


@blueprint.post("/<id:task_id>/do")
@describes({200: TaskAnswer}, body=DoTask, problems=[409])
@permitted(Permission.RECORD_CELLAR_WORK)
def do_task(task_id: int) -> ResponseReturnValue:
    """Write the entry that a task asked for and close it, both or neither; the same again finds it done."""
    actor = current_actor()
    command = web.read_json(DoTask)
    with web.transaction(actor.winery_id) as session:
        done = tasks.do_task(session, task_id, command, actor=actor, now=clock.now())
    return _answer(done.view)


@blueprint.post("/<id:task_id>/skip")
@describes({200: TaskAnswer}, body=SkipTask, problems=[409])
@permitted(Permission.RECORD_CELLAR_WORK)
def skip_task(task_id: int) -> ResponseReturnValue:
    """Say that a task was not done, and why."""
    actor = current_actor()
    command = web.read_json(SkipTask)
    with web.transaction(actor.winery_id) as session:
        view = tasks.skip_task(session, task_id, command, actor=actor, now=clock.now())
    return _answer(view)


@blueprint.post("/<id:task_id>/cancel")
@describes({200: TaskAnswer}, body=CancelTask, problems=[409])
@permitted(Permission.PLAN_WORK)
def cancel_task(task_id: int) -> ResponseReturnValue:
    """Say that a task is not wanted any more."""
    actor = current_actor()
    command = web.read_json(CancelTask)
    with web.transaction(actor.winery_id) as session:
        view = tasks.cancel_task(session, task_id, command, actor=actor, now=clock.now())
    return _answer(view)


def _answer(view: TaskView) -> Response:
    return web.answer_tagged(TaskAnswer.show(view), view)
