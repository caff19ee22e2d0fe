"""One finished or running ferment as a curve on fixed grids, so that many can be laid over each other. Pure.

Sugar is density in kg/m3 at 20 °C; its share is 0 in the must and 1 in the dry wine. Hours count from the start of the
ferment. Figures without a source are house defaults.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from winery_appliance.core import density as formulas

Numbers = NDArray[np.float64]
Points = Sequence[tuple[float, float]]  # hours and value

SHARES: Numbers = np.linspace(0.0, 1.0, 41)
STEP_H = 12.0
HOURS: Numbers = np.arange(0.0, 1080.0 + STEP_H, STEP_H)  # 45 days
BEGUN_AT_SHARE = 0.05
# What is left below so much only the laboratory can tell.
DRY_AT_BRIX, DRY_AT_G_L = -1.0, 4.0
ASSUMED_START_BRIX, LOWEST_MUST_BRIX = 22.0, 12.0
LEAST_LOOKS = 3
LEAST_SHARE = 0.2  # what fermented less tells nothing of how such wines go
_LOOK_H = 3.0
_WARMTH_HOLDS_H = 24.0  # a tank's temperature says nothing of a day before or after it was read
_FALL_H = 24.0


@dataclass(frozen=True, slots=True)
class Course:
    """A ferment on the grids; NaN where nothing was read.

    `hours_at` and `warmth_at` go with `SHARES`, `share_by` and `warmth_by` with `HOURS`. `lag_h` is when 5 % of the sugar
    was gone, `dry_h` when the wine read dry, `fastest` the greatest fall in a day, in °Bx.
    """

    start_density: float
    share_gone: float
    last_h: float
    lag_h: float | None
    dry_h: float | None
    fastest: float | None
    temperature_c: float | None
    hours_at: Numbers
    warmth_at: Numbers
    share_by: Numbers
    warmth_by: Numbers


def trace_course(sugar: Points, warmth: Points) -> Course | None:
    """The course that readings of density (kg/m3) and temperature (°C) tell; None when they tell too little.

    Readings of one visit are one look, a single wild one between two others is not believed, and sugar never comes back:
    a correction by sugar or must shows as a halt.
    """
    looks = list(_gather(sorted(sugar)))
    if len(looks) < LEAST_LOOKS:
        return None
    hours = np.array([at for at, _ in looks])
    values = np.minimum.accumulate(_smooth([value for _, value in looks]))
    start = find_start([value for _, value in looks])
    dry = formulas.dry_density(start)
    share = np.clip((start - values) / (start - dry), 0.0, 1.0)
    if hours[0] > 0:  # it began as must, whenever somebody looked first
        hours, share = np.insert(hours, 0, 0.0), np.insert(share, 0, 0.0)
    share = np.maximum.accumulate(share)
    gone = float(share[-1])
    warm_h = np.array([at for at, _ in sorted(warmth)])
    celsius = np.array([value for _, value in sorted(warmth)])
    hours_at = _when(SHARES, hours, share)
    dry_share = min((start - read_when_dry(start)) / (start - dry), 1.0)
    dry_h = float(_when(np.array([dry_share]), hours, share)[0])
    lag_h = float(_when(np.array([BEGUN_AT_SHARE]), hours, share)[0])
    share_by = np.interp(HOURS, hours, share)
    # A dry wine stays dry; of one that was not, nobody knows what came after the last reading.
    if np.isnan(dry_h):
        share_by[hours[-1] < HOURS] = np.nan
    return Course(
        start_density=float(start),
        share_gone=gone,
        last_h=float(hours[-1]),
        lag_h=None if np.isnan(lag_h) else lag_h,
        dry_h=None if np.isnan(dry_h) else dry_h,
        fastest=_find_fastest(hours, share, start, dry),
        temperature_c=_average_warmth(warm_h, celsius, hours_at),
        hours_at=hours_at,
        warmth_at=_read_warmth(warm_h, celsius, hours_at),
        share_by=share_by,
        warmth_by=_read_warmth(warm_h, celsius, np.where(hours[-1] < HOURS, np.nan, HOURS)),
    )


def find_start(densities: Sequence[float]) -> float:
    """Density of the must: the first reading, or the highest that three in a row bear out; assumed where the book began
    below any fresh must.
    """
    if densities[0] < formulas.density_from_brix(LOWEST_MUST_BRIX):
        return formulas.density_from_brix(ASSUMED_START_BRIX)
    levels = [median(densities[at : at + 3]) for at in range(len(densities) - 2)]
    return max([densities[0], *levels])


def read_when_dry(start_density: float) -> float:
    """Density at or under which a wine that began so counts as dry: −1 °Bx, or 4 g/L left where that comes first."""
    nearly = formulas.dry_density(start_density) + DRY_AT_G_L * formulas.DENSITY_FALL_PER_G_L
    return max(formulas.density_from_brix(DRY_AT_BRIX), nearly)


def to_density(share: Numbers, start_density: float | Numbers) -> Numbers:
    """Density when such shares of the sugar are gone."""
    left = np.asarray(start_density)
    solids = 10.0 * formulas.brix_from_density(left) * left / 1000.0  # type: ignore[arg-type]
    fall = formulas.DENSITY_FALL_PER_G_L * formulas.FERMENTABLE_SHARE * solids
    return np.asarray(left - share * fall)


def to_brix(density: Numbers) -> Numbers:
    """Apparent °Bx of densities."""
    return np.asarray(formulas.brix_from_density(density))  # type: ignore[arg-type]


def _gather(points: Iterable[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    """One look for all readings within three hours of the first; the last of them dates it."""
    group: list[tuple[float, float]] = []
    for point in points:
        if group and point[0] - group[0][0] > _LOOK_H:
            yield group[-1][0], median(value for _, value in group)
            group = []
        group.append(point)
    if group:
        yield group[-1][0], median(value for _, value in group)


def _smooth(values: Sequence[float]) -> Numbers:
    """Each value but the first and the last as the median of it and its neighbours."""
    inner = [median(values[at - 1 : at + 2]) for at in range(1, len(values) - 1)]
    return np.array([values[0], *inner, values[-1]])


def _when(wanted: Numbers, hours: Numbers, share: Numbers) -> Numbers:
    """Hours at which shares were gone first, on straight lines between looks; NaN beyond the last."""
    after = np.searchsorted(share, wanted, side="left")
    inside = np.clip(after, 1, len(share) - 1)
    low, high = share[inside - 1], share[inside]
    rise = np.where(high > low, high - low, 1.0)
    part = np.clip((wanted - low) / rise, 0.0, 1.0)
    found = hours[inside - 1] + part * (hours[inside] - hours[inside - 1])
    found = np.where(after == 0, hours[0], found)
    return np.where(after >= len(share), np.nan, np.maximum(found, 0.0))


def _read_warmth(hours: Numbers, celsius: Numbers, wanted: Numbers) -> Numbers:
    if not len(hours):
        return np.full(len(wanted), np.nan)
    read = np.interp(wanted, hours, celsius)
    far = (wanted < hours[0] - _WARMTH_HOLDS_H) | (wanted > hours[-1] + _WARMTH_HOLDS_H)
    return np.where(far | np.isnan(wanted), np.nan, read)


def _average_warmth(hours: Numbers, celsius: Numbers, hours_at: Numbers) -> float | None:
    """The usual temperature while the ferment was under way: from a tenth of the sugar to nine tenths."""
    active = hours_at[(SHARES >= 0.1) & (SHARES <= 0.9) & ~np.isnan(hours_at)]
    if not len(active):
        return None
    read = celsius[(hours >= active[0]) & (hours <= active[-1])]
    return float(np.median(read)) if len(read) else None


def _find_fastest(hours: Numbers, share: Numbers, start: float, dry: float) -> float | None:
    """The greatest fall in 24 h, °Bx, between moments at which somebody looked and those a day before."""
    ends = hours[hours >= hours[0] + _FALL_H]
    if not len(ends):
        return None

    def brix(at: Numbers) -> Numbers:
        return to_brix(start - np.interp(at, hours, share) * (start - dry))

    return float(np.max(brix(ends - _FALL_H) - brix(ends)))
