"""Keeping what the engine found: one analysis a run, one anomaly a trouble."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.assessment import Assessment
from winery_appliance.analysis_engine.events import (
    AnomalyCleared,
    AnomalyOpened,
    AnomalyReopened,
    AnomalyWorsened,
)
from winery_appliance.analysis_engine.forecasting.forecast import Forecast, Quantiles
from winery_appliance.analysis_engine.measurements import Advice, Finding
from winery_appliance.analysis_engine.models import (
    Analysis,
    Anomaly,
    AnomalyEvent,
    Recommendation,
)
from winery_appliance.core import clock, outbox
from winery_appliance.core.words import say

_GRAVITY = {"info": 0, "warning": 1, "critical": 2}


@dataclass(frozen=True)
class FinishedAssessment:
    """What the engine made of a fermentation that had these samples; `over` says why nothing is judged any more."""

    winery_id: int
    fermentation_id: int
    samples: Mapping[int, datetime]
    assessment: Assessment
    started_at: datetime
    over: str | None = None

    @property
    def last_measured_at(self) -> datetime | None:
        """When the wine was last looked at."""
        return max(self.samples.values(), default=None)


def keep_assessment(session: Session, finished: FinishedAssessment) -> None:
    """Store a run: open, confirm or clear the anomalies, and replace the advice."""
    analysis = Analysis(
        winery_id=finished.winery_id,
        fermentation_id=finished.fermentation_id,
        covers_samples=len(finished.samples),
        forecast=_state_forecast(finished.assessment.forecast, finished.started_at),
    )
    session.add(analysis)
    session.flush()
    _update_anomalies(session, analysis, finished)
    _update_recommendations(session, analysis, finished.assessment.advice)


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
        "brix_24h": _round(made.brix_24h),
        "fall_24h_brix": round(made.fall_24h_brix, 2),
        "course": [[moment(hours), *_round(brix)] for hours, brix in made.course],
    }


def _round(brix: Quantiles) -> list[float]:
    return [round(value, 2) for value in (brix.p10, brix.p50, brix.p90)]


def _update_anomalies(session: Session, analysis: Analysis, finished: FinishedAssessment) -> None:
    """One trouble is one anomaly: found again it is confirmed and keeps its id, not found again it is cleared.

    What people made of it (who has it, until when it sleeps) is theirs and stays; only what becomes graver wakes up.
    """
    rows = session.scalars(
        select(Anomaly)
        .where(Anomaly.fermentation_id == analysis.fermentation_id, Anomaly.cleared_at.is_(None))
        .order_by(Anomaly.id)
        .with_for_update()
    )
    standing = {row.type: row for row in rows}
    found = {finding.check: finding for finding in finished.assessment.findings}
    for check, row in standing.items():
        if check not in found and _may_clear(row, finished):
            _clear(session, row, finished)
    over = _find_over(session, analysis.fermentation_id, found.keys() - standing.keys())
    for check, finding in found.items():
        if check in standing:
            _confirm(session, standing[check], finding, analysis.id)
        elif check in over and finding.since <= over[check].since:
            _take_up_again(session, over[check], finding, analysis.id)
        else:
            _open(session, analysis, finding)


def _find_over(
    session: Session, fermentation_id: int, checks: Collection[str]
) -> dict[str, Anomaly]:
    """The last cleared anomaly of each of these checks."""
    rows = session.scalars(
        select(Anomaly)
        .where(
            Anomaly.fermentation_id == fermentation_id,
            Anomaly.type.in_(checks),
            Anomaly.cleared_at.is_not(None),
        )
        .order_by(Anomaly.id)
        .with_for_update()
    )
    return {row.type: row for row in rows}


def _open(session: Session, analysis: Analysis, finding: Finding) -> None:
    anomaly = Anomaly(
        winery_id=analysis.winery_id,
        fermentation_id=analysis.fermentation_id,
        type=finding.check,
        since=finding.since,
    )
    _describe(anomaly, finding, analysis.id)
    session.add(anomaly)
    session.flush()
    note_event(session, anomaly, "opened", note=finding.explanation)
    outbox.publish(session, AnomalyOpened(anomaly.winery_id, anomaly.id))


def _confirm(session: Session, anomaly: Anomaly, finding: Finding, analysis_id: int) -> None:
    """Further evidence, or another gravity, is an event; the same said again is none."""
    further = set(finding.evidence) - set(anomaly.evidence)
    change = _GRAVITY[finding.severity] - _GRAVITY[anomaly.severity]
    _describe(anomaly, finding, analysis_id)
    if change > 0:
        anomaly.snoozed_until = None
        outbox.publish(session, AnomalyWorsened(anomaly.winery_id, anomaly.id))
    if further:
        anomaly.confirmations += 1
        anomaly.confirmed_at = clock.now()
    if change:
        note_event(session, anomaly, "graver" if change > 0 else "milder", note=finding.explanation)
    elif further:
        note_event(session, anomaly, "confirmed", note=finding.explanation)


def _take_up_again(session: Session, anomaly: Anomaly, finding: Finding, analysis_id: int) -> None:
    """What was cleared is found again from the same beginning: a late or corrected reading had hidden it."""
    anomaly.cleared_at = anomaly.cleared_because = None
    _describe(anomaly, finding, analysis_id)
    note_event(session, anomaly, "reopened", note=finding.explanation)
    outbox.publish(session, AnomalyReopened(anomaly.winery_id, anomaly.id))


def _may_clear(anomaly: Anomaly, finished: FinishedAssessment) -> bool:
    """Somebody who reopened it knows more than the last reading did: the next reading decides."""
    if anomaly.reopened_at is None or finished.over:
        return True
    last = finished.last_measured_at
    return last is not None and last > anomaly.reopened_at


def _clear(session: Session, anomaly: Anomaly, finished: FinishedAssessment) -> None:
    anomaly.cleared_at = func.clock_timestamp()
    anomaly.cleared_because = _find_reason(anomaly, finished)
    note_event(session, anomaly, "cleared", note=anomaly.cleared_because)
    outbox.publish(session, AnomalyCleared(anomaly.winery_id, anomaly.id))


def _find_reason(anomaly: Anomaly, finished: FinishedAssessment) -> str:
    """Why it is not found any more, for a person."""
    if finished.over:
        return finished.over
    clearer = finished.assessment.told_as.get(anomaly.type)
    if clearer is not None:
        return say("It is told as “%(title)s” now.", title=clearer.title)
    if anomaly.type in finished.assessment.explained:
        return say("What was written down about the wine explains it.")
    if set(anomaly.evidence) - finished.samples.keys():
        return say("A reading it rested on was corrected or taken out.")
    return say("The readings say it is over: %(clears_when)s.", clears_when=anomaly.clears_when)


def note_event(
    session: Session, anomaly: Anomaly, what: str, *, note: str = "", user_id: int | None = None
) -> None:
    """Write into an anomaly's history what became of it, as it stands now; without `user_id` the analysis did it."""
    session.add(
        AnomalyEvent(
            winery_id=anomaly.winery_id,
            anomaly_id=anomaly.id,
            what=what,
            user_id=user_id,
            note=note,
            severity=anomaly.severity,
            evidence=anomaly.evidence,
            assigned_to=anomaly.assigned_to,
            snoozed_until=anomaly.snoozed_until,
        )
    )


