"""Learns from finished ferments: their courses, what the bank should have expected, and how far forecasts were off."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from winery_appliance.analysis_engine.features import Curve, Look, find_peak_pace, trace_curve
from winery_appliance.analysis_engine.forecasting.deadlines import find_deadline
from winery_appliance.analysis_engine.forecasting.finished import Finished, PastFerment
from winery_appliance.analysis_engine.forecasting.forecast import match_sources
from winery_appliance.analysis_engine.forecasting.lessons import (
    USUAL_STOPS,
    USUAL_WIDENING,
    Lessons,
    StyleLessons,
    progress_of,
    stage_of,
)
from winery_appliance.analysis_engine.forecasting.members import Courses
from winery_appliance.analysis_engine.forecasting.must import (
    TARGET_BRIX,
    Must,
    describe_must,
)
from winery_appliance.analysis_engine.forecasting.own_errors import learn_own_errors
from winery_appliance.analysis_engine.forecasting.quantiles import list_dry_hours, take_quantiles
from winery_appliance.analysis_engine.forecasting.sources import (
    PastCourses,
    guess_bank_prior,
    score_kinds,
)
from winery_appliance.analysis_engine.forecasting.warm_hours import HORIZON_H, was_kept

Numbers = NDArray[np.float64]

_STEP = 2.0  # warm hours between two values of a past course
_LENGTH = 1600.0
_LEAST_LOOKS = 6
_MOST_PAST = 300  # courses of a style; the newest tell most
_MOST_TRIED = 45  # past ferments on which the forecasts are tried
_SHARES_TRIED = (0.25, 0.5, 0.75)
_GUESS_COUNTS = 20  # ferments that the first guess is worth
_LESSON_SAY = 0.25
_ROUNDS = 4
_ERROR_COUNTS = 8
_COVERED = 0.8
_CROSSING_WITHIN_H, _CROSSING_LOOKS = 48.0, 5
_BRISK, _LEAST_FOR_BRISK = 0.97, 20


def learn(past: Sequence[PastFerment]) -> Lessons:
    """Lessons from finished ferments, of every style that has any."""
    by_style = {}
    told: list[Finished] = []
    for style in sorted({one.ferment.style for one in past}):
        finished = [look_back(one) for one in past if one.ferment.style == style and one.readings]
        finished = [one for one in finished if len(one.curve.sugar) >= _LEAST_LOOKS]
        finished = finished[-_MOST_PAST:]
        if finished:
            by_style[style] = _learn_style(style, finished)
            told += [replace(one, row=row) for row, one in enumerate(finished)]
    stopped = sum(one.stopped for one in told)
    stops = (stopped + 20 * USUAL_STOPS) / (len(told) + 20)
    return learn_own_errors(Lessons(by_style, stops=stops), told)


def look_back(one: PastFerment) -> Finished:
    """A finished ferment as it is learned from: its curve, and the hour it was dry."""
    curve = trace_curve(one.ferment, one.readings, max(r.measured_at for r in one.readings))
    return Finished(one.ferment, one.readings, curve, _find_crossing(curve))


def _find_crossing(curve: Curve) -> float | None:
    """Hours at which the must came to the target for good: by two readings, then by a curve through all near them."""
    looks = curve.sugar
    above = [at for at, look in enumerate(looks) if look.value > TARGET_BRIX]
    last = above[-1] if above else -1
    if last + 1 >= len(looks):
        return None
    if last < 0:
        return looks[0].hours
    one, two = looks[last], looks[last + 1]
    about = one.hours + (one.value - TARGET_BRIX) / (one.value - two.value) * (
        two.hours - one.hours
    )
    return _smooth_crossing(looks, about)


def _smooth_crossing(looks: Sequence[Look], about: float) -> float:
    """The hour at which a parabola through the looks of four days falls to the target; `about` where none does.

    Near its end a must falls by less in a watch than a hydrometer errs, so that two readings alone miss the hour by
    several: intervals that are learned from such hours would be as much too wide.
    """
    near = [look for look in looks if abs(look.hours - about) <= _CROSSING_WITHIN_H]
    if len(near) < _CROSSING_LOOKS:
        return about
    hours = [look.hours - about for look in near]
    curve = np.polynomial.Polynomial.fit(hours, [look.value - TARGET_BRIX for look in near], 2)
    falls = [
        float(root.real)
        for root in curve.roots()
        if abs(root.imag) < 1e-9
        and abs(root.real) <= _CROSSING_WITHIN_H / 2
        and curve.deriv()(root.real) < 0
    ]
    return about + min(falls, key=abs) if falls else about


def _learn_style(style: str, finished: Sequence[Finished]) -> StyleLessons:
    usual = _usual_temperature(finished)
    base = guess_bank_prior("red" if style in ("red", "orange") else "white")
    whole = [_describe(one, one.curve.sugar[-1].hours, usual) for one in finished]
    runs = [must for must, one in zip(whole, finished, strict=True) if one.dry_h is not None]
    prior = _learn_prior(base, runs) if runs else base
    taught = StyleLessons(
        prior=prior,
        usual_c=usual,
        past=_keep_courses(whole),
        bank_weight=(0.5, 0.5, 0.5),
        ferments=len(finished),
        brisk_brix_per_day=_find_brisk([one for one in finished if one.dry_h is not None]),
    )
    return _learn_from_errors(taught, finished, whole)


def _find_brisk(runs: Sequence[Finished]) -> float | None:
    paces = [pace for one in runs if (pace := find_peak_pace(one.curve.sugar)) is not None]
    return float(np.quantile(paces, _BRISK)) if len(paces) >= _LEAST_FOR_BRISK else None


def _describe(one: Finished, now_h: float, usual_c: float | None) -> Must:
    curve = one.curve
    if now_h < curve.sugar[-1].hours:
        sugar = tuple(look for look in curve.sugar if look.hours <= now_h)
        warm = tuple(look for look in curve.temperature if look.hours <= now_h)
        curve = replace(curve, sugar=sugar, temperature=warm)
    return describe_must(one.ferment, curve, now_h, yan_mg_l=one.ferment.yan_mg_l, usual_c=usual_c)


def _usual_temperature(finished: Sequence[Finished]) -> float | None:
    """Median temperature, °C, while between a fifth and nine tenths of the sugar were gone."""
    read = []
    for one in finished:
        start = one.curve.start_brix
        active = [k.hours for k in one.curve.sugar if 0.1 * start < k.value < 0.8 * start]
        if active:
            read += [t.value for t in one.curve.temperature if active[0] <= t.hours <= active[-1]]
    return float(np.median(read)) if read else None


def _learn_prior(base: Numbers, runs: Sequence[Must]) -> Numbers:
    """The prior under which the past is likeliest (EM for mixture weights), held near the first guess."""
    scores = []
    for must in runs:
        say = np.full(len(must.looked.hours), _LESSON_SAY)
        score = score_kinds(must, replace(must.looked, say=say))
        scores.append(np.exp(score - score.max()).ravel().astype(np.float32))
    likelihood = np.array(scores)
    guess = np.exp(base).ravel()
    guess /= guess.sum()
    prior = guess
    for _ in range(_ROUNDS):
        share = 1 / np.maximum(likelihood @ prior, 1e-30)
        prior = prior * (share @ likelihood) + _GUESS_COUNTS * guess
        prior = prior / prior.sum()
    return np.log(np.maximum(prior, 1e-30)).reshape(base.shape)


def _keep_courses(whole: Sequence[Must]) -> PastCourses:
    grid = np.arange(0.0, _LENGTH, _STEP)
    shares = [np.interp(grid, m.looked.warm, np.minimum.accumulate(m.looked.share)) for m in whole]
    return PastCourses(
        Courses(np.array(shares, dtype=np.float32), np.zeros(len(whole)), _STEP),
        np.array([m.brix0 for m in whole]),
        np.array([np.nan if m.yan_mg_l is None else m.yan_mg_l for m in whole]),
    )


def _learn_from_errors(
    taught: StyleLessons, finished: Sequence[Finished], whole: Sequence[Must]
) -> StyleLessons:
    """Try the forecasts on the past itself: heed the better source more, and widen what was too narrow."""
    tried = [at for at, one in enumerate(finished) if one.dry_h is not None]
    step = max(len(tried) // _MOST_TRIED, 1)
    asked: list[list[_Asked]] = [[] for _ in taught.bank_weight]
    for at in tried[::step]:
        one = finished[at]
        assert one.dry_h is not None
        for share in _SHARES_TRIED:
            must = _describe(one, share * one.dry_h, taught.usual_c)
            if len(must.looked.hours) >= 2:
                sources, _ = match_sources(must, taught, without=at)
                said = [list_dry_hours(must, [(members, 1.0)]) for members, _ in sources]
                stage = stage_of(float(must.looked.share[-1]))
                in_time = one.dry_h <= find_deadline(one.ferment)
                calm = in_time and was_kept(must.clock, whole[at].clock, must.now_h, one.dry_h)
                asked[stage].append(_Asked(must.now_h, one.dry_h, said, calm))
    weight = tuple(_weigh_bank([one.misses() for one in stage]) for stage in asked)
    missed: list[list[float]] = [[] for _ in USUAL_WIDENING]
    for cases, heed in zip(asked, weight, strict=True):
        for case in cases:
            if case.calm:
                progress, miss = case.misses_of_both(heed)
                missed[progress].append(miss)
    widening = tuple(
        _find_widening(misses, usual) for misses, usual in zip(missed, USUAL_WIDENING, strict=True)
    )
    return replace(taught, bank_weight=weight, widening=widening)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A forecast of the past: when it was made, the truth, and the dry hours and weights of bank and past.

    `calm` says that nothing new happened after it: it was kept as warm as was expected, and in time.
    """

    now_h: float
    dry_h: float
    said: list[tuple[Numbers, Numbers]]
    calm: bool

    def misses(self) -> tuple[float, float]:
        """How far off each source was, in the logarithm of the time left."""
        left = max(self.dry_h - self.now_h, 6.0)
        bank, past = (
            abs(
                np.log(
                    max(min(float(take_quantiles(*said)[1]), HORIZON_H) - self.now_h, 6.0) / left
                )
            )
            for said in self.said
        )
        return float(bank), float(past)

    def misses_of_both(self, heed: float) -> tuple[int, float]:
        """The progress at which both together were asked, and how far off they were in half-widths of their interval."""
        (bank, bank_weight), (past, past_weight) = self.said
        weight = np.concatenate([bank_weight * heed, past_weight * (1 - heed)])
        low, middle, high = take_quantiles(np.concatenate([bank, past]), weight)
        if not np.isfinite(middle):
            return 0, 1.0
        half = high - middle if self.dry_h > middle else middle - low
        return progress_of(self.now_h, middle), abs(self.dry_h - middle) / max(float(half), 1.0)


def _weigh_bank(errors: Sequence[tuple[float, float]]) -> float:
    """Inverse fourth power of the mean errors, each held near 0.3 by a few imagined cases."""
    bank = (sum(e for e, _ in errors) + 0.3 * _ERROR_COUNTS) / (len(errors) + _ERROR_COUNTS)
    past = (sum(e for _, e in errors) + 0.3 * _ERROR_COUNTS) / (len(errors) + _ERROR_COUNTS)
    return float(bank**-4 / (bank**-4 + past**-4))


def _find_widening(missed: Sequence[float], usual: float) -> float:
    """The stretch with which eight of ten past intervals would have held, held near the usual."""
    if not missed:
        return usual
    needed = float(np.quantile(missed, _COVERED))
    counts = len(missed)
    return float(np.clip((counts * needed + 10 * usual) / (counts + 10), 0.5, 3.0))
