"""A labelled fleet of ferments whose yeast follows other laws than the engine's bank: for measuring, never for tuning.

Growth after an adjustment time (Baranyi and Roberts 1994) on nitrogen, limited by linear ethanol inhibition (Ghose and
Tyagi 1979) and a cardinal temperature law (Rosso et al. 1993); uptake with substrate inhibition, Arrhenius in temperature,
by sugar transporters that decay with alcohol; maintenance. The engine's bank has none of these forms. All numbers are our
own choices, set so that reds take about a week and whites about two.
"""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from winery_appliance.core import density as formulas

Numbers = NDArray[np.float64]

FAULTS = (
    *("normal", "stuck", "sluggish", "low_yan", "cooling_failure", "overcooling"),
    *("entry_typo", "unit_mixup", "temp_unit_mixup", "duplicate", "late_backdated"),
    *("sensor_flatline", "missing_gap", "chaptalised"),
)
ODDS = (0.46, 0.09, 0.08, 0.05, 0.05, 0.04, 0.05, 0.04, 0.03, 0.03, 0.03, 0.02, 0.03, 0.04)
ADDED_G_L = 26.0  # of sugar, logged by whoever gave it
HOURS = 1080
STEP_H = 0.5
START = datetime(2024, 9, 5, 8, tzinfo=UTC)


@dataclass
class Lots:
    """One entry per ferment."""

    red: NDArray[np.bool_]
    brix0: Numbers
    yan: Numbers
    hold_c: Numbers
    fill_c: Numbers
    adjust_h: Numbers
    vigour: Numbers
    growth: Numbers
    tolerance: Numbers
    decay: Numbers
    fault: NDArray[np.str_]
    from_h: Numbers
    to_h: Numbers


def draw_lots(count: int, rng: np.random.Generator) -> Lots:
    """Lots of a mixed cellar."""
    red = rng.random(count) < 0.55
    fault = rng.choice(FAULTS, count, p=np.array(ODDS) / sum(ODDS))
    slow = np.where(red, 1.0, 2.0)
    from_h = rng.uniform(45, 110, count) * slow
    vigour = rng.lognormal(0, 0.18, count)
    vigour[fault == "sluggish"] *= rng.uniform(0.25, 0.45, (fault == "sluggish").sum())
    yan = rng.gamma(12, 19, count).clip(120, 450)
    yan[fault == "low_yan"] = rng.uniform(40, 80, (fault == "low_yan").sum())
    return Lots(
        red=red,
        brix0=np.where(red, rng.normal(24.5, 1.5, count), rng.normal(21.5, 1.5, count)).clip(
            17, 29
        ),
        yan=yan,
        hold_c=np.where(red, rng.normal(26.5, 1.6, count), rng.normal(15.5, 1.3, count)),
        fill_c=np.where(red, rng.normal(18, 2, count), rng.normal(14, 1.2, count)),
        adjust_h=np.where(red, rng.gamma(6, 3, count), rng.gamma(6, 5, count)),
        vigour=vigour,
        growth=rng.lognormal(0, 0.15, count),
        tolerance=rng.normal(138, 6, count),
        decay=rng.lognormal(np.log(0.0011), 0.35, count),
        fault=fault,
        from_h=from_h,
        to_h=from_h + rng.uniform(45, 120, count) * np.where(fault == "missing_gap", 1, slow),
    )


def cardinal(celsius: Numbers) -> Numbers:
    """Growth against temperature, 1 at 30 °C and none below 3 or above 39 (Rosso et al. 1993)."""
    low, best, high = 3.0, 30.0, 39.0
    t = np.clip(celsius, low, high)
    top = (t - high) * (t - low) ** 2
    bottom = (best - low) * ((best - low) * (t - best) - (best - high) * (best + low - 2 * t))
    return np.clip(top / bottom, 0, 1)


