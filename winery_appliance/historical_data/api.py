"""The past for programs."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.historical_data import pattern_queries, queries
from winery_appliance.historical_data.answers import (
    HistoricalSampleAnswer,
    PatternAnswer,
    PatternInFullAnswer,
    PatternList,
    SimilarAnswer,
)
from winery_appliance.historical_data.commands import (
    FindSimilar,
    ListHistoricalSamples,
    ListPatterns,
)
from winery_appliance.historical_data.similar import find_similar

blueprint = Blueprint("historical_data_api", __name__, url_prefix="/api/v1")


@blueprint.get("/historical_samples")
@describes({200: ListOf[HistoricalSampleAnswer]}, query=ListHistoricalSamples)
@permitted(Permission.READ_BOOK)
def list_historical_samples() -> ResponseReturnValue:
    """Readings of completed fermentations in the order they were measured; all parameters filter."""
    wanted = web.read_query(ListHistoricalSamples)
    with web.reading(current_actor().winery_id) as session:
        page = queries.list_historical_samples(session, wanted)
    return web.answer_written(ListOf[HistoricalSampleAnswer].write(page))


@blueprint.get("/patterns")
@describes({200: PatternList}, query=ListPatterns)
@permitted(Permission.READ_BOOK)
def list_patterns() -> ResponseReturnValue:
    """How past ferments went, by variety, style and size of vessel; all parameters filter."""
    wanted = web.read_query(ListPatterns)
    with web.reading(current_actor().winery_id) as session:
        found = pattern_queries.list_patterns(session, **wanted.model_dump())
    return web.answer_json({"items": [PatternAnswer.show(view) for view in found]})


@blueprint.get("/patterns/<id:pattern_id>")
@describes({200: PatternInFullAnswer})
@permitted(Permission.READ_BOOK)
def get_pattern(pattern_id: int) -> ResponseReturnValue:
    """One pattern with its bands and the ferments behind it."""
    with web.reading(current_actor().winery_id) as session:
        found = pattern_queries.get_pattern(session, pattern_id)
    return web.answer_json(PatternInFullAnswer.show(found))


@blueprint.get("/fermentations/<id:fermentation_id>/similar")
@describes({200: SimilarAnswer}, query=FindSimilar)
@permitted(Permission.READ_BOOK)
def list_similar_fermentations(fermentation_id: int) -> ResponseReturnValue:
    """The past ferments most like one by its readings until `as_of`, among those that were over by then, and why."""
    wanted = web.read_query(FindSimilar)
    winery_id = current_actor().winery_id
    with web.reading(winery_id) as session:
        found = find_similar(
            session, winery_id, fermentation_id, as_of=wanted.as_of or clock.now(), k=wanted.k
        )
    return web.answer_json(SimilarAnswer.show(found))
