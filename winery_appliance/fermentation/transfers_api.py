"""Where the wine goes, for programs."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.fermentation import blending, transfer_queries, transfers
from winery_appliance.fermentation.answers import TransferAnswer
from winery_appliance.fermentation.commands import (
    BlendFermentations,
    BlendIntoFermentation,
    ListTransfers,
    MoveFermentation,
    SplitFermentation,
    VoidTransfer,
)
from winery_appliance.fermentation.transfers import RecordedTransfer

blueprint = Blueprint("transfers_api", __name__, url_prefix="/api/v1")


@blueprint.get("/transfers")
@describes({200: ListOf[TransferAnswer]}, query=ListTransfers)
@permitted(Permission.READ_BOOK)
def list_transfers() -> ResponseReturnValue:
    """Transfers, the last first; `fermentation_id`, `vessel_code`, `since` and `until` filter."""
    wanted = web.read_query(ListTransfers)
    with web.transaction(current_actor().winery_id) as session:
        page = transfer_queries.list_transfers(session, wanted)
    return web.answer_written(ListOf[TransferAnswer].write(page))


@blueprint.get("/transfers/<id:transfer_id>")
@describes({200: TransferAnswer})
@permitted(Permission.READ_BOOK)
def get_transfer(transfer_id: int) -> ResponseReturnValue:
    """One transfer with its flows."""
    with web.transaction(current_actor().winery_id) as session:
        view = transfers.get_transfer(session, transfer_id)
    return web.answer_json(TransferAnswer.show(view))


@blueprint.post("/transfers/<id:transfer_id>/void")
@describes({200: TransferAnswer}, body=VoidTransfer, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def void_transfer(transfer_id: int) -> ResponseReturnValue:
    """Take back the last movement of its wines; one that is voided stays so."""
    actor = current_actor()
    command = web.read_json(VoidTransfer)
    with web.transaction(actor.winery_id) as session:
        view = transfers.void_transfer(session, transfer_id, command, actor=actor, now=clock.now())
    return web.answer_json(TransferAnswer.show(view))


@blueprint.post("/fermentations/<id:fermentation_id>/move")
@describes({201: TransferAnswer, 200: TransferAnswer}, body=MoveFermentation, problems=[409])
@permitted(Permission.MOVE_WINE)
def move_fermentation(fermentation_id: int) -> ResponseReturnValue:
    """Let a wine go to another vessel, or to many: 201 the first time, 200 for the same body again."""
    actor = current_actor()
    command = web.read_json(MoveFermentation)
    with web.transaction(actor.winery_id) as session:
        recorded = transfers.move_fermentation(
            session, fermentation_id, command, actor=actor, now=clock.now()
        )
    return _answer(recorded)


@blueprint.post("/fermentations/<id:fermentation_id>/split")
@describes({201: TransferAnswer, 200: TransferAnswer}, body=SplitFermentation, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def split_fermentation(fermentation_id: int) -> ResponseReturnValue:
    """Let a part of a wine become one of its own: 201 the first time, 200 for the same body again."""
    actor = current_actor()
    command = web.read_json(SplitFermentation)
    with web.transaction(actor.winery_id) as session:
        recorded = blending.split_fermentation(
            session, fermentation_id, command, actor=actor, now=clock.now()
        )
    return _answer(recorded)


@blueprint.post("/fermentations/<id:fermentation_id>/blend")
@describes({201: TransferAnswer, 200: TransferAnswer}, body=BlendIntoFermentation, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def blend_into_fermentation(fermentation_id: int) -> ResponseReturnValue:
    """Let other wines go into this one: 201 the first time, 200 for the same body again."""
    actor = current_actor()
    command = web.read_json(BlendIntoFermentation)
    with web.transaction(actor.winery_id) as session:
        recorded = blending.blend_into_fermentation(
            session, fermentation_id, command, actor=actor, now=clock.now()
        )
    return _answer(recorded)


@blueprint.post("/fermentations/blend")
@describes({201: TransferAnswer, 200: TransferAnswer}, body=BlendFermentations, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def blend_fermentations() -> ResponseReturnValue:
    """Let wines become a new one together: 201 the first time, 200 for the same body again."""
    actor = current_actor()
    command = web.read_json(BlendFermentations)
    with web.transaction(actor.winery_id) as session:
        recorded = blending.blend_fermentations(session, command, actor=actor, now=clock.now())
    return _answer(recorded)


def _answer(recorded: RecordedTransfer) -> ResponseReturnValue:
    response = web.answer_json(
        TransferAnswer.show(recorded.transfer), 201 if recorded.created else 200
    )
    response.headers["Location"] = f"/api/v1/transfers/{recorded.transfer.id}"
    return response
