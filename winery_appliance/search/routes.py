"""The search box: straight to the tank where it is clear which one is meant, else a list."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.errors import Invalid
from winery_appliance.core.words import say
from winery_appliance.fermentation.places import find_latest_in_vessels
from winery_appliance.search import queries
from winery_appliance.search.commands import Search
from winery_appliance.search.queries import Hit

MOST_SHOWN = 20

blueprint = Blueprint("search", __name__, template_folder="templates")


@blueprint.get("/search")
@permitted(Permission.READ_BOOK)
def search() -> ResponseReturnValue:
    """The ferment that is meant, or what was found."""
    wanted = request.args.get("q", "").strip()
    hits: list[Hit] = []
    places: dict[Hit, int | None] = {}
    sentence = None
    try:
        asked = web.parse(Search, {"q": wanted})
    except Invalid:
        sentence = say("Type a part of a code or name, at most 60 characters.") if wanted else None
    else:
        with web.reading(current_actor().winery_id) as session:
            hits = queries.find(session, asked.q, limit=MOST_SHOWN + 1)
            vessels = [hit.id for hit in hits if hit.kind == "vessel"]
            inside = find_latest_in_vessels(session, vessels)
        places = {hit: _find_page(hit, inside) for hit in hits}
        if (place := _find_meant(places)) is not None:
            return redirect(url_for("analysis.show", fermentation_id=place))
    return render_template(
        "search/found.html", wanted=wanted, places=places, most=MOST_SHOWN, sentence=sentence
    )


def _find_page(hit: Hit, inside: dict[int, int]) -> int | None:
    """The fermentation whose page tells of this; None where none does."""
    return (
        hit.id
        if hit.kind == "fermentation"
        else inside.get(hit.id)
        if hit.kind == "vessel"
        else None
    )


def _find_meant(places: dict[Hit, int | None]) -> int | None:
    """The one page to go to: that of the only hit, or of the only one that is exactly what was typed."""
    exact = [place for hit, place in places.items() if hit.match == "exact"]
    chosen = exact or list(places.values())
    return chosen[0] if len(set(chosen)) == 1 else None
