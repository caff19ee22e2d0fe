"""Weighs many possible courses by how well they fit what was read; the same for the bank and for the winery's past."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Looked:
    """What was read: warm hours, share of sugar left, and the standard error and the say of each."""

    hours: Numbers
    warm: Numbers
    share: Numbers
    error: Numbers
    say: Numbers


@dataclass(frozen=True, slots=True)
class Courses:
    """Curves of the share of sugar left, every `step` warm hours, with the logarithm of how likely each is."""

    shares: Shares
    log_likely: Numbers
    step: float


@dataclass(frozen=True, slots=True)
class Warps:
    """How a course may be stretched and put off: paces × delays (warm hours), with their log prior (paces, delays).

    The prior may also depend on the kind of course: then its first axis are kinds and `kind` names each course's.
    """

    paces: Numbers
    delays: Numbers
    log_prior: Numbers
    kind: NDArray[np.intp] | None = None


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
        rows, back = np.unique(self.row, return_inverse=True)
        under = self.courses.shares[rows] <= share
        first = np.where(under.any(axis=1), under.argmax(axis=1) * self.courses.step, NEVER)
        when: Numbers = first[back] / self.pace + self.delay
        return when


def measure_misses(looked: Looked, courses: Courses, warps: Warps) -> Shares:
    """Squared standard errors, bounded, by course × (pace and delay) × reading."""
    x = warps.paces[:, None, None] * (looked.warm - warps.delays[:, None]) / courses.step
    at = np.clip(x, 0, courses.shares.shape[1] - 1).astype(np.intp)
    miss = np.take(courses.shares, at.ravel(), axis=1)
    miss = miss.reshape(len(courses.shares), at.shape[0] * at.shape[1], len(looked.warm))
    miss -= looked.share.astype(np.float32)
    miss /= looked.error.astype(np.float32)
    np.multiply(miss, miss, out=miss)
    miss /= 1 + miss / np.float32(_OUTLIER)
    return miss


def score_all(misses: Shares, say: Numbers, courses: Courses, warps: Warps) -> Numbers:
    """Log weight of every course × pace × delay."""
    fit = -0.5 * np.einsum("rwn,n->rw", misses, say.astype(np.float32))
    fit = fit.reshape(len(courses.shares), len(warps.paces), len(warps.delays)).astype(np.float64)
    prior = warps.log_prior if warps.kind is None else warps.log_prior[warps.kind]
    return np.asarray(fit + prior + courses.log_likely[:, None, None])


def choose_members(looked: Looked, courses: Courses, warps: Warps, misses: Shares) -> Members:
    """The courses that fit, each put where the last readings say the must stands; a reading without say is not heeded."""
    log_weight = score_all(misses, looked.say, courses, warps).ravel()
    log_weight -= log_weight.max()
    kept = np.flatnonzero(log_weight > np.log(_LEAST_WEIGHT))
    if len(kept) > _MOST_MEMBERS:
        kept = kept[np.argpartition(log_weight[kept], -_MOST_MEMBERS)[-_MOST_MEMBERS:]]
        kept.sort()
    row, pace, delay = np.unravel_index(
        kept, (len(courses.shares), len(warps.paces), len(warps.delays))
    )
    weight = np.exp(log_weight[kept])
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
