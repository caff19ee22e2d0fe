"""Volatile acidity near or over what the law allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, for_styles
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_bare, show_number
from winery_appliance.core.units import SampleType
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class VaLimits:
    """Legal limit, g/L of acetic acid, and the level that asks for attention."""

    legal_g_l: float
    alert_g_l: float = 0.8


class VaLimit(Check):
    """Finds a wine that may not be sold, before it is blended or bottled."""

    id: ClassVar[str] = "va_limit"
    title: ClassVar[str] = N_("VA near the limit")
    severity: ClassVar[Severity] = "critical"
    about: ClassVar[str] = N_(
        "The EU allows 1.08 g/L in whites and rosés and 1.20 in reds; the USA 1.2 and 1.4. The "
        "tighter figure is the default. From 0.8 g/L on it is a warning: it is tasted, and yeast "
        "suffers. Near the limit keep the wine out of every blend until the laboratory has "
        "confirmed it."
    )
    clears: ClassVar[str] = N_("a result under the alert level")
    sources: ClassVar[str] = "EU limits as Ente Vini Bresciani gives them; 27 CFR 4.21"

    def __init__(self, parameters: Mapping[str, VaLimits] | None = None) -> None:
        self.parameters = parameters or for_styles(VaLimits(1.20), VaLimits(1.08))

    def run(self, situation: Situation) -> Finding | None:
        """The level that is open now, by the last result."""
        limits = self.parameters.get(situation.ferment.style, VaLimits(1.08))
        read = situation.readings_of(SampleType.va)
        if not read or read[-1].value < limits.alert_g_l:
            return None
        last = read[-1]
        return self.find(
            since=last.measured_at,
            explanation=say(
                "VA is %(value)s g/L; the limit is %(legal_g_l)s.",
                value=show_number(last.value, 2),
                legal_g_l=show_number(limits.legal_g_l, 2),
            ),
            evidence=(last.sample_id,),
            threshold=Threshold(
                say("%(alert_g_l)s g/L or more", alert_g_l=show_bare(limits.alert_g_l)),
                limits.alert_g_l,
                "g/L",
            ),
            score=(last.value - limits.alert_g_l) / (limits.legal_g_l - limits.alert_g_l),
            severity="critical" if last.value >= limits.legal_g_l - 0.05 else "warning",
        )