def ferment(lots: Lots) -> tuple[Numbers, Numbers, Numbers]:
    """True apparent °Bx, °C and the hour of each lot's arrest; rows are hours, columns lots."""
    count = len(lots.brix0)
    density0 = np.array([formulas.density_from_brix(float(b)) for b in lots.brix0])
    sugar0 = np.array([formulas.fermentable_sugar_g_l(float(d)) for d in density0])
    cells, ready, nitrogen = np.full(count, 0.15), np.full(count, 0.02), lots.yan / 1000
    sugar, celsius, carriers = sugar0.copy(), lots.fill_c.copy(), np.ones(count)
    sugars, warmth = np.empty((HOURS + 1, count)), np.empty((HOURS + 1, count))
    given, gave = np.zeros(count), np.zeros((HOURS + 1, count))
    arrested = np.full(count, np.nan)
    for step in range(int(HOURS / STEP_H) + 1):
        hour = step * STEP_H
        if step % 2 == 0:
            sugars[step // 2], warmth[step // 2], gave[step // 2] = sugar, celsius, given
        ethanol = 0.47 * (sugar0 + given - sugar)
        room = np.clip(1 - ethanol / lots.tolerance, 0, 1)
        ready = np.minimum(ready * np.exp(STEP_H * 4.0 / lots.adjust_h), 1e3)
        awake = ready / (1 + ready)
        mu = 0.22 * lots.growth * cardinal(celsius) * nitrogen / (nitrogen + 0.02) * room * awake
        warm = np.exp(6600 * (1 / 293.15 - 1 / (celsius + 273.15)))
        uptake = 0.30 * lots.vigour * warm * sugar / (sugar + 12 + sugar**2 / 900) * carriers
        used = cells * (uptake * (0.1 + 0.9 * awake) * room**0.4 + 0.002 * (sugar > 1))
        used = np.minimum(used, sugar / STEP_H)
        grown = mu * cells
        cells = cells + STEP_H * (grown - 0.0015 * (1 - room) * cells)
        cells *= np.where(celsius > 35, 0.96, 1.0)
        nitrogen = np.maximum(nitrogen - STEP_H * grown * 0.045, 0)
        carriers = carriers * np.exp(-STEP_H * lots.decay * (ethanol / 60) ** 1.5)
        sugar = np.maximum(sugar - STEP_H * used, 0)
        celsius = celsius + STEP_H * (0.13 * used + _hold(lots, celsius, hour))
        gets = (lots.fault == "chaptalised") & (given == 0) & (hour >= lots.from_h)
        given[gets], sugar[gets] = ADDED_G_L, sugar[gets] + ADDED_G_L
        stops = (lots.fault == "stuck") & np.isnan(arrested)
        stops &= (hour >= lots.from_h) & (sugar < 0.6 * sugar0)
        arrested[stops] = hour
        cells[stops] *= 0.015
    # What is given makes the must heavier as extract does, and falls away like its own sugar.
    density = density0 + 0.382 * gave - formulas.DENSITY_FALL_PER_G_L * (sugar0 + gave - sugars)
    grid = np.arange(960.0, 1160.0)
    return (
        np.interp(density, grid, [formulas.brix_from_density(float(d)) for d in grid]),
        warmth,
        arrested,
    )


def _hold(lots: Lots, celsius: Numbers, hour: float) -> Numbers:
    during = (hour >= lots.from_h) & (hour < lots.to_h)
    wanted = lots.hold_c - 9.0 * ((lots.fault == "overcooling") & during)
    works = ~((lots.fault == "cooling_failure") & during)
    cooling = np.clip(0.8 * (celsius - wanted), 0, 1.2) * works
    heating = np.clip(0.12 * (wanted - 0.8 - celsius), 0, 0.3) * (hour > 18)
    return heating - cooling + 0.003 * (np.where(lots.red, 21.0, 16.0) - celsius)


def write_fleet(folder: Path, count: int, seed: int) -> None:
    """A fleet with its truth: `readings.csv`, `meta.csv`, `events.csv` and `truth.csv` in `folder`."""
    rng = np.random.default_rng(seed)
    lots = draw_lots(count, rng)
    brix, celsius, arrested = ferment(lots)
    lots.from_h = np.where(lots.fault == "stuck", arrested, lots.from_h)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for at in range(count) for row in _read(lots, brix[:, at], celsius[:, at], at, rng)]
    header = (
        "ferment_id,measured_at,recorded_at,t_h,brix,temp_c,ph,va_gl,malic_gl,yan_mgl,truth_tag"
    )
    _write(folder / "readings.csv", header, rows)
    injected = {"stuck", "cooling_failure", "overcooling", "sensor_flatline", "missing_gap"}
    injected.add("chaptalised")
    meta = [
        (
            *(_name(at), "red" if lots.red[at] else "white", f"{lots.brix0[at]:.1f}"),
            *(f"{lots.yan[at]:.0f}", lots.fault[at]),
            f"{lots.from_h[at]:.1f}" if lots.fault[at] in injected else "nan",
        )
        for at in range(count)
    ]
    _write(folder / "meta.csv", "ferment_id,style,brix0,yan0_mgl,fault,fault_start_h", meta)
    events = [
        (_name(at), f"{lots.from_h[at]:.2f}", "addition_sugar", ADDED_G_L, "g/L")
        for at in np.flatnonzero(lots.fault == "chaptalised")
    ]
    _write(folder / "events.csv", "ferment_id,t_h,kind,amount,unit", events)
    truth = [
        (_name(at), hour, f"{brix[hour, at]:.3f}", f"{celsius[hour, at]:.2f}")
        for at in range(count)
        for hour in range(0, HOURS + 1, 6)
    ]
    _write(folder / "truth.csv", "ferment_id,t_h,brix_apparent,temp_c", truth)


