"""Measures what a replay said against what was true: every figure with its base rate and a 95 % interval.

A labelled fleet is a folder with `readings.csv` (and `truth_tag` beside each corrupt reading), `meta.csv` (style, fault,
fault_start_h) and `truth.csv` (ferment_id, t_h, brix_apparent, temp_c); a replay is a folder with `alarms.csv`,
`flags.csv` and `forecasts.csv`.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.analysis.figures import Figure, Numbers, bootstrap, share_of
from winery_appliance.analysis_engine.checks.temperature import DEFAULTS, TemperatureHigh
from winery_appliance.analysis_engine.checks.too_fast import TooFast
from winery_appliance.analysis_engine.features import PACE_WITHIN_H

HORIZON_H = 1080.0
DRY_BRIX = -1.0
DEADLINE_H = {"red": 16 * 24.0, "white": 32 * 24.0}
DATA_FAULTS = (
    *("entry_typo", "unit_mixup", "temp_unit_mixup", "duplicate", "late_backdated"),
    *("sensor_flatline", "missing_gap"),
)
SLIPS = ("entry_typo", "unit_mixup", "temp_unit_mixup")
SHARES = (0.25, 0.5, 0.75)
ARREST_ALARMS = ("stuck", "sluggish", "slow_start")
QUESTIONS = ("sugar_rise", "entry_error", "unit_mixup")
WORST_BRIX_ERROR, WORST_CELSIUS_ERROR = 1.0, 5.0


@dataclass
class Case:
    """One labelled ferment and what was said of it; hours on the scale of the fleet."""

    name: str
    style: str
    fault: str
    fault_start_h: float
    hours: Numbers
    brix: Numbers
    celsius: Numbers
    rows: list[dict[str, str]] = field(default_factory=list)
    alarms: list[dict[str, str]] = field(default_factory=list)
    flags: list[dict[str, str]] = field(default_factory=list)
    forecasts: list[dict[str, float]] = field(default_factory=list)

    @property
    def dry_h(self) -> float:
        """When the true curve passed dry; inf if never."""
        dry = np.flatnonzero(self.brix <= DRY_BRIX)
        if not len(dry):
            return np.inf
        at = int(dry[0])
        if at == 0:
            return 0.0
        fall = self.brix[at - 1] - self.brix[at]
        share = (self.brix[at - 1] - DRY_BRIX) / fall
        return float(self.hours[at - 1] + share * (self.hours[at] - self.hours[at - 1]))

    @property
    def in_time(self) -> bool:
        """Whether it was dry by the deadline of its style."""
        return self.dry_h <= DEADLINE_H[self.style]

    @property
    def is_normal(self) -> bool:
        """No injected fault, and dry in time."""
        return self.fault == "normal" and self.in_time

    def forecast_at(self, hours: float) -> dict[str, float] | None:
        """The last forecast that had been made by then."""
        made = [row for row in self.forecasts if row["asked_at_h"] <= hours]
        return made[-1] if made else None


def read_cases(fleet: Path, replayed: Path | None = None) -> list[Case]:
    """The labelled ferments of a fleet, with what a replay said of them."""
    truth = _group(_rows(fleet / "truth.csv"))
    readings = _group(_rows(fleet / "readings.csv"))
    said = {
        name: _group(_rows(replayed / f"{name}.csv")) if replayed else {}
        for name in ("alarms", "flags", "forecasts")
    }
    cases = []
    for row in _rows(fleet / "meta.csv"):
        name = row["ferment_id"]
        curve = truth[name]
        cases.append(
            Case(
                name=name,
                style=row["style"],
                fault=row["fault"],
                fault_start_h=float(row["fault_start_h"] or "nan"),
                hours=np.array([float(r["t_h"]) for r in curve]),
                brix=np.array([float(r["brix_apparent"]) for r in curve]),
                celsius=np.array([float(r["temp_c"]) for r in curve]),
                rows=readings.get(name, []),
                alarms=said["alarms"].get(name, []),
                flags=said["flags"].get(name, []),
                forecasts=[
                    {k: float(v) for k, v in r.items() if k != "ferment_id"}
                    for r in said["forecasts"].get(name, [])
                ],
            )
        )
    return cases


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _group(rows: Iterable[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    grouped: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        grouped[row["ferment_id"]].append(row)
    return grouped


def list_errors(cases: Sequence[Case], share: float) -> Numbers:
    """How many days the forecasts at a share of the true time were off; ferments without one yet are left out."""
    asked = [(case, case.forecast_at(share * case.dry_h)) for case in cases]
    return np.array([_error_days(c, f["dry_h_p50"]) for c, f in asked if f is not None])


def list_covered(cases: Sequence[Case], share: float) -> list[bool]:
    """Whether the 80 % interval held the truth, for each forecast at a share of the true time."""
    asked = [(case, case.forecast_at(share * case.dry_h)) for case in cases]
    return [f["dry_h_p10"] <= c.dry_h <= f["dry_h_p90"] for c, f in asked if f is not None]


def group_by_fault(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Ferments that get dry: without a fault, with faults of the data, with faults of the process."""
    return {
        "normal": [c for c in cases if c.is_normal],
        "data faults": [c for c in cases if c.fault in DATA_FAULTS and c.in_time],
        "process faults": [
            c for c in cases if c.fault not in (*DATA_FAULTS, "normal") and np.isfinite(c.dry_h)
        ],
    }


