"""Nutrient shortage: less nitrogen than the yeast needs for this much sugar."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_number
from winery_appliance.core.units import SampleType
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class NutrientLimits:
    """YAN (mg/L) per °Bx that a modest strain needs; under `grave_mg_l` hardly any ferment ends well."""

    need_mg_l_per_brix: float = 7.5
    grave_mg_l: float = 100.0
    until_gone: float = 0.5  # share of the sugar after which ammonium hardly helps


class Nutrient(Check):
    """Finds a must with too little nitrogen while it can still be fed."""

    id: ClassVar[str] = "nutrient"
    title: ClassVar[str] = N_("Nutrients low")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "Yeast builds itself from nitrogen; with too little of it the tank ferments slowly, stinks "
        "or stops. A modest strain needs 7.5 mg/L of YAN for each °Bx, a demanding one 12.5. Under "
        "that it is worth knowing; under 100 mg/L it is an alarm. Half is given at the start, half "
        "when a third of the sugar is gone; past the middle ammonium hardly helps."
    )
    clears: ClassVar[str] = N_(
        "YAN is measured above the need, nutrients are logged, or half of the sugar is gone"
    )
    sources: ClassVar[str] = (
        "AEB and Cellartek feeding tables; very low YAN under 100 mg/L is a house default"
    )

    def __init__(self, parameters: Mapping[str, NutrientLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(NutrientLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The shortage that is open now."""
        limits = self.parameters.get(situation.ferment.style, NutrientLimits())
        yan, expected = situation.yan_mg_l, situation.forecast
        if yan is None or expected is None or expected.share < 1 - limits.until_gone:
            return None
        if situation.is_fed:
            return None
        need = limits.need_mg_l_per_brix * situation.brix0
        if yan >= need:
            return None
        read = [r for r in situation.readings_of(SampleType.yan)]
        return self.find(
            since=read[0].measured_at if read else situation.ferment.started_at,
            explanation=(
                say(
                    "YAN is %(yan)s mg/L; %(brix0)s °Bx want about %(need)s mg/L.",
                    yan=f"{yan:.0f}",
                    brix0=show_number(situation.brix0),
                    need=f"{need:.0f}",
                )
            ),
            evidence=(reading.sample_id for reading in read),
            threshold=Threshold(say("under %(need)s mg/L", need=f"{need:.0f}"), need, "mg/L"),
            score=(need - yan) / need,
            severity="warning" if yan < limits.grave_mg_l else "info",
        )
