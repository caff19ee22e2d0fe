"""What is wrong with single samples: the first stage, which every other one stands on.

`series` decides which readings draw no curve; here each gets the name of its fault and the value that would fit. Nothing
is changed: the reading stays as it was typed, a person decides. Figures without a source are house defaults.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from winery_appliance.analysis_engine.corrections import Correction, propose_correction
from winery_appliance.analysis_engine.features import Curve
from winery_appliance.analysis_engine.measurements import Reading
from winery_appliance.analysis_engine.series import Doubt, typed_unit
from winery_appliance.core.units import SampleType, Unit, from_canonical, to_canonical

Fault = Literal["typo", "unit", "duplicate", "flat", "rate", "late"]

LATE_AFTER = timedelta(hours=6)
SAME_MOMENT = timedelta(minutes=1)
MOST_EXPLAINED = 300  # doubts; a series with more is no slip of a hand
FLAT_VALUES = 4  # identical values of a sensor in a row
FLAT_FOR = timedelta(hours=20)
FLAT_FALL_BRIX = 1.5  # what a must that is fermenting would have fallen meanwhile


@dataclass(frozen=True, slots=True)
class Flag:
    """A fault of one sample; `proposed` is in the canonical unit of its type, None when nothing is known to fit."""

    reading: Reading
    fault: Fault
    proposed: float | None = None


def flag_samples(readings: Sequence[Reading], curve: Curve) -> list[Flag]:
    """The faults of `readings`, in the order they were measured; a sample may have more than one."""
    doubts = [doubt for doubt in curve.doubts if not doubt.reading.confirmed]
    flags = [
        *(_name_doubt(doubt) for doubt in doubts[-MOST_EXPLAINED:]),
        *(Flag(doubt.reading, "rate") for doubt in doubts[:-MOST_EXPLAINED]),
        *_find_duplicates(readings),
        *(Flag(r, "late") for r in readings if r.recorded_at - r.measured_at > LATE_AFTER),
        *(Flag(reading, "flat") for run in find_flat_runs(readings) for reading in run[1:]),
    ]
    return sorted(flags, key=lambda f: (f.reading.measured_at, f.reading.sample_id, f.fault))


def propose_for(doubt: Doubt) -> Correction | None:
    """What a person meant, in the unit of the field, or None when no usual slip explains it."""
    kind, unit = doubt.reading.sample_type, typed_unit(doubt.reading)
    shown = Unit.brix if kind is SampleType.sugar else Unit.celsius
    low, high, near = (
        from_canonical(kind, to_canonical(kind, value, shown), unit)
        for value in (*doubt.expected, doubt.near)
    )
    value = from_canonical(kind, doubt.reading.value, unit)
    return propose_correction(kind, value, unit, low=low, high=high, near=near)


def _name_doubt(doubt: Doubt) -> Flag:
    correction = propose_for(doubt)
    if correction is None:
        return Flag(doubt.reading, "rate")
    kind, unit = doubt.reading.sample_type, typed_unit(doubt.reading)
    meant = to_canonical(kind, correction.value, unit)
    return Flag(doubt.reading, "unit" if correction.other_unit else "typo", meant)


def _find_duplicates(readings: Iterable[Reading]) -> Iterator[Flag]:
    seen: dict[tuple[SampleType, float], Reading] = {}
    for reading in sorted(readings, key=lambda r: (r.measured_at, r.recorded_at, r.sample_id)):
        key = (reading.sample_type, reading.value)
        twin = seen.get(key)
        if twin is not None and reading.measured_at - twin.measured_at <= SAME_MOMENT:
            yield Flag(reading, "duplicate", reading.value)
        else:
            seen[key] = reading


def find_flat_runs(readings: Iterable[Reading]) -> list[list[Reading]]:
    """Runs of identical sugar readings, while the ones around them say that the must was fermenting."""
    sugar = sorted(
        (r for r in readings if r.sample_type is SampleType.sugar and r.qualifier is None),
        key=lambda r: (r.measured_at, r.recorded_at, r.sample_id),
    )
    runs: dict[int, list[Reading]] = defaultdict(list)
    number, previous = 0, None
    for reading in sugar:
        if previous is not None and reading.value != previous:
            number += 1
        runs[number].append(reading)
        previous = reading.value
    return [
        run for n, run in runs.items() if _is_flat(run, runs.get(n - 1, []), runs.get(n + 1, []))
    ]


def drop_flat_runs(curve: Curve, readings: Iterable[Reading]) -> Curve:
    """`curve` without what a sensor repeated; the first of the repeated values may be true."""
    repeated = {reading.sample_id for run in find_flat_runs(readings) for reading in run[1:]}
    if not repeated:
        return curve
    kept = tuple(look for look in curve.sugar if not repeated.issuperset(look.sample_ids))
    return replace(curve, sugar=kept, begun=None, dry=None)


def _is_flat(run: Sequence[Reading], before: Sequence[Reading], after: Sequence[Reading]) -> bool:
    if len(run) < FLAT_VALUES or not before:
        return False
    lasted = run[-1].measured_at - run[0].measured_at
    if lasted < FLAT_FOR:
        return False
    if after:
        fall = _brix(run[-1]) - _brix(after[0])
        waited = after[0].measured_at - run[-1].measured_at
        return fall >= FLAT_FALL_BRIX and waited < lasted
    # The pace before the run, had it gone on.
    earlier = _brix(before[0]) - _brix(run[0])
    took = run[0].measured_at - before[0].measured_at
    return took > timedelta(0) and earlier * (lasted / took) >= 2 * FLAT_FALL_BRIX


def _brix(reading: Reading) -> float:
    return from_canonical(SampleType.sugar, reading.value, Unit.brix)
