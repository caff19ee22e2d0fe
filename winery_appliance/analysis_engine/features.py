"""Derived quantities of one ferment: its believable curve, where it began, what is left.

Hours count from the start of the ferment, sugar is apparent °Bx at 20 °C, temperature °C. Figures
without a source are house defaults.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from statistics import median

from winery_appliance.analysis_engine.flat_runs import find_repeated
from winery_appliance.analysis_engine.measurements import Ferment, Reading
from winery_appliance.analysis_engine.plausibility import Point
from winery_appliance.analysis_engine.series import Doubt, build_series
from winery_appliance.core import density as formulas
from winery_appliance.core.units import SampleType

BEGUN_AFTER_BRIX = 1.0
DRY_AT_BRIX = -1.0  # what is left below this only the laboratory can tell
DRY_AT_G_L = 4.0
LOWEST_MUST_BRIX = 12.0
ASSUMED_START_BRIX = 22.0

PACE_WITHIN_H = 34.0  # the pace of a ferment is taken over so many hours

_SUGAR_LOOK_H = 3.0
_TEMPERATURE_LOOK_H = 0.5
_CLOCK_AHEAD = timedelta(minutes=15)  # a phone may run a little ahead of the box


@dataclass(frozen=True, slots=True)
class Look:
    """What one visit to the tank told: readings close in time, in agreement, are one look."""

    hours: float
    value: float
    measured_at: datetime
    sample_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """What the checks look at: believed looks in time order, doubted readings apart.

    `start_brix` is the sugar before fermentation (assumed, when the book begins later), `dry_brix`
    what it reads when the wine is dry. `begun` and `dry` are indices into `sugar`: the look that
    showed that the alcoholic fermentation had begun, and the one that showed its end.
    """

    sugar: tuple[Look, ...]
    temperature: tuple[Look, ...]
    doubts: tuple[Doubt, ...]
    start_brix: float
    dry_brix: float
    begun: int | None
    dry: int | None

    def is_fermenting_at(self, hours: float) -> bool:
        """Whether the looks up to then showed a fermentation that had begun and was not over."""
        if self.begun is None or hours < self.sugar[self.begun].hours:
            return False
        return not self.is_dry_at(hours)

    def is_dry_at(self, hours: float) -> bool:
        """Whether the looks up to then showed a dry wine."""
        return self.dry is not None and hours >= self.sugar[self.dry].hours

    def sugar_left_g_l(self, brix: float) -> float:
        """Sugar still to ferment at `brix`, g/L, within about ±6."""
        start = formulas.density_from_brix(self.start_brix)
        return formulas.sugar_left_g_l(formulas.density_from_brix(brix), start_density=start)

    def alcohol_pct_vol(self, brix: float) -> float:
        """Alcohol made when the must has come down to `brix`, %vol, within about ±0.4."""
        start = formulas.density_from_brix(self.start_brix)
        return formulas.alcohol_pct_vol(formulas.density_from_brix(brix), start_density=start)


def trace_curve(
    ferment: Ferment,
    readings: Sequence[Reading],
    as_of: datetime,
    moved_at: Sequence[datetime] = (),
) -> Curve:
    """The curve of `ferment` as it was known at `as_of`, whatever the order of `readings`.

    At each of `moved_at` something was done that changes the sugar at once: readings before and
    after are not held against each other. Results below or above what an instrument can see (`<5`)
    draw no curve and are left out, and so is what a sensor repeated while the must went on.
    """
    known = sorted(
        (r for r in readings if r.qualifier is None and r.measured_at - as_of <= _CLOCK_AHEAD),
        key=lambda r: (r.measured_at, r.recorded_at, r.sample_id, r.value),
    )
    repeated = find_repeated(known)
    known = [reading for reading in known if reading.sample_id not in repeated]
    moments = {reading.sample_id: reading.measured_at for reading in known}
    sugar = build_series(ferment, known, SampleType.sugar, moved_at)
    temperature = build_series(ferment, known, SampleType.temperature)
    looks = tuple(_gather_looks(sugar.points, moments, _SUGAR_LOOK_H))
    start, begun = _find_start(looks)
    dry_brix = _read_when_dry(start)
    return Curve(
        sugar=looks,
        temperature=tuple(_gather_looks(temperature.points, moments, _TEMPERATURE_LOOK_H)),
        doubts=sugar.doubts + temperature.doubts,
        start_brix=start,
        dry_brix=dry_brix,
        begun=begun,
        dry=_find_dry(looks, dry_brix),
    )


def _gather_looks(
    points: Iterable[Point], moments: Mapping[int, datetime], within_h: float
) -> Iterator[Look]:
    """One look for all points within so many hours of the first; the last of them dates it."""
    group: list[Point] = []
    for point in points:
        if group and point.hours - group[0].hours > within_h:
            yield _merge(group, moments)
            group = []
        group.append(point)
    if group:
        yield _merge(group, moments)


def _merge(group: Sequence[Point], moments: Mapping[int, datetime]) -> Look:
    last = group[-1]
    value = median(point.value for point in group)
    ids = tuple(point.sample_id for point in group)
    return Look(last.hours, value, moments[last.sample_id], ids)


def _find_start(looks: Sequence[Look]) -> tuple[float, int | None]:
    """Sugar at the start, and the index of the look that showed the fermentation had begun.

    Levels are medians of three looks, so that one wild reading moves nothing. A book that begins
    below any fresh must begins in mid-ferment, and the start is assumed.
    """
    if not looks:
        return ASSUMED_START_BRIX, None
    if looks[0].value < LOWEST_MUST_BRIX:
        return ASSUMED_START_BRIX, 0
    values = [look.value for look in looks]
    highest, begun = -inf, None
    for at in range(2, len(values)):
        level = median(values[at - 2 : at + 1])
        highest = max(highest, level)
        if begun is None and highest - level >= BEGUN_AFTER_BRIX:
            begun = at
    return max(values[0], highest), begun


def _read_when_dry(start_brix: float) -> float:
    """Apparent °Bx at or under which a wine counts as dry."""
    dry = formulas.dry_density(formulas.density_from_brix(start_brix))
    nearly = dry + DRY_AT_G_L * formulas.DENSITY_FALL_PER_G_L
    return max(DRY_AT_BRIX, formulas.brix_from_density(nearly))


def _find_dry(looks: Sequence[Look], dry_brix: float) -> int | None:
    """Index of the second of two looks in a row that read dry."""
    for at in range(1, len(looks)):
        if looks[at - 1].value <= dry_brix and looks[at].value <= dry_brix:
            return at
    return None


def measure_fall_per_day(looks: Sequence[Look], *, within_h: float) -> float | None:
    """°Bx a day over the last day or so: a line through the looks that young; None when they tell too little.

    Needs three looks over at least 16 h, or two over at least 20 h.
    """
    young = [look for look in looks if look.hours >= looks[-1].hours - within_h] if looks else []
    if len(young) < 2:
        return None
    spanned = young[-1].hours - young[0].hours
    if spanned < (16.0 if len(young) > 2 else 20.0):
        return None
    middle = sum(look.hours for look in young) / len(young)
    spread = sum((look.hours - middle) ** 2 for look in young)
    return -24 * sum((look.hours - middle) * look.value for look in young) / spread


def find_peak_pace(looks: Sequence[Look]) -> float | None:
    """The fastest °Bx a day that such a line ever showed; None when the looks tell too little."""
    paces = (
        measure_fall_per_day(looks[:count], within_h=PACE_WITHIN_H)
        for count in range(2, len(looks) + 1)
    )
    return max((pace for pace in paces if pace is not None), default=None)
