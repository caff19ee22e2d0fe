"""Tanks that the round passed by, for programs."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.cellar_work import skips
from winery_appliance.cellar_work.answers import SkipAnswer
from winery_appliance.cellar_work.commands import ListSkips, SkipReading
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.fermentation.service import get_fermentation

blueprint = Blueprint("skips_api", __name__, url_prefix="/api/v1")


@blueprint.get("/fermentations/<id:fermentation_id>/skipped-readings")
@describes({200: ListOf[SkipAnswer]}, query=ListSkips)
@permitted(Permission.READ_BOOK)
def list_skips(fermentation_id: int) -> ResponseReturnValue:
    """When this wine was not read on a round, and why, in the order of time."""
    wanted = web.read_query(ListSkips)
    with web.transaction(current_actor().winery_id) as session:
        get_fermentation(session, fermentation_id)
        page = skips.list_skips(session, fermentation_id, **wanted.model_dump())
    return web.answer_written(ListOf[SkipAnswer].write(page))


@blueprint.post("/fermentations/<id:fermentation_id>/skipped-readings")
@describes({201: SkipAnswer, 200: SkipAnswer}, body=SkipReading, problems=[409])
@permitted(Permission.RECORD_SAMPLES)
def skip_reading(fermentation_id: int) -> ResponseReturnValue:
    """Say that a tank was not read: 201 the first time, 200 with the first result for the same body again."""
    actor = current_actor()
    command = web.read_json(SkipReading)
    with web.transaction(actor.winery_id) as session:
        recorded = skips.skip_reading(
            session, fermentation_id, command, actor=actor, now=clock.now()
        )
    return web.answer_json(SkipAnswer.show(recorded.view), 201 if recorded.created else 200)
