"""The first run."""

from flask import Blueprint, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_login import login_user

from winery_appliance.auth.guards import SignedInUser, session_lasts
from winery_appliance.auth.service import open_session
from winery_appliance.core import web
from winery_appliance.core.errors import AppError
from winery_appliance.winery import service
from winery_appliance.winery.commands import SetUpWinery

blueprint = Blueprint("winery", __name__, template_folder="templates")


@blueprint.get("/setup")
def first_run() -> ResponseReturnValue:
    """The form that makes the winery and its owner; gone once there is a winery."""
    with web.transaction() as opened:
        if service.exists_any_winery(opened):
            return redirect("/")
    return _show_form({}, None)


@blueprint.post("/setup")
def set_up() -> ResponseReturnValue:
    """Make the winery and its owner, and sign the owner in."""
    try:
        actor = service.set_up_winery(
            web.database(), web.parse(SetUpWinery, request.form.to_dict())
        )
    except AppError as error:
        return _show_form(request.form.to_dict(), error), 422
    with web.transaction(actor.winery_id) as opened:
        token = open_session(
            opened, actor, lasts=session_lasts(), user_agent=request.user_agent.string
        )
    session.clear()
    session.permanent = True
    login_user(SignedInUser(actor, token))
    return redirect("/", 303)


def _show_form(values: dict[str, str], error: AppError | None) -> str:
    faults = {field.path: field.detail for field in error.fields} if error else {}
    said = None if error is None or faults else error.detail
    form = {"values": values, "errors": faults, "error": said}
    return render_template("winery/first_run.html", form=form)
