"""What the analysis answers to programs."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from winery_appliance.analysis_engine.advice_commands import Outcome, RecommendationStatus
from winery_appliance.analysis_engine.advice_templates import Condition, Dosed
from winery_appliance.analysis_engine.anomaly_commands import AnomalyStatus
from winery_appliance.analysis_engine.measurements import Severity
from winery_appliance.analysis_engine.rule_commands import Style, TriedRule
from winery_appliance.core.openapi import Answer, When


class OpenAnomalyAnswer(Answer):
    """An open trouble: the readings it rests on, the threshold and what would clear it."""

    id: int
    check: str
    severity: Severity
    title: str
    explanation: str
    since: When
    opened_at: When
    evidence: list[int]
    threshold: dict[str, Any]
    clears_when: str
    deviation_score: float
    status: AnomalyStatus
    acknowledged_by_name: str | None
    assigned_to_name: str | None
    snoozed_until: When | None


class AnomalyAnswer(Answer):
    """A trouble with its life: `opened_at` is when it was first seen, `since` the reading it began with."""

    id: int
    fermentation_id: int
    type: Annotated[str, Field(validation_alias="check")]
    severity: Severity
    deviation_score: float
    status: AnomalyStatus
    title: str
    explanation: str
    since: When
    opened_at: When
    confirmed_at: When | None
    confirmations: int
    evidence: list[int]
    threshold: dict[str, Any]
    clears_when: str
    cleared_at: When | None
    cleared_because: str | None
    acknowledged_at: When | None
    acknowledged_by: int | None
    acknowledged_by_name: str | None
    assigned_to: int | None
    assigned_to_name: str | None
    snoozed_until: When | None
    reopened_at: When | None


class AnomalyEventAnswer(Answer):
    """One thing that became of an anomaly; `severity`, `evidence` and whose it is are as they were then."""

    id: int
    at: When
    what: Literal[
        "opened",
        "confirmed",
        "graver",
        "milder",
        "cleared",
        "acknowledged",
        "assigned",
        "snoozed",
        "reopened",
    ]
    user_id: int | None
    user_name: str | None
    note: str
    severity: Severity
    evidence: list[int]
    assigned_to: int | None
    assigned_to_name: str | None
    snoozed_until: When | None


class RecommendationAnswer(Answer):
    """What could help against an anomaly, what was decided about it and what came of it; confidence from 0 to 1."""

    id: int
    anomaly_id: int
    check: Annotated[str, Field(validation_alias="anomaly_type")]
    template_code: str
    own: bool
    action: str
    instructions: list[str]
    reasoning: str
    confidence: float
    sources: str
    alternatives: list[str]
    status: RecommendationStatus
    decided_at: When | None
    decided_by: int | None
    decided_by_name: str | None
    decision_note: str | None
    outcome: Outcome | None
    outcome_at: When | None
    outcome_note: str | None


class TemplateAnswer(Answer):
    """Advice that the winery wrote."""

    id: int
    anomaly_type: str
    code: str
    action: str
    instructions: list[str]
    reasoning: str
    conditions: dict[str, Condition]
    dose: Dosed | None
    confidence: float
    in_use: bool
    created_by: int
    created_at: When
    deleted_at: When | None


class LineAnswer(Answer):
    """A step, and when it is told."""

    text: str
    when: dict[str, Condition]


class BuiltInTemplateAnswer(Answer):
    """Advice that comes with the appliance."""

    anomaly_type: str
    code: str
    action: str
    lines: list[LineAnswer]
    reasoning: str
    when: dict[str, Condition]
    doubtful_when: dict[str, Condition]
    dose: Dosed | None
    confidence: float
    sources: str


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


class AlarmChangeAnswer(Answer):
    """What the latest analysis changed about an anomaly, and why; a late or corrected reading may change several."""

    anomaly_id: int
    check: str
    title: str
    what: Literal["opened", "confirmed", "graver", "milder", "cleared", "reopened"]
    note: str


class AnalysisAnswer(Answer):
    """The latest analysis; `pending` before the first, `failed` while a run cannot be finished."""

    status: Literal["pending", "done", "failed"]
    analyzed_at: When | None
    covers_samples: int
    anomalies: list[OpenAnomalyAnswer]
    recommendations: list[RecommendationAnswer]
    forecast: ForecastAnswer | None
    changes: list[AlarmChangeAnswer]


class RuleAnswer(Answer):
    """A check for a style as the winery wants it; `defaults` are what it would be otherwise."""

    check: str
    style: Style
    title: str
    severity: Severity
    in_use: bool
    limits: Annotated[dict[str, float], BeforeValidator(dict)]
    defaults: Annotated[dict[str, float], BeforeValidator(dict)]
    changed_at: When | None
    changed_by_name: str | None


class ReplayedAlarmAnswer(Answer):
    """An alarm there would have been; `false` is null where the end of a ferment cannot tell."""

    fermentation_id: int
    code: str
    check: str
    severity: Severity
    opened_at: When
    cleared_at: When | None
    false: bool | None


class ReplayResultAnswer(Answer):
    """What a vintage would have brought: by the rules as they stood (`now`), and as they were tried (`then`)."""

    ferments: int
    in_time: int
    learned_from: int
    now: list[ReplayedAlarmAnswer]
    then: list[ReplayedAlarmAnswer]


class ReplayAnswer(Answer):
    """A look at a past vintage; `result` is null until `state` is done."""

    id: int
    vintage: int
    rules: list[TriedRule]
    asked_by: int
    asked_by_name: str | None
    asked_at: When
    state: Literal["waiting", "running", "done", "failed"]
    ferments_done: int
    ferments_total: int
    finished_at: When | None
    failure: str | None
    result: ReplayResultAnswer | None
