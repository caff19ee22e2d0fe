"""From wine back to its ground and from fruit forward to its wines, for programs and for a sheet."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.csv_text import write_csv
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.fermentation import lineage, service
from winery_appliance.fermentation.answers import OriginAnswer, UseAnswer
from winery_appliance.fermentation.commands import ChooseFormat
from winery_appliance.fruit_origin.service import get_lot

blueprint = Blueprint("lineage_api", __name__, url_prefix="/api/v1")
CSV = ["text/csv"]


@blueprint.get("/fermentations/<id:fermentation_id>/origin")
@describes({200: OriginAnswer}, query=ChooseFormat, also=CSV)
@permitted(Permission.READ_BOOK)
def trace_back(fermentation_id: int) -> ResponseReturnValue:
    """Where a fermentation came from: lots with their shares, blocks and vineyards."""
    as_csv = web.wants_csv()
    with web.transaction(current_actor().winery_id) as session:
        view = service.get_fermentation(session, fermentation_id)
        shares = lineage.read_shares(session, view)
    if as_csv:
        lines = lineage.list_origin_lines(view, shares)
        text = write_csv(lineage.ORIGIN_HEADER, lines)
        return web.answer_csv(text, f"origin-of-fermentation-{view.id}")
    return web.answer_negotiated(OriginAnswer.show_origin(view, shares))


@blueprint.get("/harvest-lots/<id:lot_id>/fermentations")
@describes({200: ListOf[UseAnswer]}, query=ChooseFormat, also=CSV)
@permitted(Permission.READ_BOOK)
def trace_forward(lot_id: int) -> ResponseReturnValue:
    """Which fermentations a harvest lot went into, on one page."""
    as_csv = web.wants_csv()
    with web.transaction(current_actor().winery_id) as session:
        lot = get_lot(session, lot_id)
        uses = lineage.list_uses(session, lot_id)
    if as_csv:
        text = write_csv(lineage.USE_HEADER, lineage.list_use_lines(lot, uses))
        return web.answer_csv(text, f"fermentations-of-harvest-lot-{lot.id}")
    items = [UseAnswer.show_use(use) for use in uses]
    return web.answer_negotiated({"items": items, "next_cursor": None})
