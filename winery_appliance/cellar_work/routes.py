"""Pages that write what was done to a wine. Each form works without script and can be sent twice without harm."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.cellar_work import notes, service
from winery_appliance.cellar_work.commands import RecordAddition, RecordCapWork, RecordNote
from winery_appliance.cellar_work.photos import MOST_SENT_BYTES, redraw_photo
from winery_appliance.cellar_work.work_forms import What, WorkForm, read_form
from winery_appliance.core import clock, web
from winery_appliance.core.errors import Conflict, Invalid, NeedsConfirmation
from winery_appliance.core.words import say
from winery_appliance.fermentation.service import get_fermentation
from winery_appliance.winery.queries import read_winery

blueprint = Blueprint(
    "cellar_work",
    __name__,
    template_folder="templates",
    url_prefix="/fermentations/<id:fermentation_id>",
)


@blueprint.post("/additions")
@permitted(Permission.RECORD_CELLAR_WORK)
def record_addition(fermentation_id: int) -> ResponseReturnValue:
    """Save an addition that was typed into the page."""
    actor = current_actor()

    def save(session: Session, body: dict[str, Any]) -> None:
        command = web.parse(RecordAddition, body)
        service.record_addition(session, fermentation_id, command, actor=actor, now=clock.now())

    return _take("addition", fermentation_id, save, say("The addition is in the book."))


@blueprint.post("/cap-work")
@permitted(Permission.RECORD_CELLAR_WORK)
def record_cap_work(fermentation_id: int) -> ResponseReturnValue:
    """Save cap work that was typed into the page."""
    actor = current_actor()

    def save(session: Session, body: dict[str, Any]) -> None:
        command = web.parse(RecordCapWork, body)
        service.record_cap_work(session, fermentation_id, command, actor=actor, now=clock.now())

    return _take("cap_work", fermentation_id, save, say("The cap work is in the book."))


@blueprint.post("/notes")
@web.takes_up_to(MOST_SENT_BYTES)
@permitted(Permission.RECORD_CELLAR_WORK)
def write_note(fermentation_id: int) -> ResponseReturnValue:
    """Save a note, with a photo or without."""
    actor = current_actor()
    sent = web.read_file("photo")
    try:
        photo = redraw_photo(sent) if sent else None
    except Invalid as error:
        form, _ = _read("note")
        form.explain(error)
        return _show_again(fermentation_id, form)

    def save(session: Session, body: dict[str, Any]) -> None:
        command = web.parse(RecordNote, body)
        body_hash = command.fingerprint(fermentation_id, sent)
        notes.write_note(
            session, fermentation_id, command, photo, body_hash, actor=actor, now=clock.now()
        )

    return _take("note", fermentation_id, save, say("The note is in the book."))


def _read(what: What) -> tuple[WorkForm, dict[str, Any]]:
    with web.transaction(current_actor().winery_id) as session:
        timezone_name = read_winery(session).time_zone
    return read_form(what, request.form, now=clock.now(), timezone_name=timezone_name)


def _take(
    what: What,
    fermentation_id: int,
    save: Callable[[Session, dict[str, Any]], None],
    saved: str,
) -> ResponseReturnValue:
    """Save what a form says and go back to the wine; or show it again with what is wrong."""
    form, body = _read(what)
    if form.errors:
        return _show_again(fermentation_id, form)
    try:
        with web.transaction(current_actor().winery_id) as session:
            save(session, body)
    except (Invalid, NeedsConfirmation, Conflict) as error:
        if error.code != "uuid_reused":
            form.explain(error)
            return _show_again(fermentation_id, form)
        # Sent twice: "now" is another moment the second time, and so the body another one.
        saved = say("This was saved before. The first entry stands.")
    flash(saved)
    return redirect(url_for("analysis.show", fermentation_id=fermentation_id) + "#work", 303)


def _show_again(fermentation_id: int, form: WorkForm) -> ResponseReturnValue:
    with web.transaction(current_actor().winery_id) as session:
        ferment = get_fermentation(session, fermentation_id)
    return render_template("cellar_work/work.html", ferment=ferment, form=form), 422
