"""Sluggish: the sugar falls, but too slowly to be dry in time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_number
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class SluggishLimits:
    """Chance of not being dry in time that opens the alarm, after so many hours and looks.

    With all the time left it must be `start_chance`, and at the deadline `chance`: what is told a fortnight before it is
    due may wait for a surer look, and false alarms make people deaf. All are house defaults.
    """

    chance: float = 0.7
    start_chance: float = 0.95
    grave_chance: float = 0.9
    after_h: float = 48.0
    least_looks: int = 4
    stale_h: float = 72.0  # what was read longer ago tells of another day


class Sluggish(Check):
    """Finds a ferment whose forecast misses the deadline of its style."""

    id: ClassVar[str] = "sluggish"
    title: ClassVar[str] = N_("Sluggish")
    severity: ClassVar[Severity] = "critical"
    about: ClassVar[str] = N_(
        "Bisson and Butzke tell four problem ferments apart; this is the one that goes on, too "
        "slowly from the start or slower and slower. The forecast weighs every course that fits the "
        "readings and the temperature. When most of them are not dry (-1.0 °Bx) by the deadline of "
        "the style, 16 days for a red and 32 for a white, there is still time to act. The more time is "
        "left, the surer the forecast must be. A must that has not begun has no pace yet: it can only be "
        "a slow start."
    )
    clears: ClassVar[str] = N_("the forecast is in time again, or the wine is dry")
    sources: ClassVar[str] = (
        "Bisson and Butzke 2000 (Am. J. Enol. Vitic. 51:168); chance and deadlines are house "
        "defaults"
    )

    def __init__(self, parameters: Mapping[str, SluggishLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(SluggishLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The slowness that is open now."""
        limits = self.parameters.get(situation.ferment.style, SluggishLimits())
        expected, looks = situation.forecast, situation.curve.sugar
        if expected is None or expected.found_dry or len(looks) < limits.least_looks:
            return None
        # Without a pace there is none to carry on: see slow_start.
        if situation.curve.begun is None:
            return None
        asked = _find_asked(limits, situation.now_h, expected.deadline_h)
        if situation.now_h < limits.after_h or expected.p_not_dry < asked:
            return None
        if situation.now_h - looks[-1].hours > limits.stale_h:
            return None
        days = expected.deadline_h / 24
        chance = 100 * expected.p_not_dry
        return self.find(
            since=looks[-1].measured_at,
            explanation=(
                say(
                    "At this pace it will not be dry in %(days)s days, with a chance of "
                    "%(chance)s %%: %(value)s °Bx after %(now_h)s days.",
                    days=f"{days:.0f}",
                    chance=f"{chance:.0f}",
                    value=show_number(looks[-1].value),
                    now_h=f"{situation.now_h / 24:.0f}",
                )
            ),
            evidence=(sample for look in looks[-6:] for sample in look.sample_ids),
            threshold=Threshold(
                say(
                    "a chance of %(what)s %% or more not to be dry in %(days)s days",
                    what=f"{100 * asked:.0f}",
                    days=f"{days:.0f}",
                ),
                asked,
                "chance",
            ),
            score=(expected.p_not_dry - asked) / max(1 - asked, 0.01),
            severity="critical" if expected.p_not_dry >= limits.grave_chance else "warning",
        )


def _find_asked(limits: SluggishLimits, now_h: float, deadline_h: float) -> float:
    """The chance that opens the alarm at `now_h`: less of it the less time is left."""
    left = max(1 - now_h / deadline_h, 0.0)
    return limits.chance + max(limits.start_chance - limits.chance, 0.0) * left
