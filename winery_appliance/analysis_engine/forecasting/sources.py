"""The two sources of courses: the kinetic bank, and the winery's own finished ferments."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from winery_appliance.analysis_engine.forecasting.arrest import SPANS_H, leave_out_latest
from winery_appliance.analysis_engine.forecasting.kinetic_bank import (
    BRIX,
    DEATH,
    FED_MG_L,
    GROWTH,
    STEP,
    YAN_MG_L,
    load_bank,
)
from winery_appliance.analysis_engine.forecasting.members import (
    Courses,
    Looked,
    Members,
    Warps,
    choose_members,
    measure_misses,
    weigh_misses,
)
from winery_appliance.analysis_engine.forecasting.must import Must

Numbers = NDArray[np.float64]

# Paces and delays a lot may have beside the bank; fits to real ferments differ by 0.2 to 0.35 in the logarithm of pace.
PACES = np.exp(np.linspace(np.log(0.35), np.log(2.6), 21))
DELAYS = np.arange(-6.0, 61.0, 6.0)
KINDS = len(GROWTH) * len(DEATH) * len(FED_MG_L)
_PACE_SPREAD = 0.35
_USUAL_DELAY = {"red": (14.0, 12.0), "white": (20.0, 14.0)}  # warm hours: mean, spread
_NEAR_YAN, _UNKNOWN_YAN, _UNKNOWN_YAN_SPREAD = 0.14, 190.0, 0.4  # in the logarithm of mg/L
_NEAR_BRIX = 1.2

PAST_PACES = np.exp(np.linspace(np.log(0.6), np.log(1.67), 9))
PAST_DELAYS = np.arange(-24.0, 25.0, 6.0)
PAST_PACE_SPREAD = 0.2
_BANK_WARPS, _PAST_WARPS = Warps(PACES, DELAYS), Warps(PAST_PACES, PAST_DELAYS)
_PAST_DELAY_SPREAD = 10.0
_PAST_NEAR_YAN, _PAST_NEAR_BRIX = 0.35, 3.0


def guess_bank_prior(style: str) -> Numbers:
    """Log prior over (kind, pace, delay) before a winery has taught anything."""
    mean, spread = _USUAL_DELAY.get(style, _USUAL_DELAY["white"])
    pace = -0.5 * (np.log(PACES) / _PACE_SPREAD) ** 2
    delay = -0.5 * ((DELAYS - mean) / spread) ** 2
    growth = np.log([0.25, 0.5, 0.25])[:, None, None]
    death = np.log([0.25, 0.35, 0.25, 0.15])[None, :, None]
    kinds = (growth + death + np.zeros((1, 1, len(FED_MG_L)))).ravel()
    prior = kinds[:, None, None] + pace[None, :, None] + delay
    return np.asarray(prior - np.logaddexp.reduce(prior.ravel()))


@lru_cache(maxsize=3)  # of one must while it is looked at again and again; each takes some 8 MB
def choose_courses(brix0: float, yan_mg_l: float | None) -> tuple[Courses, NDArray[np.intp]]:
    """The courses of the bank for a must like this, and the kind of each."""
    bank = load_bank()
    brix = _weigh_near(np.array(BRIX), brix0, _NEAR_BRIX)
    if yan_mg_l is None:
        middle, spread = _UNKNOWN_YAN, _UNKNOWN_YAN_SPREAD
    else:
        middle, spread = max(yan_mg_l, 25.0), _NEAR_YAN
    yan = _weigh_near(np.log(YAN_MG_L), np.log(middle), spread)
    weight = (brix[:, None] * yan[None, :]).ravel()
    chosen = np.flatnonzero(weight > 0.02 * weight.max())
    rows = (chosen[:, None] * KINDS + np.arange(KINDS)).ravel()
    log_likely = np.repeat(np.log(weight[chosen]), KINDS)
    kind = np.tile(np.arange(KINDS), len(chosen))
    return Courses(bank.shares[rows], log_likely, STEP), kind


def _weigh_near(grid: Numbers, at: float, spread: float) -> Numbers:
    weight = np.exp(-0.5 * np.clip((grid - np.clip(at, grid[0], grid[-1])) / spread, -6, 6) ** 2)
    return np.asarray(weight / weight.sum())


def match_bank(must: Must, prior: Numbers) -> tuple[Members, list[Members | None]]:
    """Members of the bank that fit the must, and those that fitted it until each of `SPANS_H` ago; `prior` as
    `guess_bank_prior` gives it.
    """
    courses, kind = choose_courses(must.brix0, must.yan_mg_l)
    log_prior = prior.reshape(KINDS, -1)[kind] + courses.log_likely[:, None]
    before = [leave_out_latest(must.looked, span_h) for span_h in SPANS_H]
    # What is left out are the latest readings, so each of them knows the first so many.
    heeded = [must.looked, *(looked for looked in before if looked is not None)]
    tables = weigh_misses(
        measure_misses(must.looked, courses, _BANK_WARPS),
        must.looked.say,
        log_prior,
        [int(np.count_nonzero(looked.say)) for looked in heeded],
    )
    members, *earlier = (
        choose_members(looked, courses, _BANK_WARPS, table)
        for looked, table in zip(heeded, tables, strict=True)
    )
    rest = iter(earlier)
    return members, [None if looked is None else next(rest) for looked in before]


def score_kinds(must: Must, looked: Looked) -> Numbers:
    """Log likelihood of every (kind, pace, delay) of the bank for a must, whatever was likely before."""
    courses, kind = choose_courses(must.brix0, must.yan_mg_l)
    likely = np.repeat(courses.log_likely[:, None], len(_BANK_WARPS), axis=1)
    misses = measure_misses(looked, courses, _BANK_WARPS)
    [scores] = weigh_misses(misses, looked.say, likely, [len(misses)])
    order = np.argsort(kind, kind="stable")
    by_kind = scores[order].reshape(KINDS, -1, len(PACES), len(DELAYS))
    return np.asarray(np.logaddexp.reduce(by_kind, axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class PastCourses:
    """Finished ferments of one style as courses; YAN is NaN where nobody measured it."""

    courses: Courses
    brix0: Numbers
    yan_mg_l: Numbers


def match_past(must: Must, past: PastCourses, *, without: int | None = None) -> Members:
    """The past ferments, stretched and put off, that fit the must; `without` leaves one row out."""
    courses = _choose_past(past, must.brix0, must.yan_mg_l, without)
    pace = -0.5 * (np.log(PAST_PACES) / PAST_PACE_SPREAD) ** 2
    delay = -0.5 * (PAST_DELAYS / _PAST_DELAY_SPREAD) ** 2
    log_prior = (pace[:, None] + delay).ravel() + courses.log_likely[:, None]
    misses = measure_misses(must.looked, courses, _PAST_WARPS)
    [table] = weigh_misses(misses, must.looked.say, log_prior, [len(misses)])
    return choose_members(must.looked, courses, _PAST_WARPS, table)


@lru_cache(maxsize=4)
def _choose_past(
    past: PastCourses, brix0: float, yan_mg_l: float | None, without: int | None
) -> Courses:
    log_likely = -0.5 * ((past.brix0 - brix0) / _PAST_NEAR_BRIX) ** 2
    if yan_mg_l is not None:
        apart = np.log(np.maximum(past.yan_mg_l, 25.0) / max(yan_mg_l, 25.0)) / _PAST_NEAR_YAN
        log_likely = log_likely - 0.5 * np.nan_to_num(np.clip(apart, -4, 4), nan=1.0) ** 2
    if without is not None:
        log_likely[without] = -1e9
    near = np.flatnonzero(log_likely > log_likely.max() - 8)
    return Courses(past.courses.shares[near], log_likely[near], past.courses.step)