def _describe(anomaly: Anomaly, finding: Finding, analysis_id: int) -> None:
    anomaly.analysis_id = analysis_id
    anomaly.severity = finding.severity
    anomaly.deviation_score = finding.deviation_score
    anomaly.title = finding.title
    anomaly.explanation = finding.explanation
    anomaly.threshold = asdict(finding.threshold)
    anomaly.clears_when = finding.clears_when
    anomaly.evidence = list(finding.evidence)


def _update_recommendations(session: Session, analysis: Analysis, given: Sequence[Advice]) -> None:
    """One template speaks once for an anomaly: its text is made anew, unless somebody has decided about it."""
    session.flush()
    standing = session.execute(
        select(Anomaly.type, Anomaly.id).where(
            Anomaly.fermentation_id == analysis.fermentation_id, Anomaly.cleared_at.is_(None)
        )
    )
    open_now = {kind: anomaly_id for kind, anomaly_id in standing}
    rows = session.scalars(
        select(Recommendation)
        .where(Recommendation.anomaly_id.in_(open_now.values()))
        .order_by(Recommendation.id)
        .with_for_update()
    )
    known = {(row.anomaly_id, row.template_code): row for row in rows}
    for advice in given:
        row = known.get((open_now[advice.check], advice.code))
        if row is None:
            row = Recommendation(
                winery_id=analysis.winery_id,
                anomaly_id=open_now[advice.check],
                anomaly_type=advice.check,
                template_code=advice.code,
            )
            session.add(row)
        elif row.status != "offered":
            continue
        row.analysis_id = analysis.id
        row.action, row.instructions = advice.action, list(advice.instructions)
        row.reasoning, row.sources = advice.reasoning, advice.sources
        row.confidence, row.own = advice.confidence, advice.own
