"""Vessels for programs."""

from dataclasses import asdict

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.winery import queries, service
from winery_appliance.winery.commands import CreateVessel

blueprint = Blueprint("winery_api", __name__, url_prefix="/api/v1")


@blueprint.get("/vessels")
@permitted(Permission.READ_BOOK)
def list_vessels() -> ResponseReturnValue:
    """Every vessel in walking order; a cellar has few enough for one page."""
    with web.transaction(current_actor().winery_id) as session:
        vessels = queries.list_vessels(session)
    return web.answer_json({"items": [asdict(v) for v in vessels], "next_cursor": None})


@blueprint.post("/vessels")
@permitted(Permission.CONFIGURE_CELLAR)
def add_vessel() -> ResponseReturnValue:
    """Add a vessel."""
    actor = current_actor()
    command = web.read_json(CreateVessel)
    with web.transaction(actor.winery_id) as session:
        vessel = service.add_vessel(session, command, actor=actor)
    return web.answer_json(asdict(vessel), 201)
