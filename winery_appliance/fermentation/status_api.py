"""The end of a fermentation, and its way back, for programs."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import describes
from winery_appliance.fermentation import status
from winery_appliance.fermentation.answers import FermentationAnswer
from winery_appliance.fermentation.commands import EndFermentation, ReopenFermentation

blueprint = Blueprint("fermentation_status_api", __name__, url_prefix="/api/v1/fermentations")


@blueprint.post("/<id:fermentation_id>/complete")
@describes({200: FermentationAnswer}, body=EndFermentation, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def complete(fermentation_id: int) -> ResponseReturnValue:
    """End a fermentation, now or at the time that is said."""
    actor = current_actor()
    command = web.read_json(EndFermentation)
    with web.transaction(actor.winery_id) as session:
        view = status.complete_fermentation(
            session, fermentation_id, command, actor=actor, now=clock.now()
        )
    return web.answer_json(FermentationAnswer.show(view))


@blueprint.post("/<id:fermentation_id>/cancel")
@describes({200: FermentationAnswer}, body=EndFermentation, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def cancel(fermentation_id: int) -> ResponseReturnValue:
    """Give a fermentation up."""
    actor = current_actor()
    command = web.read_json(EndFermentation)
    with web.transaction(actor.winery_id) as session:
        view = status.cancel_fermentation(
            session, fermentation_id, command, actor=actor, now=clock.now()
        )
    return web.answer_json(FermentationAnswer.show(view))


@blueprint.post("/<id:fermentation_id>/reopen")
@describes({200: FermentationAnswer}, body=ReopenFermentation, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def reopen(fermentation_id: int) -> ResponseReturnValue:
    """Withdraw the end of a fermentation."""
    actor = current_actor()
    web.read_json(ReopenFermentation)
    with web.transaction(actor.winery_id) as session:
        view = status.reopen_fermentation(session, fermentation_id, actor=actor)
    return web.answer_json(FermentationAnswer.show(view))
