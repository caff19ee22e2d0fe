"""The temperature moves faster than a tank should."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, for_styles
from winery_appliance.analysis_engine.checks.cooling_failure import HEAT_C_PER_BRIX
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_bare, show_number
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class TemperatureRateLimits:
    """°C between two looks at most `within_h` hours apart, beside what the must's own heat explains."""

    most_c: float
    within_h: float = 16.0
    once_begun_brix: float = 2.0  # a must coming to its temperature at the start is meant


class TemperatureRate(Check):
    """Finds a must that is heated or chilled in a jump."""

    id: ClassVar[str] = "temp_rate"
    title: ClassVar[str] = N_("Temperature jumps")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "Yeast bears 2 to 3 °C a day; a jump shocks it, and a ferment that was chilled by a valve "
        "stuck open often does not come back. Two looks agree before it is called. Single readings "
        "far off are asked about as slips instead, and the warming of a fresh must is meant."
    )
    clears: ClassVar[str] = N_("the temperature is steady between two looks")
    sources: ClassVar[str] = "2 to 3 °C a day is common practice; the limits are house defaults"

    def __init__(self, parameters: Mapping[str, TemperatureRateLimits] | None = None) -> None:
        self.parameters = parameters or for_styles(
            TemperatureRateLimits(5.5), TemperatureRateLimits(4.0)
        )

    def run(self, situation: Situation) -> Finding | None:
        """The jump that is open now: between the last two looks and the two before."""
        limits = self.parameters.get(situation.ferment.style, TemperatureRateLimits(5.5))
        curve, looks = situation.curve, situation.curve.temperature
        if len(looks) < 3 or not curve.sugar or curve.is_dry_at(looks[-1].hours):
            return None
        if curve.start_brix - curve.sugar[-1].value < limits.once_begun_brix:
            return None
        before, now = looks[-2], looks[-1]
        if now.hours - before.hours > limits.within_h:
            return None
        change = now.value - before.value
        if change > 0:
            fell = situation.brix_at(before.measured_at) - situation.brix_at(now.measured_at)
            excess = change - HEAT_C_PER_BRIX * max(fell, 0.0)
        else:
            excess = -change
        agreed = abs(now.value - looks[-3].value) >= 0.8 * limits.most_c
        if excess < limits.most_c or not agreed:
            return None
        word = say("rose") if change > 0 else say("fell")
        return self.find(
            since=now.measured_at,
            explanation=(
                say(
                    "The temperature %(word)s by %(change)s °C in %(hours)s h.",
                    word=word,
                    change=show_number(abs(change)),
                    hours=f"{now.hours - before.hours:.0f}",
                )
            ),
            evidence=(sample for look in looks[-3:] for sample in look.sample_ids),
            threshold=Threshold(
                say(
                    "%(most_c)s °C or more within %(within_h)s h",
                    most_c=show_bare(limits.most_c),
                    within_h=f"{limits.within_h:.0f}",
                ),
                limits.most_c,
                "°C",
            ),
            score=excess / limits.most_c - 1,
        )
