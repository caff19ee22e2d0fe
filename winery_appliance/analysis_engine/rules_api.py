"""Rules for programs: what each check looks for in this winery, and what it would have said of the past."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from winery_appliance.analysis_engine import rule_changing, rule_queries
from winery_appliance.analysis_engine.answers import ReplayAnswer, RuleAnswer
from winery_appliance.analysis_engine.rule_changing import RuleView
from winery_appliance.analysis_engine.rule_commands import AskReplay, ChangeRule, ListReplays
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes
from winery_appliance.core.paging import Page

blueprint = Blueprint("rules_api", __name__, url_prefix="/api/v1")


@blueprint.get("/rules")
@describes({200: ListOf[RuleAnswer]})
@permitted(Permission.READ_BOOK)
def list_rules() -> ResponseReturnValue:
    """Every check for every style of wine, with the winery's limits; few enough for one page."""
    with web.transaction(current_actor().winery_id) as session:
        rules = rule_changing.list_rules(session)
    return web.answer_written(ListOf[RuleAnswer].write(Page(rules, None)))


@blueprint.get("/rules/<check>/<style>")
@describes({200: RuleAnswer})
@permitted(Permission.READ_BOOK)
def get_rule(check: str, style: str) -> ResponseReturnValue:
    """One check for one style."""
    with web.transaction(current_actor().winery_id) as session:
        rule = rule_changing.get_rule(session, check, style)
    return _answer(rule)


@blueprint.patch("/rules/<check>/<style>")
@describes({200: RuleAnswer}, body=ChangeRule, headers=IF_MATCH, problems=[412, 428])
@permitted(Permission.CONFIGURE_CELLAR)
def change_rule(check: str, style: str) -> ResponseReturnValue:
    """Switch a check or move its limits; what is not named stays, and a limit that is null is the default again."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeRule)
    with web.transaction(actor.winery_id) as session:
        rule = rule_changing.change_rule(session, check, style, command, actor=actor, seen=seen)
    return _answer(rule)


@blueprint.post("/replays")
@describes({202: ReplayAnswer}, body=AskReplay, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def ask_replay() -> ResponseReturnValue:
    """Have the worker see what a past vintage would have brought with these rules; ask for the replay until it is done."""
    actor = current_actor()
    command = web.read_json(AskReplay)
    with web.transaction(actor.winery_id) as session:
        replay = rule_changing.ask_replay(session, command, actor=actor)
    response = web.answer_json(ReplayAnswer.show(replay), 202)
    response.headers["Location"] = f"/api/v1/replays/{replay.id}"
    return response


@blueprint.get("/replays")
@describes({200: ListOf[ReplayAnswer]}, query=ListReplays)
@permitted(Permission.READ_BOOK)
def list_replays() -> ResponseReturnValue:
    """Replays, the last asked first; the newest 50 are kept."""
    wanted = web.read_query(ListReplays)
    with web.transaction(current_actor().winery_id) as session:
        page = rule_queries.list_replays(session, **wanted.model_dump())
    return web.answer_written(ListOf[ReplayAnswer].write(page))


@blueprint.get("/replays/<id:replay_id>")
@describes({200: ReplayAnswer})
@permitted(Permission.READ_BOOK)
def get_replay(replay_id: int) -> ResponseReturnValue:
    """One replay, and what came of it."""
    with web.transaction(current_actor().winery_id) as session:
        replay = rule_changing.get_replay(session, replay_id)
    return web.answer_json(ReplayAnswer.show(replay))


def _answer(rule: RuleView) -> Response:
    return web.answer_tagged(RuleAnswer.show(rule), rule)
