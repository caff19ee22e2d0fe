"""The sugar rose and stayed up, and nobody wrote why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, for_styles
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_number


@dataclass(frozen=True, slots=True)
class SugarRiseLimits:
    """°Bx that a must cannot gain by itself, once it is `after_h` old."""

    most_rise_brix: float
    after_h: float
    within_h: float = 72.0


class SugarRise(Check):
    """Finds additions, blends and mixed-up tanks that are not in the book."""

    id: ClassVar[str] = "sugar_rise"
    title: ClassVar[str] = "Sugar rose"
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = (
        "Sugar only falls. A red may gain 1 to 2 °Bx from skins and raisins in its first two days; "
        "later, or in a white, a rise that a second reading confirms is an addition, a blend or "
        "another tank. Write it down: the forecast and the legal record need it. A single high "
        "reading is asked about as a slip instead."
    )
    clears: ClassVar[str] = "the addition is written down, or three days have passed"
    sources: ClassVar[str] = "house defaults"

    def __init__(self, parameters: Mapping[str, SugarRiseLimits] | None = None) -> None:
        self.parameters = parameters or for_styles(
            SugarRiseLimits(1.2, 48.0), SugarRiseLimits(0.8, 12.0)
        )

    def run(self, situation: Situation) -> Finding | None:
        """The rise that is open now: two looks above two looks."""
        limits = self.parameters.get(situation.ferment.style, SugarRiseLimits(1.2, 48.0))
        looks = situation.curve.sugar
        for at in range(len(looks) - 2, 0, -1):
            after, before = looks[at : at + 2], looks[max(at - 2, 0) : at]
            if situation.now_h - after[0].hours > limits.within_h:
                return None
            rise = min(look.value for look in after) - before[-1].value
            if rise < limits.most_rise_brix or before[-1].hours < limits.after_h:
                continue
            if situation.is_explained(before[-1].measured_at, after[0].measured_at):
                continue
            return self.find(
                since=after[0].measured_at,
                explanation=(
                    f"Sugar rose by {show_number(rise)} °Bx, and a second reading agrees. "
                    "Was it an addition, a blend, or another tank?"
                ),
                evidence=(s for look in (*before, *after) for s in look.sample_ids),
                threshold=Threshold(
                    f"{limits.most_rise_brix:g} °Bx up", limits.most_rise_brix, "°Bx"
                ),
                score=rise / limits.most_rise_brix - 1,
            )
        return None
