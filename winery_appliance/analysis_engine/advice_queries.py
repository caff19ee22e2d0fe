"""What may be read of templates of advice and of recommendations: plain data, never rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.advice_commands import (
    ListRecommendations,
    ListTemplates,
    Outcome,
    RecommendationStatus,
)
from winery_appliance.analysis_engine.models import (
    Anomaly,
    Recommendation,
    RecommendationTemplate,
)
from winery_appliance.auth.queries import find_names
from winery_appliance.core.paging import Page, cut_page, read_cursor


@dataclass(frozen=True)
class TemplateView:
    """Advice that the winery wrote; it counts while it is `in_use` and not deleted."""

    id: int
    anomaly_type: str
    code: str
    action: str
    instructions: list[str]
    reasoning: str
    conditions: dict[str, Any]
    dose: str | None
    confidence: float
    in_use: bool
    created_by: int
    created_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True)
class RecommendationView:
    """What could help against one anomaly, what was decided about it and what came of it; confidence from 0 to 1."""

    id: int
    anomaly_id: int
    anomaly_type: str
    template_code: str
    own: bool
    action: str
    instructions: list[str]
    reasoning: str
    confidence: float
    sources: str
    alternatives: tuple[str, ...]
    status: RecommendationStatus
    decided_at: datetime | None
    decided_by: int | None
    decided_by_name: str | None
    decision_note: str | None
    outcome: Outcome | None
    outcome_at: datetime | None
    outcome_note: str | None


def find_template(
    session: Session, template_id: int, *, also_deleted: bool = False
) -> TemplateView | None:
    """The living template with this id."""
    row = session.get(RecommendationTemplate, template_id, populate_existing=True)
    return None if row is None or (row.deleted_at and not also_deleted) else _view_template(row)


def list_templates(session: Session, wanted: ListTemplates) -> Page[TemplateView]:
    """The winery's own templates, the first written first. Raises Invalid for a cursor that is not ours."""
    deleted = RecommendationTemplate.deleted_at
    rows = select(RecommendationTemplate).where(
        deleted.is_not(None) if wanted.deleted == "true" else deleted.is_(None)
    )
    if wanted.anomaly_type is not None:
        rows = rows.where(RecommendationTemplate.anomaly_type == wanted.anomaly_type)
    if wanted.cursor is not None:
        rows = rows.where(RecommendationTemplate.id > read_cursor(wanted.cursor, str)[1])
    found = session.scalars(rows.order_by(RecommendationTemplate.id).limit(wanted.limit + 1))
    views = [_view_template(row) for row in found]
    return cut_page(views, wanted.limit, lambda view: ("", view.id))


def _view_template(row: RecommendationTemplate) -> TemplateView:
    return TemplateView(
        row.id,
        row.anomaly_type,
        row.code,
        row.action,
        row.instructions,
        row.reasoning,
        row.conditions,
        row.dose,
        row.confidence,
        row.in_use,
        row.created_by,
        row.created_at,
        row.deleted_at,
    )


def find_recommendation(session: Session, recommendation_id: int) -> RecommendationView | None:
    """The recommendation with this id."""
    found = _view(session, select(Recommendation).where(Recommendation.id == recommendation_id))
    return found[0] if found else None


def list_recommendations(session: Session, wanted: ListRecommendations) -> Page[RecommendationView]:
    """Recommendations, the last made first. Raises Invalid for a cursor that is not ours."""
    rows = select(Recommendation)
    if wanted.status is not None:
        rows = rows.where(Recommendation.status == wanted.status)
    if wanted.anomaly_id is not None:
        rows = rows.where(Recommendation.anomaly_id == wanted.anomaly_id)
    if wanted.fermentation_id is not None:
        about = select(Anomaly.id).where(Anomaly.fermentation_id == wanted.fermentation_id)
        rows = rows.where(Recommendation.anomaly_id.in_(about))
    if wanted.cursor is not None:
        rows = rows.where(Recommendation.id < read_cursor(wanted.cursor, str)[1])
    views = _view(session, rows.order_by(Recommendation.id.desc()).limit(wanted.limit + 1))
    return cut_page(views, wanted.limit, lambda view: ("", view.id))


def read_advice(
    session: Session, anomaly_ids: Sequence[int], analysis_id: int
) -> list[RecommendationView]:
    """What the last analysis offers against these anomalies, and what was taken up; the likeliest first."""
    return _view(
        session,
        select(Recommendation)
        .where(
            Recommendation.anomaly_id.in_(anomaly_ids),
            (Recommendation.analysis_id == analysis_id) | (Recommendation.status == "applied"),
            Recommendation.status != "dismissed",
        )
        .order_by(Recommendation.confidence.desc(), Recommendation.id),
    )


def _view(session: Session, wanted: Select[Recommendation]) -> list[RecommendationView]:
    rows = session.scalars(wanted).all()
    others = session.execute(
        select(Recommendation.anomaly_id, Recommendation.id, Recommendation.action)
        .where(
            Recommendation.anomaly_id.in_({row.anomaly_id for row in rows}),
            Recommendation.status != "dismissed",
        )
        .order_by(Recommendation.confidence.desc(), Recommendation.id)
    ).all()
    names = find_names(session, [row.decided_by for row in rows if row.decided_by is not None])
    return [
        RecommendationView(
            row.id,
            row.anomaly_id,
            row.anomaly_type,
            row.template_code,
            row.own,
            row.action,
            row.instructions,
            row.reasoning,
            row.confidence,
            row.sources,
            tuple(o.action for o in others if o.anomaly_id == row.anomaly_id and o.id != row.id),
            row.status,  # type: ignore[arg-type]
            row.decided_at,
            row.decided_by,
            None if row.decided_by is None else names.get(row.decided_by),
            row.decision_note,
            row.outcome,  # type: ignore[arg-type]
            row.outcome_at,
            row.outcome_note,
        )
        for row in rows
    ]
