"""The board: every running fermentation, sorted by who needs somebody, and the cellar as one walks through it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from itertools import groupby

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomaly_queries import (
    QUESTIONS,
    BoardAlarm,
    read_board_alarms,
)
from winery_appliance.analysis_engine.curve import change_in_24h, scale_to_unit_square
from winery_appliance.analysis_engine.queries import find_doubted, read_expected_falls
from winery_appliance.auth.queries import find_names
from winery_appliance.cellar_work.skips import read_last_skips
from winery_appliance.core.density import brix_from_density, density_from_brix
from winery_appliance.core.units import UNIT_SYMBOLS, SampleType, Unit, from_canonical
from winery_appliance.core.words import say
from winery_appliance.fermentation.queries import (
    FermentationView,
    list_fermentations,
)
from winery_appliance.fermentation.recent_points import Point, read_recent_points
from winery_appliance.fermentation.states import Phase
from winery_appliance.fermentation.whereabouts import find_occupied
from winery_appliance.winery.queries import Units, VesselView, list_vessels

# A round a day is the least in harvest; two hours are left for the round itself.
UNREAD_AFTER = timedelta(hours=26)
SPARK_READINGS = 24
SPARK_BRIX = (-3.0, 27.0)
# The bar of a day's change is full at what the fastest ferment does (house default).
FASTEST_BRIX_A_DAY = 8.0
MOST_TANKS = 500

GROUPS = ("act", "watch", "ask", "unread", "calm")


@dataclass(frozen=True)
class PassedBy:
    """A round went past a tank that was not read since: why, when, and who said so."""

    reason: str
    at: datetime
    by: str


@dataclass(frozen=True)
class BoardTank:
    """One running fermentation on the board, in the person's units.

    `expected_24h` is the change that the forecast had for the same day; `change_share` and `expected_share` are both as
    parts of the fastest fall, from 0 to 1. `alarm_id` is the trouble the reason tells of, `taken_by` who has it.
    """

    fermentation_id: int
    key: str
    vessel_codes: tuple[str, ...]
    code: str
    style: str
    vintage: int | None
    af: Phase
    mlf: Phase
    yeast_strain: str
    sugar: float | None
    sugar_unit_symbol: str
    change_24h: float | None
    expected_24h: float | None
    change_share: float
    expected_share: float
    temperature: float | None
    temperature_unit_symbol: str
    last_read_at: datetime | None
    day: int
    alarm_id: int | None
    taken_by: str | None
    reason_title: str | None
    reason: str | None
    passed_by: PassedBy | None
    spark: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class BoardGroup:
    """Tanks that ask for the same kind of attention."""

    key: str
    tanks: list[BoardTank]


@dataclass(frozen=True)
class MapVessel:
    """A vessel in its place; `tank` is what ferments in it, `key` else `resting` for wine that does not, or `free`."""

    code: str
    key: str
    tank: BoardTank | None


@dataclass(frozen=True)
class MapRow:
    """Vessels that stand side by side."""

    name: str
    vessels: list[MapVessel]


@dataclass(frozen=True)
class BoardView:
    """The whole board as of a moment."""

    as_of: datetime
    groups: list[BoardGroup]
    rows: list[MapRow]

    @property
    def counts(self) -> dict[str, int]:
        """How many tanks each group has."""
        return {group.key: len(group.tanks) for group in self.groups}

    @property
    def total(self) -> int:
        """How many ferments run."""
        return sum(self.counts.values())

    @property
    def free_vessels(self) -> int:
        """How many vessels hold no wine."""
        return sum(vessel.key == "free" for row in self.rows for vessel in row.vessels)


def read_board(session: Session, *, now: datetime, units: Units) -> BoardView:
    """The board of this winery as of `now`; the same number of queries whatever the number of tanks."""
    ferments = list_fermentations(session, status="active", limit=MOST_TANKS).items
    ids = [ferment.id for ferment in ferments]
    sugars = read_recent_points(session, ids, SampleType.sugar, each=SPARK_READINGS)
    temperatures = read_recent_points(session, ids, SampleType.temperature, each=1)
    falls = read_expected_falls(session, ids)
    passed = _read_passed(session, ids, now)
    alarms = read_board_alarms(session, ids, now=now)
    doubted = find_doubted(alarms)
    worst: dict[int, BoardAlarm] = {}
    for alarm in alarms:
        if alarm.awake:
            worst.setdefault(alarm.fermentation_id, alarm)
    names = find_names(
        session, {each.acknowledged_by for each in worst.values() if each.acknowledged_by}
    )
    tanks = [
        _view_tank(
            ferment,
            _leave_out(doubted, sugars.get(ferment.id, ())),
            temperatures.get(ferment.id, ()),
            worst.get(ferment.id),
            names,
            falls.get(ferment.id),
            passed.get(ferment.id),
            units,
            now,
        )
        for ferment in ferments
    ]
    vessels = list_vessels(session)
    places = {vessel.code: place for place, vessel in enumerate(vessels)}
    tanks.sort(key=lambda tank: _urgency(tank, places))
    groups = [BoardGroup(key, [tank for tank in tanks if tank.key == key]) for key in GROUPS]
    return BoardView(now, groups, _lay_out(vessels, tanks, find_occupied(session, now)))


def _read_passed(session: Session, ids: Sequence[int], now: datetime) -> dict[int, PassedBy]:
    """The tanks that a round went past lately."""
    skips = [
        skip
        for skip in read_last_skips(session, ids).values()
        if now - skip.skipped_at <= UNREAD_AFTER
    ]
    names = find_names(session, {skip.recorded_by for skip in skips}) if skips else {}
    return {
        skip.fermentation_id: PassedBy(
            skip.reason, skip.skipped_at, names.get(skip.recorded_by, "?")
        )
        for skip in skips
    }


def _urgency(tank: BoardTank, places: Mapping[str, int]) -> tuple[bool, int]:
    """What nobody has taken comes first, then the way through the cellar."""
    first = tank.vessel_codes[0] if tank.vessel_codes else ""
    return tank.taken_by is not None, places.get(first, len(places))


def _lay_out(
    vessels: Sequence[VesselView], tanks: Sequence[BoardTank], occupied: set[int]
) -> list[MapRow]:
    """The vessels in walking order; a new row begins where the letters of the code change."""
    held = {code: tank for tank in tanks for code in tank.vessel_codes}
    rows = []
    for _, standing in groupby(vessels, lambda vessel: re.sub(r"[0-9]+\Z", "", vessel.code)):
        placed = [
            MapVessel(
                vessel.code,
                tank.key if tank else "resting" if vessel.id in occupied else "free",
                tank,
            )
            for vessel in standing
            for tank in [held.get(vessel.code)]
        ]
        first, last = placed[0].code, placed[-1].code
        rows.append(MapRow(first if first == last else f"{first} – {last}", placed))
    return rows


def _view_tank(
    ferment: FermentationView,
    sugars: tuple[Point, ...],
    temperatures: Sequence[Point],
    alarm: BoardAlarm | None,
    names: Mapping[int, str],
    fall_brix: float | None,
    passed: PassedBy | None,
    units: Units,
    now: datetime,
) -> BoardTank:
    unit = units.sugar
    curve = _draw_curve(sugars, unit)
    read_at = max((s.measured_at for s in [*sugars[-1:], *temperatures]), default=None)
    if passed is not None and read_at is not None and passed.at <= read_at:
        passed = None
    change, fastest = curve.change_24h, curve.fastest
    expected = None
    if change is not None and fall_brix is not None:
        expected = _as_change(fall_brix, sugars[-1].value, unit)
    return BoardTank(
        ferment.id,
        _group_of(alarm, read_at, now),
        ferment.vessel_codes,
        ferment.code,
        ferment.style,
        ferment.vintage,
        ferment.af,
        ferment.mlf,
        ferment.yeast_strain,
        curve.last,
        UNIT_SYMBOLS[unit],
        change,
        expected,
        min(max((change or 0.0) / fastest, 0.0), 1.0),
        min(max((expected or 0.0) / fastest, 0.0), 1.0),
        from_canonical(SampleType.temperature, temperatures[-1].value, units.temperature)
        if temperatures
        else None,
        UNIT_SYMBOLS[units.temperature],
        read_at,
        day_of(ferment, now),
        alarm.id if alarm else None,
        names.get(alarm.acknowledged_by or 0) if alarm else None,
        *_reason(alarm, read_at, passed, now),
        passed,
        curve.spark,
    )


def _leave_out(doubted: set[int], points: tuple[Point, ...]) -> tuple[Point, ...]:
    if not doubted or doubted.isdisjoint(point.sample_id for point in points):
        return points
    return tuple(point for point in points if point.sample_id not in doubted)


@dataclass(frozen=True)
class _Curve:
    """Figures of a tank's sugar in a person's unit: the last value, its change in a day, what the fastest ferment would
    fall in one, and the sparkline.
    """

    last: float | None
    change_24h: float | None
    fastest: float
    spark: tuple[tuple[float, float], ...]


@lru_cache(2 * MOST_TANKS)
def _draw_curve(sugars: tuple[Point, ...], unit: Unit) -> _Curve:
    """Kept from one board to the next: a reading changes the curve of one tank."""
    points = [(s.measured_at, from_canonical(SampleType.sugar, s.value, unit)) for s in sugars]
    if not points:
        return _Curve(None, None, 1.0, ())
    return _Curve(
        points[-1][1],
        change_in_24h(points),
        _as_change(FASTEST_BRIX_A_DAY, sugars[-1].value, unit),
        tuple(scale_to_unit_square(points, _whole_scale(unit))),
    )


def _as_change(fall_brix: float, density: float, unit: Unit) -> float:
    """A fall of so many °Bx down to `density` (kg/m³) as a change in another unit; negative."""
    before = density_from_brix(brix_from_density(density) + fall_brix)
    return from_canonical(SampleType.sugar, density, unit) - from_canonical(
        SampleType.sugar, before, unit
    )


@cache
def _whole_scale(unit: Unit) -> tuple[float, float]:
    """From dry wine to ripe must in this unit, so that sparklines can be compared."""
    low, high = (
        from_canonical(SampleType.sugar, density_from_brix(brix), unit) for brix in SPARK_BRIX
    )
    return low, high


def day_of(ferment: FermentationView, now: datetime) -> int:
    """Day of the ferment; the day of the start is day 1."""
    end = min(now, ferment.ended_at) if ferment.ended_at else now
    return max(1, (end - ferment.started_at).days + 1)


def _is_unread(read_at: datetime | None, now: datetime) -> bool:
    return read_at is None or now - read_at > UNREAD_AFTER


def _reason(
    alarm: BoardAlarm | None, read_at: datetime | None, passed: PassedBy | None, now: datetime
) -> tuple[str | None, str | None]:
    """A title and a sentence; of a tank that was passed by, `passed` is the sentence."""
    unread = _is_unread(read_at, now)
    if alarm is not None and not (unread and alarm.severity == "info"):
        return alarm.title, alarm.explanation
    if passed is not None:
        return say("Not read") if unread else say("Passed by"), None
    if unread:
        told = say("No reading yet.") if read_at is None else say("Read it on the next round.")
        return say("Not read"), told
    return None, None


def _group_of(alarm: BoardAlarm | None, read_at: datetime | None, now: datetime) -> str:
    if alarm is not None and alarm.severity == "critical":
        return "act"
    if alarm is not None and alarm.severity == "warning":
        return "ask" if alarm.check in QUESTIONS else "watch"
    return "unread" if _is_unread(read_at, now) else "calm"
