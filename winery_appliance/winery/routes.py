"""The first run, the winery's settings, and its vessels."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user

from winery_appliance.auth.guards import SignedInUser, current_actor, permitted, session_lasts
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import open_session
from winery_appliance.core import web
from winery_appliance.core.errors import AppError, ChangedMeanwhile, Conflict
from winery_appliance.core.typed_text import list_zones
from winery_appliance.core.version_tags import make_tag
from winery_appliance.core.words import ngettext, say, speak, spoken
from winery_appliance.winery import queries, service
from winery_appliance.winery import vessels as vessels_service
from winery_appliance.winery.commands import ChangeVessel, ChangeWinery, CreateVessel, SetUpWinery
from winery_appliance.winery.setting_up import set_up_winery

blueprint = Blueprint("winery", __name__, template_folder="templates")


@blueprint.get("/setup")
def first_run() -> ResponseReturnValue:
    """The form that makes the winery and its owner; gone once there is a winery."""
    with web.transaction() as opened:
        if service.exists_any_winery(opened):
            return redirect("/")
    return _show_form({"time_zone": "UTC", "language": spoken()}, None)


@blueprint.post("/setup")
def set_up() -> ResponseReturnValue:
    """Make the winery, its tanks and its owner, and sign the owner in."""
    try:
        command = web.parse(SetUpWinery, request.form.to_dict())
        actor = set_up_winery(web.database(), command)
    except AppError as error:
        return _show_form(request.form.to_dict(), error), 422
    with web.transaction(actor.winery_id) as opened:
        token = open_session(
            opened, actor, lasts=session_lasts(), user_agent=request.user_agent.string
        )
    session.clear()
    session.permanent = True
    login_user(SignedInUser(actor, token))
    speak(command.language)
    if command.tanks:
        flash(
            ngettext(
                "%(num)s tank is in the cellar.",
                "%(num)s tanks are in the cellar.",
                len(command.tanks),
            ),
            "success",
        )
    flash(
        say("The book has begun. How to keep it safe stands under Account, How it is."), "success"
    )
    return redirect("/", 303)


# In a form an empty field is no value; numbers are typed with a comma as well.
_OPTIONAL = ("location", "country", "latitude", "longitude", "audit_months")
_NUMBERS = ("latitude", "longitude")


@blueprint.get("/winery/settings")
@permitted(Permission.CONFIGURE_WINERY)
def settings() -> ResponseReturnValue:
    """The winery's settings, to be changed by its owner."""
    with web.transaction(current_actor().winery_id) as opened:
        winery = queries.read_winery(opened)
    values = {name: "" if value is None else str(value) for name, value in vars(winery).items()}
    return _show_settings(values | {"version": make_tag(winery)}, None)


@blueprint.post("/winery/settings")
@permitted(Permission.CONFIGURE_WINERY)
def change_settings() -> ResponseReturnValue:
    """Keep what the owner typed, unless somebody changed the settings since the form was opened."""
    actor = current_actor()
    typed = request.form.to_dict()
    given: dict[str, str | None] = {
        name: value for name, value in typed.items() if name not in {"csrf_token", "version"}
    }
    for name in _OPTIONAL:
        given[name] = (given.get(name) or "").strip() or None
    for name in _NUMBERS:
        given[name] = (given[name] or "").replace(",", ".").replace("−", "-") or None
    try:
        command = web.parse(ChangeWinery, given)
        with web.transaction(actor.winery_id) as opened:
            service.change_winery(
                opened, command, actor=actor, seen={request.form.get("version", "")}
            )
    except AppError as error:
        return _show_settings(typed, error), 422
    flash(say("The settings are saved."), "success")
    return redirect(url_for("winery.settings"), 303)


def _show_settings(values: dict[str, str], error: AppError | None) -> str:
    faults = {field.path: field.detail for field in error.fields} if error else {}
    said = None if error is None or faults else error.detail
    form = {"values": values, "errors": faults, "error": said}
    return render_template("winery/settings.html", form=form, zones=list_zones())


@blueprint.get("/vessels")
@permitted(Permission.CONFIGURE_CELLAR)
def vessels() -> ResponseReturnValue:
    """The vessels of the cellar; or those that left it."""
    deleted = request.args.get("deleted") == "true"
    with web.transaction(current_actor().winery_id) as opened:
        found = queries.list_vessels(opened, deleted=deleted)
    return render_template("winery/vessels.html", vessels=found, deleted=deleted)


@blueprint.get("/vessels/new")
@permitted(Permission.CONFIGURE_CELLAR)
def new_vessel() -> ResponseReturnValue:
    """The form that adds a vessel."""
    return _show_vessel(None, {"kind": "tank"}, None)


