"""Mending readings, for programs."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.errors import NotFound
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.fermentation import queries, sample_corrections
from winery_appliance.fermentation.answers import SampleAnswer
from winery_appliance.fermentation.commands import CorrectSample, VoidSample

blueprint = Blueprint("samples_api", __name__, url_prefix="/api/v1/samples")


@blueprint.post("/<id:sample_id>/correct")
@describes({201: SampleAnswer, 200: SampleAnswer}, body=CorrectSample, problems=[409])
@permitted(Permission.RECORD_SAMPLES)
def correct_sample(sample_id: int) -> ResponseReturnValue:
    """Let a new reading take the place of one: 201 the first time, 200 for the same body again."""
    actor = current_actor()
    command = web.read_json(CorrectSample)
    with web.transaction(actor.winery_id) as session:
        recorded = sample_corrections.correct_sample(
            session, sample_id, command, actor=actor, now=clock.now()
        )
    return web.answer_json(SampleAnswer.show(recorded.sample), 201 if recorded.created else 200)


@blueprint.post("/<id:sample_id>/void")
@describes({201: SampleAnswer, 200: SampleAnswer}, body=VoidSample, problems=[409])
@permitted(Permission.RECORD_SAMPLES)
def void_sample(sample_id: int) -> ResponseReturnValue:
    """Take a reading out of what counts: 201 the first time, 200 for the same body again."""
    actor = current_actor()
    command = web.read_json(VoidSample)
    with web.transaction(actor.winery_id) as session:
        recorded = sample_corrections.void_sample(
            session, sample_id, command, actor=actor, now=clock.now()
        )
    return web.answer_json(SampleAnswer.show(recorded.sample), 201 if recorded.created else 200)


@blueprint.get("/<id:sample_id>/history")
@describes({200: ListOf[SampleAnswer]})
@permitted(Permission.READ_BOOK)
def read_history(sample_id: int) -> ResponseReturnValue:
    """What a reading was and is, the oldest first."""
    with web.transaction(current_actor().winery_id) as session:
        chain = queries.read_history(session, sample_id)
    if not chain:
        raise NotFound("There is no such reading in this winery.")
    return web.answer_json(
        {"items": [SampleAnswer.show(item) for item in chain], "next_cursor": None}
    )
