"""The states of a fermentation and of its phases, for programs."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import IF_MATCH, describes
from winery_appliance.fermentation import status
from winery_appliance.fermentation.answers import FermentationAnswer
from winery_appliance.fermentation.commands import (
    EndFermentation,
    ReopenFermentation,
    SetPhase,
    StartPlanned,
)
from winery_appliance.fermentation.states import PhaseName

blueprint = Blueprint("fermentation_status_api", __name__, url_prefix="/api/v1/fermentations")


@blueprint.post("/<id:fermentation_id>/start")
@describes({200: FermentationAnswer}, body=StartPlanned, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def start(fermentation_id: int) -> ResponseReturnValue:
    """Begin a planned fermentation, in a vessel that is free."""
    actor = current_actor()
    command = web.read_json(StartPlanned)
    with web.transaction(actor.winery_id) as session:
        view = status.start_planned(session, fermentation_id, command, actor=actor, now=clock.now())
    return web.answer_json(FermentationAnswer.show(view))


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


@blueprint.put("/<id:fermentation_id>/af")
@describes({200: FermentationAnswer}, body=SetPhase, headers=IF_MATCH, problems=[409, 412, 428])
@permitted(Permission.RUN_FERMENTATIONS)
def set_af(fermentation_id: int) -> ResponseReturnValue:
    """Say how far the alcoholic fermentation is.

    From not_started it goes to running or done, from running to done or back to not_started, from done back to running.
    """
    return _set_phase(fermentation_id, "af")


@blueprint.put("/<id:fermentation_id>/mlf")
@describes({200: FermentationAnswer}, body=SetPhase, headers=IF_MATCH, problems=[409, 412, 428])
@permitted(Permission.RUN_FERMENTATIONS)
def set_mlf(fermentation_id: int) -> ResponseReturnValue:
    """Say how far the malolactic fermentation is.

    As the alcoholic one; it may also be skipped before it starts, and from there start after all.
    """
    return _set_phase(fermentation_id, "mlf")


def _set_phase(fermentation_id: int, name: PhaseName) -> Response:
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(SetPhase)
    with web.transaction(actor.winery_id) as session:
        view = status.set_phase(
            session, fermentation_id, name, command, actor=actor, seen=seen, now=clock.now()
        )
    return web.answer_tagged(FermentationAnswer.show(view), view)
