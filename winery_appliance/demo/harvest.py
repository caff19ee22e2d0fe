"""An invented winery from a seed: its tanks, three past vintages, and the harvest that runs now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import numpy as np

from winery_appliance.core.units import SampleType
from winery_appliance.demo.kinetics import NEVER, Courses, Musts, ferment
from winery_appliance.demo.rounds import (
    Course,
    PlannedReading,
    read_panel,
    read_wine,
    slip_a_digit,
    walk_rounds,
)

VesselKind = Literal["tank", "barrel", "bin"]
Style = Literal["red", "white", "rose", "orange"]

_VINTAGES = 3
_FERMENTS_A_VINTAGE = 60
_RUNNING = 24
_GRAPES: dict[Style, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "red": (("Garnacha", "Tempranillo", "Graciano", "Syrah"), ("D254", "BM45", "EC1118")),
    "white": (("Viura", "Verdejo", "Albariño"), ("QA23", "EC1118")),
    "rose": (("Garnacha", "Tempranillo"), ("71B", "QA23")),
    "orange": (("Malvasía",), ("native",)),
}
# Where each grape grows.
VINEYARDS = {
    "Garnacha": "Las Lomas",
    "Tempranillo": "El Pedregal",
    "Graciano": "El Pedregal",
    "Syrah": "La Solana",
    "Viura": "Las Lomas",
    "Verdejo": "La Ribera",
    "Albariño": "La Ribera",
    "Malvasía": "La Solana",
}
_SHARES: dict[Style, float] = {"red": 0.5, "white": 0.34, "rose": 0.12, "orange": 0.04}


@dataclass(frozen=True, slots=True)
class PlannedVessel:
    """A vessel at its place in the walking order."""

    code: str
    capacity_l: int
    position: int
    kind: VesselKind


@dataclass(frozen=True, slots=True)
class PlannedFerment:
    """A fermentation with every reading; `ended_at` is None while it runs."""

    code: str
    vessel_code: str
    style: Style
    variety: str
    yeast_strain: str
    started_at: datetime
    ended_at: datetime | None
    readings: list[PlannedReading]


@dataclass(frozen=True, slots=True)
class _Lot:
    """A ferment before its course is known."""

    vessel: PlannedVessel
    style: Style
    variety: str
    yeast_strain: str
    started_at: datetime


def plan_vessels(seed: int) -> list[PlannedVessel]:
    """36 vessels in walking order: 24 steel and 4 concrete tanks, 4 bins, 4 barrels."""
    rng = np.random.default_rng([seed, 1])
    plan: list[tuple[str, int, VesselKind]] = []
    plan += [(f"T-{n:02d}", int(rng.integers(4, 31)) * 500, "tank") for n in range(1, 25)]
    plan += [(f"C-{n:02d}", 6500, "tank") for n in range(1, 5)]
    plan += [(f"B-{n:02d}", 1000, "bin") for n in range(1, 5)]
    plan += [(f"F-{n:02d}", 500, "barrel") for n in range(1, 5)]
    return [
        PlannedVessel(code, litres, position, kind)
        for position, (code, litres, kind) in enumerate(plan, start=1)
    ]


def plan_history(seed: int, *, today: date) -> list[PlannedFerment]:
    """Three past vintages of about 60 ferments, each in the weeks before the anniversary of
    `today`.

    No vessel holds two at once; a few ferments of each vintage were weak or stopped.
    """
    vessels = [vessel for vessel in plan_vessels(seed) if vessel.kind != "barrel"]
    return [
        planned
        for back in range(_VINTAGES, 0, -1)
        for planned in _plan_vintage(seed, _find_anniversary(today, back), vessels)
    ]


def plan_running(seed: int, *, now: datetime) -> list[PlannedFerment]:
    """The 24 ferments of the present harvest, 1 to 14 days old, with all readings before `now`.

    Exactly one has been stuck for days, one is too hot, one has a slip among its last readings, and
    one was not read for more than 26 hours; nothing is wrong with the others.
    """
    now = now.astimezone(UTC)
    rng = np.random.default_rng([seed, 2])
    tanks = plan_vessels(seed)[:_RUNNING]
    stuck, hot, slip, unread, *healthy = (int(at) for at in rng.permutation(_RUNNING))
    ages_h = np.empty(_RUNNING)
    ages_h[healthy] = np.linspace(30, 13 * 24, len(healthy)) + rng.uniform(-6, 6, len(healthy))
    ages_h[hot], ages_h[slip], ages_h[unread] = 92, rng.uniform(130, 150), rng.uniform(90, 160)
    styles = [_choose_running_style(float(age), rng) for age in ages_h]
    styles[stuck] = styles[hot] = "red"
    styles[slip] = "white"
    musts = _draw_musts(styles, rng)
    _overheat(musts, hot, from_h=ages_h[hot] - 38)
    ages_h[stuck] = _arrest(musts, stuck, below_brix=8.5) + rng.uniform(98, 112)
    courses = ferment(musts, hours=float(ages_h.max()))
    ferments = []
    for at, tank in enumerate(tanks):
        lot = _draw_lot(tank, styles[at], now - timedelta(hours=float(ages_h[at])), rng)
        until = now - timedelta(hours=float(rng.uniform(27, 31))) if at == unread else now
        ferments.append(_read_lot(lot, courses, at, until, rng))
    ferments[slip] = _slip_once(ferments[slip], rng)
    return _number(ferments, "")


def plan_neighbour(seed: int, *, now: datetime) -> list[PlannedFerment]:
    """Five healthy ferments of another, small winery."""
    now = now.astimezone(UTC)
    rng = np.random.default_rng([seed, 3])
    styles: list[Style] = ["red", "white", "white", "rose", "red"]
    ages_h = rng.uniform(48, 200, len(styles))
    courses = ferment(_draw_musts(styles, rng), hours=float(ages_h.max()))
    ferments = []
    for at, style in enumerate(styles):
        vessel = PlannedVessel(f"N-{at + 1:02d}", 5000, at + 1, "tank")
        lot = _draw_lot(vessel, style, now - timedelta(hours=float(ages_h[at])), rng)
        ferments.append(_read_lot(lot, courses, at, now, rng))
    return _number(ferments, "N")


def _plan_vintage(
    seed: int, anchor: date, vessels: Sequence[PlannedVessel]
) -> list[PlannedFerment]:
    rng = np.random.default_rng([seed, 4, anchor.year])
    count = _FERMENTS_A_VINTAGE + int(rng.integers(-3, 4))
    styles: list[Style] = [_choose_style(rng) for _ in range(count)]
    musts = _draw_musts(styles, rng)
    _add_old_troubles(musts, rng)
    courses = ferment(musts, hours=32 * 24.0)
    free_at = dict.fromkeys(vessels, datetime.min.replace(tzinfo=UTC))
    days = np.sort(rng.uniform(-48, -4, count))
    ferments = []
    for at in range(count):
        filled = datetime.combine(anchor, time(9), UTC) + timedelta(days=int(days[at]))
        filled += timedelta(minutes=int(rng.integers(0, 600)))
        vessel = _choose_vessel(free_at, filled, rng)
        lot = _draw_lot(vessel, styles[at], max(filled, free_at[vessel]), rng)
        ended_at = lot.started_at + timedelta(minutes=_find_end_min(courses, at, rng))
        read = _read_lot(lot, courses, at, ended_at, rng)
        ferments.append(_finish(read, courses, at, ended_at, rng))
        free_at[vessel] = ended_at + timedelta(hours=18)
    return _number(ferments, "")


def _choose_vessel(
    free_at: dict[PlannedVessel, datetime], filled: datetime, rng: np.random.Generator
) -> PlannedVessel:
    """Any vessel that is free by then, or the one that will be free first."""
    free = [vessel for vessel, since in free_at.items() if since <= filled]
    if not free:
        return min(free_at, key=lambda vessel: free_at[vessel])
    return free[int(rng.integers(len(free)))]


def _find_anniversary(today: date, years: int) -> date:
    if (today.month, today.day) == (2, 29):
        today = today.replace(day=28)
    return today.replace(year=today.year - years)


def _choose_style(rng: np.random.Generator) -> Style:
    styles: list[Style] = list(_SHARES)
    return styles[int(rng.choice(len(styles), p=list(_SHARES.values())))]


def _choose_running_style(age_h: float, rng: np.random.Generator) -> Style:
    """After nine days a red has been pressed and has left its tank."""
    style = _choose_style(rng)
    return "white" if age_h > 216 and style in ("red", "orange") else style


def _draw_musts(styles: Sequence[Style], rng: np.random.Generator) -> Musts:
    """Ordinary musts of these styles; whatever goes wrong is added afterwards."""
    count = len(styles)
    red = np.array([style == "red" for style in styles])
    skins = red | np.array([style == "orange" for style in styles])
    hold_c = np.select([red, skins], [25.5, 21.0], 15.5) + rng.uniform(-1.2, 1.2, count)
    return Musts(
        brix=np.where(red, 24.0, 21.5) + rng.uniform(-1.6, 1.6, count),
        yan_mg_l=rng.uniform(180, 300, count),
        fill_c=np.where(skins, 19.0, 14.5) + rng.uniform(-1, 1, count),
        hold_c=hold_c,
        ambient_c=np.full(count, 19.0),
        lag_h=np.where(skins, rng.uniform(14, 28, count), rng.uniform(24, 44, count)),
        pace=rng.uniform(0.85, 1.1, count),
        cooling_c_per_h=np.full(count, 2.0),
        change_h=np.full(count, NEVER),
        changed_to_c=hold_c.copy(),
        cooling_fails_h=np.full(count, NEVER),
        arrest_h=np.full(count, NEVER),
    )


def _add_old_troubles(musts: Musts, rng: np.random.Generator) -> None:
    """One ferment in twenty was stopped, one in twenty starved, one in thirty lost its cooling."""
    fate = rng.random(len(musts))
    stopped = np.flatnonzero(fate < 0.05)
    musts.arrest_h[stopped] = rng.uniform(90, 150, len(stopped))
    starved = (fate >= 0.05) & (fate < 0.10)
    musts.yan_mg_l[starved] *= 0.4
    failed = np.flatnonzero(fate > 0.967)
    musts.change_h[failed] = rng.uniform(50, 90, len(failed))
    musts.changed_to_c[failed] += 7.0


def _overheat(musts: Musts, at: int, *, from_h: float) -> None:
    """Somebody set the jacket of a red to the wrong temperature."""
    musts.change_h[at] = from_h
    musts.changed_to_c[at] = 33.4


def _arrest(musts: Musts, at: int, *, below_brix: float) -> float:
    """Stop this ferment, by cold, when it is below so many °Bx; the hour of it."""
    undisturbed = ferment(musts, hours=14 * 24.0)
    stop_h = float(undisturbed.hours[np.argmax(undisturbed.brix[:, at] < below_brix)])
    musts.change_h[at] = stop_h - 8
    musts.changed_to_c[at] = 18.0
    musts.arrest_h[at] = stop_h
    return stop_h


def _draw_lot(
    vessel: PlannedVessel, style: Style, started_at: datetime, rng: np.random.Generator
) -> _Lot:
    grapes, yeasts = _GRAPES[style]
    return _Lot(
        vessel=vessel,
        style=style,
        variety=grapes[int(rng.integers(len(grapes)))],
        yeast_strain=yeasts[int(rng.integers(len(yeasts)))],
        started_at=started_at.replace(second=0, microsecond=0),
    )


def _read_lot(
    lot: _Lot, courses: Courses, at: int, until: datetime, rng: np.random.Generator
) -> PlannedFerment:
    course = Course(lot.started_at, courses.hours, courses.brix[:, at], courses.celsius[:, at])
    readings = walk_rounds(
        course, style=lot.style, position=lot.vessel.position, until=until, rng=rng
    )
    readings += read_panel(lot.style, lot.started_at + timedelta(hours=3), rng)
    return PlannedFerment(
        code="",
        vessel_code=lot.vessel.code,
        style=lot.style,
        variety=lot.variety,
        yeast_strain=lot.yeast_strain,
        started_at=lot.started_at,
        ended_at=None,
        readings=sorted(readings, key=lambda reading: reading.measured_at),
    )


def _finish(
    planned: PlannedFerment, courses: Courses, at: int, ended_at: datetime, rng: np.random.Generator
) -> PlannedFerment:
    hours = (ended_at - planned.started_at).total_seconds() / 3600
    alcohol = float(np.interp(hours, courses.hours, courses.alcohol_pct_vol[:, at]))
    readings = planned.readings + read_wine(alcohol, ended_at - timedelta(minutes=30), rng)
    readings.sort(key=lambda reading: reading.measured_at)
    return replace(planned, ended_at=ended_at, readings=readings)


def _find_end_min(courses: Courses, at: int, rng: np.random.Generator) -> int:
    """A day or two after the last sugar, or when the winery gave up waiting."""
    dry = courses.sugar_g_l[:, at] < 2
    last_h = float(courses.hours[np.argmax(dry)]) if dry.any() else 26 * 24.0
    return round(60 * (last_h + rng.uniform(30, 60)))


def _slip_once(planned: PlannedFerment, rng: np.random.Generator) -> PlannedFerment:
    sugar = [n for n, r in enumerate(planned.readings) if r.sample_type is SampleType.sugar]
    number = sugar[-int(rng.integers(1, 4))]
    readings = list(planned.readings)
    wrong = slip_a_digit(readings[number].value_typed, rng)
    readings[number] = replace(readings[number], value_typed=wrong)
    return replace(planned, readings=readings)


def _number(ferments: Sequence[PlannedFerment], prefix: str) -> list[PlannedFerment]:
    """Codes in the order of filling, such as G25-07: grape, vintage, number in the vintage."""
    ordered = sorted(ferments, key=lambda planned: (planned.started_at, planned.vessel_code))
    return [
        replace(planned, code=f"{prefix}{planned.variety[0]}{planned.started_at:%y}-{number:02d}")
        for number, planned in enumerate(ordered, start=1)
    ]
