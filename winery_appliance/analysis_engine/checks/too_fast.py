"""Too fast: the sugar falls faster than the style bears."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, for_styles
from winery_appliance.analysis_engine.features import PACE_WITHIN_H, measure_fall_per_day
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_number
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class TooFastLimits:
    """°Bx a day that are too much, and gravely too much."""

    warning_brix_per_day: float
    critical_brix_per_day: float


_USUAL = for_styles(TooFastLimits(9.0, 11.0), TooFastLimits(5.0, 7.0))


class TooFast(Check):
    """Finds a ferment that runs away."""

    id: ClassVar[str] = "too_fast"
    title: ClassVar[str] = N_("Too fast")
    severity: ClassVar[Severity] = "critical"
    about: ClassVar[str] = N_(
        "Reds usually fall 3 to 6 °Bx a day at their peak, whites 1 to 2.5. Faster ferments heat "
        "themselves, foam over, lose aroma and fill the cellar with gas. The fall is taken over "
        "most of a day, so that no single reading decides. Where the winery's own finished ferments "
        "were brisker, the limit rises with the pace that three in a hundred of them passed, up to "
        "the one for a critical alarm; a limit that the winery set itself stays as it is."
    )
    clears: ClassVar[str] = N_("the fall is under the limit again")
    sources: ClassVar[str] = "house defaults, from the usual peak rates of reds and whites"

    def __init__(self, parameters: Mapping[str, TooFastLimits] | None = None) -> None:
        self.parameters = parameters or _USUAL

    def run(self, situation: Situation) -> Finding | None:
        """The haste that is open now."""
        limits = self.parameters.get(situation.ferment.style, _USUAL["red"])
        looks = situation.curve.sugar
        if situation.curve.dry is not None or situation.curve.begun is None:
            return None
        limit = _find_limit(situation, limits)
        pace = measure_fall_per_day(looks, within_h=PACE_WITHIN_H)
        if pace is None or pace < limit:
            return None
        return self.find(
            since=looks[-1].measured_at,
            explanation=say("Sugar falls by %(pace)s °Bx a day.", pace=show_number(pace)),
            evidence=(sample for look in looks[-4:] for sample in look.sample_ids),
            threshold=Threshold(
                say("%(limit)s °Bx a day or more", limit=show_number(limit)), limit, "°Bx a day"
            ),
            score=(pace - limit) / max(limits.critical_brix_per_day - limit, 0.5),
            severity="critical" if pace >= limits.critical_brix_per_day else "warning",
        )


def _find_limit(situation: Situation, limits: TooFastLimits) -> float:
    own = situation.lessons.of(situation.ferment.style).brisk_brix_per_day
    if own is None or limits not in _USUAL.values():
        return limits.warning_brix_per_day
    return min(max(own, limits.warning_brix_per_day), limits.critical_brix_per_day)
