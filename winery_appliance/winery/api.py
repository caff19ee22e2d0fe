"""The winery and its vessels for programs."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes
from winery_appliance.core.paging import Page
from winery_appliance.core.version_tags import make_tag
from winery_appliance.winery import queries, service
from winery_appliance.winery.answers import VesselAnswer, WineryAnswer
from winery_appliance.winery.commands import ChangeWinery, CreateVessel, SetWalkingOrder
from winery_appliance.winery.queries import VesselView, WineryView

blueprint = Blueprint("winery_api", __name__, url_prefix="/api/v1")


@blueprint.get("/winery")
@describes({200: WineryAnswer})
@permitted(Permission.READ_BOOK)
def get_winery() -> ResponseReturnValue:
    """The winery of whoever asks, with the `ETag` that a change must name."""
    with web.transaction(current_actor().winery_id) as session:
        winery = queries.read_winery(session)
    return _answer_winery(winery)


@blueprint.patch("/winery")
@describes({200: WineryAnswer}, body=ChangeWinery, headers=IF_MATCH, problems=[412, 428])
@permitted(Permission.CONFIGURE_WINERY)
def change_winery() -> ResponseReturnValue:
    """Change the winery's settings; what is left out stays."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeWinery)
    with web.transaction(actor.winery_id) as session:
        winery = service.change_winery(session, command, actor=actor, seen=seen)
    return _answer_winery(winery)


@blueprint.get("/vessels")
@describes({200: ListOf[VesselAnswer]})
@permitted(Permission.READ_BOOK)
def list_vessels() -> ResponseReturnValue:
    """Every vessel in walking order; a cellar has few enough for one page."""
    with web.transaction(current_actor().winery_id) as session:
        vessels = queries.list_vessels(session)
    return _answer_vessels(vessels)


@blueprint.put("/vessels/walking-order")
@describes({200: ListOf[VesselAnswer]}, body=SetWalkingOrder, headers=IF_MATCH, problems=[412])
@permitted(Permission.CONFIGURE_CELLAR)
def set_walking_order() -> ResponseReturnValue:
    """Say in which order the round goes; vessels that are not named come behind.

    The `ETag` of the list of vessels is heeded when it is sent as `If-Match`.
    """
    actor = current_actor()
    seen = web.read_seen(needed=False)
    command = web.read_json(SetWalkingOrder)
    with web.transaction(actor.winery_id) as session:
        vessels = service.set_walking_order(session, command, actor=actor, seen=seen)
    return _answer_vessels(vessels)


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


def _answer_vessels(vessels: list[VesselView]) -> Response:
    response = web.answer_written(ListOf[VesselAnswer].write(Page(vessels, None)))
    response.set_etag(make_tag(vessels))
    return response


def _answer_winery(winery: WineryView) -> Response:
    response = web.answer_json(WineryAnswer.show(winery))
    response.set_etag(make_tag(winery))
    return response
