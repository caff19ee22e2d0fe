"""The round for the page that walks it."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import describes
from winery_appliance.rounds.answers import RoundAnswer
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
