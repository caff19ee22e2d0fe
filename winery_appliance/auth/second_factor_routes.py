"""The second factor at the door, and its page under the account."""

from datetime import timedelta

import segno
from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from winery_appliance.auth import guards, second_factor, service
from winery_appliance.auth.commands import CheckCode, StartSecondFactor
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission, Role
from winery_appliance.auth.second_factor import NewFactor
from winery_appliance.auth.service import Actor
from winery_appliance.core import clock, web
from winery_appliance.core.errors import AppError, Invalid
from winery_appliance.core.words import say

blueprint = Blueprint("second_factor", __name__)
WAITS = timedelta(minutes=5)
_WAITING = "second_factor"


def ask_for_code(actor: Actor, wanted: str) -> ResponseReturnValue:
    """Let this browser go on to the code: the password was right. What it carries is signed, and opens nothing."""
    session.clear()
    session[_WAITING] = {
        "user_id": actor.user_id,
        "winery_id": actor.winery_id,
        "role": str(actor.role),
        "name": actor.display_name,
        "next": wanted,
        "until": (clock.now() + WAITS).timestamp(),
    }
    return redirect(url_for("second_factor.code"), 303)


@blueprint.get("/sign-in/code")
def code() -> ResponseReturnValue:
    """Where the code is typed."""
    if _find_waiting() is None:
        return redirect(url_for("auth.sign_in"), 303)
    return render_template("auth/second_factor_code.html", error=None)


@blueprint.post("/sign-in/code")
def enter() -> ResponseReturnValue:
    """Check the code and sign this browser in."""
    actor = _find_waiting()
    if actor is None:
        return redirect(url_for("auth.sign_in"), 303)
    wanted = session[_WAITING]["next"]
    try:
        command = web.parse(CheckCode, {"code": request.form.get("code", "")})
        second_factor.check_code(
            web.database(), actor, command.code.get_secret_value(), keys=web.settings()
        )
    except AppError as error:
        said = (
            say("Type the code that the app shows.") if isinstance(error, Invalid) else error.detail
        )
        page = render_template("auth/second_factor_code.html", error=said)
        return page, 422 if isinstance(error, Invalid) else web.status_of(error)
    with web.transaction(actor.winery_id) as opened:
        token = service.open_session(
            opened, actor, lasts=guards.session_lasts(), user_agent=request.user_agent.string
        )
    guards.enter(actor, token)
    return redirect(wanted, 303)


def _find_waiting() -> Actor | None:
    """Whose password this browser typed in the last minutes."""
    kept = session.get(_WAITING)
    if not kept or kept["until"] < clock.now().timestamp():
        return None
    return Actor(kept["user_id"], kept["winery_id"], Role(kept["role"]), kept["name"])


@blueprint.get("/account/second-factor")
@permitted(Permission.READ_BOOK)
def show() -> ResponseReturnValue:
    """How it stands with one's own second factor, and what the winery asks."""
    return _show()


@blueprint.post("/account/second-factor")
@permitted(Permission.READ_BOOK)
def start() -> ResponseReturnValue:
    """Show a secret for an app."""
    actor = current_actor()
    try:
        command = web.parse(StartSecondFactor, {"password": request.form.get("password", "")})
        new = second_factor.start_factor(
            web.database(),
            command.password.get_secret_value(),
            actor=actor,
            keys=web.settings(),
            issuer="Winery",
        )
    except AppError as error:
        return _show(error=error), 422
    return _show(new=new)


@blueprint.post("/account/second-factor/confirm")
@permitted(Permission.READ_BOOK)
def confirm() -> ResponseReturnValue:
    """Let it count; show the recovery codes."""
    return _with_code(second_factor.confirm_factor)


@blueprint.post("/account/second-factor/recovery-codes")
@permitted(Permission.READ_BOOK)
def renew() -> ResponseReturnValue:
    """Show new recovery codes."""
    return _with_code(second_factor.renew_recovery_codes)


@blueprint.post("/account/second-factor/remove")
@permitted(Permission.READ_BOOK)
def remove() -> ResponseReturnValue:
    """Take it away."""
    return _with_code(second_factor.remove_factor)


@blueprint.post("/winery/sign-in-rules")
@permitted(Permission.CONFIGURE_WINERY)
def set_rules() -> ResponseReturnValue:
    """Ask owners and winemakers for a second factor, or not."""
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as opened:
            second_factor.set_rules(opened, "required" in request.form, actor=actor)
    except AppError as error:
        return _show(error=error), web.status_of(error)
    flash(say("What the door asks for is saved."), "success")
    return redirect(url_for("second_factor.show"), 303)


@blueprint.post("/people/<id:user_id>/second-factor/remove")
@permitted(Permission.MANAGE_USERS)
def take_away(user_id: int) -> ResponseReturnValue:
    """For who lost phone and codes."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as opened:
        second_factor.take_factor_away(opened, user_id, actor=actor)
    flash(say("Their password alone opens until they set up another second factor."), "success")
    return redirect(url_for("people.show", user_id=user_id), 303)


def _with_code(act) -> ResponseReturnValue:  # type: ignore[no-untyped-def]
    actor = current_actor()
    try:
        command = web.parse(CheckCode, {"code": request.form.get("code", "")})
        codes = act(
            web.database(), command.code.get_secret_value(), actor=actor, keys=web.settings()
        )
    except AppError as error:
        return _show(error=error), 422
    session.pop(guards.MISSING_FACTOR, None)
    if codes is not None:
        return _show(codes=codes)
    flash(say("The second factor is taken away."), "success")
    return redirect(url_for("second_factor.show"), 303)


def _show(
    *,
    new: NewFactor | None = None,
    codes: list[str] | None = None,
    error: AppError | None = None,
) -> str:
    actor = current_actor()
    with web.transaction(actor.winery_id) as opened:
        view = second_factor.read_factor(opened, user_id=actor.user_id, role=actor.role)
        asked = second_factor.is_required(opened)
    return render_template(
        "auth/second_factor.html",
        factor=view,
        asked=asked,
        new=new,
        picture=_draw(new.uri) if new else None,
        codes=codes,
        error=error.detail if error else None,
    )


def _draw(uri: str) -> Markup:
    """The address as a square code that an app reads."""
    return Markup(segno.make(uri, error="m").svg_inline(scale=5, border=2))  # noqa: S704 - drawn by us
