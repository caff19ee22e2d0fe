"""Asks the engine as of a few moments only, where a whole replay would say no more; and mends a fleet's faulty series."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np

from tests.bench.analysis.scoring import DATA_FAULTS, SHARES, Case
from winery_appliance.analysis_engine.assessment import describe_known
from winery_appliance.analysis_engine.forecasting.lessons import Lessons
from winery_appliance.analysis_engine.measurements import Reading
from winery_appliance.analysis_engine.replay import list_moments
from winery_appliance.analysis_engine.replay_files import RecordedFerment, hours_of, moment_of
from winery_appliance.core.units import SampleType, Unit, to_canonical

NOISE = {"red": 0.22, "white": 0.1}  # °Bx that honest readings of the fleets err by
LONG_GAP_H, USUAL_GAP_H = 36.0, 12.0


def ask_at_shares(
    cases: Sequence[Case],
    recorded: Mapping[str, RecordedFerment],
    lessons: Lessons,
    *,
    processes: int = 2,
) -> list[Case]:
    """`cases` with what was forecast as of `SHARES` of their true time; those that were never dry are left out."""
    dry = [case for case in cases if np.isfinite(case.dry_h)]
    hours = [[share * case.dry_h for share in SHARES] for case in dry]
    with ProcessPoolExecutor(processes) as pool:
        ask = partial(ask_as_of, lessons=lessons)
        made = list(pool.map(ask, [recorded[case.name] for case in dry], hours, chunksize=4))
    return [replace(case, forecasts=rows) for case, rows in zip(dry, made, strict=True)]


def ask_as_of(
    recorded: RecordedFerment, hours: Sequence[float], *, lessons: Lessons
) -> list[dict[str, float]]:
    """The forecasts as of the last moments before each of `hours` at which something new was known."""
    rows = []
    moments = list(list_moments(recorded))
    for hour in hours:
        before = [moment for moment in moments if moment <= moment_of(hour)]
        if not before:
            continue
        readings = [r for r in recorded.readings if r.recorded_at <= before[-1]]
        made = describe_known(
            recorded.ferment,
            readings,
            as_of=before[-1],
            additions=recorded.additions,
            lessons=lessons,
            course=False,
        ).situation.forecast
        if made is None:
            continue
        rows.append(
            {
                "asked_at_h": hours_of(before[-1]),
                "dry_h_p10": made.dry_h.p10,
                "dry_h_p50": made.dry_h.p50,
                "dry_h_p90": made.dry_h.p90,
                "p_not_dry_in_time": made.p_not_dry,
                "brix_24h_p10": made.brix_24h.p10,
                "brix_24h_p50": made.brix_24h.p50,
                "brix_24h_p90": made.brix_24h.p90,
            }
        )
    return rows


def mend_all(
    cases: Sequence[Case], recorded: Mapping[str, RecordedFerment]
) -> dict[str, RecordedFerment]:
    """The ferments with faults of the data as if nobody had slipped: what each would have been in a clean fleet."""
    rng = np.random.default_rng(5)
    return {
        case.name: mend(case, recorded[case.name], rng)
        for case in cases
        if case.fault in DATA_FAULTS
    }


def mend(case: Case, recorded: RecordedFerment, rng: np.random.Generator) -> RecordedFerment:
    """Spoiled readings anew from the truth with usual errors and in time, doubled ones once, and long gaps read."""
    readings: list[Reading] = []
    tags = {round(float(row["t_h"]), 2): row["truth_tag"] for row in case.rows if row["truth_tag"]}
    seen = set()
    for reading in recorded.readings:
        hour = hours_of(reading.measured_at)
        key = (reading.measured_at, reading.sample_type, reading.value)
        tag = tags.get(round(hour, 2))
        if tag == "duplicate" and key in seen:
            continue
        seen.add(key)
        if tag is not None and tag != "duplicate":
            value = _read_truth(case, hour, reading.sample_type, rng)
            late = min((reading.recorded_at - reading.measured_at).total_seconds() / 3600, 0.3)
            reading = replace(
                reading,
                value=reading.value if value is None else value,
                recorded_at=moment_of(hour + late),
            )
        readings.append(reading)
    if case.fault == "missing_gap":
        readings += _read_in_gaps(case, readings, rng)
    return replace(recorded, readings=tuple(readings))


def _read_truth(
    case: Case, hour: float, kind: SampleType, rng: np.random.Generator
) -> float | None:
    if kind is SampleType.sugar:
        true = float(np.interp(hour, case.hours, case.brix))
        shown = round(true + rng.normal(0, NOISE[case.style]), 1)
        return to_canonical(kind, shown, Unit.brix)
    if kind is SampleType.temperature:
        true = float(np.interp(hour, case.hours, case.celsius))
        return to_canonical(kind, round(true + rng.normal(0, 0.5), 1), Unit.celsius)
    return None


def _read_in_gaps(
    case: Case, readings: Sequence[Reading], rng: np.random.Generator
) -> list[Reading]:
    """Readings twice a day where nobody looked for long."""
    hours = sorted({hours_of(reading.measured_at) for reading in readings})
    missing = [
        hour
        for before, after in pairwise(hours)
        if after - before > LONG_GAP_H
        for hour in np.arange(before + USUAL_GAP_H, after - USUAL_GAP_H / 2, USUAL_GAP_H)
    ]
    found = []
    for hour in missing:
        for kind in (SampleType.sugar, SampleType.temperature):
            value = _read_truth(case, float(hour), kind, rng)
            assert value is not None
            found.append(
                replace(
                    readings[0],
                    sample_id=len(readings) + len(found) + 10_000,
                    sample_type=kind,
                    value=value,
                    measured_at=moment_of(float(hour)),
                    recorded_at=moment_of(float(hour) + 0.3),
                    unit=Unit.brix if kind is SampleType.sugar else Unit.celsius,
                )
            )
    return found
