"""Advice for programs: the winery's own templates over the built-in ones, and what became of recommendations."""

from collections.abc import Callable

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from winery_appliance.analysis_engine import advice, advice_queries
from winery_appliance.analysis_engine.advice_commands import (
    ChangeTemplate,
    CreateTemplate,
    DecideRecommendation,
    ListRecommendations,
    ListTemplates,
    NoteOutcome,
)
from winery_appliance.analysis_engine.advice_queries import RecommendationView, TemplateView
from winery_appliance.analysis_engine.advice_templates import load_built_in
from winery_appliance.analysis_engine.answers import (
    BuiltInTemplateAnswer,
    RecommendationAnswer,
    TemplateAnswer,
)
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes
from winery_appliance.core.paging import Page
from winery_appliance.winery.queries import read_winery

blueprint = Blueprint("advice_api", __name__, url_prefix="/api/v1")
REFUSALS = [409, 412, 428]


@blueprint.get("/recommendation_templates")
@describes({200: ListOf[TemplateAnswer]}, query=ListTemplates)
@permitted(Permission.READ_BOOK)
def list_templates() -> ResponseReturnValue:
    """The winery's own templates; `deleted=true` lists the deleted ones."""
    wanted = web.read_query(ListTemplates)
    with web.transaction(current_actor().winery_id) as session:
        page = advice_queries.list_templates(session, wanted)
    return web.answer_written(ListOf[TemplateAnswer].write(page))


@blueprint.get("/recommendation_templates/built-in")
@describes({200: ListOf[BuiltInTemplateAnswer]})
@permitted(Permission.READ_BOOK)
def list_built_in_templates() -> ResponseReturnValue:
    """The built-in templates in the winery's language. An own one of the same type and code takes the place of one."""
    with web.transaction(current_actor().winery_id) as session:
        language = read_winery(session).language
    page = Page(load_built_in(language), None)
    return web.answer_written(ListOf[BuiltInTemplateAnswer].write(page))


@blueprint.post("/recommendation_templates")
@describes({201: TemplateAnswer, 200: TemplateAnswer}, body=CreateTemplate, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def create_template() -> ResponseReturnValue:
    """Add a template: 201 the first time, 200 for the same content again."""
    actor = current_actor()
    command = web.read_json(CreateTemplate)
    with web.transaction(actor.winery_id) as session:
        made = advice.create_template(session, command, actor=actor)
    response = _answer_template(made.view)
    response.status_code = 201 if made.created else 200
    response.headers["Location"] = f"/api/v1/recommendation_templates/{made.view.id}"
    return response


@blueprint.get("/recommendation_templates/<id:template_id>")
@describes({200: TemplateAnswer})
@permitted(Permission.READ_BOOK)
def get_template(template_id: int) -> ResponseReturnValue:
    """One of the winery's own templates."""
    with web.transaction(current_actor().winery_id) as session:
        view = advice.get_template(session, template_id)
    return _answer_template(view)


@blueprint.patch("/recommendation_templates/<id:template_id>")
@describes({200: TemplateAnswer}, body=ChangeTemplate, headers=IF_MATCH, problems=REFUSALS)
@permitted(Permission.CONFIGURE_CELLAR)
def change_template(template_id: int) -> ResponseReturnValue:
    """Change what is named; what is not named stays."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeTemplate)
    with web.transaction(actor.winery_id) as session:
        view = advice.change_template(session, template_id, command, actor=actor, seen=seen)
    return _answer_template(view)


@blueprint.delete("/recommendation_templates/<id:template_id>")
@describes({204: None}, headers=IF_MATCH, problems=[412])
@permitted(Permission.CONFIGURE_CELLAR)
def delete_template(template_id: int) -> ResponseReturnValue:
    """Take a template out of use; it can be restored. If-Match is heeded when it is sent."""
    actor = current_actor()
    seen = web.read_seen(needed=False)
    with web.transaction(actor.winery_id) as session:
        advice.delete_template(session, template_id, actor=actor, seen=seen)
    return web.answer_empty()


@blueprint.post("/recommendation_templates/<id:template_id>/restore")
@describes({200: TemplateAnswer}, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def restore_template(template_id: int) -> ResponseReturnValue:
    """Bring a deleted template back; one that is not deleted stays as it is."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = advice.restore_template(session, template_id, actor=actor)
    return _answer_template(view)


@blueprint.get("/recommendations")
@describes({200: ListOf[RecommendationAnswer]}, query=ListRecommendations)
@permitted(Permission.READ_BOOK)
def list_recommendations() -> ResponseReturnValue:
    """Recommendations, the last made first, with what was decided about them and what came of it."""
    wanted = web.read_query(ListRecommendations)
    with web.transaction(current_actor().winery_id) as session:
        page = advice_queries.list_recommendations(session, wanted)
    return web.answer_written(ListOf[RecommendationAnswer].write(page))


@blueprint.get("/recommendations/<id:recommendation_id>")
@describes({200: RecommendationAnswer})
@permitted(Permission.READ_BOOK)
def get_recommendation(recommendation_id: int) -> ResponseReturnValue:
    """One recommendation."""
    with web.transaction(current_actor().winery_id) as session:
        view = advice.get_recommendation(session, recommendation_id)
    return _answer(view)


@blueprint.post("/recommendations/<id:recommendation_id>/apply")
@describes(
    {200: RecommendationAnswer}, body=DecideRecommendation, headers=IF_MATCH, problems=REFUSALS
)
@permitted(Permission.HANDLE_ALARMS)
def apply_recommendation(recommendation_id: int) -> ResponseReturnValue:
    """Say that it was done."""
    return _change(recommendation_id, DecideRecommendation, advice.apply_recommendation)


@blueprint.post("/recommendations/<id:recommendation_id>/dismiss")
@describes(
    {200: RecommendationAnswer}, body=DecideRecommendation, headers=IF_MATCH, problems=REFUSALS
)
@permitted(Permission.HANDLE_ALARMS)
def dismiss_recommendation(recommendation_id: int) -> ResponseReturnValue:
    """Say that it is not for this wine."""
    return _change(recommendation_id, DecideRecommendation, advice.dismiss_recommendation)


@blueprint.post("/recommendations/<id:recommendation_id>/outcome")
@describes({200: RecommendationAnswer}, body=NoteOutcome, headers=IF_MATCH, problems=REFUSALS)
@permitted(Permission.HANDLE_ALARMS)
def note_outcome(recommendation_id: int) -> ResponseReturnValue:
    """Say what came of it; the next advice of the same template is weighed with it."""
    return _change(recommendation_id, NoteOutcome, advice.note_outcome)


def _change(
    recommendation_id: int, kind: type[BaseModel], change: Callable[..., RecommendationView]
) -> Response:
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(kind)
    with web.transaction(actor.winery_id) as session:
        view = change(session, recommendation_id, command, actor=actor, seen=seen, now=clock.now())
    return _answer(view)


def _answer(view: RecommendationView) -> Response:
    return web.answer_tagged(RecommendationAnswer.show(view), view)


def _answer_template(view: TemplateView) -> Response:
    return web.answer_tagged(TemplateAnswer.show(view), view)
