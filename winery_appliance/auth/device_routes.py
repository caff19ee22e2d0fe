"""The account page with its PIN and shared devices, and the pages of one-time codes: for a tablet, a PIN, a password."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from winery_appliance.auth import devices, guards, own_password, people, pins, queries, service
from winery_appliance.auth.commands import (
    ChangePassword,
    ChoosePin,
    ChooseUnits,
    EnrollDevice,
    NameDevice,
    ResetPassword,
    ResetPin,
)
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.passwords import hash_password
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.errors import AppError, TooManyAttempts
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.core.words import say

blueprint = Blueprint("devices", __name__)


@blueprint.get("/account")
@permitted(Permission.READ_BOOK)
def account() -> ResponseReturnValue:
    """Where this person is signed in, the PIN, and the shared devices for who may configure."""
    return _show_account()


@blueprint.post("/account/pin")
@permitted(Permission.READ_BOOK)
def choose_pin() -> ResponseReturnValue:
    """Set one's own PIN."""
    actor = current_actor()
    service.refuse_limited(actor)
    try:
        command = web.parse(ChoosePin, {"pin": request.form.get("pin", "").strip()})
    except AppError as error:
        return _show_account({"pin": error.fields[0].detail}), 422
    hashed = hash_password(command.pin.get_secret_value())
    with web.transaction(actor.winery_id) as session:
        pins.choose_pin(session, hashed, actor=actor)
    flash(say("Your PIN is set. It works on the shared devices only."), "success")
    return redirect(url_for("devices.account"), 303)


@blueprint.post("/account/password")
@permitted(Permission.READ_BOOK)
def change_password() -> ResponseReturnValue:
    """Choose one's own new password; this browser stays signed in, alone."""
    typed = _read_form("current_password", "new_password")
    try:
        command = web.parse(ChangePassword, typed)
        own_password.change_password(web.database(), command, actor=current_actor())
    except AppError as error:
        wrong = {field.path: field.detail for field in error.fields}
        status = 429 if isinstance(error, TooManyAttempts) else 422
        return _show_account(wrong or {"current_password": error.detail}), status
    flash(
        say("Your password is changed. Wherever else you were signed in, you are not any more."),
        "success",
    )
    return redirect(url_for("devices.account"), 303)


@blueprint.post("/account/units")
@permitted(Permission.READ_BOOK)
def choose_units() -> ResponseReturnValue:
    """Choose the units one reads in; an empty choice is the winery's."""
    actor = current_actor()
    chosen = _read_form("sugar_unit", "temperature_unit")
    command = web.parse(ChooseUnits, {name: unit or None for name, unit in chosen.items()})
    with web.transaction(actor.winery_id) as session:
        people.choose_units(session, command, actor=actor)
    flash(say("Your units are kept."), "success")
    return redirect(url_for("devices.account"), 303)


@blueprint.post("/shared-devices")
@permitted(Permission.CONFIGURE_CELLAR)
def name_device() -> ResponseReturnValue:
    """Make this browser a shared device, or a one-time code with which another one enrolls itself."""
    actor = current_actor()
    try:
        command = web.parse(NameDevice, {"name": request.form.get("name", "")})
        with web.transaction(actor.winery_id) as session:
            if "elsewhere" in request.form:
                named, _ = devices.name_device(session, command, actor=actor)
                token = None
            else:
                token = devices.enroll_this_device(session, command, actor=actor)
    except AppError as error:
        return _show_account({"name": error.fields[0].detail}), 422
    if token is None:
        flash(
            say(
                "On the tablet, open /enroll and type %(code)s. The code works once, for a day.",
                code=named.code,
            )
        )
    else:
        flash(say("This is the shared device %(name)s from now on.", name=command.name), "success")
    response = make_response(redirect(url_for("devices.account"), 303))
    if token is not None:
        guards.remember_device(response, token)
    return response


@blueprint.post("/shared-devices/<id:device_id>/revoke")
@permitted(Permission.CONFIGURE_CELLAR)
def revoke_device(device_id: int) -> ResponseReturnValue:
    """End a shared device."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        devices.revoke_device(session, device_id, actor=actor)
    flash(say("The device is no longer a shared one."), "success")
    return redirect(url_for("devices.account"), 303)


@blueprint.get("/enroll")
def enroll() -> ResponseReturnValue:
    """Where a tablet becomes a shared device."""
    return _show_code_page("auth/enroll.html")


@blueprint.post("/enroll")
def enroll_by_code() -> ResponseReturnValue:
    """Make this browser a shared device with a one-time code."""
    try:
        command = web.parse(EnrollDevice, {"code": request.form.get("code", "")})
        token = devices.enroll_device(web.database(), command, address=web.client_address())
    except AppError as error:
        return _show_code_page("auth/enroll.html", error), web.status_of(error)
    response = make_response(redirect(url_for("auth.sign_in"), 303))
    guards.remember_device(response, token)
    return response


@blueprint.get("/new-pin")
def new_pin() -> ResponseReturnValue:
    """Where somebody chooses a PIN with the owner's one-time code."""
    return _show_code_page("auth/new_secret.html", what="PIN")


@blueprint.post("/new-pin")
def reset_pin() -> ResponseReturnValue:
    """Set the PIN of whom the one-time code is for."""
    try:
        command = web.parse(ResetPin, _read_form("login", "code", "pin"))
        people.reset_pin(web.database(), command, address=web.client_address())
    except AppError as error:
        return _show_code_page("auth/new_secret.html", error, what="PIN"), web.status_of(error)
    flash(say("The PIN is set. It works on the shared devices only."), "success")
    return redirect(url_for("auth.sign_in"), 303)


@blueprint.get("/new-password")
def new_password() -> ResponseReturnValue:
    """Where somebody chooses a password with the owner's one-time code."""
    return _show_code_page("auth/new_secret.html", what="password")


@blueprint.post("/new-password")
def reset_password() -> ResponseReturnValue:
    """Set the password of whom the one-time code is for."""
    try:
        command = web.parse(ResetPassword, _read_form("login", "code", "password"))
        people.reset_password(web.database(), command, address=web.client_address())
    except AppError as error:
        page = _show_code_page("auth/new_secret.html", error, what="password")
        return page, web.status_of(error)
    flash(say("The password is set. Sign in with it."), "success")
    return redirect(url_for("auth.sign_in"), 303)


def _read_form(*names: str) -> dict[str, str]:
    return {name: request.form.get(name, "") for name in names}


def _show_account(errors: dict[str, str] | None = None) -> str:
    actor = current_actor()
    shared = None
    with web.transaction(actor.winery_id) as session:
        if actor.may(Permission.CONFIGURE_CELLAR):
            shared = devices.list_devices(session, actor=actor, limit=MAX_LIMIT).items
        return render_template(
            "auth/account.html",
            sessions=queries.list_sessions(
                session, user_id=actor.user_id, current_id=actor.session_id
            ),
            devices=shared,
            units=queries.read_chosen_units(session, actor.user_id),
            form={"values": request.form, "errors": errors or {}},
        )


def _show_code_page(template: str, error: AppError | None = None, **context: str) -> str:
    with web.transaction() as session:
        winery_name = service.find_only_winery_name(session)
    wrong = {field.path: field.detail for field in error.fields} if error else {}
    form = {
        "values": {name: request.form.get(name, "") for name in ("login", "code")},
        "errors": wrong,
        "error": error.detail if error and not wrong else None,
    }
    return render_template(template, form=form, winery_name=winery_name, **context)
