"""Slow start: the must has not begun to ferment when it should have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_bare, show_number
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class SlowStartLimits:
    """Fall (°Bx) that a must should have made by `by_h` hours; the chance of being late that makes it a worry.

    After `by_warm_h` hours, counted as if at 20 °C, it is one whatever the forecast says.
    """

    least_fall_brix: float = 1.0
    by_h: float = 72.0
    chance: float = 0.85
    by_warm_h: float = 78.0


class SlowStart(Check):
    """Finds a must that does not begin."""

    id: ClassVar[str] = "slow_start"
    title: ClassVar[str] = N_("Slow start")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "After three days a must should be 1 °Bx down. If it is not, yeast is dead, cold or "
        "sulphited, and wild ones take over. A cold white may rightly take longer: under 20 °C the "
        "alarm waits until the forecast all but rules out that it will be dry in time, or until as much "
        "warmth has gone into it as 78 h at 20 °C give. A cold soak below 12 °C is meant and is not alarmed."
    )
    clears: ClassVar[str] = N_("1 °Bx down")
    sources: ClassVar[str] = "Bisson and Butzke 2000; 1 °Bx in 72 h is a house default"

    def __init__(self, parameters: Mapping[str, SlowStartLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(SlowStartLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The late start that is open now."""
        limits = self.parameters.get(situation.ferment.style, SlowStartLimits())
        curve, expected = situation.curve, situation.forecast
        if expected is None or curve.begun is not None or not curve.sugar:
            return None
        if situation.now_h < limits.by_h:
            return None
        if expected.p_not_dry < limits.chance and expected.warm_h < limits.by_warm_h:
            return None
        fall = curve.start_brix - curve.sugar[-1].value
        soaking = bool(curve.temperature) and curve.temperature[-1].value < SOAK_C
        if fall >= limits.least_fall_brix or soaking:
            return None
        return self.find(
            since=curve.sugar[-1].measured_at,
            explanation=(
                say(
                    "Only %(fall)s °Bx down after %(now_h)s h.",
                    fall=show_number(max(fall, 0.0)),
                    now_h=f"{situation.now_h:.0f}",
                )
            ),
            evidence=(sample for look in curve.sugar[-4:] for sample in look.sample_ids),
            threshold=Threshold(
                say(
                    "under %(least_fall_brix)s °Bx of fall by %(by_h)s h",
                    least_fall_brix=show_bare(limits.least_fall_brix),
                    by_h=f"{limits.by_h:.0f}",
                ),
                limits.least_fall_brix,
                "°Bx",
            ),
            score=1 - fall / limits.least_fall_brix,
        )


SOAK_C = 12.0
