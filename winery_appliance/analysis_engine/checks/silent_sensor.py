"""A probe hangs in the tank and says nothing any more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Probe, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class SilentLimits:
    """Hours without a word, and how many of its own usual pauses."""

    least_h: float = 3.0
    pauses: float = 6.0


class SilentSensor(Check):
    """Finds the probe that fell silent, before anybody relies on it."""

    id: ClassVar[str] = "silent_sensor"
    title: ClassVar[str] = N_("Probe is silent")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "Nobody reads a tank by hand that has a probe: when it falls silent, the tank is not watched "
        "at all. A probe that was heard is missed after six of its usual pauses and three hours at "
        "the least, so that a short failure of the Wi-Fi says nothing; one that was hung and never "
        "spoke, after three hours. One that is taken out of the vessel is not missed."
    )
    clears: ClassVar[str] = N_("it is heard again, or taken out")
    sources: ClassVar[str] = "house defaults; an iSpindel sends every 15 minutes by itself"

    def __init__(self, parameters: Mapping[str, SilentLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(SilentLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The probe that has been silent for the longest, of those that are."""
        limits = self.parameters.get(situation.ferment.style, SilentLimits())
        if situation.curve.dry is not None:
            return None
        silent = [
            (hours / limit, probe, hours, limit)
            for probe in situation.probes
            if (hours := (situation.as_of - probe.silent_since).total_seconds() / 3600)
            >= (limit := find_limit_h(probe, limits))
        ]
        if not silent:
            return None
        over, probe, hours, limit = max(silent, key=lambda found: (found[0], found[1].code))
        return self.find(
            since=probe.silent_since,
            explanation=_tell(probe, hours),
            evidence=(),
            threshold=Threshold(
                say("%(limit)s h without a word", limit=f"{limit:.0f}"), limit, "h"
            ),
            score=over - 1,
        )


def find_limit_h(probe: Probe, limits: SilentLimits) -> float:
    """Hours after which this probe is missed."""
    return max(limits.least_h, limits.pauses * (probe.usual_s or 0.0) / 3600)


def _tell(probe: Probe, hours: float) -> str:
    if probe.heard_at is None:
        return say(
            "%(code)s was hung here %(hours)s h ago and has not been heard yet.",
            code=probe.code,
            hours=f"{hours:.0f}",
        )
    if probe.usual_s is None:
        return say(
            "%(code)s was last heard %(hours)s h ago.", code=probe.code, hours=f"{hours:.0f}"
        )
    return say(
        "%(code)s was last heard %(hours)s h ago; it usually sends every %(minutes)s min.",
        code=probe.code,
        hours=f"{hours:.0f}",
        minutes=f"{max(probe.usual_s / 60, 1):.0f}",
    )
