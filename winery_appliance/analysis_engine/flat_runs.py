"""Runs of identical values: a probe that hangs, or a number that was copied, while the must around them ferments.

Figures without a source are house defaults.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from winery_appliance.analysis_engine.measurements import Reading
from winery_appliance.core.units import SampleType, Unit, from_canonical

FLAT_VALUES = 4  # identical values of a sensor in a row
FLAT_FOR = timedelta(hours=20)
FLAT_FALL_BRIX = 1.5  # what a must that is fermenting would have fallen meanwhile
_DRY_BRIX = -0.95  # to a hydrometer's decimal -1.0: a wine that is dry reads the same for weeks
_LEAST_PAUSE = timedelta(hours=8)  # in less the errors of two readings look like a pace
_PACE_FROM = timedelta(hours=48)  # before the run, to tell how fast the must fell


def find_flat_runs(
    readings: Iterable[Reading],
    *,
    missed_brix: Mapping[int, float] = {FLAT_VALUES: 2 * FLAT_FALL_BRIX},
    lasting: timedelta = FLAT_FOR,
) -> list[list[Reading]]:
    """Runs of identical sugar readings over `lasting`, while those around them say that the must fermented.

    Of a run that goes on only the pace before it can say so: `missed_brix` tells, for so many values and more, how far
    it would have fallen meanwhile.
    """
    sugar = sorted(
        (r for r in readings if r.sample_type is SampleType.sugar and r.qualifier is None),
        key=lambda r: (r.measured_at, r.recorded_at, r.sample_id),
    )
    found = []
    begins = 0
    for at in range(1, len(sugar) + 1):
        if at < len(sugar) and sugar[at].value == sugar[begins].value:
            continue
        run = sugar[begins:at]
        limits = [missed for least, missed in missed_brix.items() if len(run) >= least]
        if limits and run[-1].measured_at - run[0].measured_at >= lasting:
            before = _list_before(sugar, begins)
            if before and _is_flat(run, before, sugar[at : at + 1], min(limits)):
                found.append(run)
        begins = at
    return found


def find_repeated(readings: Sequence[Reading]) -> set[int]:
    """Ids of the readings of flat runs that are over; the first of each run may be true and is not named."""
    last = max((r.measured_at for r in readings if r.sample_type is SampleType.sugar), default=None)
    return {
        reading.sample_id
        for run in find_flat_runs(readings)
        if run[-1].measured_at != last
        for reading in run[1:]
    }


def _list_before(sugar: Sequence[Reading], begins: int) -> list[Reading]:
    """The reading before the run and those of the two days before it."""
    if begins == 0:
        return []
    first = begins - 1
    oldest = sugar[begins].measured_at - _PACE_FROM
    while first > 0 and sugar[first - 1].measured_at >= oldest:
        first -= 1
    return list(sugar[first:begins])


def _is_flat(
    run: Sequence[Reading],
    before: Sequence[Reading],
    after: Sequence[Reading],
    missed_brix: float,
) -> bool:
    lasted = run[-1].measured_at - run[0].measured_at
    if _brix(run[0]) <= _DRY_BRIX:
        return False
    if after:
        fall = _brix(run[-1]) - _brix(after[0])
        waited = after[0].measured_at - run[-1].measured_at
        return fall >= FLAT_FALL_BRIX and waited < lasted
    # The pace before the run, had it gone on: of two days, or the last, where the must was just getting under way.
    paces = [
        (_brix(one) - _brix(run[0])) / (run[0].measured_at - one.measured_at).total_seconds()
        for one in (before[0], before[-1])
        if run[0].measured_at - one.measured_at >= _LEAST_PAUSE
    ]
    return max(paces, default=0.0) * lasted.total_seconds() >= missed_brix


def _brix(reading: Reading) -> float:
    return from_canonical(SampleType.sugar, reading.value, Unit.brix)
