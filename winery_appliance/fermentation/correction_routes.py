"""The page on which a reading is put right or taken out, with everything that it was before. It works without script."""

from typing import Any
from uuid import uuid4

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.queries import find_names
from winery_appliance.core import clock, web
from winery_appliance.core.errors import AppError, NeedsConfirmation, NotFound
from winery_appliance.core.units import UNIT_SYMBOLS, SampleType, Unit, UnitMismatch, hard_range
from winery_appliance.core.words import say
from winery_appliance.fermentation import sample_corrections
from winery_appliance.fermentation.commands import CorrectSample, VoidSample
from winery_appliance.fermentation.entry import read_time
from winery_appliance.fermentation.queries import read_history
from winery_appliance.fermentation.service import get_fermentation
from winery_appliance.winery.queries import read_winery

blueprint = Blueprint("corrections", __name__, url_prefix="/samples/<id:sample_id>")
Typed = dict[str, str]


@blueprint.get("")
@permitted(Permission.READ_BOOK)
def show(sample_id: int) -> ResponseReturnValue:
    """A reading, what it was before, and a form for what it should have been."""
    return _show(sample_id)


@blueprint.post("/correct")
@permitted(Permission.RECORD_SAMPLES)
def correct(sample_id: int) -> ResponseReturnValue:
    """Let what was typed take its place; what is unusual is asked about once."""
    actor, typed = current_actor(), request.form.to_dict()
    try:
        with web.transaction(actor.winery_id) as session:
            zone = read_winery(session).time_zone
            names = ("client_uuid", "value", "unit", "reason")
            body: dict[str, Any] = {name: typed.get(name, "") for name in names}
            body["confirm"] = "confirm" in typed
            if typed.get("measured_at", "").strip():
                moment = read_time(typed["measured_at"], clock.now(), zone, "measured_at")
                body["measured_at"] = moment
            command = web.parse(CorrectSample, body)
            recorded = sample_corrections.correct_sample(
                session, sample_id, command, actor=actor, now=clock.now()
            )
    except AppError as error:
        return _show(sample_id, typed, error), web.status_of(error)
    flash(say("It is corrected; what it was before stays to be seen."), "success")
    return _go_to(recorded.sample.fermentation_id)


@blueprint.post("/void")
@permitted(Permission.RECORD_SAMPLES)
def void(sample_id: int) -> ResponseReturnValue:
    """Take it out of what counts."""
    actor, typed = current_actor(), request.form.to_dict()
    try:
        body = {name: typed.get(name, "") for name in ("client_uuid", "reason")}
        with web.transaction(actor.winery_id) as session:
            command = web.parse(VoidSample, body)
            recorded = sample_corrections.void_sample(
                session, sample_id, command, actor=actor, now=clock.now()
            )
    except AppError as error:
        return _show(sample_id, {"void_reason": typed.get("reason", "")}, error, "void_"), 422
    flash(say("It is taken out; it stays to be seen and counts no more."), "success")
    return _go_to(recorded.sample.fermentation_id)


def _go_to(fermentation_id: int) -> ResponseReturnValue:
    return redirect(url_for("analysis.show", fermentation_id=fermentation_id) + "#readings", 303)


def _show(
    sample_id: int, typed: Typed | None = None, error: AppError | None = None, prefix: str = ""
) -> str:
    with web.transaction(current_actor().winery_id) as session:
        chain = read_history(session, sample_id)
        if not chain:
            raise NotFound(say("There is no such reading in this winery."))
        ferment = get_fermentation(session, chain[-1].fermentation_id)
        names = find_names(session, {s.recorded_by for s in chain if s.recorded_by is not None})
        zone = read_winery(session).time_zone
    last = chain[-1]
    asks = isinstance(error, NeedsConfirmation)
    faults = {prefix + field.path: field.detail for field in error.fields} if error else {}
    form: dict[str, Any] = {
        "values": {"unit": str(last.unit), "client_uuid": str(uuid4())} | (typed or {}),
        "errors": {} if asks else faults,
        "questions": [field.detail for field in error.fields] if error and asks else [],
        "error": error.detail if error and not faults else None,
    }
    return render_template(
        "fermentation/correction.html",
        ferment=ferment,
        chain=chain,
        sample=last,
        names=names,
        form=form,
        units=list_units(last.sample_type),
        symbols=UNIT_SYMBOLS,
        zone=zone,
        may_mend=not last.voids and current_actor().may(Permission.RECORD_SAMPLES),
    )


def list_units(kind: SampleType) -> list[tuple[str, str]]:
    """The units that such a reading can be typed in, with their symbols."""
    found = []
    for unit in Unit:
        try:
            hard_range(kind, unit)
        except UnitMismatch:
            continue
        found.append((str(unit), UNIT_SYMBOLS[unit]))
    return found
