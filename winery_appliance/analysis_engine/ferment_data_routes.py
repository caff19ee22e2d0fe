"""A fermentation's readings as a table, a CSV file and a PDF, and several wines on one chart."""

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue

from winery_appliance.analysis_engine.data_pages import (
    CSV_HEADER,
    list_reading_lines,
    read_comparison,
    read_data_page,
)
from winery_appliance.analysis_engine.ferment_pdf import render_pdf
from winery_appliance.analysis_engine.fermentation_page import read_fermentation_page
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.csv_text import write_csv
from winery_appliance.fermentation.service import get_fermentation

blueprint = Blueprint("ferment_data", __name__)
MOST_DIGITS = 15


@blueprint.get("/fermentations/<id:fermentation_id>/readings")
@permitted(Permission.READ_BOOK)
def show_data(fermentation_id: int) -> ResponseReturnValue:
    """Every reading, with what it was before it was corrected."""
    page = request.args.get("page", "1")
    with web.reading(current_actor().winery_id) as session:
        data = read_data_page(session, fermentation_id, int(page) if _is_number(page) else 1)
    return render_template("analysis_engine/readings.html", data=data)


@blueprint.get("/fermentations/<id:fermentation_id>/readings.csv")
@permitted(Permission.READ_BOOK)
def get_csv(fermentation_id: int) -> ResponseReturnValue:
    """The same as CSV."""
    with web.reading(current_actor().winery_id) as session:
        lines = list_reading_lines(session, get_fermentation(session, fermentation_id))
    return web.answer_csv(write_csv(CSV_HEADER, lines), f"readings-of-{fermentation_id}")


@blueprint.get("/fermentations/<id:fermentation_id>/readings.pdf")
@permitted(Permission.READ_BOOK)
def get_pdf(fermentation_id: int) -> ResponseReturnValue:
    """Figures, curve, alarms, work and readings on paper."""
    actor, now = current_actor(), clock.now()
    with web.reading(actor.winery_id) as session:
        page = read_fermentation_page(session, fermentation_id, now=now, user_id=actor.user_id)
        data = read_data_page(session, fermentation_id, 1)
    response = make_response(render_pdf(page, data.rows, now))
    response.mimetype = "application/pdf"
    name = f"fermentation-{fermentation_id}.pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@blueprint.get("/compare")
@permitted(Permission.READ_BOOK)
def compare() -> ResponseReturnValue:
    """The sugar of several wines by their age: `/compare?id=4&id=7`."""
    actor = current_actor()
    asked = [int(of) for of in request.args.getlist("id") if _is_number(of)]
    with web.reading(actor.winery_id) as session:
        view = read_comparison(session, asked, now=clock.now(), user_id=actor.user_id)
    return render_template("analysis_engine/compare.html", view=view)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
