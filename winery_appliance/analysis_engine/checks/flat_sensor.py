"""A sensor repeats itself while the must ferments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_number
from winery_appliance.core.units import SampleType, Unit, from_canonical
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class FlatLimits:
    """Hours the last of the repeated readings may be old for the alarm to stand."""

    fresh_h: float = 24.0


class FlatSensor(Check):
    """Finds the probe that hangs."""

    id: ClassVar[str] = "flat_sensor"
    title: ClassVar[str] = N_("Sensor stands still")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "Four or more identical values over most of a day, while the must before or after them "
        "fell, come from a probe that hangs or a number that was copied. The first of them may be "
        "true; the others are left out of the forecast. Read the tank by hand, then clean or "
        "restart the probe. A ferment may really have stopped: that is judged apart."
    )
    clears: ClassVar[str] = N_("the value moves again")
    sources: ClassVar[str] = "four identical values is a house default"

    def __init__(self, parameters: Mapping[str, FlatLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(FlatLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The hanging sensor that is open now."""
        sugar = situation.readings_of(SampleType.sugar)
        flat = [flag.reading for flag in situation.flags if flag.fault == "flat"]
        if not flat or sugar[-1].sample_id != flat[-1].sample_id:
            return None
        same = [reading for reading in flat if reading.value == flat[-1].value]
        brix = from_canonical(SampleType.sugar, flat[-1].value, Unit.brix)
        return self.find(
            since=same[0].measured_at,
            explanation=say(
                "%(same)s readings in a row say %(brix)s °Bx.",
                same=len(same) + 1,
                brix=show_number(brix),
            ),
            evidence=(reading.sample_id for reading in same),
            threshold=Threshold(say("4 identical readings while fermenting"), 4, "readings"),
            score=len(same) / 4,
        )
