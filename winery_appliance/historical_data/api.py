"""The past for programs."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.historical_data import queries
from winery_appliance.historical_data.answers import HistoricalSampleAnswer
from winery_appliance.historical_data.commands import ListHistoricalSamples

blueprint = Blueprint("historical_data_api", __name__, url_prefix="/api/v1")


@blueprint.get("/historical_samples")
@describes({200: ListOf[HistoricalSampleAnswer]}, query=ListHistoricalSamples)
@permitted(Permission.READ_BOOK)
def list_historical_samples() -> ResponseReturnValue:
    """Readings of completed fermentations in the order they were measured; all parameters filter."""
    wanted = web.read_query(ListHistoricalSamples)
    with web.transaction(current_actor().winery_id) as session:
        page = queries.list_historical_samples(session, wanted)
    return web.answer_written(ListOf[HistoricalSampleAnswer].write(page))
