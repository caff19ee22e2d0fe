"""Pages that write the book: start a fermentation, enter a reading, manage a wine, and the list of all."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor
from winery_appliance.core import clock, web
from winery_appliance.core.errors import (
    AppError,
    Conflict,
    FieldFault,
    Invalid,
    NeedsConfirmation,
    NotFound,
)
from winery_appliance.core.figures import typed_quantity
from winery_appliance.core.words import N_, say
from winery_appliance.fermentation import managing, queries, removing, service
from winery_appliance.fermentation.commands import RecordSample, StartFermentation
from winery_appliance.fermentation.entry import (
    KINDS,
    EntryForm,
    explain,
    read_bodies,
    tell_previous,
)
from winery_appliance.fermentation.managing import Act
from winery_appliance.fermentation.states import PHASES
from winery_appliance.fermentation.whereabouts import find_occupied
from winery_appliance.fruit_origin.commands import MOST_ROWS
from winery_appliance.fruit_origin.queries import list_lots
from winery_appliance.winery.queries import WineryView, list_vessels, read_winery

blueprint = Blueprint("fermentation", __name__, template_folder="templates")


@blueprint.get("/fermentations")
@permitted(Permission.READ_BOOK)
def index() -> ResponseReturnValue:
    """Every fermentation, the youngest first; or the deleted ones."""
    actor = current_actor()
    deleted = request.args.get("deleted") == "true"
    with web.transaction(actor.winery_id) as session:
        page = queries.list_fermentations(
            session, deleted=deleted, cursor=request.args.get("cursor")
        )
    return render_template(
        "fermentation/index.html",
        rows=page.items,
        deleted=deleted,
        next_cursor=page.next_cursor,
        may_start=actor.may(Permission.RUN_FERMENTATIONS),
    )


@blueprint.get("/fermentations/new")
@permitted(Permission.RUN_FERMENTATIONS)
def start() -> ResponseReturnValue:
    """The form that begins a fermentation."""
    with web.transaction(current_actor().winery_id) as session:
        return _show_start(session, {}, None)


@blueprint.post("/fermentations/new")
@permitted(Permission.RUN_FERMENTATIONS)
def begin() -> ResponseReturnValue:
    """Begin a fermentation. A vessel that is not in the book is asked about once: it may be a slip."""
    actor = current_actor()
    typed = request.form.to_dict()
    try:
        with web.transaction(actor.winery_id) as session:
            command = _read_start(session, typed)
            view = service.start_fermentation(session, command, actor=actor, now=clock.now())
    except AppError as error:
        with web.transaction(actor.winery_id) as session:
            return _show_start(session, typed, error), 422
    planned = view.status == "planned"
    said = (
        N_("%(code)s is planned for %(vessel)s.")
        if planned
        else N_("%(code)s began in %(vessel)s.")
    )
    flash(say(said, code=view.code, vessel=view.vessel_code))
    return redirect(url_for("analysis.show", fermentation_id=view.id), 303)


def _read_start(session: Session, typed: dict[str, str]) -> StartFermentation:
    winery = read_winery(session)
    body: dict[str, Any] = {
        name: typed.get(name, "") for name in ("code", "vessel_code", "yeast_strain", "style")
    }
    body["started_at"] = _read_local_time(typed.get("started_at", ""), winery)
    body["status"] = typed.get("status") or "active"
    body["start_volume_l"] = typed.get("start_volume_l", "").strip() or None
    vintage = typed.get("vintage", "").strip()
    body["vintage"] = int(vintage) if vintage.isdecimal() else vintage or None
    command = web.parse(StartFermentation, body)
    known = {vessel.code.lower() for vessel in list_vessels(session)}
    if command.vessel_code.lower() not in known and not typed.get("add_vessel"):
        raise Invalid(
            say(
                "There is no vessel %(vessel_code)s yet. Nothing was saved.",
                vessel_code=command.vessel_code,
            ),
            code="new_vessel",
            fields=[
                FieldFault(
                    "vessel_code",
                    "new_vessel",
                    say("Not in the book yet. Add it, or check the code."),
                )
            ],
        )
    return command


def _read_local_time(text: str, winery: WineryView) -> datetime:
    """The typed local time in UTC; now when nothing was typed."""
    if not text.strip():
        return clock.now()
    try:
        return (
            datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(winery.time_zone)).astimezone(UTC)
        )
    except (ValueError, OverflowError) as error:
        fault = FieldFault("started_at", "bad_time", say("Use the date and time picker."))
        raise Invalid(
            say("The start is not readable. Nothing was saved."), fields=[fault]
        ) from error


def _show_start(session: Session, typed: dict[str, str], error: AppError | None) -> str:
    taken = find_occupied(session, clock.now())
    vessels = [{"code": v.code, "free": v.id not in taken} for v in list_vessels(session)]
    faults = {field.path: field.detail for field in error.fields} if error else {}
    if error and not faults:
        faults["code"] = error.detail
    form = {
        "values": typed,
        "errors": faults,
        "ask_new_vessel": bool(error and error.code == "new_vessel"),
    }
    return render_template("fermentation/new.html", form=form, vessels=vessels)


@blueprint.get("/fermentations/<id:fermentation_id>/manage")
@permitted(Permission.RUN_FERMENTATIONS)
def manage(fermentation_id: int) -> ResponseReturnValue:
    """State, phases, lots and name of a wine, each with its form."""
    with web.transaction(current_actor().winery_id) as session:
        return _show_managing(session, fermentation_id, {}, None)


@blueprint.post("/fermentations/<id:fermentation_id>/manage")
@permitted(Permission.RUN_FERMENTATIONS)
def carry_out(fermentation_id: int) -> ResponseReturnValue:
    """Do what one of the forms asks."""
    actor = current_actor()
    typed = request.form.to_dict()
    try:
        with web.transaction(actor.winery_id) as session:
            wine = service.get_fermentation(session, fermentation_id)
            zone = ZoneInfo(read_winery(session).time_zone)
            said = managing.carry_out(Act(session, wine, typed, zone, actor, clock.now()))
    except NotFound:
        raise
    except AppError as error:
        with web.transaction(actor.winery_id) as session:
            return _show_managing(session, fermentation_id, typed, error), 422
    flash(said, "success")
    if typed["act"] == "delete":
        return redirect(url_for("fermentation.index", deleted="true"), 303)
    return redirect(url_for("fermentation.manage", fermentation_id=fermentation_id), 303)


def _show_managing(
    session: Session, fermentation_id: int, typed: dict[str, str], error: AppError | None
) -> str:
    wine = service.get_fermentation(session, fermentation_id)
    act = typed.get("act", "")
    values = managing.fill_in(wine, ZoneInfo(read_winery(session).time_zone))
    faults = managing.explain(act, error, typed) if error else {}
    # Who was refused because somebody changed the wine sees it as it is now, and what they typed.
    kept = {name: value for name, value in typed.items() if name not in {"version", "csrf_token"}}
    form = {
        "values": values | kept,
        "errors": faults,
        "error": None if error is None or faults else error.detail,
        "act": act,
    }
    return render_template(
        "fermentation/manage.html",
        wine=wine,
        form=form,
        choices={name: managing.list_choices(wine, name) for name in PHASES},
        lot_rows=len(wine.lot_sources) + managing.MORE_LOTS,
        lots=[lot.code for lot in list_lots(session, limit=MOST_ROWS).items],
        vessels=[vessel.code for vessel in list_vessels(session)],
    )


@blueprint.post("/fermentations/<id:fermentation_id>/restore")
@permitted(Permission.RUN_FERMENTATIONS)
def restore(fermentation_id: int) -> ResponseReturnValue:
    """Bring a deleted fermentation back."""
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as session:
            view = removing.restore_fermentation(session, fermentation_id, actor=actor)
    except Conflict as error:
        flash(error.detail, "error")
        return redirect(url_for("fermentation.index", deleted="true"), 303)
    flash(say("%(code)s is back.", code=view.code), "success")
    return redirect(url_for("analysis.show", fermentation_id=view.id), 303)


@blueprint.post("/fermentations/<id:fermentation_id>/samples")
@permitted(Permission.RECORD_SAMPLES)
def record(fermentation_id: int) -> ResponseReturnValue:
    """Save what was typed: both readings or none."""
    actor = current_actor()
    typed = request.form.to_dict()
    form = EntryForm(values=typed)
    form.sugar_uuid = typed.get("sugar_uuid") or form.sugar_uuid
    form.temperature_uuid = typed.get("temperature_uuid") or form.temperature_uuid
    try:
        with web.transaction(actor.winery_id) as session:
            form.timezone_name = read_winery(session).time_zone
            saved = _record_all(session, fermentation_id, typed, form, actor)
            if form.errors or form.questions:
                raise Invalid(say("Nothing was saved."))
    except Invalid as error:
        if not (form.errors or form.questions):
            explain(form, error, None)
        return _show_entry(actor, fermentation_id, form), 422
    flash(say("Saved: %(saved)s.", saved=" and ".join(saved)))
    return redirect(url_for("analysis.show", fermentation_id=fermentation_id), 303)


def _record_all(
    session: Session, fermentation_id: int, typed: dict[str, str], form: EntryForm, actor: Actor
) -> list[str]:
    """Record each reading of the form; what was saved. Faults and questions of all of them are gathered in `form`."""
    saved = []
    now = clock.now()
    names = {kind: name for name, kind in KINDS.items()}
    for body in read_bodies(typed, now=now, timezone_name=form.timezone_name):
        try:
            command = web.parse(RecordSample, body)
            sample = service.record_sample(
                session, fermentation_id, command, actor=actor, now=now
            ).sample
            saved.append(typed_quantity(sample.value, sample.unit, sample.qualifier))
        except (Invalid, NeedsConfirmation, Conflict) as error:
            explain(form, error, names[body["sample_type"]])
    return saved


def _show_entry(actor: Actor, fermentation_id: int, form: EntryForm) -> str:
    """The form again with everything that was typed, and what to do about it."""
    with web.transaction(actor.winery_id) as session:
        ferment = service.get_fermentation(session, fermentation_id)
        form.previous = tell_previous(queries.read_samples(session, fermentation_id))
    return render_template("fermentation/entry.html", ferment=ferment, entry=form)
