"""Fruit that comes in, for programs and for the page of the day's work."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import describes
from winery_appliance.fermentation.answers import ArrivalAnswer
from winery_appliance.fermentation.arrivals import take_in_fruit
from winery_appliance.fermentation.commands import TakeInFruit

blueprint = Blueprint("arrivals_api", __name__, url_prefix="/api/v1")


@blueprint.post("/fruit-arrivals")
@describes({201: ArrivalAnswer, 200: ArrivalAnswer}, body=TakeInFruit, problems=[404, 409])
@permitted(Permission.RUN_FERMENTATIONS)
def record_arrival() -> ResponseReturnValue:
    """Take a lot in and split it to running wines: 201 the first time, 200 for the same again."""
    actor = current_actor()
    command = web.read_json(TakeInFruit)
    with web.transaction(actor.winery_id) as session:
        arrival = take_in_fruit(session, command, actor=actor, now=clock.now())
    shown = ArrivalAnswer.show(
        {
            "client_uuid": command.client_uuid,
            "lot": arrival.lot,
            "fermentations": arrival.fermentations,
        }
    )
    return web.answer_json(shown, 201 if arrival.created else 200)
