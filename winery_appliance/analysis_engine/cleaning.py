"""What is wrong with single samples: the first stage, which every other one stands on.

`series` decides which readings draw no curve; here each gets the name of its fault and the value that would fit. Nothing
is changed: the reading stays as it was typed, a person decides. Figures without a source are house defaults.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from winery_appliance.analysis_engine.corrections import Correction, propose_correction
from winery_appliance.analysis_engine.features import Curve
from winery_appliance.analysis_engine.flat_runs import find_flat_runs
from winery_appliance.analysis_engine.measurements import Reading
from winery_appliance.analysis_engine.series import Doubt, typed_unit
from winery_appliance.core.units import SampleType, Unit, from_canonical, to_canonical

Fault = Literal["typo", "unit", "duplicate", "flat", "rate", "late"]

LATE_AFTER = timedelta(hours=6)
SAME_MOMENT = timedelta(minutes=1)
MOST_EXPLAINED = 300  # doubts; a series with more is no slip of a hand
# By how many identical values a forecast does not take for a must that stands, what it would have fallen by meanwhile, °Bx.
# 1.2 is five times what a hydrometer errs by in a red and ten times in a white; a must that falls by three between two
# readings does not stop between them to the decimal.
HANGING_BRIX = {3: 1.2, 2: 3.0}
# A probe may hang for long; the rule of an arrest hears its values all the same.
HANGING_FOR = timedelta(days=10)


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
    try:
        low, high, near = (
            from_canonical(kind, to_canonical(kind, value, shown), unit)
            for value in (*doubt.expected, doubt.near)
        )
    except ValueError:
        return None  # what a wild series leads to is off the scale of this unit
    value = from_canonical(kind, doubt.reading.value, unit)
    return propose_correction(kind, value, unit, low=low, high=high, near=near)


def _name_doubt(doubt: Doubt) -> Flag:
    correction = propose_for(doubt)
    far = abs(doubt.value - doubt.near) > 2 * doubt.tolerance
    if correction is None:
        # The readings on both sides go on without it: somebody slipped, even if nobody can say how.
        return Flag(doubt.reading, "typo" if doubt.between and far else "rate")
    kind, unit = doubt.reading.sample_type, typed_unit(doubt.reading)
    meant = to_canonical(kind, correction.value, unit)
    if correction.loose and not far:
        # Honest readings err by as much now and then, and some digit explains them all.
        return Flag(doubt.reading, "rate", meant)
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


def drop_flat_runs(curve: Curve, readings: Iterable[Reading]) -> Curve:
    """`curve` without what a sensor repeated; the first of the repeated values may be true.

    Two or three identical values do, where a must that fell fast seems to stand: readings of a must that stopped differ by
    their noise. What stands longer than ten days is believed all the same.
    """
    repeated = {
        reading.sample_id
        for run in find_flat_runs(readings, missed_brix=HANGING_BRIX, lasting=timedelta(0))
        if run[-1].measured_at - run[0].measured_at <= HANGING_FOR
        for reading in run[1:]
    }
    if not repeated:
        return curve
    kept = tuple(look for look in curve.sugar if not repeated.issuperset(look.sample_ids))
    return replace(curve, sugar=kept, begun=None, dry=None)
