"""Shared devices and PINs for programs; a device is known by its cookie, as in a browser."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from winery_appliance.auth import devices, guards, own_password, people, pins, service
from winery_appliance.auth.answers import (
    DeviceAnswer,
    NamedDeviceAnswer,
    PinPersonAnswer,
    PinSessionAnswer,
)
from winery_appliance.auth.commands import (
    ChangePassword,
    ChoosePin,
    EnrollDevice,
    ListSharedDevices,
    NameDevice,
    RenameDevice,
    ResetPin,
    SignInByPin,
)
from winery_appliance.auth.devices import Device, DeviceView
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.passwords import hash_password
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.errors import NotAllowed
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes
from winery_appliance.core.paging import Page
from winery_appliance.core.words import say

blueprint = Blueprint("devices_api", __name__, url_prefix="/api/v1")


@blueprint.get("/shared-devices")
@describes({200: ListOf[DeviceAnswer]}, query=ListSharedDevices)
@permitted(Permission.CONFIGURE_CELLAR)
def list_shared_devices() -> ResponseReturnValue:
    """Shared devices of the winery, the revoked last."""
    actor = current_actor()
    wanted = web.read_query(ListSharedDevices)
    with web.transaction(actor.winery_id) as session:
        page = devices.list_devices(session, actor=actor, **wanted.model_dump())
    return web.answer_written(ListOf[DeviceAnswer].write(page))


@blueprint.post("/shared-devices")
@describes({201: NamedDeviceAnswer, 200: NamedDeviceAnswer}, body=NameDevice, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def name_shared_device() -> ResponseReturnValue:
    """Name a tablet that several people shall share; its one-time code, good for a day, is typed on the tablet.

    201 the first time; 200 with a new code, instead of the old, while the tablet still waits for it.
    """
    actor = current_actor()
    command = web.read_json(NameDevice)
    with web.transaction(actor.winery_id) as session:
        named, created = devices.name_device(session, command, actor=actor)
    body = NamedDeviceAnswer(
        device=DeviceAnswer.model_validate(named.view), code=named.code, expires_at=named.expires_at
    )
    response = web.answer_json(body.model_dump(mode="json"), 201 if created else 200)
    response.headers["Location"] = f"/api/v1/shared-devices/{named.view.id}"
    return response


@blueprint.get("/shared-devices/<id:device_id>")
@describes({200: DeviceAnswer})
@permitted(Permission.CONFIGURE_CELLAR)
def get_shared_device(device_id: int) -> ResponseReturnValue:
    """One shared device, also a revoked one."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        device = devices.get_device(session, device_id, actor=actor)
    return _answer(device)


@blueprint.patch("/shared-devices/<id:device_id>")
@describes({200: DeviceAnswer}, body=RenameDevice, headers=IF_MATCH, problems=[409, 412, 428])
@permitted(Permission.CONFIGURE_CELLAR)
def rename_shared_device(device_id: int) -> ResponseReturnValue:
    """Call a shared device something else."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(RenameDevice)
    with web.transaction(actor.winery_id) as session:
        device = devices.rename_device(session, device_id, command, actor=actor, seen=seen)
    return _answer(device)


@blueprint.delete("/shared-devices/<id:device_id>")
@describes({204: None}, headers=IF_MATCH, problems=[412])
@permitted(Permission.CONFIGURE_CELLAR)
def revoke_shared_device(device_id: int) -> ResponseReturnValue:
    """End a shared device and every sign-in by PIN on it, for good: what is revoked is enrolled anew, never restored.

    Its secret may be in strange hands. If-Match is heeded when it is sent.
    """
    actor = current_actor()
    seen = web.read_seen(needed=False)
    with web.transaction(actor.winery_id) as session:
        devices.revoke_device(session, device_id, actor=actor, seen=seen)
    return "", 204


@blueprint.post("/device-enrolments")
@describes({204: None}, body=EnrollDevice, problems=[429])
def enroll_shared_device() -> ResponseReturnValue:
    """Make whoever asks a shared device, with its one-time code; the cookie `winery_device` carries it."""
    command = web.read_json(EnrollDevice)
    token = devices.enroll_device(web.database(), command, address=web.client_address())
    response = web.answer_empty()
    guards.remember_device(response, token)
    return response


@blueprint.get("/pin-people")
@describes({200: ListOf[PinPersonAnswer]}, problems=[403])
def list_pin_people() -> ResponseReturnValue:
    """Who has a PIN, for the shared device that asks."""
    device = _need_device()
    with web.transaction(device.winery_id) as session:
        found = pins.list_pin_people(session)
    return web.answer_written(ListOf[PinPersonAnswer].write(Page(found, None)))


@blueprint.post("/pin-sessions")
@describes({201: PinSessionAnswer}, body=SignInByPin, problems=[401, 403, 429])
def sign_in_by_pin() -> ResponseReturnValue:
    """Sign somebody in on the shared device that asks; a PIN allows what a cellar hand may, whatever the role."""
    command = web.read_json(SignInByPin)
    device = _need_device()
    actor = pins.sign_in_by_pin(
        web.database(), device, command.user_id, command.pin.get_secret_value()
    )
    lasts = guards.pin_lasts()
    with web.transaction(actor.winery_id) as session:
        token = service.open_session(
            session, actor, lasts=lasts, user_agent=device.name, device_id=device.id
        )
    guards.enter(actor, token)
    body = PinSessionAnswer(
        user_id=actor.user_id,
        display_name=actor.display_name,
        role=actor.role,
        expires_in=int(lasts.total_seconds()),
    )
    return web.answer_json(body.model_dump(mode="json"), 201)


@blueprint.put("/account/pin")
@describes({204: None}, body=ChoosePin)
@permitted(Permission.READ_BOOK)
def choose_pin() -> ResponseReturnValue:
    """Choose your own PIN; what is signed in by the old one is signed out."""
    actor = current_actor()
    service.refuse_limited(actor)
    hashed = hash_password(web.read_json(ChoosePin).pin.get_secret_value())
    with web.transaction(actor.winery_id) as session:
        pins.choose_pin(session, hashed, actor=actor)
    return "", 204


@blueprint.put("/account/password")
@describes({204: None}, body=ChangePassword, problems=[429])
@permitted(Permission.READ_BOOK)
def change_password() -> ResponseReturnValue:
    """Choose your own new password with the old one; every other sign-in and every token of yours ends."""
    command = web.read_json(ChangePassword)
    own_password.change_password(web.database(), command, actor=current_actor())
    return "", 204


@blueprint.post("/pin-resets")
@describes({204: None}, body=ResetPin, problems=[429])
def reset_pin() -> ResponseReturnValue:
    """Choose a PIN with the one-time code that an owner made for a person."""
    people.reset_pin(web.database(), web.read_json(ResetPin), address=web.client_address())
    return "", 204


def _answer(device: DeviceView) -> Response:
    return web.answer_tagged(DeviceAnswer.show(device), device)


def _need_device() -> Device:
    device = guards.current_device()
    if device is None:
        raise NotAllowed(
            say(
                "This is no shared device. Nothing was changed. Enroll it first, or sign in with a password."
            ),
            code="not_enrolled",
        )
    return device
