"""What a winery's finished ferments have taught: which courses are likely, how far forecasts were off."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from winery_appliance.analysis_engine.forecasting.sources import PastCourses, guess_bank_prior

Numbers = NDArray[np.float64]

# Shares of sugar left that part the stages of a ferment: the first quarter, the fall, the end.
STAGES = (0.8, 0.35)
USUAL_WIDENING = (1.15, 1.05, 1.0)
USUAL_STOPS = 0.04  # share of ferments that stop without notice: house default


def stage_of(share: float) -> int:
    """0 at the start, 1 in the fall, 2 at the end."""
    return sum(share < limit for limit in STAGES)


@dataclass(frozen=True, slots=True)
class StyleLessons:
    """Lessons for one style: prior of the bank, its weight beside the past by stage, how much wider intervals must be."""

    prior: Numbers
    usual_c: float | None = None
    past: PastCourses | None = None
    bank_weight: tuple[float, ...] = (1.0, 1.0, 1.0)
    widening: tuple[float, ...] = USUAL_WIDENING
    stops: float = USUAL_STOPS
    ferments: int = 0


@dataclass(frozen=True, slots=True)
class Lessons:
    """What was learned, by style; a style without lessons is forecast from the bank alone."""

    by_style: Mapping[str, StyleLessons] = field(default_factory=dict)

    def of(self, style: str) -> StyleLessons:
        """The lessons for a style."""
        return self.by_style.get(style) or _UNTAUGHT_STYLES.get(style) or _UNTAUGHT_STYLES["white"]


_UNTAUGHT_STYLES = {
    style: StyleLessons(guess_bank_prior("red" if style in ("red", "orange") else "white"))
    for style in ("red", "white", "rose", "orange")
}
UNTAUGHT = Lessons()
