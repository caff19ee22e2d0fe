"""Notes and their photos for programs."""

from flask import Blueprint, make_response, request
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.cellar_work import note_queries, notes
from winery_appliance.cellar_work.answers import NoteAnswer
from winery_appliance.cellar_work.commands import (
    ChooseSize,
    ListNotes,
    RecordNote,
    RecordNoteForm,
)
from winery_appliance.cellar_work.note_queries import NoteView
from winery_appliance.cellar_work.photos import MOST_SENT_BYTES, redraw_photo
from winery_appliance.core import clock, web
from winery_appliance.core.errors import NotFound
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes
from winery_appliance.core.words import say
from winery_appliance.fermentation.service import get_fermentation

blueprint = Blueprint(
    "notes_api", __name__, url_prefix="/api/v1/fermentations/<id:fermentation_id>"
)
NOTE = {201: NoteAnswer, 200: NoteAnswer}


@blueprint.get("/notes")
@describes({200: ListOf[NoteAnswer]}, query=ListNotes)
@permitted(Permission.READ_BOOK)
def list_notes(fermentation_id: int) -> ResponseReturnValue:
    """Notes in the order they were written; `deleted=true` lists the deleted ones."""
    wanted = web.read_query(ListNotes)
    with web.transaction(current_actor().winery_id) as session:
        get_fermentation(session, fermentation_id)
        page = note_queries.list_notes(
            session,
            fermentation_id,
            deleted=wanted.deleted == "true",
            cursor=wanted.cursor,
            limit=wanted.limit,
        )
    return web.answer_written(ListOf[NoteAnswer].write(page))


@blueprint.post("/notes")
@describes(NOTE, body=RecordNote, form=RecordNoteForm, problems=[409])
@web.takes_up_to(MOST_SENT_BYTES)
@permitted(Permission.RECORD_CELLAR_WORK)
def write_note(fermentation_id: int) -> ResponseReturnValue:
    """Write a note, as JSON or as a form with a photo: 201 the first time, 200 for the same again.

    The photo is kept as JPEG of at most 1 MB, upright and without what the camera wrote into it.
    """
    actor = current_actor()
    if web.is_form():
        command = web.parse(RecordNote, request.form.to_dict())
        sent = web.read_file("photo")
    else:
        command, sent = web.read_json(RecordNote), None
    with web.transaction(actor.winery_id) as session:
        get_fermentation(session, fermentation_id)  # before any work is done for it
    photo = redraw_photo(sent) if sent else None
    with web.transaction(actor.winery_id) as session:
        recorded = notes.write_note(
            session,
            fermentation_id,
            command,
            photo,
            command.fingerprint(fermentation_id, sent),
            actor=actor,
            now=clock.now(),
        )
    return _answer(recorded.view, 201 if recorded.created else 200)


@blueprint.get("/notes/<id:note_id>")
@describes({200: NoteAnswer})
@permitted(Permission.READ_BOOK)
def get_note(fermentation_id: int, note_id: int) -> ResponseReturnValue:
    """One note."""
    with web.transaction(current_actor().winery_id) as session:
        view = notes.get_note(session, fermentation_id, note_id)
    return _answer(view)


@blueprint.get("/notes/<id:note_id>/photo")
@describes(
    {200: None, 304: None},
    query=ChooseSize,
    headers={"If-None-Match": "The ETag of an earlier answer."},
    media=["image/jpeg"],
)
@permitted(Permission.READ_BOOK)
def get_photo(fermentation_id: int, note_id: int) -> ResponseReturnValue:
    """The photo of a note as JPEG, or a small one of it."""
    small = web.read_query(ChooseSize).size == "thumbnail"
    with web.transaction(current_actor().winery_id) as session:
        photo = notes.get_note(session, fermentation_id, note_id).photo
        if photo is None:
            raise NotFound(say("This note has no photo."))
        tag = f"{photo.digest}-small" if small else photo.digest
        # Who has it already is told so without the database reading a byte of it.
        known = request.if_none_match.contains(tag)
        image = b"" if known else note_queries.read_photo(session, note_id, small=small)
    response = make_response(image, 304 if known else 200)
    response.mimetype = "image/jpeg"
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    return response


@blueprint.delete("/notes/<id:note_id>")
@describes({204: None}, headers=IF_MATCH, problems=[412])
@permitted(Permission.CORRECT_ANY_WORK)
def delete_note(fermentation_id: int, note_id: int) -> ResponseReturnValue:
    """Take a note and its photo out of sight; it can be restored. If-Match is heeded when it is sent."""
    actor = current_actor()
    seen = web.read_seen(needed=False)
    with web.transaction(actor.winery_id) as session:
        notes.delete_note(session, fermentation_id, note_id, actor=actor, seen=seen)
    return "", 204


@blueprint.post("/notes/<id:note_id>/restore")
@describes({200: NoteAnswer})
@permitted(Permission.CORRECT_ANY_WORK)
def restore_note(fermentation_id: int, note_id: int) -> ResponseReturnValue:
    """Bring a deleted note back; one that is not deleted stays as it is."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = notes.restore_note(session, fermentation_id, note_id, actor=actor)
    return _answer(view)


def _answer(view: NoteView, status: int = 200) -> ResponseReturnValue:
    return web.answer_tagged(NoteAnswer.show(view), view, status)
