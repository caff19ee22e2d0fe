"""Nearly dry: time to think of the press."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class NearDryLimits:
    """Hours before dryness at which to say so."""

    within_h: float = 36.0
    stale_h: float = 48.0  # a forecast from older readings is no date for the press


class NearDry(Check):
    """Tells the press date; it is no alarm."""

    id: ClassVar[str] = "near_dry"
    title: ClassVar[str] = N_("Nearly dry")
    severity: ClassVar[Severity] = "info"
    about: ClassVar[str] = N_(
        "Says when the wine is expected to read -1.0 °Bx within the next day and a half, so that "
        "press, hoses and people are there. The hours are the middle and the spread of the "
        "forecast. -1.0 °Bx is not the laboratory's dry: a must of 24 °Bx ends near -2.2."
    )
    clears: ClassVar[str] = N_("the wine is dry")
    sources: ClassVar[str] = "the forecast"

    def __init__(self, parameters: Mapping[str, NearDryLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(NearDryLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The nearness that is open now."""
        limits = self.parameters.get(situation.ferment.style, NearDryLimits())
        expected, looks = situation.forecast, situation.curve.sugar
        if expected is None or expected.found_dry or len(looks) < 4:
            return None
        left_h = expected.dry_h.p50 - situation.now_h
        stale = situation.now_h - looks[-1].hours > limits.stale_h
        if left_h > limits.within_h or expected.share > 0.4 or stale:
            return None
        return self.find(
            since=looks[-1].measured_at,
            explanation=say(
                "Dry (−1.0 °Bx) in about %(hours)s h.", hours=f"{max(left_h, 0.0):.0f}"
            ),
            evidence=looks[-1].sample_ids,
            threshold=Threshold(
                say("%(within_h)s h or less to -1.0 °Bx", within_h=f"{limits.within_h:.0f}"),
                limits.within_h,
                "h",
            ),
            score=0.0,
        )
