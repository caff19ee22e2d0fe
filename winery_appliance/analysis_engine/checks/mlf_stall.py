"""Malolactic fermentation has stopped with malic acid left."""

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
class MalicLimits:
    """g/L of malic acid that must go in so many days once the wine is dry."""

    least_fall_g_l: float = 0.1
    within_days: float = 14.0
    done_g_l: float = 0.3
    begun_g_l: float = 0.3


class MalicStall(Check):
    """Finds a malolactic fermentation that began and stands still."""

    id: ClassVar[str] = "mlf_stall"
    title: ClassVar[str] = N_("MLF stands still")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "Once bacteria have begun, malic acid falls every week. Flat for two weeks with 0.3 g/L or "
        "more left, something holds them: free SO2 over 10 mg/L, pH under 3.3, alcohol over 14 "
        "%vol, under 18 °C. Put that right first, feed, and only then add an acclimatised culture. "
        "A wine whose MLF never began is not named."
    )
    clears: ClassVar[str] = N_("malic acid falls again or is under 0.3 g/L")
    sources: ClassVar[str] = "AWRI and Lallemand conditions for MLF; two weeks is Lallemand's"

    def __init__(self, parameters: Mapping[str, MalicLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(MalicLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The standstill that is open now."""
        limits = self.parameters.get(situation.ferment.style, MalicLimits())
        read = situation.readings_of(SampleType.malic)
        if len(read) < 3 or read[-1].value < limits.done_g_l:
            return None
        last = read[-1]
        back = [r for r in read if (last.measured_at - r.measured_at).days >= limits.within_days]
        if not back or max(r.value for r in read) - last.value < limits.begun_g_l:
            return None
        fall = back[-1].value - last.value
        if fall >= limits.least_fall_g_l:
            return None
        return self.find(
            since=last.measured_at,
            explanation=(
                say(
                    "Malic acid stands at %(value)s g/L; it was %(value_2)s two weeks before.",
                    value=show_number(last.value, 2),
                    value_2=show_number(back[-1].value, 2),
                )
            ),
            evidence=(back[-1].sample_id, last.sample_id),
            threshold=Threshold(
                say(
                    "under %(least_fall_g_l)s g/L in %(within_days)s days",
                    least_fall_g_l=show_bare(limits.least_fall_g_l),
                    within_days=f"{limits.within_days:.0f}",
                ),
                limits.least_fall_g_l,
                "g/L",
            ),
            score=1 - fall / limits.least_fall_g_l,
        )
