"""Sign-in, sign-out and the account page."""

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user

from winery_appliance.auth import guards, pins, second_factor, service
from winery_appliance.auth.commands import SignIn, SignInByPin
from winery_appliance.auth.devices import Device
from winery_appliance.auth.guards import current_actor, permitted, session_lasts
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.second_factor_routes import ask_for_code
from winery_appliance.core import web
from winery_appliance.core.errors import AppError, Invalid, TooManyAttempts
from winery_appliance.core.words import say

blueprint = Blueprint("auth", __name__, template_folder="templates")


@blueprint.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The door."""
    if current_user.is_authenticated:
        return redirect(_safe_next())
    device = guards.current_device()
    if device is not None and "password" not in request.args:
        return _show_device(device)
    return _show_door("", None)


@blueprint.post("/sign-in/pin")
def enter_by_pin() -> ResponseReturnValue:
    """Check the PIN that was typed on a shared device, and sign the person in."""
    device = guards.current_device()
    if device is None:
        return redirect(url_for("auth.sign_in"), 303)
    try:
        command = web.parse(
            SignInByPin,
            {"user_id": request.form.get("user_id"), "pin": request.form.get("pin", "")},
        )
        actor = pins.sign_in_by_pin(
            web.database(), device, command.user_id, command.pin.get_secret_value()
        )
    except AppError as error:
        sentence = "Type your PIN." if isinstance(error, Invalid) else error.detail
        status = 429 if isinstance(error, TooManyAttempts) else 422
        return _show_device(device, sentence), status
    with web.transaction(actor.winery_id) as opened:
        token = service.open_session(
            opened,
            actor,
            lasts=guards.pin_lasts(),
            user_agent=device.name,
            device_id=device.id,
        )
    guards.enter(actor, token)
    return redirect(_safe_next(), 303)


@blueprint.post("/sign-in")
def enter() -> ResponseReturnValue:
    """Check name and password, and sign this browser in."""
    login = request.form.get("login", "")
    try:
        command = web.parse(SignIn, {"login": login, "password": request.form.get("password", "")})
        actor = service.sign_in(
            web.database(),
            login=command.login,
            password=command.password.get_secret_value(),
            address=web.client_address(),
        )
    except AppError as error:
        sentence = (
            say("Type your name and your password.") if isinstance(error, Invalid) else error.detail
        )
        status = 429 if isinstance(error, TooManyAttempts) else 422
        return _show_door(login, sentence), status
    with web.transaction(actor.winery_id) as opened:
        factor = second_factor.read_factor(opened, user_id=actor.user_id, role=actor.role)
        if factor.confirmed:
            return ask_for_code(actor, _safe_next())
        token = service.open_session(
            opened,
            actor,
            lasts=session_lasts(),
            user_agent=request.user_agent.string,
        )
    guards.enter(actor, token)
    if factor.required:
        session[guards.MISSING_FACTOR] = True
    return redirect(_safe_next(), 303)


@blueprint.post("/sign-out")
@permitted(Permission.READ_BOOK)
def sign_out() -> ResponseReturnValue:
    """End this browser's sign-in."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as opened:
        service.sign_out(opened, actor)
    return _leave()


@blueprint.post("/sign-out-everywhere")
@permitted(Permission.READ_BOOK)
def sign_out_everywhere() -> ResponseReturnValue:
    """End every sign-in of this person, and every token. A sign-in by PIN may not."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as opened:
        service.sign_out_everywhere(opened, actor)
    return _leave()


def _leave() -> ResponseReturnValue:
    logout_user()
    session.clear()
    return redirect(url_for("auth.sign_in"), 303)


def _show_door(login: str, error: str | None) -> str:
    with web.transaction() as opened:
        winery_name = service.find_only_winery_name(opened)
    return render_template(
        "auth/sign_in.html", form={"login": login, "error": error}, winery_name=winery_name
    )


def _show_device(device: Device, error: str | None = None) -> str:
    """Who can be chosen on this device; once chosen, the pad for the PIN."""
    with web.transaction(device.winery_id) as opened:
        people = pins.list_pin_people(opened)
        winery_name = service.find_only_winery_name(opened)
    chosen = request.values.get("user_id", "")
    return render_template(
        "auth/shared_device.html",
        device=device,
        people=people,
        chosen=next((person for person in people if str(person.user_id) == chosen), None),
        wanted=_safe_next(),
        error=error,
        winery_name=winery_name,
    )


def _safe_next() -> str:
    """Where to go after the sign-in: a path of ours, never another site."""
    wanted = request.values.get("next", "")
    parts = urlsplit(wanted)
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if ours and not parts.netloc and not parts.scheme else "/"
