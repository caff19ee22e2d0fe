"""Learns from how forecasts of the past erred: a correction of the dry hour, and the early classifier.

Every finished ferment is asked as of some moments of its life, with the readings that were known then and without its own
course among the past. What was learned is tried on ferments that it was not learned from, and heeded as much as it helped.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from winery_appliance.analysis_engine.cleaning import drop_flat_runs
from winery_appliance.analysis_engine.features import trace_curve
from winery_appliance.analysis_engine.forecasting.arrest import weigh_arrest
from winery_appliance.analysis_engine.forecasting.deadlines import find_deadline
from winery_appliance.analysis_engine.forecasting.finished import Finished
from winery_appliance.analysis_engine.forecasting.forecast import (
    add_stops,
    match_sources,
    vote_late,
)
from winery_appliance.analysis_engine.forecasting.lessons import (
    EARLY_H,
    Correction,
    Early,
    Lessons,
    Mix,
    progress_of,
)
from winery_appliance.analysis_engine.forecasting.must import describe_must
from winery_appliance.analysis_engine.forecasting.quantiles import list_dry_hours, take_quantiles
from winery_appliance.analysis_engine.forecasting.shipped import load_shipped_early
from winery_appliance.analysis_engine.forecasting.signs import guess_left, list_signs, tell_left
from winery_appliance.analysis_engine.forecasting.trees import Trees

Numbers = NDArray[np.float64]

LEAST_FERMENTS = 40  # fewer teach trees more chance than truth
_LEAST_OF_EACH = 8  # ferments in time, and late, for a classifier
_SHARES_ASKED = (0.15, 0.25, 0.35, 0.45, 0.55, 0.7, 0.8)
_FOLDS = 5
_SAYS = (0.0, 0.25, 0.5, 0.75, 1.0)
# House default: what other cellars taught speaks louder than courses nobody has tried here, and leaves them a say.
_MIX_OF_OTHERS = Mix(0.0, 0.25, 0.75, 0.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A past ferment as of one moment: its signs, what the sources said, and what came true.

    `bank_signs` are those of an early moment as one without a past would see them, none of other moments.
    """

    ferment: int
    style: str
    now_h: float
    signs: Numbers
    said: Numbers
    late: float
    dry_h: float | None
    in_time: bool
    bank_signs: Numbers = field(default_factory=lambda: np.empty(0))


def learn_own_errors(lessons: Lessons, finished: Sequence[Finished]) -> Lessons:
    """`lessons` with a correction and an early classifier, where the past is long enough for them."""
    if len(finished) < LEAST_FERMENTS:
        return lessons
    asked = [case for at, one in enumerate(finished) for case in _ask(lessons, one, at)]
    lessons = _learn_correction(lessons, [case for case in asked if case.dry_h is not None])
    early = [case for case in asked if case.bank_signs.size]
    return _learn_early(lessons, early, load_shipped_early())


def teach_early(finished: Sequence[Finished]) -> Early | None:
    """An early classifier for wineries without a past; None where there are too few of either ending.

    None of `finished` may have stopped suddenly: the chance of that is added to what it says.
    """
    unstopped = Lessons(stops=0.0)
    cases = [
        case for at, one in enumerate(finished) for case in _ask(unstopped, one, at, shares=())
    ]
    early = _learn_early(Lessons(), cases).early
    return early and replace(early, mix=_MIX_OF_OTHERS)


def _ask(
    lessons: Lessons, one: Finished, at: int, *, shares: Sequence[float] = _SHARES_ASKED
) -> Iterator[Asked]:
    """The ferment as of some moments before it was dry."""
    taught = lessons.of(one.ferment.style)
    deadline = find_deadline(one.ferment)
    end = one.dry_h or one.curve.sugar[-1].hours
    in_time = one.dry_h is not None and one.dry_h <= deadline
    early = set(_list_early_moments(one, end))
    for now_h in sorted({share * end for share in shares} | early):
        as_of = one.ferment.started_at + timedelta(hours=now_h)
        known = [r for r in one.readings if r.recorded_at <= as_of]
        curve = drop_flat_runs(trace_curve(one.ferment, known, as_of), known)
        if len(curve.sugar) < 2:
            continue
        must = describe_must(
            one.ferment, curve, now_h, yan_mg_l=one.ferment.yan_mg_l, usual_c=taught.usual_c
        )
        sources, before = match_sources(must, taught, without=one.row)
        arrest = weigh_arrest(before, must.looked, must.target)
        yield Asked(
            ferment=at,
            style=one.ferment.style,
            now_h=now_h,
            signs=list_signs(must, sources, arrest.chance, deadline),
            said=take_quantiles(*list_dry_hours(must, sources)),
            late=add_stops(vote_late(must, sources, deadline, arrest), must, lessons.stops),
            dry_h=one.dry_h,
            in_time=in_time,
            bank_signs=(
                list_signs(must, sources[:1], arrest.chance, deadline)
                if now_h in early
                else np.empty(0)
            ),
        )


