"""What the analysis answers to programs."""

from typing import Annotated, Any, Literal

from pydantic import Field

from winery_appliance.core.openapi import Answer, When


class AnomalyAnswer(Answer):
    """An open trouble: the readings it rests on, the threshold and what would clear it."""

    id: int
    check: str
    severity: Literal["info", "warning", "critical"]
    title: str
    explanation: str
    since: When
    opened_at: When
    evidence: list[int]
    threshold: dict[str, Any]
    clears_when: str
    deviation_score: float


class RecommendationAnswer(Answer):
    """What could help; confidence from 0 to 1."""

    id: int
    check: Annotated[str, Field(validation_alias="anomaly_type")]
    action: str
    instructions: list[str]
    reasoning: str
    confidence: float


class ForecastAnswer(Answer):
    """When apparent °Bx comes to -1.0, and what it is tomorrow, with its 10 % and 90 % quantiles; null: past 45 days."""

    dry_from: When | None
    dry_at: When | None
    dry_to: When | None
    found_dry: bool
    p_not_dry_in_time: float
    in_time_until: When
    brix_24h_low: float
    brix_24h: float
    brix_24h_high: float


class AnalysisAnswer(Answer):
    """The latest analysis; `pending` before the first, `failed` while a run cannot be finished."""

    status: Literal["pending", "done", "failed"]
    analyzed_at: When | None
    covers_samples: int
    anomalies: list[AnomalyAnswer]
    recommendations: list[RecommendationAnswer]
    forecast: ForecastAnswer | None
