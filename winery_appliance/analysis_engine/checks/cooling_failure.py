"""Cooling failure: the must heats itself and nothing holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, for_styles
from winery_appliance.analysis_engine.features import measure_fall_per_day
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_number

DEADLY_C = 35.0
HEAT_C_PER_BRIX = 1.4  # 24 kcal per mol of sugar: 100 g/L heat a must by 13 °C


@dataclass(frozen=True, slots=True)
class CoolingLimits:
    """From this temperature on, a rise of this share of the must's own heat means that nothing cools it."""

    from_c: float
    share_of_heat: float = 0.65
    soon_h: float = 36.0
    least_rise_c: float = 2.0


class CoolingFailure(Check):
    """Finds a tank without cooling before it is too hot."""

    id: ClassVar[str] = "cooling_failure"
    title: ClassVar[str] = "Cooling fails"
    severity: ClassVar[Severity] = "critical"
    about: ClassVar[str] = (
        "Each °Bx that ferments heats the must by 1.4 °C. When the temperature rises by more than "
        "half of that, above where the style is usually held, the jacket takes nothing away. The "
        "hours left to 35 °C, where yeast dies, are (35 - T) / (1.4 × °Bx per hour). One pump-over, "
        "one other jacket or dry ice in that time saves the ferment."
    )
    clears: ClassVar[str] = "the temperature no longer rises, or the wine is dry"
    sources: ClassVar[str] = (
        "heat of fermentation 24 kcal/mol; University of California Bulletin 827 (yeast stops near "
        "38 °C)"
    )

    def __init__(self, parameters: Mapping[str, CoolingLimits] | None = None) -> None:
        self.parameters = parameters or for_styles(CoolingLimits(29.0), CoolingLimits(20.0))

    def run(self, situation: Situation) -> Finding | None:
        """The failure that is open now, from the last day's readings."""
        limits = self.parameters.get(situation.ferment.style, CoolingLimits(29.0))
        curve = situation.curve
        looks = [look for look in curve.temperature if look.hours > situation.now_h - 30.0]
        if len(looks) < 2 or not curve.is_fermenting_at(looks[-1].hours):
            return None
        hours = looks[-1].hours - looks[0].hours
        fall = measure_fall_per_day(curve.sugar, within_h=34.0)
        if hours < 6 or fall is None or fall < 0.4:
            return None
        rise = looks[-1].value - looks[0].value
        own_heat = HEAT_C_PER_BRIX * fall / 24 * hours
        if looks[-1].value < limits.from_c or rise < limits.least_rise_c:
            return None
        if rise < limits.share_of_heat * own_heat:
            return None
        left_h = max(DEADLY_C - looks[-1].value, 0.0) / (HEAT_C_PER_BRIX * fall / 24)
        if left_h > limits.soon_h:
            return None
        return self.find(
            since=looks[-1].measured_at,
            explanation=(
                f"The must rose by {show_number(rise)} °C in {hours:.0f} h to "
                f"{show_number(looks[-1].value)} °C, as if nothing cooled it; "
                f"{DEADLY_C:g} °C in about {left_h:.0f} h."
            ),
            evidence=(sample for look in looks for sample in look.sample_ids),
            threshold=Threshold(
                f"rising by over {100 * limits.share_of_heat:.0f} % of its own heat above "
                f"{limits.from_c:g} °C",
                limits.from_c,
                "°C",
            ),
            score=1 + (looks[-1].value - limits.from_c) / 5,
        )
