"""How a ferment will go on: sugar tomorrow, when it will be dry, and the chance that it will not be in time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winery_appliance.analysis_engine.features import Curve
from winery_appliance.analysis_engine.forecasting.arrest import Arrest, weigh_arrest
from winery_appliance.analysis_engine.forecasting.deadlines import find_deadline
from winery_appliance.analysis_engine.forecasting.lessons import (
    UNTAUGHT,
    Lessons,
    StyleLessons,
    is_early,
    progress_of,
    stage_of,
)
from winery_appliance.analysis_engine.forecasting.members import Members
from winery_appliance.analysis_engine.forecasting.must import TARGET_BRIX, Must, describe_must
from winery_appliance.analysis_engine.forecasting.quantiles import (
    Sources,
    list_dry_hours,
    take_quantiles,
)
from winery_appliance.analysis_engine.forecasting.shipped import load_shipped_early
from winery_appliance.analysis_engine.forecasting.signs import list_signs
from winery_appliance.analysis_engine.forecasting.sources import match_bank, match_past
from winery_appliance.analysis_engine.forecasting.warm_hours import HORIZON_H
from winery_appliance.analysis_engine.measurements import Ferment

Numbers = NDArray[np.float64]

_TOMORROW_H = 24.0
# How far and how finely the course is told that a curve shows; further on its fan says little.
_COURSE_STEP_H, _COURSE_LONGEST_H = 12.0, 14 * 24.0
_TOMORROW_SPREAD = 0.008  # share of sugar: what even a course that fits leaves open after a day
_STAYS_STOPPED = 0.95  # house default
_NORMAL_P90 = 1.2816


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Three figures: in one of ten cases it is less than `p10`, in one of ten more than `p90`."""

    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class Band:
    """Share of sugar left in the winery's past after as many warm hours: median, and what one in a hundred was beyond."""

    low: float
    middle: float
    high: float
    ferments: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected as of `now_h`, all hours since the start; inf is past the horizon of 45 days.

    `dry_h` is when apparent °Bx comes to -1.0 if nothing new happens; `found_dry` says it has, then
    all three are the moment of the reading that showed it. `p_not_dry` is the chance that it does
    not by `deadline_h`. `arrest` is the chance that the must stands still, `share` the sugar left by
    the last reading, `fall_24h_brix` what the last day should have fallen, `warm_h` the hours as if
    at 20 °C. `band` is that share in the winery's past. `course` is apparent °Bx at hours ahead, from
    now on until it will probably be dry; nothing once it is.
    """

    now_h: float
    dry_h: Quantiles
    brix_24h: Quantiles
    p_not_dry: float
    deadline_h: float
    found_dry: bool
    arrest: Arrest
    share: float
    fall_24h_brix: float
    warm_h: float = 0.0
    band: Band | None = None
    course: tuple[tuple[float, Quantiles], ...] = ()


def forecast(
    ferment: Ferment,
    curve: Curve,
    now_h: float,
    lessons: Lessons = UNTAUGHT,
    *,
    yan_mg_l: float | None = None,
    course: bool = True,
) -> Forecast:
    """The forecast of `ferment` as of `now_h`; a wide one when little is known. Only pages need its `course`."""
    taught = lessons.of(ferment.style)
    must = describe_must(ferment, curve, now_h, yan_mg_l=yan_mg_l, usual_c=taught.usual_c)
    deadline = find_deadline(ferment)
    share = float(must.looked.share[-1]) if len(must.looked.share) else 1.0
    found = _find_dry(curve)
    if found is not None:
        return _tell_dry(must, found, deadline, share)
    sources, before = match_sources(must, taught)
    arrest = weigh_arrest(before, must.looked, must.target)
    tomorrow = _see_ahead(must, sources, arrest, _TOMORROW_H)
    signs = list_signs(must, sources, arrest.chance, deadline)
    hours, weight = list_dry_hours(must, sources)
    hours = lessons.correct(hours, weight, signs, must)
    hours, weight = _stop_some(hours, weight, arrest)
    dry = widen(hours, weight, now_h, taught.widening)
    late = 0.5 * float(weight[hours > deadline].sum())
    late += 0.5 * vote_late(must, sources, deadline, arrest)
    p_not_dry = _tell_late(late, must, sources, signs, lessons, arrest.chance, deadline)
    if now_h > deadline:
        p_not_dry = 1.0
    return Forecast(
        now_h=now_h,
        dry_h=dry,
        brix_24h=tomorrow,
        p_not_dry=p_not_dry,
        deadline_h=deadline,
        found_dry=False,
        arrest=arrest,
        share=share,
        fall_24h_brix=_expect_fall(must, sources),
        warm_h=float(must.clock.warm_at(np.array(now_h))),
        band=_compare(must, taught),
        course=_see_course(must, sources, arrest, dry) if course else (),
    )


def _tell_late(
    late: float,
    must: Must,
    sources: Sources,
    signs: Numbers,
    lessons: Lessons,
    arrest: float,
    deadline_h: float,
) -> float:
    """Chance not to be dry in time: `late` by the courses, with what the early classifiers say, and with sudden stops."""
    with_stops = add_stops(late, must, lessons.stops)
    shipped = load_shipped_early() if is_early(must.now_h) else None
    if not is_early(must.now_h) or (shipped is None and lessons.early is None):
        return with_stops
    # The shipped one was taught by the bank alone, and is asked so.
    theirs = list_signs(must, sources[:1], arrest, deadline_h) if len(sources) > 1 else signs
    if lessons.early is not None:
        others = None if shipped is None else shipped.trees.ask(theirs)
        return lessons.early.weigh_in(with_stops, signs, others)
    assert shipped is not None
    # Nobody stopped suddenly among its teachers: that chance comes on top.
    return add_stops(shipped.weigh_in(late, theirs), must, lessons.stops)


def _tell_dry(must: Must, found: float, deadline: float, share: float) -> Forecast:
    """What is known of a wine that is dry: when it was found so, and that it hardly moves any more."""
    now = float(np.median(must.looked.share[-2:]))
    tomorrow = (must.brix_of(max(now - fall, -0.03)) for fall in (0.02, 0.005, -0.005))
    return Forecast(
        now_h=must.now_h,
        dry_h=Quantiles(found, found, found),
        brix_24h=Quantiles(*tomorrow),
        p_not_dry=float(found > deadline),
        deadline_h=deadline,
        found_dry=True,
        arrest=Arrest(0.0, None, now),
        share=share,
        fall_24h_brix=0.0,
    )


def _compare(must: Must, taught: StyleLessons) -> Band | None:
    if taught.past is None or not len(must.looked.warm):
        return None
    past = taught.past.courses
    at = min(int(must.looked.warm[-1] / past.step), past.shares.shape[1] - 1)
    shares = past.shares[:, max(at, 0)]
    low, middle, high = (float(q) for q in np.quantile(shares, (0.01, 0.5, 0.99)))
    return Band(low, middle, high, len(shares))


def match_sources(
    must: Must, taught: StyleLessons, *, without: int | None = None
) -> tuple[Sources, list[Members | None]]:
    """The members of each source and how much it is heeded (the weights sum to 1), and the bank's of some time ago."""
    bank, before = match_bank(must, taught.prior)
    if taught.past is None:
        return [(bank, 1.0)], before
    share = float(must.looked.share[-1]) if len(must.looked.share) else 1.0
    heed = taught.bank_weight[stage_of(share)]
    return [(bank, heed), (match_past(must, taught.past, without=without), 1 - heed)], before


