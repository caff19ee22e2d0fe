"""From wine back to its ground and from fruit forward to its wines, for programs and for a sheet."""

from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.csv_text import write_csv
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.fermentation import lineage, service
from winery_appliance.fermentation.answers import (
    OriginAnswer,
    TracedWine,
    UseAnswer,
    VesselOriginAnswer,
)
from winery_appliance.fermentation.commands import TraceWine
from winery_appliance.fermentation.lineage import Origin, Use
from winery_appliance.fruit_origin.service import get_block, get_lot
from winery_appliance.winery.vessels import get_vessel

blueprint = Blueprint("lineage_api", __name__, url_prefix="/api/v1")
CSV = ["text/csv"]


@blueprint.get("/fermentations/<id:fermentation_id>/origin")
@describes({200: OriginAnswer}, query=TraceWine, also=CSV)
@permitted(Permission.READ_BOOK)
def trace_back(fermentation_id: int) -> ResponseReturnValue:
    """Where a fermentation came from at a moment: lots with their shares, blocks and vineyards."""
    as_csv, at = _read_question()
    with web.reading(current_actor().winery_id) as session:
        view = service.get_fermentation(session, fermentation_id)
        origin = lineage.trace_back(session, view, at)
    if as_csv:
        return _answer_origin_csv(origin, f"fermentation-{fermentation_id}")
    return web.answer_negotiated(OriginAnswer.show_origin(origin))


@blueprint.get("/vessels/<id:vessel_id>/origin")
@describes({200: VesselOriginAnswer}, query=TraceWine, also=CSV)
@permitted(Permission.READ_BOOK)
def trace_vessel(vessel_id: int) -> ResponseReturnValue:
    """Where the wine came from that lay in a vessel at a moment; now when nothing is said."""
    as_csv, asked = _read_question()
    at = asked or clock.now()
    with web.reading(current_actor().winery_id) as session:
        vessel = get_vessel(session, vessel_id)
        wine = lineage.find_wine_in(session, vessel, at)
        origin = lineage.trace_back(session, wine, at) if wine else None
    if as_csv:
        return _answer_origin_csv(origin, f"vessel-{vessel_id}")
    shown = OriginAnswer.show_origin(origin) if origin else None
    body = {"vessel_id": vessel.id, "vessel_code": vessel.code, "at": at, "origin": shown}
    return web.answer_negotiated(VesselOriginAnswer.show(body))


@blueprint.get("/fermentations/<id:fermentation_id>/destinations")
@describes({200: ListOf[TracedWine]}, query=TraceWine, also=CSV)
@permitted(Permission.READ_BOOK)
def list_destinations(fermentation_id: int) -> ResponseReturnValue:
    """Where a wine went, on one page: what there is left of it, and each wine that some of it came into."""
    as_csv, at = _read_question()
    with web.reading(current_actor().winery_id) as session:
        view = service.get_fermentation(session, fermentation_id)
        uses = lineage.list_destinations(session, view, at)
    if as_csv:
        lines = lineage.list_destination_lines(view.code, uses)
        text = write_csv(lineage.DESTINATION_HEADER, lines)
        return web.answer_csv(text, f"destinations-of-fermentation-{view.id}")
    items = [TracedWine.show_use(use) for use in uses]
    return web.answer_negotiated({"items": items, "next_cursor": None})


@blueprint.get("/harvest-lots/<id:lot_id>/fermentations")
@describes({200: ListOf[UseAnswer]}, query=TraceWine, also=CSV)
@permitted(Permission.READ_BOOK)
def trace_forward(lot_id: int) -> ResponseReturnValue:
    """Which fermentations a harvest lot came into, also through other wines, on one page."""
    as_csv, at = _read_question()
    with web.reading(current_actor().winery_id) as session:
        lot = get_lot(session, lot_id)
        uses = lineage.list_uses(session, [lot_id], at)
    return _answer_uses(lot.code, uses, f"harvest-lot-{lot_id}", as_csv=as_csv)


@blueprint.get("/vineyard-blocks/<id:block_id>/fermentations")
@describes({200: ListOf[UseAnswer]}, query=TraceWine, also=CSV)
@permitted(Permission.READ_BOOK)
def trace_block_forward(block_id: int) -> ResponseReturnValue:
    """Which fermentations the fruit of a block came into, also through other wines, on one page."""
    as_csv, at = _read_question()
    with web.reading(current_actor().winery_id) as session:
        block = get_block(session, block_id)
        uses = lineage.list_block_uses(session, block_id, at)
    return _answer_uses(block.code, uses, f"vineyard-block-{block_id}", as_csv=as_csv)


def _read_question() -> tuple[bool, datetime | None]:
    return web.wants_csv(), web.read_query(TraceWine).at


def _answer_origin_csv(origin: Origin | None, of: str) -> ResponseReturnValue:
    lines = lineage.list_origin_lines(origin) if origin else []
    return web.answer_csv(write_csv(lineage.ORIGIN_HEADER, lines), f"origin-of-{of}")


def _answer_uses(code: str, uses: Sequence[Use], of: str, *, as_csv: bool) -> ResponseReturnValue:
    if as_csv:
        text = write_csv(lineage.USE_HEADER, lineage.list_use_lines(code, uses))
        return web.answer_csv(text, f"fermentations-of-{of}")
    items = [UseAnswer.show_use(use) for use in uses]
    return web.answer_negotiated({"items": items, "next_cursor": None})
