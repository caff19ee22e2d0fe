"""Additions and cap work for programs."""

from collections.abc import Sequence
from typing import Any, TypeVar

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.cellar_work import queries, service
from winery_appliance.cellar_work.answers import AdditionAnswer, CapWorkAnswer
from winery_appliance.cellar_work.commands import (
    CorrectAddition,
    CorrectCapWork,
    ListAdditions,
    ListCapWork,
    RecordAddition,
    RecordCapWork,
    VoidEntry,
)
from winery_appliance.cellar_work.entries import Recorded
from winery_appliance.cellar_work.queries import AdditionView, CapWorkView
from winery_appliance.core import clock, web
from winery_appliance.core.errors import NotFound
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.core.paging import Page
from winery_appliance.core.words import say
from winery_appliance.fermentation.service import get_fermentation

blueprint = Blueprint("cellar_work_api", __name__, url_prefix="/api/v1")
View = TypeVar("View", AdditionView, CapWorkView)
ADDITION = {201: AdditionAnswer, 200: AdditionAnswer}
CAP_WORK = {201: CapWorkAnswer, 200: CapWorkAnswer}


@blueprint.get("/fermentations/<id:fermentation_id>/additions")
@describes({200: ListOf[AdditionAnswer]}, query=ListAdditions)
@permitted(Permission.READ_BOOK)
def list_additions(fermentation_id: int) -> ResponseReturnValue:
    """Additions in the order they were done; `kind` filters, `history` shows what was corrected, too."""
    wanted = web.read_query(ListAdditions)
    with web.transaction(current_actor().winery_id) as session:
        get_fermentation(session, fermentation_id)
        page = queries.list_additions(session, fermentation_id, **_read_page(wanted))
    return web.answer_written(ListOf[AdditionAnswer].write(page))


@blueprint.post("/fermentations/<id:fermentation_id>/additions")
@describes(ADDITION, body=RecordAddition, problems=[409])
@permitted(Permission.RECORD_CELLAR_WORK)
def record_addition(fermentation_id: int) -> ResponseReturnValue:
    """Put an addition into the book: 201 the first time, 200 with the first result for the same body again."""
    actor = current_actor()
    command = web.read_json(RecordAddition)
    with web.transaction(actor.winery_id) as session:
        recorded = service.record_addition(
            session, fermentation_id, command, actor=actor, now=clock.now()
        )
    return _answer_addition(recorded)


@blueprint.post("/additions/<id:addition_id>/correct")
@describes(ADDITION, body=CorrectAddition, problems=[409])
@permitted(Permission.RECORD_CELLAR_WORK)
def correct_addition(addition_id: int) -> ResponseReturnValue:
    """Let a new addition take the place of one: 201 the first time, 200 for the same body again."""
    actor = current_actor()
    command = web.read_json(CorrectAddition)
    with web.transaction(actor.winery_id) as session:
        recorded = service.correct_addition(
            session, addition_id, command, actor=actor, now=clock.now()
        )
    return _answer_addition(recorded)


@blueprint.post("/additions/<id:addition_id>/void")
@describes(ADDITION, body=VoidEntry, problems=[409])
@permitted(Permission.RECORD_CELLAR_WORK)
def void_addition(addition_id: int) -> ResponseReturnValue:
    """Take an addition out of what counts: 201 the first time, 200 for the same body again."""
    actor = current_actor()
    command = web.read_json(VoidEntry)
    with web.transaction(actor.winery_id) as session:
        recorded = service.void_addition(
            session, addition_id, command, actor=actor, now=clock.now()
        )
    return _answer_addition(recorded)


@blueprint.get("/additions/<id:addition_id>/history")
@describes({200: ListOf[AdditionAnswer]})
@permitted(Permission.READ_BOOK)
def read_addition_history(addition_id: int) -> ResponseReturnValue:
    """What an addition was and is, the oldest first."""
    with web.transaction(current_actor().winery_id) as session:
        chain = queries.read_addition_history(session, addition_id)
    return web.answer_written(ListOf[AdditionAnswer].write(_as_page(chain)))


