"""Simple forecasts of the dry hour, to beat: each is given the raw readings up to a moment and the history."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.bench.analysis.scoring import DRY_BRIX, HORIZON_H, Case

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """What was written down of a ferment by a moment, hours and °Bx; impossible values are left out."""

    style: str
    hours: Numbers
    brix: Numbers
    now_h: float


def tell(case: Case, now_h: float) -> Known:
    """What was known of `case`; lateness of entries is left aside, which favours the baselines."""
    pairs = [(float(r["t_h"]), float(r["brix"])) for r in case.rows if r["brix"]]
    pairs = [(h, b) for h, b in pairs if h <= now_h and -5 <= b <= 45]
    hours, brix = (
        (np.array(column) for column in zip(*pairs, strict=True)) if pairs else (np.array([]),) * 2
    )
    return Known(case.style, hours, brix, now_h)


Baseline = Callable[[Known, Sequence[Case]], float]


def history_median(known: Known, history: Sequence[Case]) -> float:
    """The median of the style's past."""
    past = [case.dry_h for case in history if case.style == known.style]
    return float(np.median(past)) if past else HORIZON_H


def linear_48h(known: Known, history: Sequence[Case]) -> float:
    """The line through the last 48 h goes on."""
    late = known.hours >= known.now_h - 48
    if late.sum() < 2 or np.ptp(known.hours[late]) == 0:
        return HORIZON_H
    slope, level = np.polyfit(known.hours[late], known.brix[late], 1)
    return float((DRY_BRIX - level) / slope) if slope < -1e-4 else HORIZON_H


def _fit_sigmoid(known: Known, shape: Callable[[Numbers], Numbers]) -> float:
    """Least squares over rates and mid-times of `shape`, from the first reading down to -2 °Bx."""
    if len(known.hours) < 3:
        return HORIZON_H
    rates, middles = np.geomspace(0.008, 0.2, 40), np.linspace(5, 600, 120)
    top = float(np.max(known.brix[:3]))
    x = rates[:, None, None] * (known.hours - middles[:, None])
    errors = ((top + (-2.0 - top) * shape(x) - known.brix) ** 2).sum(axis=-1)
    rate, middle = np.unravel_index(int(np.argmin(errors)), errors.shape)
    grid = np.arange(known.now_h, HORIZON_H, 2.0)
    curve = top + (-2.0 - top) * shape(rates[rate] * (grid - middles[middle]))
    dry = np.flatnonzero(curve <= DRY_BRIX)
    return float(grid[dry[0]]) if len(dry) else HORIZON_H


def logistic(known: Known, history: Sequence[Case]) -> float:
    """A logistic curve."""
    return _fit_sigmoid(known, lambda x: 1 / (1 + np.exp(-np.clip(x, -50, 50))))


def gompertz(known: Known, history: Sequence[Case]) -> float:
    """A Gompertz curve."""
    return _fit_sigmoid(known, lambda x: np.exp(-np.exp(-np.clip(x, -50, 50))))


def nearest(known: Known, history: Sequence[Case]) -> float:
    """The mean of the ten past ferments of the style whose true curves lie nearest so far."""
    past = [case for case in history if case.style == known.style and np.isfinite(case.dry_h)]
    if len(known.hours) < 2 or not past:
        return history_median(known, history)
    apart = [
        float(np.mean((np.interp(known.hours, case.hours, case.brix) - known.brix) ** 2))
        for case in past
    ]
    return float(np.mean([past[at].dry_h for at in np.argsort(apart)[:10]]))


BASELINES: dict[str, Baseline] = {
    "history median": history_median,
    "linear 48 h": linear_48h,
    "logistic": logistic,
    "Gompertz": gompertz,
    "plain k-NN": nearest,
}
