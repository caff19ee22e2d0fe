"""Vineyards, blocks and harvest lots for programs.

A change names the version it was made from (ETag and If-Match), so that nobody overwrites what they have not seen.
"""

from typing import Any

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes
from winery_appliance.fruit_origin import queries, service
from winery_appliance.fruit_origin.answers import BlockAnswer, LotAnswer, VineyardAnswer
from winery_appliance.fruit_origin.commands import (
    ChangeBlock,
    ChangeLot,
    ChangeVineyard,
    CreateBlock,
    CreateLot,
    CreateVineyard,
    ListBlocks,
    ListRows,
)
from winery_appliance.fruit_origin.queries import BlockView, LotView, VineyardView

blueprint = Blueprint("fruit_origin_api", __name__, url_prefix="/api/v1")


@blueprint.get("/vineyards")
@describes({200: ListOf[VineyardAnswer]}, query=ListRows)
@permitted(Permission.READ_BOOK)
def list_vineyards() -> ResponseReturnValue:
    """Vineyards by code; `deleted=true` lists the deleted ones."""
    with web.transaction(current_actor().winery_id) as session:
        page = queries.list_vineyards(session, **_read_page(web.read_query(ListRows)))
    return web.answer_written(ListOf[VineyardAnswer].write(page))


@blueprint.post("/vineyards")
@describes({201: VineyardAnswer, 200: VineyardAnswer}, body=CreateVineyard, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def create_vineyard() -> ResponseReturnValue:
    """Add a vineyard: 201 the first time, 200 for the same content again."""
    actor = current_actor()
    command = web.read_json(CreateVineyard)
    with web.transaction(actor.winery_id) as session:
        made = service.create_vineyard(session, command, actor=actor)
    response = _answer(made.view, 201 if made.created else 200)
    response.headers["Location"] = f"/api/v1/vineyards/{made.view.id}"
    return response


@blueprint.get("/vineyards/<id:vineyard_id>")
@describes({200: VineyardAnswer})
@permitted(Permission.READ_BOOK)
def get_vineyard(vineyard_id: int) -> ResponseReturnValue:
    """One vineyard."""
    with web.transaction(current_actor().winery_id) as session:
        view = service.get_vineyard(session, vineyard_id)
    return _answer(view)


@blueprint.patch("/vineyards/<id:vineyard_id>")
@describes({200: VineyardAnswer}, body=ChangeVineyard, headers=IF_MATCH, problems=[409, 412, 428])
@permitted(Permission.CONFIGURE_CELLAR)
def change_vineyard(vineyard_id: int) -> ResponseReturnValue:
    """Change what is named; what is not named stays."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeVineyard)
    with web.transaction(actor.winery_id) as session:
        view = service.change_vineyard(session, vineyard_id, command, actor=actor, seen=seen)
    return _answer(view)


@blueprint.delete("/vineyards/<id:vineyard_id>")
@describes({204: None}, headers=IF_MATCH, problems=[409, 412])
@permitted(Permission.CONFIGURE_CELLAR)
def delete_vineyard(vineyard_id: int) -> ResponseReturnValue:
    """Take a vineyard out of use; it can be restored. If-Match is heeded when it is sent."""
    actor = current_actor()
    seen = web.read_seen(needed=False)
    with web.transaction(actor.winery_id) as session:
        service.delete_vineyard(session, vineyard_id, actor=actor, seen=seen)
    return "", 204


@blueprint.post("/vineyards/<id:vineyard_id>/restore")
@describes({200: VineyardAnswer}, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def restore_vineyard(vineyard_id: int) -> ResponseReturnValue:
    """Bring a deleted vineyard back; one that is not deleted stays as it is."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = service.restore_vineyard(session, vineyard_id, actor=actor)
    return _answer(view)


@blueprint.get("/vineyard-blocks")
@describes({200: ListOf[BlockAnswer]}, query=ListBlocks)
@permitted(Permission.READ_BOOK)
def list_blocks() -> ResponseReturnValue:
    """Blocks by code; `vineyard_id` filters, `deleted=true` lists the deleted ones."""
    wanted = web.read_query(ListBlocks)
    with web.transaction(current_actor().winery_id) as session:
        page = queries.list_blocks(session, vineyard_id=wanted.vineyard_id, **_read_page(wanted))
    return web.answer_written(ListOf[BlockAnswer].write(page))


@blueprint.post("/vineyard-blocks")
@describes({201: BlockAnswer, 200: BlockAnswer}, body=CreateBlock, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def create_block() -> ResponseReturnValue:
    """Add a block: 201 the first time, 200 for the same content again."""
    actor = current_actor()
    command = web.read_json(CreateBlock)
    with web.transaction(actor.winery_id) as session:
        made = service.create_block(session, command, actor=actor)
    response = _answer(made.view, 201 if made.created else 200)
    response.headers["Location"] = f"/api/v1/vineyard-blocks/{made.view.id}"
    return response


@blueprint.get("/vineyard-blocks/<id:block_id>")
@describes({200: BlockAnswer})
@permitted(Permission.READ_BOOK)
def get_block(block_id: int) -> ResponseReturnValue:
    """One block."""
    with web.transaction(current_actor().winery_id) as session:
        view = service.get_block(session, block_id)
    return _answer(view)


@blueprint.patch("/vineyard-blocks/<id:block_id>")
@describes({200: BlockAnswer}, body=ChangeBlock, headers=IF_MATCH, problems=[409, 412, 428])
@permitted(Permission.CONFIGURE_CELLAR)
def change_block(block_id: int) -> ResponseReturnValue:
    """Change what is named; what is not named stays."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeBlock)
    with web.transaction(actor.winery_id) as session:
        view = service.change_block(session, block_id, command, actor=actor, seen=seen)
    return _answer(view)


@blueprint.delete("/vineyard-blocks/<id:block_id>")
@describes({204: None}, headers=IF_MATCH, problems=[409, 412])
@permitted(Permission.CONFIGURE_CELLAR)
def delete_block(block_id: int) -> ResponseReturnValue:
    """Take a block out of use; it can be restored. If-Match is heeded when it is sent."""
    actor = current_actor()
    seen = web.read_seen(needed=False)
    with web.transaction(actor.winery_id) as session:
        service.delete_block(session, block_id, actor=actor, seen=seen)
    return "", 204


@blueprint.post("/vineyard-blocks/<id:block_id>/restore")
@describes({200: BlockAnswer}, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def restore_block(block_id: int) -> ResponseReturnValue:
    """Bring a deleted block back; one that is not deleted stays as it is."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = service.restore_block(session, block_id, actor=actor)
    return _answer(view)


@blueprint.get("/harvest-lots")
@describes({200: ListOf[LotAnswer]}, query=ListRows)
@permitted(Permission.READ_BOOK)
def list_lots() -> ResponseReturnValue:
    """Harvest lots, the last picked first; `deleted=true` lists the deleted ones."""
    with web.transaction(current_actor().winery_id) as session:
        page = queries.list_lots(session, **_read_page(web.read_query(ListRows)))
    return web.answer_written(ListOf[LotAnswer].write(page))


@blueprint.post("/harvest-lots")
@describes({201: LotAnswer, 200: LotAnswer}, body=CreateLot, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def create_lot() -> ResponseReturnValue:
    """Add a harvest lot: 201 the first time, 200 for the same content again."""
    actor = current_actor()
    command = web.read_json(CreateLot)
    with web.transaction(actor.winery_id) as session:
        made = service.create_lot(session, command, actor=actor, now=clock.now())
    response = _answer(made.view, 201 if made.created else 200)
    response.headers["Location"] = f"/api/v1/harvest-lots/{made.view.id}"
    return response


@blueprint.get("/harvest-lots/<id:lot_id>")
@describes({200: LotAnswer})
@permitted(Permission.READ_BOOK)
def get_lot(lot_id: int) -> ResponseReturnValue:
    """One harvest lot."""
    with web.transaction(current_actor().winery_id) as session:
        view = service.get_lot(session, lot_id)
    return _answer(view)


@blueprint.patch("/harvest-lots/<id:lot_id>")
@describes({200: LotAnswer}, body=ChangeLot, headers=IF_MATCH, problems=[409, 412, 428])
@permitted(Permission.CONFIGURE_CELLAR)
def change_lot(lot_id: int) -> ResponseReturnValue:
    """Change what is named; what is not named stays."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeLot)
    with web.transaction(actor.winery_id) as session:
        view = service.change_lot(session, lot_id, command, actor=actor, seen=seen, now=clock.now())
    return _answer(view)


@blueprint.delete("/harvest-lots/<id:lot_id>")
@describes({204: None}, headers=IF_MATCH, problems=[409, 412])
@permitted(Permission.CONFIGURE_CELLAR)
def delete_lot(lot_id: int) -> ResponseReturnValue:
    """Take a harvest lot out of use; it can be restored. If-Match is heeded when it is sent."""
    actor = current_actor()
    seen = web.read_seen(needed=False)
    with web.transaction(actor.winery_id) as session:
        service.delete_lot(session, lot_id, actor=actor, seen=seen)
    return "", 204


@blueprint.post("/harvest-lots/<id:lot_id>/restore")
@describes({200: LotAnswer}, problems=[409])
@permitted(Permission.CONFIGURE_CELLAR)
def restore_lot(lot_id: int) -> ResponseReturnValue:
    """Bring a deleted harvest lot back; one that is not deleted stays as it is."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = service.restore_lot(session, lot_id, actor=actor)
    return _answer(view)


def _answer(view: VineyardView | BlockView | LotView, status: int = 200) -> Response:
    return web.answer_tagged(_show(view), view, status)


def _show(view: VineyardView | BlockView | LotView) -> dict[str, Any]:
    if isinstance(view, VineyardView):
        return VineyardAnswer.show(view)
    return BlockAnswer.show(view) if isinstance(view, BlockView) else LotAnswer.show(view)


def _read_page(wanted: ListRows) -> dict[str, Any]:
    return {
        "deleted": wanted.deleted == "true",
        "cursor": wanted.cursor,
        "limit": wanted.limit,
    }
