"""The values behind a curve: readings, forecast, the winery's own past and what was done, in the person's units.

A picture has some thousand columns. A series with more readings than that is thinned so that each column keeps its lowest
and its highest reading: no peak is lost, and a phone draws it at once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from winery_appliance.analysis_engine.queries import AnalysisResult, ForecastView, find_doubted
from winery_appliance.analysis_engine.work_log import WorkRow
from winery_appliance.core import density
from winery_appliance.core.units import (
    UNIT_SYMBOLS,
    SampleType,
    Unit,
    from_canonical,
    soft_range,
)
from winery_appliance.fermentation.queries import FermentationView, SampleView
from winery_appliance.winery.queries import Units

# Apparent °Bx under which a must counts as dry for the line on the curve.
DRY_BRIX = -1.0
COLUMNS = 600
LANES = {"addition": "added", "cap_work": "caps", "note": "notes", "skip": "notes", "move": "moves"}

Mark = tuple[float, float, int, bool]
"""A reading on a curve: seconds since 1970, value, the sample's id, and whether it is doubted."""


def build_chart(
    ferment: FermentationView,
    samples: Sequence[SampleView],
    result: AnalysisResult,
    work: Sequence[WorkRow],
    band: dict[str, Any] | None,
    units: Units,
    time_zone: str,
) -> dict[str, Any]:
    """What the page of one fermentation draws, as JSON has it; moments in seconds since 1970."""
    flagged = find_doubted(result.anomalies)
    forecast = result.forecast if ferment.status == "active" else None
    return {
        "sugar_unit": UNIT_SYMBOLS[units.sugar],
        "temperature_unit": UNIT_SYMBOLS[units.temperature],
        "sugar": thin_marks(make_marks(samples, SampleType.sugar, units.sugar, flagged)),
        "temperature": thin_marks(
            make_marks(samples, SampleType.temperature, units.temperature, flagged)
        ),
        "alarm": _find_alarm_window(samples, result),
        "dry_line": round(show_brix(DRY_BRIX, units.sugar), 4),
        "wanted_temperature": list(
            soft_range(SampleType.temperature, units.temperature, style=ferment.style)
        ),
        "fan": _make_fan(forecast, units.sugar),
        "band": band,
        "marks": [
            {"at": row.at.timestamp(), "lane": LANES[row.kind], "label": _name(row)} for row in work
        ],
        "style": ferment.style,
        "timezone": time_zone,
    }


def show_brix(brix: float, unit: Unit) -> float:
    """Apparent °Bx in another unit of sugar."""
    return from_canonical(SampleType.sugar, density.density_from_brix(brix), unit)


def make_marks(
    samples: Sequence[SampleView], kind: SampleType, unit: Unit, flagged: set[int]
) -> list[Mark]:
    """The readings of one kind on the curve, in time order."""
    return [
        (
            s.measured_at.timestamp(),
            round(from_canonical(kind, s.canonical, unit), 4),
            s.id,
            s.id in flagged,
        )
        for s in samples
        if s.sample_type is kind
    ]


def thin_marks(marks: list[Mark], columns: int = COLUMNS) -> list[Mark]:
    """The first, lowest, highest and last mark of each of so many equal stretches of time; doubted ones stay."""
    if len(marks) <= 4 * columns:
        return marks
    first, last = marks[0][0], marks[-1][0]
    width = (last - first) / columns or 1.0
    stretches: dict[int, list[Mark]] = {}
    for mark in marks:
        stretches.setdefault(int((mark[0] - first) / width), []).append(mark)
    kept: list[Mark] = []
    for stretch in stretches.values():
        by_value = sorted(stretch, key=lambda mark: mark[1])
        chosen = {stretch[0], by_value[0], by_value[-1], stretch[-1]}
        chosen.update(mark for mark in stretch if mark[3])
        kept += sorted(chosen)
    return kept


def _make_fan(forecast: ForecastView | None, unit: Unit) -> list[list[float]]:
    """Moments ahead with low, middle and high sugar; empty when nothing is foretold."""
    if forecast is None or forecast.found_dry:
        return []
    return [
        [at.timestamp(), *(round(show_brix(brix, unit), 3) for brix in (low, middle, high))]
        for at, low, middle, high in forecast.course
    ]


def _name(row: WorkRow) -> str:
    return f"{row.title} {row.amount}" if row.amount else row.title


def _find_alarm_window(
    samples: Sequence[SampleView], result: AnalysisResult
) -> dict[str, Any] | None:
    """The stretch of the sugar curve that the worst alarm rests on."""
    at: dict[int, datetime] = {
        s.id: s.measured_at for s in samples if s.sample_type is SampleType.sugar
    }
    for anomaly in result.anomalies:
        moments = [at[sample_id] for sample_id in anomaly.evidence if sample_id in at]
        if moments:
            return {
                "from": min(moments).timestamp(),
                "to": max(moments).timestamp(),
                "label": anomaly.title,
            }
    return None
