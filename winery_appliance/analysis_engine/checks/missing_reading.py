"""Nobody has read the tank for too long while it ferments."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class MissingLimits:
    """Hours without a look in an active ferment, and how many of its own usual pauses."""

    least_h: float = 46.0
    pauses: float = 2.7


class MissingReading(Check):
    """Finds the tank that was forgotten."""

    id: ClassVar[str] = "missing_reading"
    title: ClassVar[str] = N_("Not read")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "Log sugar and temperature twice daily, says the AWRI; most troubles cost a day that nobody "
        "looked. A pause counts as missing from 46 h on, and only when it is nearly three times the "
        "pause this tank is used to, so that a cellar that reads once a day is not nagged for one "
        "missed round."
    )
    clears: ClassVar[str] = N_("two readings in the usual rhythm")
    sources: ClassVar[str] = "AWRI 2013 (log twice daily); the pauses are house defaults"

    def __init__(self, parameters: Mapping[str, MissingLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(MissingLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The gap that is open now: since the last look, or just before it."""
        limits = self.parameters.get(situation.ferment.style, MissingLimits())
        curve = situation.curve
        hours = [look.hours for look in curve.sugar]
        if len(hours) < 3 or curve.dry is not None or curve.begun is None:
            return None
        if situation.forecast is not None and situation.forecast.found_dry:
            return None
        pauses = [after - before for before, after in pairwise(hours)]
        usual = median(pauses[:-1])
        waited = max(situation.now_h - hours[-1], 0.0)
        gap = max(pauses[-1], waited)
        limit = max(limits.least_h, limits.pauses * usual)
        if gap < limit:
            return None
        last = curve.sugar[-1] if waited >= pauses[-1] else curve.sugar[-2]
        return self.find(
            since=last.measured_at,
            explanation=(
                say(
                    "No sugar reading for %(gap)s h; this tank is usually read every %(usual)s h.",
                    gap=f"{gap:.0f}",
                    usual=f"{usual:.0f}",
                )
            ),
            evidence=last.sample_ids,
            threshold=Threshold(
                say("%(limit)s h without a reading", limit=f"{limit:.0f}"), limit, "h"
            ),
            score=gap / limit - 1,
        )
