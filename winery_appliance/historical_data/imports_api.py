"""Imports for programs, and for the page that uploads a file in pieces."""

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.historical_data import import_queries as queries
from winery_appliance.historical_data import import_service as service
from winery_appliance.historical_data.import_answers import ImportAnswer, ImportRowAnswer
from winery_appliance.historical_data.import_commands import (
    AddPiece,
    AddPieceForm,
    AnswerImport,
    BeginImport,
    ListImportRows,
    ListImports,
)
from winery_appliance.historical_data.import_job import find_path
from winery_appliance.historical_data.import_queries import ImportView
from winery_appliance.historical_data.refused_rows import open_refused_rows

# A piece as base64 is a third longer.
MOST_SENT_BYTES = 12 * 2**20

blueprint = Blueprint("imports_api", __name__, url_prefix="/api/v1/imports")


@blueprint.get("")
@describes({200: ListOf[ImportAnswer]}, query=ListImports)
@permitted(Permission.READ_BOOK)
def list_imports() -> ResponseReturnValue:
    """Imports, the youngest first."""
    wanted = web.read_query(ListImports)
    with web.transaction(current_actor().winery_id) as session:
        page = queries.list_imports(session, cursor=wanted.cursor, limit=wanted.limit)
    return web.answer_written(ListOf[ImportAnswer].write(page))


@blueprint.post("")
@describes({201: ImportAnswer, 200: ImportAnswer}, body=BeginImport, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def begin_import() -> ResponseReturnValue:
    """Announce a file: 201 the first time, 200 for the same again. Its pieces come next."""
    command = web.read_json(BeginImport)
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        begun, created = service.begin_import(session, command, actor=actor)
    response = _answer(begun, 201 if created else 200)
    response.headers["Location"] = f"/api/v1/imports/{begun.id}"
    return response


@blueprint.get("/<id:import_id>")
@describes({200: ImportAnswer})
@permitted(Permission.READ_BOOK)
def get_import(import_id: int) -> ResponseReturnValue:
    """One import, with how far it is."""
    with web.transaction(current_actor().winery_id) as session:
        found = service.get_import(session, import_id)
    return _answer(found)


@blueprint.post("/<id:import_id>/pieces")
@describes({200: ImportAnswer}, body=AddPiece, form=AddPieceForm, problems=[409])
@web.takes_up_to(MOST_SENT_BYTES)
@permitted(Permission.RUN_FERMENTATIONS)
def add_piece(import_id: int) -> ResponseReturnValue:
    """Send a piece of the file; one that was sent before changes nothing. With the last one the file is read."""
    actor = current_actor()
    if web.is_form():
        given = {**request.form.to_dict(), "piece": web.read_file("piece") or b""}
        told: AddPiece | AddPieceForm = web.parse(AddPieceForm, given)
    else:
        told = web.read_json(AddPiece)
    path = find_path(web.settings().imports_dir, actor.winery_id, import_id)
    with web.transaction(actor.winery_id) as session:
        view = service.add_piece(session, import_id, told.offset, told.piece, path, actor=actor)
    return _answer(view)


@blueprint.get("/<id:import_id>/rows")
@describes({200: ListOf[ImportRowAnswer]}, query=ListImportRows)
@permitted(Permission.READ_BOOK)
def list_rows(import_id: int) -> ResponseReturnValue:
    """The preview by line; without a `verdict` whatever is neither new nor matched."""
    wanted = web.read_query(ListImportRows)
    with web.transaction(current_actor().winery_id) as session:
        service.get_import(session, import_id)
        page = queries.list_import_rows(session, import_id, **wanted.model_dump())
    return web.answer_written(ListOf[ImportRowAnswer].write(page))


@blueprint.get("/<id:import_id>/refused")
@describes({200: None}, media=["application/octet-stream"])
@permitted(Permission.READ_BOOK)
def download_refused(import_id: int) -> ResponseReturnValue:
    """The rows that were refused or contradict, as a file of the kind that came, with line and reason: mend, send again."""
    actor = current_actor()
    source = find_path(web.settings().imports_dir, actor.winery_id, import_id)
    with web.transaction(actor.winery_id) as session:
        refused = open_refused_rows(session, import_id, source)
    return web.answer_file(refused.file, refused.file_name)


@blueprint.post("/<id:import_id>/answers")
@describes({200: ImportAnswer}, body=AnswerImport, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def answer_import(import_id: int) -> ResponseReturnValue:
    """Answer what was asked, or put codes and columns right; the file is read again with it."""
    actor = current_actor()
    command = web.read_json(AnswerImport)
    with web.transaction(actor.winery_id) as session:
        view = service.answer_import(session, import_id, command.answers, actor=actor)
    return _answer(view)


@blueprint.post("/<id:import_id>/save")
@describes({200: ImportAnswer}, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def save_import(import_id: int) -> ResponseReturnValue:
    """Save what the preview shows; a wine comes as a whole or not at all."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = service.save_import(session, import_id, actor=actor)
    return _answer(view)


@blueprint.post("/<id:import_id>/cancel")
@describes({200: ImportAnswer}, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def cancel_import(import_id: int) -> ResponseReturnValue:
    """Give it up; what is saved already stays, to be gone on with or undone."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = service.cancel_import(session, import_id, actor=actor)
    return _answer(view)


@blueprint.post("/<id:import_id>/undo")
@describes({200: ImportAnswer}, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def undo_import(import_id: int) -> ResponseReturnValue:
    """Take everything that the file brought out of the book again."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = service.undo_import(session, import_id, actor=actor)
    return _answer(view)


def _answer(view: ImportView, status: int = 200) -> Response:
    return web.answer_tagged(ImportAnswer.show(view), view, status)