def score_forecasts(cases: Sequence[Case]) -> list[Figure]:
    """Days-to-dry error, coverage and CRPS at shares of the true time, for ferments that get dry."""
    figures = []
    for group, members in group_by_fault(cases).items():
        for share in SHARES:
            asked = [(c, c.forecast_at(share * c.dry_h)) for c in members]
            made = [(c, f) for c, f in asked if f is not None]
            errors = list_errors(members, share)
            if not len(errors):
                continue
            base = f"n={len(errors)} of {len(members)}"
            label = f"MAE d, {group}, {share:.0%}"
            figures.append(Figure(label, f"{errors.mean():.2f}", bootstrap(errors), base))
            figures.append(
                share_of(f"  80 % interval covers, {share:.0%}", list_covered(members, share))
            )
            crps = np.array([_crps_days(c, f) for c, f in made])
            figures.append(Figure(f"  CRPS d (3 quantiles), {share:.0%}", f"{crps.mean():.2f}"))
    return figures


def _error_days(case: Case, forecast_h: float) -> float:
    return abs(min(forecast_h, HORIZON_H) - case.dry_h) / 24


def _crps_days(case: Case, forecast: dict[str, float]) -> float:
    losses = []
    for level in (0.1, 0.5, 0.9):
        over = case.dry_h - min(forecast[f"dry_h_p{level * 100:.0f}"], HORIZON_H)
        losses.append(max(level * over, (level - 1) * over))
    return 2 * float(np.mean(losses)) / 24


def score_next_day(cases: Sequence[Case]) -> list[Figure]:
    """Error of the forecast for the day after, as a share of the whole fall; only while it ferments."""
    errors, inside = [], []
    for case in cases:
        whole = case.brix[0] - min(case.brix.min(), DRY_BRIX)
        for row in case.forecasts:
            then = row["asked_at_h"] + 24
            if then > min(case.dry_h, case.hours[-1]) or row["asked_at_h"] < 24:
                continue
            true = float(np.interp(then, case.hours, case.brix))
            errors.append(abs(row["brix_24h_p50"] - true) / whole)
            inside.append(row["brix_24h_p10"] <= true <= row["brix_24h_p90"])
    values = 100 * np.array(errors)
    if not len(values):
        return []
    return [
        Figure(
            "24 h ahead, % of all sugar",
            f"{values.mean():.2f}",
            bootstrap(values),
            f"n={len(values)}",
        ),
        share_of("  80 % interval covers", inside),
    ]


def score_alarms(cases: Sequence[Case]) -> list[Figure]:
    """What must be alarmed in time, how soon, and how often it rings for nothing."""
    late = [c for c in cases if not c.in_time]
    normal = [c for c in cases if c.is_normal]
    stopped = [c for c in cases if c.fault == "stuck" and not np.isinf(c.fault_start_h)]
    stopped = [c for c in stopped if not c.in_time]
    base = f"{len(late)} of {len(cases)} not in time"
    figures = [
        share_of(
            "not in time: alarmed before the deadline", [_alarmed(c) for c in late], base, least=90
        ),
        share_of("normals alarmed by anything", [bool(_alarms(c)) for c in normal], most=5),
    ]
    delays = np.array([_delay_h(c) for c in stopped])
    if len(delays):
        median = float(np.median(delays))
        interval = bootstrap(delays, lambda v: float(np.median(v)))
        found = f"{int(np.isfinite(delays).sum())} of {len(delays)} found"
        label = "injected stop: median delay, h"
        figures.append(Figure(label, f"{median:.0f}", interval, found, "≤ 36", median <= 36))
    return figures


