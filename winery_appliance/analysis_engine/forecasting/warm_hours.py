"""The clock of the yeast: hours weighted by warmth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

# Growth and uptake rise by exp(0.0782) and exp(0.0771) per °C (Coleman, Fish and Block 2007, Appl. Environ. Microbiol.
# 73:5875): one figure serves both, so that one curve serves all temperatures.
PER_DEGREE = 0.0775
REFERENCE_C = 20.0
COLDEST_C, HOTTEST_C = 4.0, 36.0  # beyond, yeast is not what the formula describes
SETTLES_IN_H = 24.0  # a must comes near the temperature it is held at in about a day
HORIZON_H = 1080.0  # 45 days; what lasts longer is not forecast
_STEP_H = 6.0
_KEPT_WITHIN = 1.2  # times the warmth that was expected: a degree and more all the time, or a day of failed cooling


def pace_at(celsius: Numbers) -> Numbers:
    """Warm hours per hour."""
    return np.exp(PER_DEGREE * (np.clip(celsius, COLDEST_C, HOTTEST_C) - REFERENCE_C))


@dataclass(frozen=True, slots=True)
class WarmClock:
    """Clock hours and the warm hours gone by then; beyond the last reading by the temperature expected."""

    hours: Numbers
    warm: Numbers

    def warm_at(self, hours: Numbers) -> Numbers:
        """Warm hours since the start."""
        return np.asarray(np.interp(hours, self.hours, self.warm))

    def hours_at(self, warm: Numbers) -> Numbers:
        """Clock hours since the start; inf beyond the horizon."""
        found = np.interp(warm, self.warm, self.hours)
        return np.where(warm > self.warm[-1], np.inf, found)


def was_kept(expected: WarmClock, known: WarmClock, now_h: float, end_h: float) -> bool:
    """Whether a must was kept as warm from `now_h` to `end_h` as had been expected by then; `known` was read to the end."""
    hours = np.array([now_h, end_h])
    hoped, had = (float(np.diff(clock.warm_at(hours))[0]) for clock in (expected, known))
    return had < _KEPT_WITHIN * hoped and hoped < _KEPT_WITHIN * had


def wind_clock(
    hours: Numbers, celsius: Numbers, *, now_h: float, usual_c: float, trust_own: float
) -> WarmClock:
    """The clock of a must whose temperature was read at `hours` (rising), and is expected to go on so.

    The temperature ahead lies between its last day's and `usual_c`; `trust_own` from 0 to 1 says how near the first.
    """
    if len(hours):
        recent = float(np.median(celsius[hours >= hours[-1] - 24.0]))
        last = float(celsius[-1])
    else:
        recent = last = usual_c
    target = trust_own * recent + (1 - trust_own) * usual_c
    behind = hours[(hours > 0) & (hours < now_h)]
    ahead = np.arange(now_h, HORIZON_H + 2 * _STEP_H, _STEP_H)
    if now_h < 48:
        ahead = np.concatenate([np.arange(now_h, now_h + 48, 2.0), ahead[ahead > now_h + 48]])
    coming = target + (last - target) * np.exp(-(ahead - now_h) / SETTLES_IN_H)
    known = np.concatenate([[0.0], behind]) if now_h > 0 else np.array([0.0])
    past = np.interp(known, hours, celsius) if len(hours) else np.full(len(known), usual_c)
    if now_h <= 0:
        known, past = known[:0], past[:0]
    at = np.concatenate([known, ahead])
    pace = pace_at(np.concatenate([past, coming]))
    steps = np.diff(at) * (pace[1:] + pace[:-1]) / 2
    warm = np.concatenate([[at[0] * pace[0]], steps]).cumsum()
    return WarmClock(at, warm)
