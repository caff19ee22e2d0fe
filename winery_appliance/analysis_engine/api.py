"""The analysis for programs."""

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.analysis_engine.queries import AnalysisResult, AnomalyView, read_analysis
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.fermentation.service import get_fermentation

blueprint = Blueprint("analysis_api", __name__, url_prefix="/api/v1")


@blueprint.get("/fermentations/<id:fermentation_id>/analysis")
@permitted(Permission.READ_BOOK)
def get_analysis(fermentation_id: int) -> ResponseReturnValue:
    """The latest analysis of a fermentation."""
    with web.transaction(current_actor().winery_id) as session:
        get_fermentation(session, fermentation_id)
        result = read_analysis(session, fermentation_id)
    return web.answer_if_changed(web.answer_json(show_analysis(result)))


def show_analysis(result: AnalysisResult) -> dict[str, Any]:
    """An analysis as the API tells it."""
    return {
        "status": result.status,
        "analyzed_at": result.analyzed_at.isoformat() if result.analyzed_at else None,
        "covers_samples": result.covers_samples,
        "anomalies": [_show_anomaly(anomaly) for anomaly in result.anomalies],
        "recommendations": [
            {
                "id": advice.id,
                "check": advice.anomaly_type,
                "action": advice.action,
                "instructions": advice.instructions,
                "reasoning": advice.reasoning,
                "confidence": advice.confidence,
            }
            for advice in result.recommendations
        ],
    }


def _show_anomaly(anomaly: AnomalyView) -> dict[str, Any]:
    return {
        "id": anomaly.id,
        "check": anomaly.check,
        "severity": anomaly.severity,
        "title": anomaly.title,
        "explanation": anomaly.explanation,
        "since": anomaly.since.isoformat(),
        "opened_at": anomaly.opened_at.isoformat(),
        "evidence": anomaly.evidence,
        "threshold": anomaly.threshold,
        "clears_when": anomaly.clears_when,
        "deviation_score": anomaly.deviation_score,
    }
