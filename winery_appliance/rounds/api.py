"""The round for the page that walks it."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import describes
from winery_appliance.rounds.answers import DayAnswer, PanelAnswer, RoundAnswer
from winery_appliance.rounds.day import read_day
from winery_appliance.rounds.lab_panel import read_panel
from winery_appliance.rounds.queries import read_round

blueprint = Blueprint("rounds_api", __name__, url_prefix="/api/v1")


@blueprint.get("/round")
@describes({200: RoundAnswer})
@permitted(Permission.READ_BOOK)
def get_round() -> ResponseReturnValue:
    """Every running tank in walking order, with its last readings and what is expected of the next."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = read_round(session, now=clock.now())
    return web.answer_json(RoundAnswer.show({**vars(view), "person": actor}))


@blueprint.get("/lab-panel")
@describes({200: PanelAnswer})
@permitted(Permission.READ_BOOK)
def get_lab_panel() -> ResponseReturnValue:
    """Every running wine in walking order with its last results, and the analytes with their units and limits."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = read_panel(session, now=clock.now())
    return web.answer_json(PanelAnswer.show({**vars(view), "person": actor}))


@blueprint.get("/day")
@describes({200: DayAnswer})
@permitted(Permission.READ_BOOK)
def get_day() -> ResponseReturnValue:
    """Every running wine with what it had, the open tasks, one's own first, and the doses with their limits."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = read_day(session, actor=actor, now=clock.now())
    return web.answer_json(DayAnswer.show({**vars(view), "person": actor}))
