"""Pages of the probes: which there are, where each hangs and what it says, and how one is connected."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from winery_appliance.auth.commands import CreatePersonalToken
from winery_appliance.auth.guards import current_actor, permitted, token_key
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.personal_tokens import (
    LASTS_AT_MOST,
    MadeToken,
    create_personal_token,
)
from winery_appliance.core import clock, web
from winery_appliance.core.errors import AppError, ChangedMeanwhile, Conflict
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.core.units import UNIT_SYMBOLS, SampleType, from_canonical
from winery_appliance.core.version_tags import make_tag
from winery_appliance.core.words import say
from winery_appliance.devices import queries, service
from winery_appliance.devices.commands import AddDevice, AssignDevice, ChangeDevice
from winery_appliance.devices.connecting import list_settings
from winery_appliance.devices.queries import ReadingView
from winery_appliance.fermentation.entry import read_time
from winery_appliance.winery.queries import Units, list_vessels, read_units, read_winery

blueprint = Blueprint("probes", __name__, url_prefix="/probes", template_folder="templates")


@dataclass(frozen=True)
class Figure:
    """What a probe read last, in the unit that its reader is used to."""

    quantity: str
    value: float
    symbol: str


@blueprint.get("")
@permitted(Permission.READ_BOOK)
def index() -> ResponseReturnValue:
    """The winery's probes, with a form for one more; or those that are out of use."""
    return _show_all({"kind": "ispindel"}, None)


@blueprint.post("")
@permitted(Permission.CONFIGURE_CELLAR)
def add() -> ResponseReturnValue:
    """Make a probe known."""
    actor, typed = current_actor(), request.form.to_dict()
    try:
        command = web.parse(AddDevice, _read_device(typed))
        with web.transaction(actor.winery_id) as session:
            added, _ = service.add_device(session, command, actor=actor)
    except AppError as error:
        return _show_all(typed, error), web.status_of(error)
    flash(
        say("%(code)s is known. Hang it into its tank and connect it.", code=added.code), "success"
    )
    return redirect(url_for("probes.show", device_id=added.id), 303)


@blueprint.get("/<id:device_id>")
@permitted(Permission.READ_BOOK)
def show(device_id: int) -> ResponseReturnValue:
    """One probe: what it says, where it hung, how it is connected."""
    return _show(device_id)


@blueprint.post("/<id:device_id>")
@permitted(Permission.CONFIGURE_CELLAR)
def change(device_id: int) -> ResponseReturnValue:
    """Keep what was typed, unless somebody changed the probe since the form was opened."""
    actor, typed = current_actor(), request.form.to_dict()

    def keep(session: Session) -> str:
        command = web.parse(ChangeDevice, _read_device(typed))
        seen = {typed.get("version", "")}
        after = service.change_device(session, device_id, command, actor=actor, seen=seen)
        return say("%(code)s is saved.", code=after.code)

    return _act(device_id, "change", keep)


@blueprint.post("/<id:device_id>/hang")
@permitted(Permission.CONFIGURE_CELLAR)
def hang(device_id: int) -> ResponseReturnValue:
    """Hang a probe into a tank from a moment on, now if none was typed; or take it out."""
    actor, typed = current_actor(), request.form.to_dict()

    def keep(session: Session) -> str:
        zone = read_winery(session).time_zone
        body = {
            "vessel_code": None if "out" in typed else typed.get("vessel_code", ""),
            "since": read_time(typed.get("since", ""), clock.now(), zone, "since"),
        }
        command = web.parse(AssignDevice, body)
        service.assign_device(session, device_id, command, actor=actor)
        device = service.get_device(session, device_id)
        if device.vessel_code is None:
            return say("%(code)s hangs nowhere.", code=device.code)
        return say("%(code)s hangs in %(vessel)s.", code=device.code, vessel=device.vessel_code)

    return _act(device_id, "hang", keep)


@blueprint.post("/<id:device_id>/token")
@permitted(Permission.CONFIGURE_CELLAR)
def make_token(device_id: int) -> ResponseReturnValue:
    """Make a token that may record readings and nothing else, and show its secret: now and never again."""
    actor, typed = current_actor(), request.form.to_dict()
    given = {
        "name": typed.get("token_name", ""),
        "scopes": [Permission.RECORD_SAMPLES],
        "expires_at": clock.now() + LASTS_AT_MOST,
    }
    try:
        with web.transaction(actor.winery_id) as session:
            service.get_device(session, device_id)
            command = web.parse(CreatePersonalToken, given)
            made = create_personal_token(session, command, actor=actor, key=token_key())
    except AppError as error:
        return _show(device_id, act="token", error=error), web.status_of(error)
    return _show(device_id, made=made), {"Cache-Control": "no-store"}


