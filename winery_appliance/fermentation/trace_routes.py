"""Traceability as a picture: from a wine back to its ground and on to what came of it, from a lot to its wines."""

from decimal import Decimal

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.fermentation import lineage, service
from winery_appliance.fermentation.lineage import Share
from winery_appliance.fermentation.trace_drawing import draw_lot, draw_wine
from winery_appliance.fruit_origin.queries import read_origins
from winery_appliance.fruit_origin.service import get_lot

blueprint = Blueprint("trace", __name__)


@blueprint.get("/fermentations/<id:fermentation_id>/origin")
@permitted(Permission.READ_BOOK)
def show_wine(fermentation_id: int) -> ResponseReturnValue:
    """Where a wine came from and where it went."""
    with web.reading(current_actor().winery_id) as session:
        wine = service.get_fermentation(session, fermentation_id)
        origin = lineage.trace_back(session, wine, None)
        uses = lineage.list_destinations(session, wine, None)
    return render_template(
        "fermentation/trace_wine.html",
        wine=wine,
        origin=origin,
        uses=uses,
        picture=draw_wine(origin, uses),
    )


@blueprint.get("/harvest-lots/<id:lot_id>/fermentations")
@permitted(Permission.READ_BOOK)
def show_lot(lot_id: int) -> ResponseReturnValue:
    """Which wines a lot came into."""
    with web.reading(current_actor().winery_id) as session:
        lot = get_lot(session, lot_id)
        whole = Share(None, read_origins(session, [lot_id])[lot_id], Decimal(100), None)
        uses = lineage.list_uses(session, [lot_id], None)
    return render_template(
        "fermentation/trace_lot.html", lot=lot, uses=uses, picture=draw_lot(whole, uses)
    )