def score_alarms_further(cases: Sequence[Case]) -> list[Figure]:
    """Which rules rang, and how far they were ahead of the usual rule: less than 0.3 °Bx in 48 h."""
    late = [c for c in cases if not c.in_time]
    normal = [c for c in cases if c.is_normal]
    weeks = sum(_watched_h(c) for c in normal) / 168
    false = sum(len(_alarms(c)) for c in normal)
    leads = np.array([lead for c in late if (lead := _lead_h(c)) is not None])
    checks = sorted({a["check"] for c in normal for a in _alarms(c)})
    return [
        share_of(
            "not in time: stuck, sluggish or slow start", [_alarmed(c, ARREST_ALARMS) for c in late]
        ),
        share_of(
            "normals: stuck, sluggish or slow start",
            [bool(_alarms(c, ARREST_ALARMS)) for c in normal],
        ),
        share_of(
            "normals: alarmed, in truth neither so hot nor so fast",
            [any(not _was_so(c, a) for a in _alarms(c)) for c in normal],
        ),
        Figure("false alarms per ferment-week", f"{false / weeks:.3f}" if weeks else "–"),
        Figure(
            "not in time: median lead on the 48 h rule, h",
            f"{np.median(leads):.0f}" if len(leads) else "–",
            bootstrap(leads, lambda v: float(np.median(v))),
            f"both ring in {len(leads)} of {len(late)}",
        ),
        *(
            share_of(f"  normals alarmed by {check}", [bool(_alarms(c, (check,))) for c in normal])
            for check in checks
        ),
    ]


def _was_so(case: Case, alarm: dict[str, str]) -> bool:
    """Whether the true must was as hot or as fast as the rule's limit in the day and a half before the alarm.

    A fleet calls a ferment normal that nothing was done to, also where it was set to ferment at 31 °C.
    """
    opened = float(alarm["opened_at_h"])
    then = (case.hours > opened - PACE_WITHIN_H) & (case.hours <= opened)
    hours, brix = case.hours[then], case.brix[then]
    if alarm["check"] == TemperatureHigh.id:
        return bool((case.celsius[then] >= DEFAULTS[case.style].high_warning_c).any())
    if alarm["check"] == TooFast.id and len(hours) > 1:
        pace = 24 * (brix[0] - brix[-1]) / (hours[-1] - hours[0])
        return bool(pace >= TooFast().parameters[case.style].warning_brix_per_day)
    return False


def _lead_h(case: Case) -> float | None:
    """Hours from our first alarm of an arrest to that of the usual rule; None where either is silent."""
    opened = [float(a["opened_at_h"]) for a in _alarms(case, ARREST_ALARMS)]
    read = [(float(r["t_h"]), float(r["brix"])) for r in case.rows if r["brix"]]
    for hour, brix in read:
        before = [b for h, b in read if hour - 72 <= h <= hour - 46]
        begun = read[0][1] - brix > 1.0
        if before and begun and brix > 0.0 and before[-1] - brix < 0.3:
            return hour - min(opened) if opened else None
    return None


def _alarms(case: Case, checks: Sequence[str] = ()) -> list[dict[str, str]]:
    return [
        a for a in case.alarms if a["severity"] != "info" and (not checks or a["check"] in checks)
    ]


def _alarmed(case: Case, checks: Sequence[str] = ()) -> bool:
    return any(float(a["opened_at_h"]) <= DEADLINE_H[case.style] for a in _alarms(case, checks))


def _watched_h(case: Case) -> float:
    return float(case.rows[-1]["t_h"]) if case.rows else 0.0


def _delay_h(case: Case) -> float:
    opened = [
        float(a["opened_at_h"])
        for a in _alarms(case, ("stuck", "sluggish"))
        if not a["cleared_at_h"] or float(a["cleared_at_h"]) > case.fault_start_h
    ]
    return max(min(opened) - case.fault_start_h, 0.0) if opened else np.inf


