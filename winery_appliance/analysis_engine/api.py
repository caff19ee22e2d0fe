"""The analysis for programs."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.analysis_engine.answers import AnalysisAnswer
from winery_appliance.analysis_engine.queries import read_analysis
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import describes
from winery_appliance.fermentation.service import get_fermentation

blueprint = Blueprint("analysis_api", __name__, url_prefix="/api/v1")


@blueprint.get("/fermentations/<id:fermentation_id>/analysis")
@describes(
    {200: AnalysisAnswer, 304: None}, headers={"If-None-Match": "The ETag of an earlier answer."}
)
@permitted(Permission.READ_BOOK)
def get_analysis(fermentation_id: int) -> ResponseReturnValue:
    """The latest analysis of a fermentation."""
    with web.transaction(current_actor().winery_id) as session:
        get_fermentation(session, fermentation_id)
        result = read_analysis(session, fermentation_id, now=clock.now())
    return web.answer_if_changed(web.answer_json(AnalysisAnswer.show(result)))
