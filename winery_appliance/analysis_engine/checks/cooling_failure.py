"""Cooling failure: the must heats itself and nothing holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, for_styles
from winery_appliance.analysis_engine.features import Look, measure_fall_per_day
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_bare, show_number
from winery_appliance.core.words import N_, say

DEADLY_C = 35.0
_LEAST_STEP_H = 6.0
_FLUKE_C = 1.5  # what one reading may be off by where in the tank it was taken: house default
HEAT_C_PER_BRIX = 1.4  # 24 kcal per mol of sugar: 100 g/L heat a must by 13 °C


@dataclass(frozen=True, slots=True)
class CoolingLimits:
    """From this temperature on, a rise of this share of the must's own heat means that nothing cools it."""

    from_c: float
    share_of_heat: float = 0.65
    soon_h: float = 36.0
    least_rise_c: float = 2.0


def _goes_on(looks: Sequence[Look], heat_c_per_h: float, limits: CoolingLimits) -> bool:
    """Whether the last looks rose by as much of the own heat as all; a must that comes up to where it is held slows down.

    Looks within six hours tell more of the thermometer than of the must.
    """
    last = looks[-1]
    before = [look for look in looks[:-1] if last.hours - look.hours >= _LEAST_STEP_H]
    if not before:
        return False
    step_h = last.hours - before[-1].hours
    return last.value - before[-1].value >= limits.share_of_heat * heat_c_per_h * step_h


def _find_begun_c(looks: Sequence[Look], first: Look) -> float:
    """°C from which the rise since `first` is counted. One low reading is no rise: the look before it is heard as well."""
    before = [look.value for look in looks if look.hours < first.hours][-1:]
    return min(max([first.value, *before]), first.value + _FLUKE_C)


class CoolingFailure(Check):
    """Finds a tank without cooling before it is too hot."""

    id: ClassVar[str] = "cooling_failure"
    title: ClassVar[str] = N_("Cooling fails")
    severity: ClassVar[Severity] = "critical"
    about: ClassVar[str] = N_(
        "Each °Bx that ferments heats the must by 1.4 °C. When the temperature rises by more than "
        "half of that, above where the style is usually held, the jacket takes nothing away. The "
        "hours left to 35 °C, where yeast dies, are (35 - T) / (1.4 × °Bx per hour). One pump-over, "
        "one other jacket or dry ice in that time saves the ferment."
    )
    clears: ClassVar[str] = N_("the temperature no longer rises, or the wine is dry")
    sources: ClassVar[str] = (
        "heat of fermentation 24 kcal/mol; University of California Bulletin 827 (yeast stops near "
        "38 °C); sawine.co.za (a red never over 30 °C); the other limits are house defaults"
    )

    def __init__(self, parameters: Mapping[str, CoolingLimits] | None = None) -> None:
        self.parameters = parameters or for_styles(CoolingLimits(30.0), CoolingLimits(20.0))

    def run(self, situation: Situation) -> Finding | None:
        """The failure that is open now, from the last day's readings."""
        limits = self.parameters.get(situation.ferment.style, CoolingLimits(29.0))
        curve = situation.curve
        looks = [look for look in curve.temperature if look.hours > situation.now_h - 30.0]
        if len(looks) < 2 or not curve.is_fermenting_at(looks[-1].hours):
            return None
        hours = looks[-1].hours - looks[0].hours
        fall = measure_fall_per_day(curve.sugar, within_h=34.0)
        if hours < _LEAST_STEP_H or fall is None or fall < 0.4:
            return None
        rise = looks[-1].value - _find_begun_c(curve.temperature, looks[0])
        own_heat = HEAT_C_PER_BRIX * fall / 24 * hours
        # One hot reading may be the place it was taken: the look before it is heard as well.
        held = max((looks[-2].value + looks[-1].value) / 2, looks[-1].value - _FLUKE_C)
        if held < limits.from_c or rise < limits.least_rise_c:
            return None
        if rise < limits.share_of_heat * own_heat:
            return None
        if not _goes_on(looks, own_heat / hours, limits):
            return None
        left_h = max(DEADLY_C - looks[-1].value, 0.0) / (HEAT_C_PER_BRIX * fall / 24)
        if left_h > limits.soon_h:
            return None
        return self.find(
            since=looks[-1].measured_at,
            explanation=(
                say(
                    "The must rose by %(rise)s °C in %(hours)s h to %(value)s °C, as if "
                    "nothing cooled it; %(DEADLY_C)s °C in about %(left_h)s h.",
                    rise=show_number(rise),
                    hours=f"{hours:.0f}",
                    value=show_number(looks[-1].value),
                    DEADLY_C=show_bare(DEADLY_C),
                    left_h=f"{left_h:.0f}",
                )
            ),
            evidence=(sample for look in looks for sample in look.sample_ids),
            threshold=Threshold(
                say(
                    "rising by over %(what)s %% of its own heat above %(from_c)s °C",
                    what=f"{100 * limits.share_of_heat:.0f}",
                    from_c=show_bare(limits.from_c),
                ),
                limits.from_c,
                "°C",
            ),
            score=1 + (looks[-1].value - limits.from_c) / 5,
        )
