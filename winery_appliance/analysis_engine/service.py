"""Keeping what the engine found: one analysis a run, one anomaly a trouble."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.assessment import Assessment
from winery_appliance.analysis_engine.forecasting.forecast import Forecast
from winery_appliance.analysis_engine.measurements import Advice, Finding
from winery_appliance.analysis_engine.models import Analysis, Anomaly, Recommendation


@dataclass(frozen=True)
class FinishedAssessment:
    """What the engine made of a fermentation when it had `covers_samples` readings."""

    winery_id: int
    fermentation_id: int
    covers_samples: int
    assessment: Assessment
    started_at: datetime


def keep_assessment(session: Session, finished: FinishedAssessment) -> None:
    """Store a run: open, confirm or clear the anomalies, and replace the advice."""
    analysis = Analysis(
        winery_id=finished.winery_id,
        fermentation_id=finished.fermentation_id,
        covers_samples=finished.covers_samples,
        forecast=_state_forecast(finished.assessment.forecast, finished.started_at),
    )
    session.add(analysis)
    session.flush()
    _update_anomalies(session, analysis, finished.assessment.findings)
    session.add_all(_recommend(analysis, advice) for advice in finished.assessment.advice)


def _state_forecast(made: Forecast | None, started_at: datetime) -> dict[str, Any] | None:
    """A forecast with moments in place of hours; None for a moment past its horizon."""
    if made is None:
        return None

    def moment(hours: float) -> str | None:
        return (started_at + timedelta(hours=hours)).isoformat() if isfinite(hours) else None

    return {
        "dry_at": [moment(hours) for hours in (made.dry_h.p10, made.dry_h.p50, made.dry_h.p90)],
        "found_dry": made.found_dry,
        "p_not_dry_in_time": round(made.p_not_dry, 4),
        "in_time_until": moment(made.deadline_h),
        "brix_24h": [
            round(b, 2) for b in (made.brix_24h.p10, made.brix_24h.p50, made.brix_24h.p90)
        ],
    }


def _update_anomalies(session: Session, analysis: Analysis, findings: Sequence[Finding]) -> None:
    """One trouble is one anomaly: found again it is confirmed and keeps its id, not found again it is cleared."""
    rows = session.scalars(
        select(Anomaly).where(
            Anomaly.fermentation_id == analysis.fermentation_id, Anomaly.cleared_at.is_(None)
        )
    )
    standing = {row.type: row for row in rows}
    found = {finding.check: finding for finding in findings}
    for check, row in standing.items():
        if check not in found:
            row.cleared_at = func.clock_timestamp()
    for check, finding in found.items():
        anomaly = standing.get(check)
        if anomaly is None:
            anomaly = Anomaly(
                winery_id=analysis.winery_id,
                fermentation_id=analysis.fermentation_id,
                type=check,
                since=finding.since,
            )
            session.add(anomaly)
        _describe(anomaly, finding, analysis.id)


def _describe(anomaly: Anomaly, finding: Finding, analysis_id: int) -> None:
    anomaly.analysis_id = analysis_id
    anomaly.severity = finding.severity
    anomaly.deviation_score = finding.deviation_score
    anomaly.title = finding.title
    anomaly.explanation = finding.explanation
    anomaly.threshold = asdict(finding.threshold)
    anomaly.clears_when = finding.clears_when
    anomaly.evidence = list(finding.evidence)


def _recommend(analysis: Analysis, advice: Advice) -> Recommendation:
    return Recommendation(
        winery_id=analysis.winery_id,
        analysis_id=analysis.id,
        anomaly_type=advice.check,
        action=advice.action,
        instructions=list(advice.instructions),
        reasoning=advice.reasoning,
        confidence=advice.confidence,
    )
