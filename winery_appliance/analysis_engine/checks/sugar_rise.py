"""The sugar rose and stayed up, and nobody wrote why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, for_styles
from winery_appliance.analysis_engine.features import Look
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_bare, show_number
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class SugarRiseLimits:
    """°Bx that a must cannot gain by itself, once it is `after_h` old, counted from where its pace would have taken it.

    The first reading must lie `plain_rise_brix` above the one before it as it stands.
    """

    most_rise_brix: float
    plain_rise_brix: float
    after_h: float
    within_h: float = 72.0


_ON_SKINS = SugarRiseLimits(1.2, 0.8, 48.0)
_IN_JUICE = SugarRiseLimits(0.8, 0.5, 12.0)


class SugarRise(Check):
    """Finds additions, blends and mixed-up tanks that are not in the book."""

    id: ClassVar[str] = "sugar_rise"
    title: ClassVar[str] = N_("Sugar rose")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "Sugar only falls. A red may gain 1 to 2 °Bx from skins and raisins in its first two days; "
        "later, or in a white, a rise that a second reading confirms is an addition, a blend or "
        "another tank; what the must fermented meanwhile is counted in. Write it down: the forecast "
        "and the legal record need it. A single high reading is asked about as a slip instead."
    )
    clears: ClassVar[str] = N_(
        "the addition is written down, or the readings of three days went on from it"
    )
    sources: ClassVar[str] = "house defaults"

    def __init__(self, parameters: Mapping[str, SugarRiseLimits] | None = None) -> None:
        self.parameters = parameters or for_styles(_ON_SKINS, _IN_JUICE)

    def run(self, situation: Situation) -> Finding | None:
        """The rise that is open now: two looks above two looks."""
        limits = self.parameters.get(situation.ferment.style, _ON_SKINS)
        looks = situation.curve.sugar
        for at in range(len(looks) - 2, 0, -1):
            after, before = looks[at : at + 2], looks[max(at - 2, 0) : at]
            if looks[-1].hours - after[0].hours > limits.within_h:
                return None
            rise = _measure_rise(before, after)
            if rise < limits.most_rise_brix or before[-1].hours < limits.after_h:
                continue
            if after[0].value - before[-1].value < limits.plain_rise_brix:
                continue  # a fall that only got slower is no rise
            if situation.is_explained(before[-1].measured_at, after[0].measured_at):
                continue
            return self.find(
                since=after[0].measured_at,
                explanation=(
                    say(
                        "Sugar rose by %(rise)s °Bx, and a second reading agrees. Was it an "
                        "addition, a blend, or another tank?",
                        rise=show_number(rise),
                    )
                ),
                evidence=(s for look in (*before, *after) for s in look.sample_ids),
                threshold=Threshold(
                    say(
                        "%(most_rise_brix)s °Bx up", most_rise_brix=show_bare(limits.most_rise_brix)
                    ),
                    limits.most_rise_brix,
                    "°Bx",
                ),
                score=rise / limits.most_rise_brix - 1,
            )
        return None


def _measure_rise(before: Sequence[Look], after: Sequence[Look]) -> float:
    """°Bx by which both of `after` lie above where each of `before`, at the slower pace of both pairs, would have come.

    Each of them: after one low reading the next two only look like a rise.
    """
    paces = [_fall_per_h(*before), _fall_per_h(*after)] if len(before) > 1 else [0.0]
    pace = max(min(paces), 0.0)
    return min(
        later.value - look.value + pace * (later.hours - look.hours)
        for look in before
        for later in after
    )


def _fall_per_h(one: Look, two: Look) -> float:
    return (one.value - two.value) / (two.hours - one.hours) if two.hours > one.hours else 0.0
