"""Malolactic fermentation has stopped with malic acid left."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.units import SampleType


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
    title: ClassVar[str] = "MLF stands still"
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = (
        "Once bacteria have begun, malic acid falls every week. Flat for two weeks with 0.3 g/L or "
        "more left, something holds them: free SO2 over 10 mg/L, pH under 3.3, alcohol over 14 "
        "%vol, under 18 °C. Put that right first, feed, and only then add an acclimatised culture. "
        "A wine whose MLF never began is not named."
    )
    clears: ClassVar[str] = "malic acid falls again or is under 0.3 g/L"
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
                f"Malic acid stands at {last.value:.2f} g/L; it was {back[-1].value:.2f} two weeks before."
            ),
            evidence=(back[-1].sample_id, last.sample_id),
            threshold=Threshold(
                f"under {limits.least_fall_g_l:g} g/L in {limits.within_days:.0f} days",
                limits.least_fall_g_l,
                "g/L",
            ),
            score=1 - fall / limits.least_fall_g_l,
        )