def vote_late(must: Must, sources: Sources, deadline_h: float, arrest: Arrest) -> float:
    """Chance to be late when every source has one voice: of two that differ, neither is known to be right so early."""
    chances = []
    for members, _ in sources:
        hours, weight = _stop_some(*list_dry_hours(must, [(members, 1.0)]), arrest)
        chances.append(float(weight[hours > deadline_h].sum()))
    return sum(chances) / len(chances)


def add_stops(late: float, must: Must, stops: float) -> float:
    """Chance not to be dry in time, with that of a stop without notice: `stops` of a whole ferment, less of a rest."""
    share = float(must.looked.share[-1]) if len(must.looked.share) else 1.0
    left = min(max((share - must.target) / (1 - must.target), 0.0), 1.0)
    return 1 - (1 - late) * (1 - stops * left)


def _stop_some(hours: Numbers, weight: Numbers, arrest: Arrest) -> tuple[Numbers, Numbers]:
    """The same, with the chance that the must stands still and few that do begin again by themselves."""
    stays = _STAYS_STOPPED * arrest.chance
    return np.append(hours, np.inf), np.append(weight * (1 - stays), stays)


def widen(
    hours: Numbers, weight: Numbers, now_h: float, by_progress: tuple[float, ...]
) -> Quantiles:
    """Quantiles of dry hours with the half-widths stretched, as past forecasts of this winery taught."""
    low, middle, high = take_quantiles(hours, weight)
    if np.isfinite(middle):
        widening = by_progress[progress_of(now_h, middle)]
        low = max(middle - widening * (middle - low), float(hours.min()))
        high = middle + widening * (high - middle)
    shown = [float(value) if value <= HORIZON_H else np.inf for value in (low, middle, high)]
    return Quantiles(*shown)


