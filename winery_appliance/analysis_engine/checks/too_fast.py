"""Too fast: the sugar falls faster than the style bears."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, for_styles
from winery_appliance.analysis_engine.features import measure_fall_per_day
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_number


@dataclass(frozen=True, slots=True)
class TooFastLimits:
    """°Bx a day that are too much, and gravely too much."""

    warning_brix_per_day: float
    critical_brix_per_day: float


class TooFast(Check):
    """Finds a ferment that runs away."""

    id: ClassVar[str] = "too_fast"
    title: ClassVar[str] = "Too fast"
    severity: ClassVar[Severity] = "critical"
    about: ClassVar[str] = (
        "Reds usually fall 3 to 6 °Bx a day at their peak, whites 1 to 2.5. Faster ferments heat "
        "themselves, foam over, lose aroma and fill the cellar with gas. The fall is taken over "
        "most of a day, so that no single reading decides."
    )
    clears: ClassVar[str] = "the fall is under the limit again"
    sources: ClassVar[str] = "house defaults, from the usual peak rates of reds and whites"

    def __init__(self, parameters: Mapping[str, TooFastLimits] | None = None) -> None:
        self.parameters = parameters or for_styles(
            TooFastLimits(9.0, 11.0), TooFastLimits(5.0, 7.0)
        )

    def run(self, situation: Situation) -> Finding | None:
        """The haste that is open now."""
        limits = self.parameters.get(situation.ferment.style, TooFastLimits(9.0, 11.0))
        looks = situation.curve.sugar
        if situation.curve.dry is not None or situation.curve.begun is None:
            return None
        pace = measure_fall_per_day(looks, within_h=34.0)
        if pace is None or pace < limits.warning_brix_per_day:
            return None
        limit = limits.warning_brix_per_day
        return self.find(
            since=looks[-1].measured_at,
            explanation=f"Sugar falls by {show_number(pace)} °Bx a day.",
            evidence=(sample for look in looks[-4:] for sample in look.sample_ids),
            threshold=Threshold(f"{limit:g} °Bx a day or more", limit, "°Bx a day"),
            score=(pace - limit) / (limits.critical_brix_per_day - limit),
            severity="critical" if pace >= limits.critical_brix_per_day else "warning",
        )
