"""What advice for a wine is made from, gathered from the book in the few queries that an analysis may take."""

from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.advice_templates import (
    AdviceTemplate,
    Line,
    load_built_in,
    load_words,
    merge_templates,
    read_conditions,
)
from winery_appliance.analysis_engine.models import Recommendation, RecommendationTemplate
from winery_appliance.analysis_engine.wine_figures import Adviser
from winery_appliance.cellar_work.dosing import AdditionKind
from winery_appliance.cellar_work.queries import sum_per_litre
from winery_appliance.fermentation.queries import FermentationView
from winery_appliance.fermentation.transfer_queries import read_contents
from winery_appliance.winery.queries import list_vessels, read_winery


def read_adviser(session: Session, wine: FermentationView) -> Adviser:
    """What advice for a wine is made from: templates with their outcomes here, language, law, litres and what it had."""
    winery = read_winery(session)
    own = session.scalars(
        select(RecommendationTemplate)
        .where(RecommendationTemplate.deleted_at.is_(None))
        .order_by(RecommendationTemplate.id)
    ).all()
    templates = merge_templates(
        [_as_template(row) for row in own if row.in_use],
        [(row.anomaly_type, row.code) for row in own if not row.in_use],
        load_built_in(winery.language),
    )
    tallies = {
        (anomaly_type, code): (tried, helped)
        for anomaly_type, code, tried, helped in session.execute(
            select(
                Recommendation.anomaly_type,
                Recommendation.template_code,
                func.count(),
                func.count().filter(Recommendation.outcome == "helped"),
            )
            .where(Recommendation.outcome.is_not(None))
            .group_by(Recommendation.anomaly_type, Recommendation.template_code)
        )
    }
    volume_l, is_capacity = _find_volume(session, wine)
    dap_g_l = sum_per_litre(session, wine.id, AdditionKind.dap, "g", without=None)
    return Adviser(
        templates=tuple(_count_outcomes(template, tallies) for template in templates),
        words=load_words(winery.language),
        language=winery.language,
        region=winery.legal_region,
        volume_l=volume_l,
        volume_is_capacity=is_capacity,
        given_g_hl={"dap": 100 * dap_g_l},
    )


def _as_template(row: RecommendationTemplate) -> AdviceTemplate:
    return AdviceTemplate(
        anomaly_type=row.anomaly_type,
        code=row.code,
        action=row.action,
        lines=tuple(Line(text) for text in row.instructions),
        reasoning=row.reasoning,
        confidence=row.confidence,
        when=read_conditions(row.conditions),
        dose=row.dose,  # type: ignore[arg-type]
        own=True,
    )


def _count_outcomes(
    template: AdviceTemplate, tallies: dict[tuple[str, str], tuple[int, int]]
) -> AdviceTemplate:
    tried, helped = tallies.get((template.anomaly_type, template.code), (0, 0))
    return replace(template, tried=tried, helped=helped) if tried else template


def _find_volume(session: Session, wine: FermentationView) -> tuple[float | None, bool]:
    """Litres of a wine; and whether they are what its vessels hold at most, because nobody wrote them down."""
    contents, _ = read_contents(session, wine.id)
    known = [litres for litres in contents.values() if litres is not None]
    if known and len(known) == len(contents) and sum(known) > 0:
        return float(sum(known)), False
    codes = wine.vessel_codes
    capacities = [vessel.capacity_l for vessel in list_vessels(session) if vessel.code in codes]
    full = [capacity for capacity in capacities if capacity is not None]
    return (float(sum(full)), True) if full and len(full) == len(codes) else (None, False)
