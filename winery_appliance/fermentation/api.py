"""Fermentations and samples for programs."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes
from winery_appliance.fermentation import changing, queries, removing, service
from winery_appliance.fermentation.answers import FermentationAnswer, SampleAnswer
from winery_appliance.fermentation.commands import (
    ChangeFermentation,
    ListFermentations,
    ListSamples,
    RecordSample,
    SetLotSources,
    StartFermentation,
)
from winery_appliance.fermentation.queries import FermentationView

blueprint = Blueprint("fermentation_api", __name__, url_prefix="/api/v1")


@blueprint.get("/fermentations")
@describes({200: ListOf[FermentationAnswer]}, query=ListFermentations)
@permitted(Permission.READ_BOOK)
def list_fermentations() -> ResponseReturnValue:
    """Fermentations, the youngest first; `status` and `vintage` filter, `deleted=true` lists the deleted ones."""
    wanted = web.read_query(ListFermentations)
    with web.reading(current_actor().winery_id) as session:
        page = queries.list_fermentations(
            session,
            status=wanted.status,
            vintage=wanted.vintage,
            deleted=wanted.deleted == "true",
            cursor=wanted.cursor,
            limit=wanted.limit,
        )
    return web.answer_written(ListOf[FermentationAnswer].write(page))


@blueprint.post("/fermentations")
@describes({201: FermentationAnswer}, body=StartFermentation, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def start_fermentation() -> ResponseReturnValue:
    """Begin a fermentation, or plan it; a vessel code that is new becomes a vessel."""
    actor = current_actor()
    command = web.read_json(StartFermentation)
    with web.transaction(actor.winery_id) as session:
        view = service.start_fermentation(session, command, actor=actor, now=clock.now())
    response = web.answer_json(FermentationAnswer.show(view), 201)
    response.headers["Location"] = f"/api/v1/fermentations/{view.id}"
    return response


@blueprint.get("/fermentations/<id:fermentation_id>")
@describes({200: FermentationAnswer})
@permitted(Permission.READ_BOOK)
def get_fermentation(fermentation_id: int) -> ResponseReturnValue:
    """One fermentation, with the `ETag` that a change must name."""
    with web.transaction(current_actor().winery_id) as session:
        view = service.get_fermentation(session, fermentation_id)
    return _answer(view)


@blueprint.patch("/fermentations/<id:fermentation_id>")
@describes(
    {200: FermentationAnswer}, body=ChangeFermentation, headers=IF_MATCH, problems=[409, 412, 428]
)
@permitted(Permission.RUN_FERMENTATIONS)
def change_fermentation(fermentation_id: int) -> ResponseReturnValue:
    """Change what is named; what is not named stays."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeFermentation)
    with web.transaction(actor.winery_id) as session:
        view = changing.change_fermentation(
            session, fermentation_id, command, actor=actor, seen=seen
        )
    return _answer(view)


@blueprint.delete("/fermentations/<id:fermentation_id>")
@describes({204: None}, headers=IF_MATCH, problems=[409, 412])
@permitted(Permission.RUN_FERMENTATIONS)
def delete_fermentation(fermentation_id: int) -> ResponseReturnValue:
    """Take a fermentation out of the book; it can be restored with all that was recorded of it.

    If-Match is heeded when it is sent.
    """
    actor = current_actor()
    seen = web.read_seen(needed=False)
    with web.transaction(actor.winery_id) as session:
        removing.delete_fermentation(session, fermentation_id, actor=actor, seen=seen)
    return "", 204


@blueprint.post("/fermentations/<id:fermentation_id>/restore")
@describes({200: FermentationAnswer}, problems=[409])
@permitted(Permission.RUN_FERMENTATIONS)
def restore_fermentation(fermentation_id: int) -> ResponseReturnValue:
    """Bring a deleted fermentation back as it was; one that is not deleted stays as it is."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = removing.restore_fermentation(session, fermentation_id, actor=actor)
    return _answer(view)


@blueprint.put("/fermentations/<id:fermentation_id>/lot-sources")
@describes(
    {200: FermentationAnswer}, body=SetLotSources, headers=IF_MATCH, problems=[409, 412, 428]
)
@permitted(Permission.RUN_FERMENTATIONS)
def set_lot_sources(fermentation_id: int) -> ResponseReturnValue:
    """Put right which lots a fermentation came from, all of them at once; what they were stays in the audit log."""
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(SetLotSources)
    with web.transaction(actor.winery_id) as session:
        view = changing.set_lot_sources(session, fermentation_id, command, actor=actor, seen=seen)
    return _answer(view)


@blueprint.get("/fermentations/<id:fermentation_id>/samples")
@describes({200: ListOf[SampleAnswer]}, query=ListSamples)
@permitted(Permission.READ_BOOK)
def list_samples(fermentation_id: int) -> ResponseReturnValue:
    """Readings in the order they were measured; `sample_type` filters, `history` shows what was corrected, too."""
    wanted = web.read_query(ListSamples)
    with web.reading(current_actor().winery_id) as session:
        service.refuse_unknown(session, fermentation_id)
        page = queries.list_samples(
            session,
            fermentation_id,
            sample_type=wanted.sample_type,
            history=wanted.history == "true",
            cursor=wanted.cursor,
            limit=wanted.limit,
        )
    return web.answer_written(ListOf[SampleAnswer].write(page))


@blueprint.post("/fermentations/<id:fermentation_id>/samples")
@describes({201: SampleAnswer, 200: SampleAnswer}, body=RecordSample, problems=[409])
@permitted(Permission.RECORD_SAMPLES)
def record_sample(fermentation_id: int) -> ResponseReturnValue:
    """Put a reading into the book: 201 the first time, 200 with the first result for the same body again."""
    actor = current_actor()
    command = web.read_json(RecordSample)
    with web.transaction(actor.winery_id) as session:
        recorded = service.record_sample(
            session, fermentation_id, command, actor=actor, now=clock.now()
        )
    return web.answer_json(SampleAnswer.show(recorded.sample), 201 if recorded.created else 200)


def _answer(view: FermentationView) -> Response:
    return web.answer_tagged(FermentationAnswer.show(view), view)
