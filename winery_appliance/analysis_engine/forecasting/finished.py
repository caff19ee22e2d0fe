"""A ferment that is over, as lessons are learned from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from winery_appliance.analysis_engine.features import Curve
from winery_appliance.analysis_engine.measurements import Ferment, Reading

_STOOD_H, _STOOD_FALL_BRIX = 48.0, 0.4


@dataclass(frozen=True, slots=True)
class PastFerment:
    """A finished ferment with all its readings."""

    ferment: Ferment
    readings: Sequence[Reading]


@dataclass(frozen=True, slots=True)
class Finished:
    """The same with its curve and when it was dry (hours; None: never). `row` is its place among its style's courses."""

    ferment: Ferment
    readings: Sequence[Reading]
    curve: Curve
    dry_h: float | None
    row: int = -1

    @property
    def stopped(self) -> bool:
        """Whether it was never dry and stood at the end: slowness the courses foresee, this they do not."""
        looks = self.curve.sugar
        if self.dry_h is not None or not looks:
            return False
        late = [look for look in looks if look.hours >= looks[-1].hours - _STOOD_H]
        return len(late) > 1 and late[0].value - late[-1].value < _STOOD_FALL_BRIX
