"""Pages of the past: vintages, patterns, and what a ferment resembles."""

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.fermentation.service import get_fermentation
from winery_appliance.historical_data.commands import FindSimilar
from winery_appliance.historical_data.history_pages import (
    FEW,
    SIZES,
    list_vintages,
    view_pattern,
)
from winery_appliance.historical_data.pattern_queries import (
    get_pattern,
    list_past_ferments,
    list_patterns,
)
from winery_appliance.historical_data.similar import find_similar
from winery_appliance.historical_data.sister_patterns import choose_alike, read_sister_patterns

blueprint = Blueprint("history", __name__, template_folder="templates")


@blueprint.get("/history")
@permitted(Permission.READ_BOOK)
def index() -> ResponseReturnValue:
    """The vintages in the book, and of one of them its ferments."""
    asked = request.args.get("vintage", "")
    vintage = int(asked) if asked.isdecimal() and len(asked) == 4 else None
    actor = current_actor()
    with web.reading(actor.winery_id) as session:
        vintages = list_vintages(session)
        ferments = list_past_ferments(session, vintage=vintage, limit=500)
    return render_template(
        "history/index.html",
        vintages=vintages,
        vintage=vintage,
        ferments=ferments,
        sizes=SIZES,
        may_export=actor.may(Permission.EXPORT_BOOK),
        may_import=actor.may(Permission.RUN_FERMENTATIONS),
    )


@blueprint.get("/history/patterns")
@permitted(Permission.READ_BOOK)
def patterns() -> ResponseReturnValue:
    """How past ferments went, by variety, style and size of vessel."""
    with web.reading(current_actor().winery_id) as session:
        found = list_patterns(session)
    sisters = read_sister_patterns(web.settings(), g.winery.code)
    return render_template("history/patterns.html", patterns=found, sisters=sisters, sizes=SIZES)


@blueprint.get("/history/patterns/<id:pattern_id>")
@permitted(Permission.READ_BOOK)
def pattern(pattern_id: int) -> ResponseReturnValue:
    """One pattern: its bands, and who is behind them."""
    with web.reading(current_actor().winery_id) as session:
        full = get_pattern(session, pattern_id)
    page, told = view_pattern(full, g.winery), full.pattern
    sisters = choose_alike(
        read_sister_patterns(web.settings(), g.winery.code),
        told.varietal,
        told.style,
        told.vessel_size,
    )
    return render_template("history/pattern.html", page=page, sisters=sisters, sizes=SIZES, few=FEW)


@blueprint.get("/fermentations/<id:fermentation_id>/similar")
@permitted(Permission.READ_BOOK)
def similar(fermentation_id: int) -> ResponseReturnValue:
    """The past ferments that one resembles so far, and why."""
    wanted = web.read_query(FindSimilar)
    winery_id = current_actor().winery_id
    with web.reading(winery_id) as session:
        ferment = get_fermentation(session, fermentation_id)
        found = find_similar(
            session, winery_id, fermentation_id, as_of=wanted.as_of or clock.now(), k=wanted.k
        )
    return render_template("history/similar.html", ferment=ferment, found=found, sizes=SIZES)
