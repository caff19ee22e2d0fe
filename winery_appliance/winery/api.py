"""Vessels for programs."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.winery import queries, service
from winery_appliance.winery.answers import VesselAnswer
from winery_appliance.winery.commands import CreateVessel

blueprint = Blueprint("winery_api", __name__, url_prefix="/api/v1")


@blueprint.get("/vessels")
@describes({200: ListOf[VesselAnswer]})
@permitted(Permission.READ_BOOK)
def list_vessels() -> ResponseReturnValue:
    """Every vessel in walking order; a cellar has few enough for one page."""
    with web.transaction(current_actor().winery_id) as session:
        vessels = queries.list_vessels(session)
    items = [VesselAnswer.show(vessel) for vessel in vessels]
    return web.answer_json({"items": items, "next_cursor": None})


@blueprint.post("/vessels")
@describes({201: VesselAnswer}, body=CreateVessel, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def add_vessel() -> ResponseReturnValue:
    """Add a vessel."""
    actor = current_actor()
    command = web.read_json(CreateVessel)
    with web.transaction(actor.winery_id) as session:
        vessel = service.add_vessel(session, command, actor=actor)
    return web.answer_json(VesselAnswer.show(vessel), 201)
