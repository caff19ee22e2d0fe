"""A third of the sugar is gone: the time for the second half of the nutrients."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class MilestoneLimits:
    """Shares of sugar left between which the milestone is shown."""

    first: float = 2 / 3
    last: float = 0.5


class Milestone(Check):
    """Tells that the must has passed its first third; it is no alarm."""

    id: ClassVar[str] = "milestone"
    title: ClassVar[str] = N_("Past the first third")
    severity: ClassVar[Severity] = "info"
    about: ClassVar[str] = N_(
        "When a third of the sugar is gone the yeast has grown, needs its second feeding and still "
        "takes it up; air at pump-over helps most now. The milestone stays until half of the sugar "
        "is gone, when ammonium hardly helps any more."
    )
    clears: ClassVar[str] = N_("half of the sugar is gone")
    sources: ClassVar[str] = "AEB and Cellartek feeding tables (half at the start, half at a third)"

    def __init__(self, parameters: Mapping[str, MilestoneLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(MilestoneLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The milestone that is open now."""
        limits = self.parameters.get(situation.ferment.style, MilestoneLimits())
        expected, looks = situation.forecast, situation.curve.sugar
        if expected is None or not looks or not limits.last < expected.share <= limits.first:
            return None
        return self.find(
            since=looks[-1].measured_at,
            explanation=say(
                "%(what)s %% of the sugar is fermented.", what=f"{100 * (1 - expected.share):.0f}"
            ),
            evidence=looks[-1].sample_ids,
            threshold=Threshold(say("a third of the sugar gone"), limits.first, "share left"),
            score=0.0,
        )
