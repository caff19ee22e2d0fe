"""What a winery's finished ferments have taught: which courses are likely, how far forecasts were off."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from winery_appliance.analysis_engine.forecasting.must import Must
from winery_appliance.analysis_engine.forecasting.quantiles import take_quantiles
from winery_appliance.analysis_engine.forecasting.signs import guess_left
from winery_appliance.analysis_engine.forecasting.sources import PastCourses, guess_bank_prior
from winery_appliance.analysis_engine.forecasting.trees import Trees

Numbers = NDArray[np.float64]

# Shares of sugar left that part the stages of a ferment: the first quarter, the fall, the end.
STAGES = (0.8, 0.35)
# Shares of its expected time after which a forecast is wrong in another way.
PROGRESS = (0.38, 0.63)
USUAL_WIDENING = (1.15, 1.1, 1.0)
USUAL_STOPS = 0.04  # share of ferments that stop without notice: house default
_FARTHEST_CORRECTION = 0.7  # in the logarithm of the hours left: to a half, or to the double
_LEAST_LEFT_H = 6.0
EARLY_H = (48.0, 72.0, 96.0)  # what was known by then teaches the early classifier
_EARLY_WITHIN_H = (40.0, 120.0)


def progress_of(now_h: float, dry_h: float) -> int:
    """0 in the first part of the time a ferment is expected to take, 1 in the middle, 2 at the end."""
    return sum(now_h > part * dry_h for part in PROGRESS)


def stage_of(share: float) -> int:
    """0 at the start, 1 in the fall, 2 at the end."""
    return sum(share < limit for limit in STAGES)


@dataclass(frozen=True, slots=True)
class StyleLessons:
    """Lessons for one style: prior of the bank, its weight beside the past by stage, how much wider intervals must be.

    `brisk_brix_per_day` is the peak pace that three in a hundred of the past passed; None of too few.
    """

    prior: Numbers
    usual_c: float | None = None
    past: PastCourses | None = None
    bank_weight: tuple[float, ...] = (1.0, 1.0, 1.0)
    widening: tuple[float, ...] = USUAL_WIDENING
    ferments: int = 0
    brisk_brix_per_day: float | None = None


@dataclass(frozen=True, slots=True)
class Mix:
    """How the log odds of three voices are put together: `base`, and the weight of each as it would have helped before."""

    base: float
    courses: float
    own: float
    others: float


@dataclass(frozen=True, slots=True)
class Early:
    """The early classifier: trees that tell the log odds of not being dry in time, from the signs of the first days.

    They are one voice of the `mix`; the others are the courses, and the shipped classifier, which knows more ferments, but
    none of this cellar.
    """

    trees: Trees
    mix: Mix

    def weigh_in(self, chance: float, signs: Numbers, others: float | None = None) -> float:
        """`chance` not to be dry in time by the courses, with the classifiers; `others` are the shipped one's log odds.

        Where that may not be asked, the trees speak for it.
        """
        kept = min(max(chance, 1e-3), 1 - 1e-3)
        own, mix = self.trees.ask(signs), self.mix
        odds = mix.base + mix.courses * np.log(kept / (1 - kept)) + mix.own * own
        odds += mix.others * (own if others is None else others)
        return float(1 / (1 + np.exp(-odds)))


def is_early(now_h: float) -> bool:
    """Whether the early classifier is asked at so many hours."""
    return _EARLY_WITHIN_H[0] <= now_h <= _EARLY_WITHIN_H[1]


@dataclass(frozen=True, slots=True)
class Correction:
    """Trees that tell how far off forecasts were, in the logarithm of the hours left; `say` as with `Early`."""

    trees: Trees
    say: float


@dataclass(frozen=True, slots=True)
class Lessons:
    """What was learned, by style and over all; a style without lessons is forecast from the bank alone.

    `stops` is the share of ferments that stop without notice.
    """

    by_style: Mapping[str, StyleLessons] = field(default_factory=dict)
    stops: float = USUAL_STOPS
    correction: Correction | None = None
    early: Early | None = None

    def correct(self, hours: Numbers, weight: Numbers, signs: Numbers, must: Must) -> Numbers:
        """`hours` at which courses are dry, brought to where such forecasts of the past should have been."""
        middle = float(take_quantiles(hours, weight)[1])
        if self.correction is None or not np.isfinite(middle):
            return hours
        left = middle - must.now_h
        if left < _LEAST_LEFT_H:
            return hours
        asked = self.correction.trees.ask(signs)
        wanted = guess_left(signs) + min(max(asked, -_FARTHEST_CORRECTION), _FARTHEST_CORRECTION)
        scale = np.exp(self.correction.say * (wanted - np.log(left)))
        last = float(must.looked.hours[-1]) if len(must.looked.hours) else 0.0
        return np.asarray(np.maximum(must.now_h + (hours - must.now_h) * scale, last))

    def of(self, style: str) -> StyleLessons:
        """The lessons for a style."""
        return self.by_style.get(style) or _UNTAUGHT_STYLES.get(style) or _UNTAUGHT_STYLES["white"]


_UNTAUGHT_STYLES = {
    style: StyleLessons(guess_bank_prior("red" if style in ("red", "orange") else "white"))
    for style in ("red", "white", "rose", "orange")
}
UNTAUGHT = Lessons()
