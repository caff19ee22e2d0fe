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
from winery_appliance.winery import vessels as vessels_service
from winery_appliance.winery.answers import VesselAnswer, WineryAnswer
from winery_appliance.winery.commands import (
    ChangeVessel,
    ChangeWinery,
    CreateVessel,
    ListVessels,
    SetWalkingOrder,
)
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
@describes({200: ListOf[VesselAnswer]}, query=ListVessels)
@permitted(Permission.READ_BOOK)
def list_vessels() -> ResponseReturnValue:
    """Every vessel in walking order; a cellar has few enough for one page. `deleted=true` lists those that left it."""
    wanted = web.read_query(ListVessels)
    with web.transaction(current_actor().winery_id) as session:
        vessels = queries.list_vessels(session, deleted=wanted.deleted == "true")
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
        vessels = vessels_service.set_walking_order(session, command, actor=actor, seen=seen)
    return _answer_vessels(vessels)


@blueprint.post("/vessels")
@describes({201: VesselAnswer, 200: VesselAnswer}, body=CreateVessel, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def add_vessel() -> ResponseReturnValue:
    """Add a vessel: 201 the first time, 200 for the same content again."""
    actor = current_actor()
    command = web.read_json(CreateVessel)
    with web.transaction(actor.winery_id) as session:
        vessel, created = vessels_service.add_vessel(session, command, actor=actor)
    response = _answer_vessel(vessel, 201 if created else 200)
    response.headers["Location"] = f"/api/v1/vessels/{vessel.id}"
    return response


@blueprint.get("/vessels/<id:vessel_id>")
@describes({200: VesselAnswer})
@permitted(Permission.READ_BOOK)
def get_vessel(vessel_id: int) -> ResponseReturnValue:
    """One vessel, also one that left the cellar."""
    with web.transaction(current_actor().winery_id) as session:
        vessel = vessels_service.get_vessel(session, vessel_id)
    return _answer_vessel(vessel)


@blueprint.patch("/vessels/<id:vessel_id>")
@describes({200: VesselAnswer}, body=ChangeVessel, headers=IF_MATCH, problems=[409, 412, 428])
@permitted(Permission.CONFIGURE_CELLAR)
def change_vessel(vessel_id: int) -> ResponseReturnValue:
    """Change what is named; what is not named stays."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeVessel)
    with web.transaction(actor.winery_id) as session:
        vessel = vessels_service.change_vessel(session, vessel_id, command, actor=actor, seen=seen)
    return _answer_vessel(vessel)


@blueprint.delete("/vessels/<id:vessel_id>")
@describes({204: None}, headers=IF_MATCH, problems=[409, 412])
@permitted(Permission.CONFIGURE_CELLAR)
def delete_vessel(vessel_id: int) -> ResponseReturnValue:
    """Take a vessel out of the cellar, as long as no wine lies in it; it can be restored. If-Match is heeded when sent."""
    actor = current_actor()
    seen = web.read_seen(needed=False)
    with web.transaction(actor.winery_id) as session:
        vessels_service.delete_vessel(session, vessel_id, actor=actor, seen=seen)
    return "", 204


@blueprint.post("/vessels/<id:vessel_id>/restore")
@describes({200: VesselAnswer}, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def restore_vessel(vessel_id: int) -> ResponseReturnValue:
    """Bring a deleted vessel back; one that is not deleted stays as it is."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        vessel = vessels_service.restore_vessel(session, vessel_id, actor=actor)
    return _answer_vessel(vessel)


def _answer_vessel(vessel: VesselView, status: int = 200) -> Response:
    return web.answer_tagged(VesselAnswer.show(vessel), vessel, status)


def _answer_vessels(vessels: list[VesselView]) -> Response:
    response = web.answer_written(ListOf[VesselAnswer].write(Page(vessels, None)))
    response.set_etag(make_tag(vessels))
    return response


def _answer_winery(winery: WineryView) -> Response:
    return web.answer_tagged(WineryAnswer.show(winery), winery)
