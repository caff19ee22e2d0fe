"""Figures of one wine that advice asks for and tells: from its curve, its laboratory results and the book. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from winery_appliance.analysis_engine.advice_templates import (
    AdviceTemplate,
    Value,
    Words,
    load_built_in,
    load_words,
)
from winery_appliance.analysis_engine.doses import DAP_NITROGEN, need_yan_mg_l
from winery_appliance.analysis_engine.measurements import Finding
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.units import SampleType

_LABORATORY = {
    SampleType.ph: "ph",
    SampleType.va: "va_g_l",
    SampleType.malic: "malic_g_l",
    SampleType.lactic: "lactic_g_l",
    SampleType.free_so2: "free_so2_mg_l",
    SampleType.total_so2: "total_so2_mg_l",
}


@dataclass(frozen=True)
class Adviser:
    """What advice for a wine is made from: the templates in use, their language, and what the book knows of the wine.

    `given_g_hl` holds what the wine had of each product that is dosed. `volume_is_capacity` says that nobody wrote its
    litres down.
    """

    templates: tuple[AdviceTemplate, ...] = field(default_factory=lambda: load_built_in("en"))
    words: Words = field(default_factory=lambda: load_words("en"))
    language: str = "en"
    region: str = "eu"
    volume_l: float | None = None
    volume_is_capacity: bool = False
    given_g_hl: Mapping[str, float] = field(default_factory=dict)


def collect_figures(situation: Situation, finding: Finding, adviser: Adviser) -> dict[str, Value]:
    """Every figure by the name that templates call it; what nobody knows is None."""
    curve, style = situation.curve, situation.ferment.style
    figures: dict[str, Value] = {
        "style": style,
        "severity": finding.severity,
        "region": adviser.region,
        "hours": situation.now_h,
        "volume_l": adviser.volume_l,
        "temperature_c": curve.temperature[-1].value if curve.temperature else None,
        "yan_mg_l": situation.yan_mg_l,
    }
    for kind, name in _LABORATORY.items():
        found = situation.readings_of(kind)
        figures[name] = found[-1].value if found else None
    if curve.sugar:
        figures |= _read_curve(situation)
    if situation.yan_mg_l is not None:
        warmth = curve.temperature[-1].value if curve.temperature else None
        need = need_yan_mg_l(situation.brix0, warmth)
        fed = adviser.given_g_hl.get("dap", 0.0) * 10 * DAP_NITROGEN
        figures["yan_need_mg_l"] = need
        figures["yan_deficit_mg_l"] = max(need - situation.yan_mg_l - fed, 0.0)
    return figures


def _read_curve(situation: Situation) -> dict[str, Value]:
    curve = situation.curve
    brix = curve.sugar[-1].value
    whole = curve.start_brix - curve.dry_brix
    return {
        "brix": brix,
        "brix0": situation.brix0,
        "sugar_left_g_l": max(curve.sugar_left_g_l(brix), 0.0),
        "alcohol_pct_vol": max(curve.alcohol_pct_vol(brix), 0.0),
        "gone_share": min(max((curve.start_brix - brix) / whole, 0.0), 1.0) if whole > 0 else None,
    }
