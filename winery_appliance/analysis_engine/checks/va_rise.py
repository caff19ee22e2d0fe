"""Volatile acidity rises more than the yeast itself makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_bare, show_number
from winery_appliance.core.units import SampleType
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class VaRiseLimits:
    """g/L of acetic acid in two days, beside what the ferment explains; and a level that is high anyway."""

    most_rise_g_l: float = 0.1
    within_h: float = 48.0
    high_g_l: float = 0.75
    made_per_brix: float = 0.02  # g/L for each °Bx fermented


class VaRise(Check):
    """Finds acetic bacteria, or yeast in distress."""

    id: ClassVar[str] = "va_rise"
    title: ClassVar[str] = N_("VA rising")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "Yeast makes 0.2 to 0.5 g/L of acetic acid in a ferment. What comes on top, 0.1 g/L in two "
        "days, is bacteria or distress: look through the microscope, keep air away, hold the "
        "temperature. Above 0.8 g/L it harms the yeast too. Do not sulphite a ferment blindly."
    )
    clears: ClassVar[str] = N_("the next result is no higher")
    sources: ClassVar[str] = "0.1 g/L in 48 h and the yeast's own share are house defaults"

    def __init__(self, parameters: Mapping[str, VaRiseLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(VaRiseLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The rise that is open now, between the last result and an earlier one."""
        limits = self.parameters.get(situation.ferment.style, VaRiseLimits())
        read = situation.readings_of(SampleType.va)
        if len(read) < 2:
            return None
        last, before = read[-1], read[-2]
        hours = (last.measured_at - before.measured_at).total_seconds() / 3600
        fermented = situation.brix_at(before.measured_at) - situation.brix_at(last.measured_at)
        made = limits.made_per_brix * max(fermented, 0.0)
        allowed = made + limits.most_rise_g_l * max(hours / limits.within_h, 1.0)
        rise = last.value - before.value
        if rise < allowed and not (last.value >= limits.high_g_l and rise > made + 0.05):
            return None
        return self.find(
            since=last.measured_at,
            explanation=(
                say(
                    "VA is %(value)s g/L, %(rise)s more than %(hours)s h before.",
                    value=show_number(last.value, 2),
                    rise=show_number(max(rise, 0.0), 2),
                    hours=f"{hours:.0f}",
                )
            ),
            evidence=(before.sample_id, last.sample_id),
            threshold=Threshold(
                say(
                    "%(allowed)s g/L more in %(hours)s h, or %(high_g_l)s g/L and rising",
                    allowed=show_number(allowed, 2),
                    hours=f"{hours:.0f}",
                    high_g_l=show_bare(limits.high_g_l),
                ),
                allowed,
                "g/L",
            ),
            score=max(rise / allowed - 1, last.value - limits.high_g_l),
        )
