"""Mending readings, for programs."""

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.errors import Invalid, NotFound
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.core.paging import Page
from winery_appliance.core.words import say
from winery_appliance.fermentation import queries, sample_batch, sample_corrections
from winery_appliance.fermentation.answers import BatchAnswer, SampleAnswer
from winery_appliance.fermentation.commands import BatchItem, CorrectSample, RecordBatch, VoidSample
from winery_appliance.fermentation.sample_batch import Outcome

blueprint = Blueprint("samples_api", __name__, url_prefix="/api/v1/samples")


@blueprint.post("/batch")
@describes({200: BatchAnswer}, body=RecordBatch)
@permitted(Permission.RECORD_SAMPLES)
def record_batch() -> ResponseReturnValue:
    """Put up to 500 readings into the book. Each has an answer of its own, in the order they were sent."""
    actor = current_actor()
    given = web.read_json(RecordBatch).items
    items = [_read_item(item) for item in given]
    with web.transaction(actor.winery_id) as session:
        outcomes = sample_batch.record_batch(session, items, actor=actor, now=clock.now())
    shown = [_show_outcome(*pair) for pair in zip(given, outcomes, strict=True)]
    return web.answer_written(BatchAnswer.model_validate({"items": shown}).model_dump_json())


def _read_item(given: Any) -> BatchItem | Invalid:
    try:
        return web.parse(BatchItem, given)
    except Invalid as error:
        return error


def _show_outcome(given: Any, outcome: Outcome) -> dict[str, Any]:
    """What became of one reading, under the UUID it was sent with."""
    sent = given.get("client_uuid") if isinstance(given, dict) else None
    return {
        "client_uuid": sent if isinstance(sent, str) else None,
        "status": outcome.status,
        "sample": outcome.sample,
        "problem": outcome.problem,
    }


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
    with web.reading(current_actor().winery_id) as session:
        chain = queries.read_history(session, sample_id)
    if not chain:
        raise NotFound(say("There is no such reading in this winery."))
    return web.answer_written(ListOf[SampleAnswer].write(Page(chain, None)))
