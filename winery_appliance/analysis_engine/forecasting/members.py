"""Weighs many possible courses by how well they fit what was read; the same for the bank and for the winery's past."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Shares = NDArray[np.float32]

NEVER = np.inf

_OUTLIER = (
    9.0  # squared standard errors after which a reading hardly speaks against a course any more
)
_LEAST_WEIGHT = 1e-4  # of the best member; what weighs less is not followed on
_MOST_MEMBERS = 1500
_ANCHOR_H = 30.0  # readings so young tell where the must stands
_ANCHOR_TRUST = 0.75
_FARTHEST_SHIFT = 16.0  # warm hours
# Tables of misses that are kept: as of the next moment of a replay most readings, and so most tables, are the same. One of
# the bank's takes about 0.4 MB.
_TABLES_KEPT = 96


@dataclass(frozen=True, slots=True)
class Looked:
    """What was read: warm hours, share of sugar left, and the standard error and the say of each."""

    hours: Numbers
    warm: Numbers
    share: Numbers
    error: Numbers
    say: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Courses:
    """Curves of the share of sugar left, every `step` warm hours, with the logarithm of how likely each is.

    Only the very same courses are equal: what was measured of them is kept by that.
    """

    shares: Shares
    log_likely: Numbers
    step: float


@dataclass(frozen=True, slots=True, eq=False)
class Warps:
    """How a course may be stretched and put off: paces × delays (warm hours). Only the very same are equal."""

    paces: Numbers
    delays: Numbers

    def __len__(self) -> int:
        return len(self.paces) * len(self.delays)


@dataclass(frozen=True, slots=True)
class Members:
    """The courses worth following: row of the curve, pace and delay of each, and weights that sum to 1."""

    courses: Courses
    row: NDArray[np.intp]
    pace: Numbers
    delay: Numbers
    weight: Numbers

    def share_at(self, warm: float) -> Numbers:
        """Share of sugar left in each member at so many warm hours."""
        at = (warm - self.delay) * self.pace / self.courses.step
        at = np.clip(at, 0, self.courses.shares.shape[1] - 1).astype(np.intp)
        return np.asarray(self.courses.shares[self.row, at], dtype=np.float64)

    def warm_when(self, share: float) -> Numbers:
        """Warm hours at which each member comes down to `share`; NEVER if it does not."""
        when: Numbers = _first_under(self.courses, share)[self.row] / self.pace + self.delay
        return when


@lru_cache(maxsize=8)
def _first_under(courses: Courses, share: float) -> Numbers:
    """Warm hours at which each course comes down to `share`; NEVER if it does not."""
    under = courses.shares <= share
    return np.where(under.any(axis=1), under.argmax(axis=1) * courses.step, NEVER)


def measure_misses(looked: Looked, courses: Courses, warps: Warps) -> list[Shares]:
    """Squared standard errors, bounded, of every reading: a table of course × (pace and delay) for each."""
    readings = zip(looked.warm, looked.share, looked.error, strict=True)
    return [
        _measure_miss(courses, warps, float(warm), float(share), float(error))
        for warm, share, error in readings
    ]


@lru_cache(maxsize=_TABLES_KEPT)
def _measure_miss(
    courses: Courses, warps: Warps, warm: float, share: float, error: float
) -> Shares:
    x = (warps.paces[:, None] * (warm - warps.delays) / courses.step).ravel()
    at = np.clip(x, 0, courses.shares.shape[1] - 1).astype(np.intp)
    miss = np.take(courses.shares, at, axis=1)
    miss -= np.float32(share)
    miss *= np.float32(1 / error)
    np.multiply(miss, miss, out=miss)
    miss /= 1 + miss / np.float32(_OUTLIER)
    miss.setflags(write=False)
    return miss


def weigh_misses(
    misses: Sequence[Shares], say: Numbers, log_prior: Numbers, counts: Sequence[int]
) -> list[Numbers]:
    """Log weight of every course × (pace and delay) by the first so many readings; one table for each of `counts`.

    `log_prior` is such a table before anything was read.
    """
    total = np.zeros(log_prior.shape, np.float32)
    found = {}
    for count in range(len(misses) + 1):
        if count in counts:
            found[count] = np.asarray(log_prior - 0.5 * total)
        if count < len(misses):
            total += np.float32(say[count]) * misses[count]
    return [found[count] for count in counts]


def choose_members(looked: Looked, courses: Courses, warps: Warps, log_weight: Numbers) -> Members:
    """The courses that fit, each put where the last readings say the must stands; a reading without say is not heeded.

    `log_weight` is a table of course × (pace and delay).
    """
    scored = log_weight.ravel() - log_weight.max()
    kept = np.flatnonzero(scored > np.log(_LEAST_WEIGHT))
    if len(kept) > _MOST_MEMBERS:
        kept = kept[np.argpartition(scored[kept], -_MOST_MEMBERS)[-_MOST_MEMBERS:]]
        kept.sort()
    row, pace, delay = np.unravel_index(
        kept, (len(courses.shares), len(warps.paces), len(warps.delays))
    )
    weight = np.exp(scored[kept])
    members = Members(courses, row, warps.paces[pace], warps.delays[delay], weight / weight.sum())
    return _anchor(members, looked)


def _anchor(members: Members, looked: Looked) -> Members:
    """Shift each member so that it passes near the last readings; the grid of delays is coarse."""
    heeded = looked.hours[looked.say > 0]
    if not len(heeded):
        return members
    last = (looked.hours >= heeded[-1] - _ANCHOR_H) & (looked.say > 0)
    at = (looked.warm[last] - members.delay[:, None]) * members.pace[:, None] / members.courses.step
    top = members.courses.shares.shape[1] - 1
    index = np.clip(at, 0, top).astype(np.intp)
    reach = max(int(4.0 / members.courses.step), 1)
    here = members.courses.shares[members.row[:, None], index]
    next_ = members.courses.shares[members.row[:, None], np.minimum(index + reach, top)]
    before = members.courses.shares[members.row[:, None], np.maximum(index - reach, 0)]
    slope = (before - next_) / (2 * reach * members.courses.step) * members.pace[:, None]
    behind = looked.share[last] - here  # more sugar than the member: the must is later
    weight = looked.say[last] / looked.error[last] ** 2
    # Least squares for one shift, held near none by what a flat stretch cannot tell.
    top_sum = (weight * behind * slope).sum(axis=1)
    bottom = (weight * slope**2).sum(axis=1) + 1 / _FARTHEST_SHIFT**2
    shift = np.clip(_ANCHOR_TRUST * top_sum / bottom, -_FARTHEST_SHIFT, _FARTHEST_SHIFT)
    return Members(
        members.courses, members.row, members.pace, members.delay + shift, members.weight
    )
