"""Devices and their readings, for programs and for the bridges that speak for probes."""

from typing import Any

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.errors import Invalid
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes
from winery_appliance.core.paging import Page
from winery_appliance.devices import queries, service
from winery_appliance.devices.answers import (
    AssignmentAnswer,
    ProbeAnswer,
    ReadingAnswer,
    ReadingOutcomesAnswer,
)
from winery_appliance.devices.commands import (
    AddDevice,
    AssignDevice,
    ChangeDevice,
    DeviceReadingItem,
    ListDevices,
    ListReadings,
    RecordReadings,
)
from winery_appliance.devices.queries import DeviceView

blueprint = Blueprint("probes_api", __name__, url_prefix="/api/v1/devices")


@blueprint.get("")
@describes({200: ListOf[ProbeAnswer]}, query=ListDevices)
@permitted(Permission.READ_BOOK)
def list_devices() -> ResponseReturnValue:
    """Devices by code; `deleted=true` lists the deleted ones."""
    wanted = web.read_query(ListDevices)
    with web.transaction(current_actor().winery_id) as session:
        page = queries.list_devices(
            session,
            deleted=wanted.deleted == "true",
            cursor=wanted.cursor,
            limit=wanted.limit,
        )
    return web.answer_written(ListOf[ProbeAnswer].write(page))


@blueprint.post("")
@describes({201: ProbeAnswer, 200: ProbeAnswer}, body=AddDevice, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def add_device() -> ResponseReturnValue:
    """Make a device known: 201 the first time, 200 for the same content again."""
    actor = current_actor()
    command = web.read_json(AddDevice)
    with web.transaction(actor.winery_id) as session:
        device, created = service.add_device(session, command, actor=actor)
    response = _answer(device, 201 if created else 200)
    response.headers["Location"] = f"/api/v1/devices/{device.id}"
    return response


@blueprint.get("/<id:device_id>")
@describes({200: ProbeAnswer})
@permitted(Permission.READ_BOOK)
def get_device(device_id: int) -> ResponseReturnValue:
    """One device."""
    with web.transaction(current_actor().winery_id) as session:
        device = service.get_device(session, device_id)
    return _answer(device)


@blueprint.patch("/<id:device_id>")
@describes({200: ProbeAnswer}, body=ChangeDevice, headers=IF_MATCH, problems=[409, 412, 428])
@permitted(Permission.CONFIGURE_CELLAR)
def change_device(device_id: int) -> ResponseReturnValue:
    """Change what is named; what is not named stays."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeDevice)
    with web.transaction(actor.winery_id) as session:
        device = service.change_device(session, device_id, command, actor=actor, seen=seen)
    return _answer(device)


@blueprint.delete("/<id:device_id>")
@describes({204: None}, headers=IF_MATCH, problems=[409, 412])
@permitted(Permission.CONFIGURE_CELLAR)
def delete_device(device_id: int) -> ResponseReturnValue:
    """Take a device out of its vessel and out of use; it can be restored. If-Match is heeded when it is sent."""
    actor = current_actor()
    seen = web.read_seen(needed=False)
    with web.transaction(actor.winery_id) as session:
        service.delete_device(session, device_id, actor=actor, seen=seen, now=clock.now())
    return "", 204


@blueprint.post("/<id:device_id>/restore")
@describes({200: ProbeAnswer}, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def restore_device(device_id: int) -> ResponseReturnValue:
    """Bring a deleted device back; one that is not deleted stays as it is."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        device = service.restore_device(session, device_id, actor=actor)
    return _answer(device)


@blueprint.get("/<id:device_id>/assignments")
@describes({200: ListOf[AssignmentAnswer]})
@permitted(Permission.READ_BOOK)
def list_assignments(device_id: int) -> ResponseReturnValue:
    """Where a device hung, the latest first."""
    with web.transaction(current_actor().winery_id) as session:
        service.get_device(session, device_id)
        places = queries.list_assignments(session, device_id)
    return web.answer_written(ListOf[AssignmentAnswer].write(Page(places, None)))


@blueprint.post("/<id:device_id>/assignments")
@describes(
    {201: ListOf[AssignmentAnswer], 200: ListOf[AssignmentAnswer]},
    body=AssignDevice,
    problems=[409],
)
@permitted(Permission.CONFIGURE_CELLAR)
def assign_device(device_id: int) -> ResponseReturnValue:
    """Hang a device into a vessel, or with null take it out: 201 the first time, 200 for the same again."""
    actor = current_actor()
    command = web.read_json(AssignDevice)
    with web.transaction(actor.winery_id) as session:
        places, changed = service.assign_device(session, device_id, command, actor=actor)
    written = ListOf[AssignmentAnswer].write(Page(places, None))
    return web.answer_written(written, 201 if changed else 200)


@blueprint.get("/<id:device_id>/readings")
@describes({200: ListOf[ReadingAnswer]}, query=ListReadings)
@permitted(Permission.READ_BOOK)
def list_readings(device_id: int) -> ResponseReturnValue:
    """What a device read, in order; `since` and `until` cut out a time, `quantity` filters."""
    wanted = web.read_query(ListReadings)
    with web.transaction(current_actor().winery_id) as session:
        service.get_device(session, device_id)
        page = queries.list_readings(session, device_id, **wanted.model_dump())
    return web.answer_written(ListOf[ReadingAnswer].write(page))


@blueprint.post("/<id:device_id>/readings")
@describes({200: ReadingOutcomesAnswer}, body=RecordReadings)
@permitted(Permission.RECORD_SAMPLES)
def record_readings(device_id: int) -> ResponseReturnValue:
    """Take in up to 1000 readings, each with an answer of its own in the order they were sent; once is enough."""
    actor = current_actor()
    items = [_read_item(item) for item in web.read_json(RecordReadings).items]
    with web.transaction(actor.winery_id) as session:
        outcomes = service.record_readings(session, device_id, items, actor=actor, now=clock.now())
    told = ReadingOutcomesAnswer.model_validate({"items": outcomes})
    return web.answer_written(told.model_dump_json())


def _read_item(given: Any) -> DeviceReadingItem | Invalid:
    try:
        return web.parse(DeviceReadingItem, given)
    except Invalid as error:
        return error


def _answer(device: DeviceView, status: int = 200) -> Response:
    return web.answer_tagged(ProbeAnswer.show(device), device, status)
