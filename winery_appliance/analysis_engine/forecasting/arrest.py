"""The chance that a ferment has just stopped: what it should have done since, against standing still."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from winery_appliance.analysis_engine.forecasting.members import Looked, Members

Numbers = NDArray[np.float64]

# House defaults: of a hundred ferments a few stop suddenly, most within ten days.
_STOPS_PER_DAY = 0.01
# Readings so young are held against the courses that fitted those before; two spans, for one round a day and for more.
SPANS_H = (20.0, 44.0)
_LEAST_BEFORE = 4
_FOLLOWED = 200  # members; the lightest hardly change the answer
_BEGUN_SHARE = 0.93
_LEAST_FALL = 0.02  # share of sugar that must be missing before standing still means anything
_STANDS_H, _STANDING_FALL, _STANDING_CHANCE = 54.0, 0.008, 0.95
# Uptake halves at 10 g/L of sugar (Coleman, Fish and Block 2007), and alcohol slows it sooner: under this share, near
# 40 g/L, a healthy must falls ever more slowly, and has to be watched for longer, up to so many times. House default.
_SLOWER_UNDER, _LONGEST_WATCH = 0.18, 3.0
_OUTLIER = 16.0
_SAY = 0.7  # readings of one day share their errors


@dataclass(frozen=True, slots=True)
class Arrest:
    """Chance that the must stands still, since when it would (hours), and the share of sugar left there."""

    chance: float
    since_h: float | None
    share: float


def leave_out_latest(looked: Looked, span_h: float) -> Looked | None:
    """`looked` with no say for the readings of the last `span_h`; None when too few are left."""
    if len(looked.hours) <= _LEAST_BEFORE:
        return None
    before = looked.hours <= looked.hours[-1] - span_h
    if before.sum() < _LEAST_BEFORE:
        return None
    return replace(looked, say=np.where(before, looked.say, 0.0))


def weigh_arrest(before: Sequence[Members | None], looked: Looked, target: float) -> Arrest:
    """Holds the last readings against `before`, the courses that fitted until each of `SPANS_H` ago.

    Either the must goes on by those courses, or it stands still since the last reading before the span or one within. The
    likelier arrest counts.
    """
    share = float(np.median(looked.share[-2:])) if len(looked.hours) else 1.0
    nothing = Arrest(0.0, None, share)
    if share <= target:
        return nothing
    found = [
        _weigh_span(members, looked, span_h, nothing)
        for members, span_h in zip(before, SPANS_H, strict=True)
        if members is not None
    ]
    found.append(_see_standing(looked, nothing))
    return max(found, key=lambda arrest: arrest.chance)


def _see_standing(looked: Looked, nothing: Arrest) -> Arrest:
    """What has stood for two days, near the end for longer, stands; the courses, bent to it by then, are not asked."""
    if len(looked.hours) < 3:
        return nothing
    slower = float(np.clip(_SLOWER_UNDER / max(nothing.share, 1e-3), 1.0, _LONGEST_WATCH))
    lately = np.flatnonzero(looked.hours >= looked.hours[-1] - slower * _STANDS_H)
    if len(lately) < 3 or looked.hours[-1] - looked.hours[lately[0]] < slower * (_STANDS_H - 12):
        return nothing
    half = len(lately) // 2
    shares = looked.share[lately]
    fall = float(np.median(shares[:half]) - np.median(shares[-half:]))
    if shares[0] > _BEGUN_SHARE or fall >= _STANDING_FALL:
        return nothing
    return Arrest(_STANDING_CHANCE, float(looked.hours[lately[0]]), float(np.median(shares)))


def _weigh_span(before: Members, looked: Looked, span_h: float, nothing: Arrest) -> Arrest:
    last = int(np.flatnonzero(looked.hours <= looked.hours[-1] - span_h)[-1])
    if looked.share[last] > _BEGUN_SHARE:  # a must that has not begun has not stopped
        return nothing
    top = np.argsort(-before.weight, kind="stable")[:_FOLLOWED]
    log_weight = np.log(before.weight[top])
    going = _trace(before, looked, top)[:, last:]
    shares, error = looked.share[last:], looked.error[last:]
    alive = float(np.logaddexp.reduce(log_weight + _fit(going, shares, error)))
    count = len(shares)
    starts = np.arange(count - 1)
    held = np.where(
        np.arange(count)[None, None, :] > starts[None, :, None],
        going[:, starts, None],
        going[:, None, :],
    )
    stopped = np.logaddexp.reduce(log_weight[:, None] + _fit(held, shares, error), axis=0)
    waited = np.diff(looked.hours[last:]) / 24
    stopped = stopped + np.log(_STOPS_PER_DAY * np.clip(waited, 0.1, 3.0))
    total = float(np.logaddexp.reduce(stopped))
    chance = float(1 / (1 + np.exp(np.clip(alive - total, -50, 50))))
    start = int(np.argmax(stopped))
    weight = before.weight[top] / before.weight[top].sum()
    if float(weight @ (going[:, start] - going[:, -1])) < _LEAST_FALL:
        return nothing
    return Arrest(chance, float(looked.hours[last + start]), float(np.median(shares[start + 1 :])))


def _trace(members: Members, looked: Looked, top: NDArray[np.intp]) -> Numbers:
    at = (looked.warm - members.delay[top, None]) * members.pace[top, None] / members.courses.step
    at = np.clip(at, 0, members.courses.shares.shape[1] - 1).astype(np.intp)
    traced: Numbers = members.courses.shares[members.row[top, None], at].astype(np.float64)
    return traced


def _fit(traced: Numbers, shares: Numbers, error: Numbers) -> Numbers:
    miss = ((traced - shares) / error) ** 2
    miss = miss / (1 + miss / _OUTLIER)
    return np.asarray(-0.5 * _SAY * miss.sum(axis=-1))
