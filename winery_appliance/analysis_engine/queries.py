"""What may be read of the analysis: the latest result of a fermentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, true
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.advice_queries import RecommendationView, read_advice
from winery_appliance.analysis_engine.anomaly_queries import (
    QUESTIONS,
    AlarmChange,
    AnomalyView,
    BoardAlarm,
    read_changes,
    read_open_anomalies,
)
from winery_appliance.analysis_engine.models import Analysis
from winery_appliance.core.many_rows import is_among, list_ids, read_rows
from winery_appliance.core.outbox import has_failing_event, is_pending
from winery_appliance.fermentation.events import subject_of


@dataclass(frozen=True)
class ForecastView:
    """When apparent °Bx comes to -1.0 and what it is tomorrow: in one case of ten earlier than `dry_from` or under
    `brix_24h_low`, in one later than `dry_to` or over `brix_24h_high`. None is past the horizon of 45 days.

    `fall_24h_brix` is what the last day should have fallen; `course` is the moments ahead with low, middle and high °Bx.
    Both are missing from what an older version kept.
    """

    dry_from: datetime | None
    dry_at: datetime | None
    dry_to: datetime | None
    found_dry: bool
    p_not_dry_in_time: float
    in_time_until: datetime
    brix_24h_low: float
    brix_24h: float
    brix_24h_high: float
    fall_24h_brix: float | None = None
    course: tuple[tuple[datetime, float, float, float], ...] = ()


@dataclass(frozen=True)
class AnalysisResult:
    """The latest result; `status` is pending before the first, failed while a run cannot be finished. `forecast` is None
    while there is not enough to say anything. `changes` are what this result changed about alarms.
    """

    status: str
    analyzed_at: datetime | None
    covers_samples: int
    anomalies: list[AnomalyView]
    recommendations: list[RecommendationView]
    forecast: ForecastView | None = None
    changes: Sequence[AlarmChange] = ()


def read_analysis(session: Session, fermentation_id: int, *, now: datetime) -> AnalysisResult:
    """The latest result for a fermentation."""
    failing = has_failing_event(session, subject_of(fermentation_id))
    latest = session.scalar(
        select(Analysis)
        .where(Analysis.fermentation_id == fermentation_id)
        .order_by(Analysis.id.desc())
        .limit(1)
    )
    if latest is None:
        return AnalysisResult("failed" if failing else "pending", None, 0, [], [])
    anomalies = read_open_anomalies(session, [fermentation_id], now=now)
    return AnalysisResult(
        "failed" if failing else latest.status,
        latest.analyzed_at,
        latest.covers_samples,
        anomalies,
        read_advice(session, [anomaly.id for anomaly in anomalies], latest.id),
        _view_forecast(latest.forecast),
        read_changes(session, fermentation_id, since=latest.analyzed_at),
    )


def _view_forecast(kept: dict[str, Any] | None) -> ForecastView | None:
    if kept is None:
        return None
    first, middle, last = (moment and datetime.fromisoformat(moment) for moment in kept["dry_at"])
    low, tomorrow, high = kept["brix_24h"]
    return ForecastView(
        dry_from=first,
        dry_at=middle,
        dry_to=last,
        found_dry=kept["found_dry"],
        p_not_dry_in_time=kept["p_not_dry_in_time"],
        in_time_until=datetime.fromisoformat(kept["in_time_until"]),
        brix_24h_low=low,
        brix_24h=tomorrow,
        brix_24h_high=high,
        fall_24h_brix=kept.get("fall_24h_brix"),
        course=tuple((datetime.fromisoformat(at), *brix) for at, *brix in kept.get("course", [])),
    )


def read_expected_falls(session: Session, fermentation_ids: Sequence[int]) -> dict[int, float]:
    """What each of these fermentations should have fallen in the day before its latest analysis, °Bx; where it is known."""
    wanted = func.unnest(list_ids(fermentation_ids)).column_valued("wanted")
    latest = (
        select(Analysis.forecast["fall_24h_brix"].as_float().label("fall"))
        .where(Analysis.fermentation_id == wanted)
        .order_by(Analysis.id.desc())
        .limit(1)
        .lateral()
    )
    rows = read_rows(session, select(wanted, latest.c.fall).join(latest, true()))
    return {of: fall for of, fall in rows if fall is not None}


def read_forecasts(session: Session, fermentation_ids: Sequence[int]) -> dict[int, ForecastView]:
    """The latest forecast of each of these wines that has one; one query for all."""
    rows = session.execute(
        select(Analysis.fermentation_id, Analysis.forecast)
        .where(is_among(Analysis.fermentation_id, fermentation_ids))
        .ext(distinct_on(Analysis.fermentation_id))
        .order_by(Analysis.fermentation_id, Analysis.id.desc())
    )
    views = {of: _view_forecast(forecast) for of, forecast in rows}
    return {of: view for of, view in views.items() if view is not None}


def is_awaited(session: Session, fermentation_id: int) -> bool:
    """Whether a reading of this fermentation waits for its first analysis, and nothing has gone wrong with it yet."""
    return is_pending(session, subject_of(fermentation_id))


def find_doubted(anomalies: Sequence[AnomalyView | BoardAlarm]) -> set[int]:
    """Ids of the samples that an open question says may be slips: figures and curves leave them out."""
    return {
        sample_id
        for anomaly in anomalies
        if anomaly.check in QUESTIONS
        for sample_id in anomaly.evidence or ()
    }