def _list_early_moments(one: Finished, end: float) -> Iterator[float]:
    """When the last reading before each of `EARLY_H` was written down: as a cellar asks, not by the round hour.

    Who reads once a day would else be asked a day after the last reading, as it never is.
    """
    written = [
        (r.recorded_at - one.ferment.started_at).total_seconds() / 3600 for r in one.readings
    ]
    for hour in EARLY_H:
        now_h = max((known for known in written if known <= hour), default=0.0)
        if 0.0 < now_h < end - 1:
            yield now_h


def _learn_correction(lessons: Lessons, cases: Sequence[Asked]) -> Lessons:
    from winery_appliance.analysis_engine.forecasting.fitting import fit_figure

    if len({case.ferment for case in cases}) < LEAST_FERMENTS:
        return lessons
    signs = np.array([case.signs for case in cases])
    guessed = np.array([guess_left(case.signs) for case in cases])
    truth = np.array([tell_left((case.dry_h or 0.0) - case.now_h) for case in cases])
    aside = _ask_aside(fit_figure, signs, truth - guessed, [case.ferment for case in cases])
    corrected = guessed + np.clip(aside, -0.7, 0.7)
    left = np.array([tell_left(case.said[1] - case.now_h) for case in cases])
    off = [np.abs(np.exp(left + say * (corrected - left)) - np.exp(truth)).mean() for say in _SAYS]
    say = _SAYS[int(np.argmin(off))]
    scale = np.exp(say * (corrected - left))
    by_style = {
        style: replace(taught, widening=_find_widening(cases, scale, style, taught.widening))
        for style, taught in lessons.by_style.items()
    }
    correction = Correction(fit_figure(signs, truth - guessed), say) if say else None
    return replace(lessons, by_style=by_style, correction=correction)


def _find_widening(
    cases: Sequence[Asked], scale: Numbers, style: str, usual: tuple[float, ...]
) -> tuple[float, ...]:
    """By progress the stretch with which eight of ten intervals would have held, held near the usual.

    All that became dry count, those too whose jacket failed the week after: so wide must an interval be that holds in this
    cellar. How often a ferment does not end in time is told beside.
    """
    missed: list[list[float]] = [[] for _ in usual]
    for case, times in zip(cases, scale, strict=True):
        low, middle, high = case.now_h + (case.said - case.now_h) * times
        if case.style != style or case.dry_h is None or not np.isfinite(middle):
            continue
        half = high - middle if case.dry_h > middle else middle - low
        missed[progress_of(case.now_h, middle)].append(abs(case.dry_h - middle) / max(half, 1.0))
    found = []
    for misses, before in zip(missed, usual, strict=True):
        needed = float(np.quantile(misses, 0.8)) if misses else before
        counts = len(misses)
        found.append(float(np.clip((counts * needed + 10 * before) / (counts + 10), 0.5, 3.0)))
    return tuple(found)


def _learn_early(lessons: Lessons, cases: Sequence[Asked], others: Early | None = None) -> Lessons:
    """Trees of all early moments together, mixed with the courses and the classifier of `others` as they helped.

    A cellar has too few ferments to teach each hour its own.
    """
    from winery_appliance.analysis_engine.forecasting.fitting import fit_chance, fit_mix

    endings = {case.ferment: case.in_time for case in cases}
    in_time = sum(endings.values())
    if min(in_time, len(endings) - in_time) < _LEAST_OF_EACH:
        return lessons
    late = np.array([not case.in_time for case in cases])
    signs = np.array([case.signs for case in cases])
    own = _ask_aside(fit_chance, signs, late, [case.ferment for case in cases])
    courses = [_log_odds(case.late) for case in cases]
    voices = [np.array(courses), own]
    if others is not None:
        voices.append(np.array([others.trees.ask(case.bank_signs) for case in cases]))
    base, weights = fit_mix(np.stack(voices, axis=1), late)
    mix = Mix(base, weights[0], weights[1], weights[2] if others is not None else 0.0)
    return replace(lessons, early=Early(fit_chance(signs, late), mix))


def _ask_aside(
    fit: Callable[[Numbers, NDArray[Any]], Trees],
    signs: Numbers,
    truth: NDArray[Any],
    ferments: Sequence[int],
) -> Numbers:
    """What trees say of each row that were grown without its ferment."""
    fold = np.array(ferments) % _FOLDS
    answers = np.empty(len(signs))
    for one in range(_FOLDS):
        aside = fold == one
        if not aside.any():
            continue
        trees = fit(signs[~aside], truth[~aside])
        answers[aside] = [trees.ask(row) for row in signs[aside]]
    return answers


def _log_odds(chance: float) -> float:
    kept = min(max(chance, 1e-3), 1 - 1e-3)
    return float(np.log(kept / (1 - kept)))
