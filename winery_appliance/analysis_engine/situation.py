"""Everything a check may look at: one ferment as it was known at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from numpy import interp

from winery_appliance.analysis_engine.cleaning import Flag, drop_flat_runs, flag_samples
from winery_appliance.analysis_engine.features import Curve, trace_curve
from winery_appliance.analysis_engine.forecasting.forecast import Forecast, forecast
from winery_appliance.analysis_engine.forecasting.lessons import Lessons
from winery_appliance.analysis_engine.forecasting.must import find_brix0
from winery_appliance.analysis_engine.measurements import Addition, Ferment, Probe, Reading
from winery_appliance.core.units import SampleType

FIRST_DAYS = timedelta(hours=48)
MOVES_SUGAR = ("addition_sugar", "addition_water", "transfer")
FEEDS_YEAST = ("addition_dap", "addition_nutrient")
LOGGED_WITHIN = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Situation:
    """A ferment at `as_of`; `now_h` counts from its start. `forecast` is None before there are three readings."""

    ferment: Ferment
    as_of: datetime
    now_h: float
    readings: tuple[Reading, ...]
    additions: tuple[Addition, ...]
    curve: Curve
    flags: tuple[Flag, ...]
    forecast: Forecast | None
    lessons: Lessons
    yan_mg_l: float | None
    probes: tuple[Probe, ...] = ()

    @property
    def brix0(self) -> float:
        """Sugar of the must, °Bx."""
        return find_brix0(self.ferment, self.curve)

    def brix_at(self, moment: datetime) -> float:
        """°Bx at a moment, between looks on a straight line; the must's own before there are any."""
        looks = self.curve.sugar
        if not looks:
            return self.brix0
        hours = (moment - self.ferment.started_at).total_seconds() / 3600
        return float(interp(hours, [k.hours for k in looks], [k.value for k in looks]))

    def is_explained(self, after: datetime, before: datetime) -> bool:
        """Whether something that moves the sugar was logged between two moments, give or take a few hours."""
        return any(
            addition.kind in MOVES_SUGAR
            and after - LOGGED_WITHIN <= addition.at <= before + LOGGED_WITHIN
            for addition in self.additions
        )

    @property
    def is_fed(self) -> bool:
        """Whether nutrients were logged."""
        return any(addition.kind in FEEDS_YEAST for addition in self.additions)

    def readings_of(self, kind: SampleType) -> list[Reading]:
        """Plain results of one kind, the oldest first."""
        return [r for r in self.readings if r.sample_type is kind and r.qualifier is None]


def describe_situation(
    ferment: Ferment,
    readings: Sequence[Reading],
    as_of: datetime,
    lessons: Lessons,
    additions: Sequence[Addition] = (),
    *,
    course: bool = True,
    probes: Sequence[Probe] = (),
) -> Situation:
    """What is known of `ferment` at `as_of`, whatever the order of `readings`; `course` as in `forecast`."""
    additions = tuple(sorted((a for a in additions if a.at <= as_of), key=lambda a: (a.at, a.kind)))
    moved = [a.at for a in additions if a.kind in MOVES_SUGAR]
    curve = trace_curve(ferment, readings, as_of, moved)
    known = sorted(
        {
            reading.sample_id: reading for reading in readings if reading.measured_at <= as_of
        }.values(),
        key=lambda r: (r.measured_at, r.recorded_at, r.sample_id),
    )
    now_h = (as_of - ferment.started_at).total_seconds() / 3600
    yan = find_yan(ferment, known)
    expected = None
    if len({r.measured_at for r in known}) >= 3:
        expected = forecast(
            ferment,
            drop_flat_runs(curve, known),
            max(now_h, 0.0),
            lessons,
            yan_mg_l=yan,
            course=course,
        )
    return Situation(
        ferment=ferment,
        as_of=as_of,
        now_h=now_h,
        readings=tuple(known),
        additions=additions,
        curve=curve,
        flags=tuple(flag_samples(known, curve)),
        forecast=expected,
        lessons=lessons,
        yan_mg_l=yan,
        probes=tuple(probes),
    )


def find_yan(ferment: Ferment, readings: Sequence[Reading]) -> float | None:
    """YAN of the must, mg/L: as it was told, else as it was measured in the first two days."""
    if ferment.yan_mg_l is not None:
        return ferment.yan_mg_l
    for reading in readings:
        early = reading.measured_at - ferment.started_at <= FIRST_DAYS
        if reading.sample_type is SampleType.yan and reading.qualifier is None and early:
            return reading.value
    return None