def _name(at: int) -> str:
    return f"G{at:04d}"


def _write(path: Path, header: str, rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


def _read(
    lots: Lots, brix: Numbers, celsius: Numbers, at: int, rng: np.random.Generator
) -> list[tuple[object, ...]]:
    fault, red = str(lots.fault[at]), bool(lots.red[at])
    dry = np.flatnonzero(brix <= -1.5)
    end = min(float(dry[0]) + 60 if len(dry) else HOURS - 1.0, 960.0)
    rounds = rng.choice([1, 2, 3], p=[0.3, 0.55, 0.15])
    times = np.arange(0.5, end, 24 / rounds)
    times = np.clip(times + rng.normal(0, 0.7, len(times)), 0, end)
    times = np.sort(times[rng.random(len(times)) > 0.06])
    during = (times >= lots.from_h[at]) & (times < lots.to_h[at])
    if fault == "missing_gap":
        times = times[~during]
    slip_at = int(np.argmax(times >= lots.from_h[at])) if (times >= lots.from_h[at]).any() else -1
    flat: float | None = None
    rows: list[tuple[object, ...]] = []
    for n, hour in enumerate(times):
        noise = 0.22 if red and brix[int(hour)] > 0 else 0.1
        value = float(np.interp(hour, np.arange(len(brix)), brix)) + noise * rng.standard_t(6)
        warm = float(np.interp(hour, np.arange(len(brix)), celsius)) + 0.5 * rng.standard_normal()
        delay, tag = abs(float(rng.normal(0.3, 0.2))), ""
        if fault == "sensor_flatline" and during[n]:
            flat = value if flat is None else flat
            value, tag = flat, fault
        if n == slip_at and fault in (
            "entry_typo",
            "unit_mixup",
            "temp_unit_mixup",
            "late_backdated",
        ):
            value, warm, delay, tag = _spoil(fault, value, warm, delay, rng)
        shown = f"{value:.3f}" if tag == "unit_mixup" and value < 1.2 else f"{value:.1f}"
        taken = START + timedelta(hours=float(hour))
        written = taken + timedelta(hours=delay)
        row = (
            *(
                _name(at),
                taken.isoformat(timespec="minutes"),
                written.isoformat(timespec="minutes"),
            ),
            *(f"{hour:.2f}", shown, f"{warm:.1f}", "", "", "", ""),
            tag,
        )
        rows.append(row)
        if fault == "duplicate" and n == slip_at:
            rows.append((*row[:-1], fault))
    return rows


def _spoil(
    fault: str, value: float, warm: float, delay: float, rng: np.random.Generator
) -> tuple[float, float, float, str]:
    sg = formulas.sg_from_brix(value)
    if fault == "entry_typo" and value > 3:
        slips = (value * 10, value / 10, value + 10, value - 10 if value > 12 else value + 20)
        return float(rng.choice(slips)), warm, delay, fault
    if fault == "unit_mixup":
        others = (formulas.baume_from_sg(sg), sg, formulas.oechsle_from_sg(sg))
        return float(rng.choice(others)), warm, delay, fault
    if fault == "temp_unit_mixup":
        return value, warm * 1.8 + 32, delay, fault
    if fault == "late_backdated":
        return value, warm, float(rng.uniform(30, 70)), fault
    return value, warm, delay, ""
