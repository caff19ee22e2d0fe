"""How a ferment will go on: sugar tomorrow, when it will be dry, and the chance that it will not be in time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winery_appliance.analysis_engine.features import Curve
from winery_appliance.analysis_engine.forecasting.arrest import Arrest, weigh_arrest
from winery_appliance.analysis_engine.forecasting.lessons import (
    UNTAUGHT,
    Lessons,
    StyleLessons,
    stage_of,
)
from winery_appliance.analysis_engine.forecasting.members import Members
from winery_appliance.analysis_engine.forecasting.must import TARGET_BRIX, Must, describe_must
from winery_appliance.analysis_engine.forecasting.sources import match_bank, match_past
from winery_appliance.analysis_engine.forecasting.warm_hours import HORIZON_H
from winery_appliance.analysis_engine.measurements import Ferment

Numbers = NDArray[np.float64]

LEVELS = (0.1, 0.5, 0.9)
IN_TIME_H = {"red": 16 * 24.0, "orange": 16 * 24.0, "white": 32 * 24.0, "rose": 32 * 24.0}
_TOMORROW_H = 24.0
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
class Forecast:
    """What is expected as of `now_h`, all hours since the start; inf is past the horizon of 45 days.

    `dry_h` is when apparent °Bx comes to -1.0 if nothing new happens; `found_dry` says it has, then
    all three are the moment of the reading that showed it. `p_not_dry` is the chance that it does
    not by `deadline_h`. `arrest` is the chance that the must stands still, `share` the sugar left by
    the last reading, `fall_24h_brix` what the last day should have fallen. `band` is the median
    and robust deviation of that share in the winery's past after as many warm hours, and of how many.
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
    band: tuple[float, float, int] | None = None


def forecast(
    ferment: Ferment,
    curve: Curve,
    now_h: float,
    lessons: Lessons = UNTAUGHT,
    *,
    yan_mg_l: float | None = None,
) -> Forecast:
    """The forecast of `ferment` as of `now_h`; a wide one when little is known."""
    taught = lessons.of(ferment.style)
    must = describe_must(ferment, curve, now_h, yan_mg_l=yan_mg_l, usual_c=taught.usual_c)
    deadline = ferment.in_time_h or IN_TIME_H.get(ferment.style, IN_TIME_H["white"])
    share = float(must.looked.share[-1]) if len(must.looked.share) else 1.0
    found = _find_dry(curve)
    if found is not None:
        return _tell_dry(must, found, deadline, share)
    sources, before = match_sources(must, taught)
    arrest = weigh_arrest(before, must.looked, must.target)
    tomorrow = _see_tomorrow(must, sources, arrest)
    hours, weight = list_dry_hours(must, sources)
    hours, weight = _stop_some(hours, weight, arrest)
    dry = widen(hours, weight, taught.widening[stage_of(share)])
    late = float(weight[hours > deadline].sum())
    left = min(max((share - must.target) / (1 - must.target), 0.0), 1.0)
    stops = taught.stops * left
    p_not_dry = 1 - (1 - late) * (1 - stops)
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
        band=_compare(must, taught),
    )


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


def _compare(must: Must, taught: StyleLessons) -> tuple[float, float, int] | None:
    """Median, robust deviation and number of past shares of sugar left after as many warm hours."""
    if taught.past is None or not len(must.looked.warm):
        return None
    past = taught.past.courses
    at = min(int(must.looked.warm[-1] / past.step), past.shares.shape[1] - 1)
    shares = past.shares[:, max(at, 0)]
    middle = float(np.median(shares))
    return middle, 1.4826 * float(np.median(np.abs(shares - middle))), len(shares)


Sources = list[tuple[Members, float]]


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


def list_dry_hours(must: Must, sources: Sources) -> tuple[Numbers, Numbers]:
    """When each member of every source is dry, and its weight; never before the last reading says it is not."""
    hours = [must.clock.hours_at(members.warm_when(must.target)) for members, _ in sources]
    weight = [members.weight * heed for members, heed in sources]
    last = float(must.looked.hours[-1]) if len(must.looked.hours) else 0.0
    return np.maximum(np.concatenate(hours), last), np.concatenate(weight)


def _stop_some(hours: Numbers, weight: Numbers, arrest: Arrest) -> tuple[Numbers, Numbers]:
    """The same, with the chance that the must stands still and few that do begin again by themselves."""
    stays = _STAYS_STOPPED * arrest.chance
    return np.append(hours, np.inf), np.append(weight * (1 - stays), stays)


def take_quantiles(values: Numbers, weight: Numbers) -> Numbers:
    """The figures at `LEVELS`, between neighbours on a straight line as far as both are finite."""
    order = np.argsort(values, kind="stable")
    rising, summed = values[order], np.cumsum(weight[order]) - weight[order] / 2
    found = []
    for level in LEVELS:
        at = int(np.searchsorted(summed, level))
        low, high = rising[max(at - 1, 0)], rising[min(at, len(rising) - 1)]
        if not np.isfinite(high) or at == 0 or at == len(rising):
            found.append(float(high if at < len(rising) else low))
            continue
        between = (level - summed[at - 1]) / max(summed[at] - summed[at - 1], 1e-12)
        found.append(float(low + between * (high - low)))
    return np.array(found)


def widen(hours: Numbers, weight: Numbers, widening: float) -> Quantiles:
    """Quantiles of dry hours with the half-widths stretched, as past forecasts of this winery taught."""
    low, middle, high = take_quantiles(hours, weight)
    if np.isfinite(middle):
        low = max(middle - widening * (middle - low), float(hours.min()))
        high = middle + widening * (high - middle)
    shown = [float(value) if value <= HORIZON_H else np.inf for value in (low, middle, high)]
    return Quantiles(*shown)


def _see_tomorrow(must: Must, sources: Sources, arrest: Arrest) -> Quantiles:
    warm = float(must.clock.warm_at(np.array(must.now_h + _TOMORROW_H)))
    shares = np.concatenate([members.share_at(warm) for members, _ in sources])
    weight = np.concatenate([members.weight * heed for members, heed in sources])
    p10, p50, p90 = take_quantiles(shares, weight)
    stays = arrest.chance
    if stays > 0:
        p10, p50, p90 = (stays * arrest.share + (1 - stays) * value for value in (p10, p50, p90))
    spread = _NORMAL_P90 * _TOMORROW_SPREAD
    low, high = p50 - np.hypot(p50 - p10, spread), p50 + np.hypot(p90 - p50, spread)
    return Quantiles(*(must.brix_of(float(share)) for share in (low, p50, high)))


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