@blueprint.get("/fermentations/<id:fermentation_id>/cap-work")
@describes({200: ListOf[CapWorkAnswer]}, query=ListCapWork)
@permitted(Permission.READ_BOOK)
def list_cap_work(fermentation_id: int) -> ResponseReturnValue:
    """Cap work in the order it was begun; `kind` filters, `history` shows what was corrected, too."""
    wanted = web.read_query(ListCapWork)
    with web.transaction(current_actor().winery_id) as session:
        get_fermentation(session, fermentation_id)
        page = queries.list_cap_work(session, fermentation_id, **_read_page(wanted))
    return web.answer_written(ListOf[CapWorkAnswer].write(page))


@blueprint.post("/fermentations/<id:fermentation_id>/cap-work")
@describes(CAP_WORK, body=RecordCapWork, problems=[409])
@permitted(Permission.RECORD_CELLAR_WORK)
def record_cap_work(fermentation_id: int) -> ResponseReturnValue:
    """Put cap work into the book: 201 the first time, 200 with the first result for the same body again."""
    actor = current_actor()
    command = web.read_json(RecordCapWork)
    with web.transaction(actor.winery_id) as session:
        recorded = service.record_cap_work(
            session, fermentation_id, command, actor=actor, now=clock.now()
        )
    return _answer_cap_work(recorded)


@blueprint.post("/cap-work/<id:cap_work_id>/correct")
@describes(CAP_WORK, body=CorrectCapWork, problems=[409])
@permitted(Permission.RECORD_CELLAR_WORK)
def correct_cap_work(cap_work_id: int) -> ResponseReturnValue:
    """Let a new entry take the place of one: 201 the first time, 200 for the same body again."""
    actor = current_actor()
    command = web.read_json(CorrectCapWork)
    with web.transaction(actor.winery_id) as session:
        recorded = service.correct_cap_work(
            session, cap_work_id, command, actor=actor, now=clock.now()
        )
    return _answer_cap_work(recorded)


@blueprint.post("/cap-work/<id:cap_work_id>/void")
@describes(CAP_WORK, body=VoidEntry, problems=[409])
@permitted(Permission.RECORD_CELLAR_WORK)
def void_cap_work(cap_work_id: int) -> ResponseReturnValue:
    """Take cap work out of what counts: 201 the first time, 200 for the same body again."""
    actor = current_actor()
    command = web.read_json(VoidEntry)
    with web.transaction(actor.winery_id) as session:
        recorded = service.void_cap_work(
            session, cap_work_id, command, actor=actor, now=clock.now()
        )
    return _answer_cap_work(recorded)


@blueprint.get("/cap-work/<id:cap_work_id>/history")
@describes({200: ListOf[CapWorkAnswer]})
@permitted(Permission.READ_BOOK)
def read_cap_work_history(cap_work_id: int) -> ResponseReturnValue:
    """What an entry of cap work was and is, the oldest first."""
    with web.transaction(current_actor().winery_id) as session:
        chain = queries.read_cap_work_history(session, cap_work_id)
    return web.answer_written(ListOf[CapWorkAnswer].write(_as_page(chain)))


def _read_page(wanted: ListAdditions | ListCapWork) -> dict[str, Any]:
    return {**wanted.model_dump(), "history": wanted.history == "true"}


def _as_page(chain: Sequence[View]) -> Page[View]:
    if not chain:
        raise NotFound(say("There is no such entry in this winery."))
    return Page(chain, None)


def _answer_addition(recorded: Recorded[AdditionView]) -> ResponseReturnValue:
    return web.answer_json(AdditionAnswer.show(recorded.view), 201 if recorded.created else 200)


def _answer_cap_work(recorded: Recorded[CapWorkView]) -> ResponseReturnValue:
    return web.answer_json(CapWorkAnswer.show(recorded.view), 201 if recorded.created else 200)
