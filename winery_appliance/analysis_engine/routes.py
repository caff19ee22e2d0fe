"""Pages that show what the analysis makes of the book: the board, and one fermentation."""

import time
from datetime import timedelta

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.board import BoardView, read_board
from winery_appliance.analysis_engine.fermentation_page import (
    FermentationPage,
    read_fermentation_page,
)
from winery_appliance.analysis_engine.queries import is_awaited
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.cellar_work.work_forms import empty_forms
from winery_appliance.core import clock, web
from winery_appliance.fermentation.entry import empty_form
from winery_appliance.winery.queries import read_units
from winery_appliance.winery.service import exists_any_winery

blueprint = Blueprint("analysis", __name__)

# An analysis takes some 30 ms. A worker that is busy or away must not hold up the page for long.
PATIENCE_S = 0.2
LOOK_EVERY_S = 0.02
# Where Flask keeps what a browser is still to be told: it comes from a save. Who only looks waits for nothing.
_FLASHES = "_flashes"
VIEWS = ("list", "map")
VIEW_COOKIE = "board_view"


@blueprint.get("/")
def board() -> ResponseReturnValue:
    """The board; the first run where there is no winery yet."""
    if not current_user.is_authenticated:
        with web.transaction() as session:
            if not exists_any_winery(session):
                return redirect("/setup")
    return _show_board()


@permitted(Permission.READ_BOOK)
def _show_board() -> ResponseReturnValue:
    """As a list by attention or as a map of the cellar; what was chosen last is remembered by this browser."""
    asked = request.args.get("view")
    view = asked if asked in VIEWS else request.cookies.get(VIEW_COOKIE)
    view = view if view in VIEWS else VIEWS[0]
    may_start = current_actor().may(Permission.RUN_FERMENTATIONS)
    page = render_template("fermentation/board.html", board=_read(), view=view, may_start=may_start)
    answer = make_response(page)
    if asked == view:
        secure = web.settings().secure_cookies
        answer.set_cookie(
            VIEW_COOKIE,
            view,
            max_age=timedelta(days=400),
            secure=secure,
            httponly=True,
            samesite="Lax",
        )
    return answer


@blueprint.get("/wall")
@permitted(Permission.READ_BOOK)
def wall() -> ResponseReturnValue:
    """The board for a screen on the wall; it asks for itself again, which keeps its sign-in alive."""
    return render_template("fermentation/wall.html", board=_read())


def _read() -> BoardView:
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        units = read_units(session, actor.user_id, g.winery)
        return read_board(session, now=clock.now(), units=units)


@blueprint.get("/fermentations/<id:fermentation_id>")
@permitted(Permission.READ_BOOK)
def show(fermentation_id: int) -> ResponseReturnValue:
    """One fermentation: curve, alarms with their reasons, readings, and the entry of the next one."""
    actor = current_actor()
    if _FLASHES in browser:
        _await_analysis(actor.winery_id, fermentation_id)
    with web.transaction(actor.winery_id) as session:
        page = _read_page(session, fermentation_id)
        entry = empty_form(page.units.sugar, page.units.temperature, page.winery.time_zone)
        entry.previous = page.previous
    return render_template(
        "fermentation/fermentation.html",
        ferment=page.ferment,
        analysis=page.analysis,
        rows=page.rows,
        row_count=page.row_count,
        entry=entry,
        may_record=actor.may(Permission.RECORD_SAMPLES)
        and page.ferment.status not in ("cancelled", "planned"),
        may_manage=actor.may(Permission.RUN_FERMENTATIONS),
        work=page.work,
        work_forms=empty_forms(page.winery.time_zone),
    )


def _read_page(session: Session, fermentation_id: int) -> FermentationPage:
    user_id = current_actor().user_id
    return read_fermentation_page(session, fermentation_id, now=clock.now(), user_id=user_id)


def _await_analysis(winery_id: int, fermentation_id: int) -> None:
    """Give a reading that was just saved the moment its analysis takes, so that the page need not ask again for it."""
    patience_ends = clock.monotonic_s() + PATIENCE_S
    while clock.monotonic_s() < patience_ends:
        with web.transaction(winery_id) as session:
            if not is_awaited(session, fermentation_id):
                return
        time.sleep(LOOK_EVERY_S)


@blueprint.get("/fermentations/<id:fermentation_id>/analysis-panel")
@permitted(Permission.READ_BOOK)
def analysis_panel(fermentation_id: int) -> ResponseReturnValue:
    """The live part of the page, asked for again and again; unchanged is answered with 304."""
    with web.transaction(current_actor().winery_id) as session:
        page = _read_page(session, fermentation_id)
    body = render_template(
        "fermentation/_analysis.html",
        ferment=page.ferment,
        analysis=page.analysis,
        rows=page.rows,
        row_count=page.row_count,
        live=True,
    )
    return web.answer_if_changed(make_response(body))