def score_early(cases: Sequence[Case]) -> list[Figure]:
    """AUC of "will not finish in time" at 48, 72 and 96 h; for all, and for those whose fate was sealed early."""
    figures = []
    later = ("stuck", "cooling_failure", "overcooling", "chaptalised")
    for name, members in (
        ("all", cases),
        ("slow from the start", [c for c in cases if c.fault not in later]),
    ):
        for at_h in (48.0, 72.0, 96.0):
            asked = [(c, c.forecast_at(at_h)) for c in members if c.dry_h > at_h]
            pairs = [(f["p_not_dry_in_time"], not c.in_time) for c, f in asked if f is not None]
            if not pairs:
                continue
            scores = np.array([p for p, _ in pairs])
            late = np.array([y for _, y in pairs])
            joint = np.stack([scores, late.astype(float)], axis=1)
            figures.append(
                Figure(
                    f"AUC not in time, {name}, {at_h:.0f} h",
                    f"{auc(scores, late):.3f}",
                    bootstrap(joint, lambda v: auc(v[:, 0], v[:, 1] > 0.5)),
                    f"{int(late.sum())} of {len(late)} late",
                    *(
                        ("≥ 0.87", auc(scores, late) >= 0.87)
                        if at_h == 72 and name != "all"
                        else ()
                    ),
                )
            )
    return figures


def auc(scores: Numbers, positive: NDArray[np.bool_]) -> float:
    """Chance that a positive scores above a negative; ties count half."""
    high, low = scores[positive], scores[~positive]
    if not len(high) or not len(low):
        return float("nan")
    above = (high[:, None] > low[None, :]).sum() + 0.5 * (high[:, None] == low[None, :]).sum()
    return float(above / (len(high) * len(low)))


def score_flags(cases: Sequence[Case]) -> list[Figure]:
    """Slips found, and clean readings blamed; and which flag each injected fault of the data got."""
    found: list[bool] = []
    false = 0
    for case in cases:
        named = {
            (round(float(f["t_h"]), 2), f["quantity"])
            for f in case.flags
            if f["flag"] in ("typo", "unit")
        }
        for row in case.rows:
            for quantity, true, worst in (
                ("brix", case.brix, WORST_BRIX_ERROR),
                ("temp_c", case.celsius, WORST_CELSIUS_ERROR),
            ):
                if not row[quantity]:
                    continue
                hours = float(row["t_h"])
                error = abs(float(row[quantity]) - float(np.interp(hours, case.hours, true)))
                flagged = (round(hours, 2), quantity) in named
                if row["truth_tag"] in SLIPS and error >= worst:
                    found.append(flagged)
                elif flagged and row["truth_tag"] == "":
                    false += 1
    figures = [
        share_of("typos and unit mix-ups found", found, least=95),
        Figure(
            "false typo or unit flags per ferment",
            f"{false / len(cases):.4f}",
            "",
            f"{false} of {len(cases)}",
            "≤ 0.02",
            false / len(cases) <= 0.02,
        ),
        score_additions(cases),
    ]
    for fault, flag in (
        ("duplicate", "duplicate"),
        ("late_backdated", "late"),
        ("sensor_flatline", "flat"),
    ):
        members = [c for c in cases if any(r["truth_tag"] == fault for r in c.rows)]
        hits = [any(f["flag"] == flag for f in c.flags) for c in members]
        others = [c for c in cases if not any(r["truth_tag"] == fault for r in c.rows)]
        wrong = sum(any(f["flag"] == flag for f in c.flags) for c in others)
        figures.append(
            share_of(
                f"{flag}: found",
                hits,
                f"{sum(hits)} of {len(hits)}; {wrong} of {len(others)} for nothing",
            )
        )
    return figures


def score_additions(cases: Sequence[Case]) -> Figure:
    """How many of the logged additions were flagged or asked about, from half a day before to three days after."""
    given = [c for c in cases if c.fault == "chaptalised" and np.isfinite(c.fault_start_h)]
    flagged = sum(_is_asked_about(case) for case in given)
    label = "a logged addition: flagged"
    reached = flagged == 0 if given else None
    return Figure(label, str(flagged), "", f"of {len(given)}", "never", reached)


def _is_asked_about(case: Case) -> bool:
    first, last = case.fault_start_h - 12, case.fault_start_h + 72
    asked = [
        *(float(f["t_h"]) for f in case.flags if f["flag"] in ("typo", "unit", "rate")),
        *(float(a["opened_at_h"]) for a in _alarms(case, QUESTIONS)),
    ]
    return any(first <= hour <= last for hour in asked)
