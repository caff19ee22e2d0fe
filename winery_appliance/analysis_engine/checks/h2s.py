"""Risk of hydrogen sulphide: hungry yeast in a warm or cloudy must."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, for_styles
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_bare, show_number
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class SulphideLimits:
    """Share of the nitrogen need under which yeast takes it from sulphur; °C from which more is made."""

    need_mg_l_per_brix: float = 7.5
    hungry: float = 0.75
    warm_c: float = 25.0
    grave_mg_l: float = 100.0


class Sulphide(Check):
    """Finds the musts that are likely to smell before they do."""

    id: ClassVar[str] = "h2s"
    title: ClassVar[str] = N_("Risk of H₂S")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "Yeast short of nitrogen makes hydrogen sulphide, most of it in the first half of the "
        "ferment and more in the warm. Both must be there: a well fed cool white is not named. "
        "Smell the tank, feed it if YAN is low, pump over with air. Copper is for after the "
        "ferment, and only with a bench trial."
    )
    clears: ClassVar[str] = N_("nutrients are logged, it is cooler, or half of the sugar is gone")
    sources: ClassVar[str] = "winegrowers.info (warmer makes more); shares are house defaults"

    def __init__(self, parameters: Mapping[str, SulphideLimits] | None = None) -> None:
        self.parameters = parameters or for_styles(
            SulphideLimits(warm_c=25.0), SulphideLimits(warm_c=18.0)
        )

    def run(self, situation: Situation) -> Finding | None:
        """The risk that is open now."""
        limits = self.parameters.get(situation.ferment.style, SulphideLimits())
        yan, expected, warmth = situation.yan_mg_l, situation.forecast, situation.curve.temperature
        if yan is None or expected is None or not warmth or situation.curve.begun is None:
            return None
        if expected.share < 0.5 or situation.is_fed:
            return None
        need = limits.hungry * limits.need_mg_l_per_brix * situation.brix0
        if yan >= need or warmth[-1].value < limits.warm_c:
            return None
        return self.find(
            since=warmth[-1].measured_at,
            explanation=(
                say(
                    "YAN was %(yan)s mg/L and the must is at %(value)s °C: hungry yeast makes H₂S. Smell the tank.",
                    yan=f"{yan:.0f}",
                    value=show_number(warmth[-1].value),
                )
            ),
            evidence=warmth[-1].sample_ids,
            threshold=Threshold(
                say(
                    "YAN under %(need)s mg/L at %(warm_c)s °C or more",
                    need=f"{need:.0f}",
                    warm_c=show_bare(limits.warm_c),
                ),
                need,
                "mg/L",
            ),
            score=(need - yan) / need,
            severity="warning" if yan < limits.grave_mg_l else "info",
        )