@blueprint.post("/vessels/new")
@permitted(Permission.CONFIGURE_CELLAR)
def add_vessel() -> ResponseReturnValue:
    """Add a vessel."""
    actor = current_actor()
    typed = request.form.to_dict()
    try:
        command = web.parse(CreateVessel, _read_vessel(typed))
        with web.transaction(actor.winery_id) as opened:
            added, _ = vessels_service.add_vessel(opened, command, actor=actor)
    except AppError as error:
        return _show_vessel(None, typed, error), 422
    flash(say("%(code)s is in the cellar.", code=added.code), "success")
    return redirect(url_for("winery.vessels"), 303)


@blueprint.get("/vessels/<id:vessel_id>")
@permitted(Permission.CONFIGURE_CELLAR)
def vessel(vessel_id: int) -> ResponseReturnValue:
    """One vessel, to be changed."""
    with web.transaction(current_actor().winery_id) as opened:
        found = vessels_service.get_vessel(opened, vessel_id)
    values = {name: "" if value is None else str(value) for name, value in vars(found).items()}
    return _show_vessel(found, values | {"version": make_tag(found)}, None)


@blueprint.post("/vessels/<id:vessel_id>")
@permitted(Permission.CONFIGURE_CELLAR)
def change_vessel(vessel_id: int) -> ResponseReturnValue:
    """Keep what was typed, unless somebody changed the vessel since the form was opened."""
    actor = current_actor()
    typed = request.form.to_dict()
    with web.transaction(actor.winery_id) as opened:
        before = vessels_service.get_vessel(opened, vessel_id)
    try:
        command = web.parse(ChangeVessel, _read_vessel(typed))
        with web.transaction(actor.winery_id) as opened:
            after = vessels_service.change_vessel(
                opened, vessel_id, command, actor=actor, seen={typed.get("version", "")}
            )
    except AppError as error:
        return _show_vessel(before, typed, error), 422
    flash(say("%(code)s is saved.", code=after.code), "success")
    return redirect(url_for("winery.vessels"), 303)


@blueprint.post("/vessels/<id:vessel_id>/delete")
@permitted(Permission.CONFIGURE_CELLAR)
def delete_vessel(vessel_id: int) -> ResponseReturnValue:
    """Take a vessel out of the cellar."""
    actor = current_actor()
    seen = {request.form.get("version", "")}
    try:
        with web.transaction(actor.winery_id) as opened:
            vessels_service.delete_vessel(opened, vessel_id, actor=actor, seen=seen)
    except (ChangedMeanwhile, Conflict) as error:
        flash(error.detail, "error")
        return redirect(url_for("winery.vessel", vessel_id=vessel_id), 303)
    return redirect(url_for("winery.vessels", deleted="true"), 303)


@blueprint.post("/vessels/<id:vessel_id>/restore")
@permitted(Permission.CONFIGURE_CELLAR)
def restore_vessel(vessel_id: int) -> ResponseReturnValue:
    """Bring a vessel back that left the cellar."""
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as opened:
            vessels_service.restore_vessel(opened, vessel_id, actor=actor)
    except Conflict as error:
        flash(error.detail, "error")
        return redirect(url_for("winery.vessels", deleted="true"), 303)
    return redirect(url_for("winery.vessels"), 303)


def _read_vessel(typed: dict[str, str]) -> dict[str, str | int | None]:
    """What was typed as a body: an empty field is no value, digits are a number."""
    body: dict[str, str | int | None] = {
        "code": typed.get("code", ""),
        "kind": typed.get("kind", ""),
    }
    for name in ("material", "jacket", "capacity_l", "position"):
        text = typed.get(name, "").strip()
        body[name] = text or None
        if name in ("capacity_l", "position") and text.isdecimal() and len(text) < 10:
            body[name] = int(text)
    return body


def _show_vessel(
    found: queries.VesselView | None, values: dict[str, str], error: AppError | None
) -> str:
    faults = {field.path: field.detail for field in error.fields} if error else {}
    said = None if error is None or faults else error.detail
    form = {"values": values, "errors": faults, "error": said}
    return render_template("winery/vessel.html", vessel=found, form=form)


def _show_form(values: dict[str, str], error: AppError | None) -> str:
    faults = {field.path: field.detail for field in error.fields} if error else {}
    said = None if error is None or faults else error.detail
    form = {"values": values, "errors": faults, "error": said}
    return render_template("winery/first_run.html", form=form, zones=list_zones())
