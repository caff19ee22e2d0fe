"""Pages of imports: a file comes in, is asked about, looked at, saved, and taken back. Every form works without script."""

from collections.abc import Callable
from uuid import uuid4

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor
from winery_appliance.core import web
from winery_appliance.core.errors import Conflict, Invalid
from winery_appliance.fermentation.queries import list_fermentations
from winery_appliance.historical_data import import_queries as queries
from winery_appliance.historical_data import import_service as service
from winery_appliance.historical_data.columns import FACTS
from winery_appliance.historical_data.import_commands import Answers, BeginImport
from winery_appliance.historical_data.import_job import find_path
from winery_appliance.historical_data.import_queries import ImportView

blueprint = Blueprint(
    "imports", __name__, template_folder="templates", url_prefix="/history/imports"
)

SHOWN_ROWS, SHOWN_WINES, SHOWN_CODES = 100, 50, 20
MOST_RUNNING = 500
WORKING = ("waiting", "saving", "undoing")
VERDICTS = ("refused", "conflicting", "duplicate", "left_out", "matched", "new")
# What a column may be called by hand; more can be said by the API.
USES = (*FACTS, "sugar/brix", "sugar/sg", "sugar/kg_m3", "temperature/celsius", "ph/ph", "ignore")


@blueprint.get("")
@permitted(Permission.READ_BOOK)
def index() -> ResponseReturnValue:
    """The files that came in, and the place for the next one."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        page = queries.list_imports(session, cursor=request.args.get("cursor"), limit=50)
        mappings = queries.list_mappings(session)
    return render_template(
        "history/imports.html",
        imports=page.items,
        next_cursor=page.next_cursor,
        mappings=mappings,
        may_import=actor.may(Permission.RUN_FERMENTATIONS),
        piece_bytes=service.PIECE_BYTES,
    )


@blueprint.post("")
@web.takes_up_to(service.PIECE_BYTES + 2**20)
@permitted(Permission.RUN_FERMENTATIONS)
def take_in() -> ResponseReturnValue:
    """A small file as a whole, where no script sends it in pieces."""
    sent, data = request.files.get("file"), web.read_file("file")
    if sent is None or data is None:
        flash(gettext("Choose a file first."), "error")
        return redirect(url_for("imports.index"), 303)
    actor = current_actor()
    try:
        command = web.parse(
            BeginImport,
            {
                "client_uuid": uuid4(),
                "file_name": (sent.filename or "file")[-200:],
                "size_bytes": len(data),
                "mapping": request.form.get("mapping") or None,
            },
        )
        with web.transaction(actor.winery_id) as session:
            view, _ = service.begin_import(session, command, actor=actor)
            path = find_path(web.settings().imports_dir, actor.winery_id, view.id)
            service.add_piece(session, view.id, 0, data, path, actor=actor)
    except (Conflict, Invalid) as refusal:
        flash(refusal.detail, "error")
        return redirect(url_for("imports.index"), 303)
    return redirect(url_for("imports.show", import_id=view.id), 303)


@blueprint.get("/<id:import_id>")
@permitted(Permission.READ_BOOK)
def show(import_id: int) -> ResponseReturnValue:
    """One file: how far it is, what is asked, and what each of its rows would do."""
    asked = request.args.get("verdict", "")
    verdict = next((one for one in VERDICTS if one == asked), None)
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = service.get_import(session, import_id)
        rows = queries.list_import_rows(
            session, import_id, verdict=verdict, cursor=request.args.get("cursor"), limit=SHOWN_ROWS
        )
        wines = queries.list_import_wines(session, import_id, limit=SHOWN_WINES)
        unknown = queries.list_unknown_codes(session, import_id, limit=SHOWN_CODES)
        known = _list_running_codes(session) if unknown else []
    return render_template(
        "history/import.html",
        view=view,
        rows=rows.items,
        next_cursor=rows.next_cursor,
        wines=wines,
        unknown=unknown,
        known=known,
        verdict=verdict,
        verdicts=[one for one in VERDICTS if view.counts.get(one)],
        working=view.state in WORKING,
        has_news=service.has_news(view),
        may_import=actor.may(Permission.RUN_FERMENTATIONS),
        uses=USES,
    )


def _list_running_codes(session: Session) -> list[str]:
    """What can be meant by a code today: of every running wine its own, and those of the vessels it lies in."""
    running = list_fermentations(session, status="active", limit=MOST_RUNNING).items
    return sorted({code for wine in running for code in (wine.code, *wine.vessel_codes)})


@blueprint.post("/<id:import_id>/answers")
@permitted(Permission.RUN_FERMENTATIONS)
def answer(import_id: int) -> ResponseReturnValue:
    """What was asked, or a column or a code put right; it is remembered for these columns when the file is saved."""
    told: dict[str, object] = {}
    for key, value in request.form.items():
        name, dot, part = key.partition(".")
        if not value.strip() or name not in Answers.model_fields:
            continue
        if dot:
            told.setdefault(name, {})[part] = value.strip()  # type: ignore[index]
        else:
            told[name] = value.strip()
    code, means = (request.form.get(name, "").strip() for name in ("code", "means"))
    if code and means:
        told["codes"] = {code: means}

    def act(session: Session, import_id: int, *, actor: Actor) -> ImportView:
        return service.answer_import(session, import_id, web.parse(Answers, told), actor=actor)

    return _do(import_id, act)


@blueprint.post("/<id:import_id>/save")
@permitted(Permission.RUN_FERMENTATIONS)
def save(import_id: int) -> ResponseReturnValue:
    """Save what the preview shows."""
    return _do(import_id, service.save_import)


@blueprint.post("/<id:import_id>/cancel")
@permitted(Permission.RUN_FERMENTATIONS)
def cancel(import_id: int) -> ResponseReturnValue:
    """Give it up; what is saved stays."""
    return _do(import_id, service.cancel_import)


@blueprint.post("/<id:import_id>/undo")
@permitted(Permission.RUN_FERMENTATIONS)
def undo(import_id: int) -> ResponseReturnValue:
    """Take everything that the file brought out of the book again."""
    return _do(import_id, service.undo_import)


def _do(import_id: int, act: Callable[..., ImportView]) -> ResponseReturnValue:
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as session:
            act(session, import_id, actor=actor)
    except (Conflict, Invalid) as refusal:
        flash(refusal.detail, "error")
    return redirect(url_for("imports.show", import_id=import_id), 303)
