"""Real series, one day ahead: what the engine says at each reading of the next day's, as a share of all sugar.

A file of series has ferment_id, t_h, temp_c and sugar_gl or co2_gl. Sugar is read as the apparent °Bx that a hydrometer
would show; where carbon dioxide was weighed, its share of all that came off is the share of sugar gone. What a vessel
loses after its sugar is gone, by pressing or samples, counts as carbon dioxide there: the error until then is told beside.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from tests.bench.analysis.asking import ask_as_of
from tests.bench.analysis.figures import Figure, Numbers, at_most, bootstrap
from winery_appliance.analysis_engine.features import DRY_AT_G_L
from winery_appliance.analysis_engine.forecasting.lessons import UNTAUGHT
from winery_appliance.analysis_engine.measurements import Ferment, Reading
from winery_appliance.analysis_engine.replay_files import EPOCH, RecordedFerment, moment_of
from winery_appliance.core import density as formulas
from winery_appliance.core.units import SampleType, Unit, to_canonical

MUST = 4.2
LEAST_READINGS = 5


def score_real(series: Path, style: str) -> list[Figure]:
    """The error one day ahead without any history: by sugar, and by the weight that was lost."""
    with series.open(newline="", encoding="utf-8") as file:
        rows: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in csv.DictReader(file):
            rows[row["ferment_id"]].append(row)
    figures = []
    for column in ("sugar_gl", "co2_gl"):
        errors: list[float] = []
        while_sugar: list[float] = []
        ferments = 0
        for name, found in rows.items():
            own = _score_one(name, found, column, style)
            errors += [error for _, error in own]
            gone_h = _find_gone_h(found)
            while_sugar += [error for then, error in own if then <= gone_h]
            ferments += bool(own)
        if errors:
            label = f"{series.parent.name} by {column}, 24 h ahead, % of all sugar"
            base = f"n={len(errors)} of {ferments} ferments"
            figures.append(at_most(label, np.array(errors), MUST, base))
        if while_sugar:
            label, shown = "  of these until the sugar was gone", np.array(while_sugar)
            figures.append(
                Figure(label, f"{shown.mean():.2f}", bootstrap(shown), f"n={len(shown)}")
            )
    return figures


def _find_gone_h(rows: list[dict[str, str]]) -> float:
    """Hours of the first sugar reading of a dry wine; inf where there is none."""
    gone = (float(r["t_h"]) for r in rows if r["sugar_gl"] and float(r["sugar_gl"]) <= DRY_AT_G_L)
    return min(gone, default=np.inf)


def _score_one(
    name: str, rows: list[dict[str, str]], column: str, style: str
) -> list[tuple[float, float]]:
    """The hour that each forecast was made for, and its error in per cent of all sugar."""
    read = [(float(row["t_h"]), float(row[column])) for row in rows if row[column]]
    if len(read) < LEAST_READINGS:
        return []
    hours = np.array([hour for hour, _ in read])
    brix = _read_as_brix(np.array([value for _, value in read]), rows, column)
    start, whole = brix[0], brix[0] - brix.min()
    warm = [(float(row["t_h"]), float(row["temp_c"])) for row in rows if row["temp_c"]]
    readings = [
        _make(2 * n, SampleType.sugar, h, b)
        for n, (h, b) in enumerate(zip(hours, brix, strict=True))
    ]
    readings += [_make(2 * n + 1, SampleType.temperature, h, t) for n, (h, t) in enumerate(warm)]
    facts = Ferment(style, EPOCH, "", brix0=round(float(start), 1))
    recorded = RecordedFerment(name, facts, tuple(readings))
    asked = [float(hour) for hour in hours[2:]]
    errors = []
    for made in ask_as_of(recorded, asked, lessons=UNTAUGHT):
        then = made["asked_at_h"] + 24
        before = made["asked_at_h"] + 0.5
        still = float(np.interp(before, hours, brix)) > brix.min() + 0.03 * whole
        if still and np.any(np.abs(hours - then) < 1):
            off = abs(made["brix_24h_p50"] - float(np.interp(then, hours, brix)))
            errors.append((then, 100 * off / whole))
    return errors


def _read_as_brix(values: Numbers, rows: list[dict[str, str]], column: str) -> Numbers:
    """Apparent °Bx, from sugar in g/L or from the share of the carbon dioxide that came off."""
    sugars = [float(row["sugar_gl"]) for row in rows if row["sugar_gl"]]
    start = max(sugars) if sugars else 240.0
    left = values if column == "sugar_gl" else start * (1 - values / values.max())
    grid = np.arange(1000.0, 1180.0)
    density0 = float(
        np.interp(start, [formulas.fermentable_sugar_g_l(float(d)) for d in grid], grid)
    )
    density = density0 - formulas.DENSITY_FALL_PER_G_L * (start - np.maximum(left, 0.0))
    return np.array([formulas.brix_from_density(float(d)) for d in density])


def _make(number: int, kind: SampleType, hours: float, value: float) -> Reading:
    unit = Unit.brix if kind is SampleType.sugar else Unit.celsius
    moment = moment_of(float(hours))
    return Reading(
        sample_id=number,
        sample_type=kind,
        value=to_canonical(kind, round(float(value), 1), unit),
        qualifier=None,
        measured_at=moment,
        recorded_at=moment,
        confirmed=False,
        unit=unit,
    )