@blueprint.post("/<id:device_id>/delete")
@permitted(Permission.CONFIGURE_CELLAR)
def delete(device_id: int) -> ResponseReturnValue:
    """Take a probe out of its tank and out of use."""
    actor, seen = current_actor(), {request.form.get("version", "")}
    try:
        with web.transaction(actor.winery_id) as session:
            service.delete_device(session, device_id, actor=actor, seen=seen, now=clock.now())
    except (ChangedMeanwhile, Conflict) as error:
        flash(error.detail, "error")
        return redirect(url_for("probes.show", device_id=device_id), 303)
    return redirect(url_for("probes.index", deleted="true"), 303)


@blueprint.post("/<id:device_id>/restore")
@permitted(Permission.CONFIGURE_CELLAR)
def restore(device_id: int) -> ResponseReturnValue:
    """Bring a probe back that was out of use."""
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as session:
            service.restore_device(session, device_id, actor=actor)
    except Conflict as error:
        flash(error.detail, "error")
        return redirect(url_for("probes.index", deleted="true"), 303)
    return redirect(url_for("probes.show", device_id=device_id), 303)


def _act(device_id: int, act: str, keep: Callable[[Session], str]) -> ResponseReturnValue:
    """Do what was asked of a probe and say so on its page; what was refused stands at its field there."""
    try:
        with web.transaction(current_actor().winery_id) as session:
            said = keep(session)
    except AppError as error:
        return _show(device_id, act=act, error=error), web.status_of(error)
    flash(said, "success")
    return redirect(url_for("probes.show", device_id=device_id), 303)


def _read_device(typed: dict[str, str]) -> dict[str, str | None]:
    """What was typed of a probe as a body: an empty name is none."""
    return {
        "code": typed.get("code", ""),
        "kind": typed.get("kind", ""),
        "name": typed.get("name", "").strip() or None,
    }


def _show_all(values: dict[str, str], error: AppError | None) -> str:
    actor = current_actor()
    deleted = request.args.get("deleted") == "true"
    with web.transaction(actor.winery_id) as session:
        found = queries.list_devices(session, deleted=deleted, limit=MAX_LIMIT).items
        latest = queries.read_latest(session, [device.id for device in found])
        units = read_units(session, actor.user_id, read_winery(session))
    return render_template(
        "devices/probes.html",
        probes=found,
        heard={of: _tell(readings, units) for of, readings in latest.items()},
        deleted=deleted,
        form=_fill("add", values, error),
        may_change=actor.may(Permission.CONFIGURE_CELLAR),
        now=clock.now(),
    )


def _show(
    device_id: int,
    act: str | None = None,
    error: AppError | None = None,
    made: MadeToken | None = None,
) -> str:
    """The probe's page. Raises NotFound, also for another winery's probe."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        probe = service.get_device(session, device_id)
        places = queries.list_assignments(session, device_id)
        latest = queries.read_latest(session, [device_id]).get(device_id, [])
        vessels = list_vessels(session)
        winery = read_winery(session)
        units = read_units(session, actor.user_id, winery)
    values = {
        "version": make_tag(probe),
        "code": probe.code,
        "kind": probe.kind,
        "name": probe.name or "",
        "token_name": probe.code,
    }
    return render_template(
        "devices/probe.html",
        probe=probe,
        places=places,
        heard=_tell(latest, units),
        vessels=vessels,
        zone=winery.time_zone,
        settings=list_settings(probe, request.host_url),
        made=made,
        days=LASTS_AT_MOST.days,
        form=_fill(act, values | (request.form.to_dict() if error else {}), error),
        may_change=actor.may(Permission.CONFIGURE_CELLAR),
        now=clock.now(),
    )


def _fill(act: str | None, values: dict[str, str], error: AppError | None) -> dict[str, Any]:
    """The forms of a page: what stands in them, and what is wrong in the one of this `act`."""
    renamed = {"name": "token_name"} if act == "token" else {}
    faults = {
        renamed.get(fault.path, fault.path): fault.detail
        for fault in (error.fields if error else ())
    }
    said = None if error is None or faults else error.detail
    return {"act": act if error else None, "values": values, "errors": faults, "error": said}


def _tell(readings: list[ReadingView], units: Units) -> dict[str, Any] | None:
    """When a probe was last heard and what it said; None for one that never spoke."""
    if not readings:
        return None
    figures = []
    for reading in readings:
        unit = units.sugar if reading.quantity is SampleType.sugar else reading.unit
        value = from_canonical(reading.quantity, reading.value, unit)
        figures.append(Figure(str(reading.quantity), value, UNIT_SYMBOLS[unit]))
    return {"at": max(reading.read_at for reading in readings), "figures": figures}