def _see_ahead(must: Must, sources: Sources, arrest: Arrest, ahead_h: float) -> Quantiles:
    """Apparent °Bx so many hours from now."""
    warm = float(must.clock.warm_at(np.array(must.now_h + ahead_h)))
    shares = np.concatenate([members.share_at(warm) for members, _ in sources])
    weight = np.concatenate([members.weight * heed for members, heed in sources])
    p10, p50, p90 = take_quantiles(shares, weight)
    stays = arrest.chance
    if stays > 0:
        p10, p50, p90 = (stays * arrest.share + (1 - stays) * value for value in (p10, p50, p90))
    spread = _NORMAL_P90 * _TOMORROW_SPREAD
    low, high = p50 - np.hypot(p50 - p10, spread), p50 + np.hypot(p90 - p50, spread)
    return Quantiles(*(must.brix_of(float(share)) for share in (low, p50, high)))


def _see_course(
    must: Must, sources: Sources, arrest: Arrest, dry: Quantiles
) -> tuple[tuple[float, Quantiles], ...]:
    """Apparent °Bx at steps from now until nine in ten are dry, or for a fortnight."""
    until = min(dry.p90 - must.now_h, _COURSE_LONGEST_H) + _COURSE_STEP_H
    ahead = np.arange(0.0, until, _COURSE_STEP_H)
    return tuple(
        (must.now_h + float(hours), _see_ahead(must, sources, arrest, float(hours)))
        for hours in ahead
    )


def _expect_fall(must: Must, sources: Sources) -> float:
    """°Bx that the must should have fallen in the day before now, by the courses that fit it."""
    if not len(must.looked.hours):
        return 0.0
    then, now = must.clock.warm_at(np.array([max(must.now_h - 24.0, 0.0), must.now_h]))
    fall = sum(
        heed
        * float(members.weight @ (members.share_at(float(then)) - members.share_at(float(now))))
        for members, heed in sources
    )
    return must.brix_of(1.0) - must.brix_of(1.0 - fall)


def _find_dry(curve: Curve) -> float | None:
    """Hours of the first reading at or under the target that no later one contradicts."""
    found = None
    for look in curve.sugar:
        if look.value > TARGET_BRIX + 0.3:
            found = None
        elif look.value <= TARGET_BRIX and found is None:
            found = look.hours
    return found
