"""The board: every running fermentation, sorted by who needs somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomaly_queries import AnomalyView, read_open_anomalies
from winery_appliance.analysis_engine.curve import change_in_24h, scale_to_unit_square
from winery_appliance.analysis_engine.queries import find_doubted
from winery_appliance.core.density import density_from_brix
from winery_appliance.core.units import UNIT_SYMBOLS, SampleType, Unit, from_canonical
from winery_appliance.fermentation.queries import (
    FermentationView,
    Point,
    list_fermentations,
    read_recent_points,
)
from winery_appliance.fermentation.states import Phase
from winery_appliance.fermentation.whereabouts import list_occupied_vessels
from winery_appliance.winery.queries import list_vessels, read_winery

# A round a day is the least in harvest; two hours are left for the round itself.
UNREAD_AFTER = timedelta(hours=26)
SPARK_READINGS = 24
SPARK_BRIX = (-3.0, 27.0)
MOST_TANKS = 500

GROUPS = (
    ("act", "Act now"),
    ("watch", "Look today"),
    ("unread", "Not read"),
    ("calm", "On course"),
)


@dataclass(frozen=True)
class BoardTank:
    """One running fermentation on the board; sugar in the winery's unit, change over 24 h."""

    fermentation_id: int
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
    temperature_c: float | None
    last_read_at: datetime | None
    day: int
    reason_title: str | None
    reason: str | None
    spark: list[tuple[float, float]]


@dataclass(frozen=True)
class BoardGroup:
    """Tanks that ask for the same kind of attention."""

    key: str
    title: str
    tanks: list[BoardTank]


@dataclass(frozen=True)
class BoardView:
    """The whole board, with its finding as heading."""

    heading: str
    subheading: str
    groups: list[BoardGroup]
    free_vessels: int


def read_board(session: Session, *, now: datetime) -> BoardView:
    """The board of this winery as of `now`; five queries whatever the number of tanks."""
    unit = read_winery(session).sugar_unit
    ferments = list_fermentations(session, status="active", limit=MOST_TANKS).items
    ids = [ferment.id for ferment in ferments]
    sugars = read_recent_points(session, ids, SampleType.sugar, each=SPARK_READINGS)
    temperatures = read_recent_points(session, ids, SampleType.temperature, each=1)
    anomalies = read_open_anomalies(session, ids, now=now)
    doubted = find_doubted(anomalies)
    worst: dict[int, AnomalyView] = {}
    for anomaly in anomalies:
        if anomaly.status != "snoozed":
            worst.setdefault(anomaly.fermentation_id, anomaly)
    grouped: dict[str, list[BoardTank]] = {key: [] for key, _ in GROUPS}
    for ferment in ferments:
        tank = _view_tank(
            ferment,
            [sample for sample in sugars.get(ferment.id, []) if sample.sample_id not in doubted],
            temperatures.get(ferment.id, []),
            worst.get(ferment.id),
            unit,
            now,
        )
        grouped[_group_of(tank, worst.get(ferment.id), now)].append(tank)
    groups = [
        BoardGroup(key, title, sorted(grouped[key], key=lambda tank: tank.vessel_codes))
        for key, title in GROUPS
    ]
    free = len(list_vessels(session)) - len(list_occupied_vessels(session, now))
    return BoardView(_heading(grouped, len(ferments)), _subheading(ferments, grouped), groups, free)


def _view_tank(
    ferment: FermentationView,
    sugars: Sequence[Point],
    temperatures: Sequence[Point],
    anomaly: AnomalyView | None,
    unit: Unit,
    now: datetime,
) -> BoardTank:
    points = [(s.measured_at, from_canonical(SampleType.sugar, s.value, unit)) for s in sugars]
    read_at = max((s.measured_at for s in [*sugars[-1:], *temperatures]), default=None)
    title, reason = _reason(anomaly, read_at, now)
    return BoardTank(
        ferment.id,
        ferment.vessel_codes,
        ferment.code,
        ferment.style,
        ferment.vintage,
        ferment.af,
        ferment.mlf,
        ferment.yeast_strain,
        points[-1][1] if points else None,
        UNIT_SYMBOLS[unit],
        change_in_24h(points),
        temperatures[-1].value if temperatures else None,
        read_at,
        day_of(ferment, now),
        title,
        reason,
        scale_to_unit_square(points, _whole_scale(unit)),
    )


def _whole_scale(unit: Unit) -> tuple[float, float]:
    """From dry wine to ripe must in the winery's unit, so that sparklines can be compared."""
    low, high = (
        from_canonical(SampleType.sugar, density_from_brix(brix), unit) for brix in SPARK_BRIX
    )
    return low, high


def day_of(ferment: FermentationView, now: datetime) -> int:
    """Day of the ferment; the day of the start is day 1."""
    end = min(now, ferment.ended_at) if ferment.ended_at else now
    return max(1, (end - ferment.started_at).days + 1)


def _reason(
    anomaly: AnomalyView | None, read_at: datetime | None, now: datetime
) -> tuple[str | None, str | None]:
    unread = read_at is None or now - read_at > UNREAD_AFTER
    if anomaly is not None and not (unread and anomaly.severity == "info"):
        return anomaly.title, anomaly.explanation
    if unread:
        return "Not read", "No reading yet." if read_at is None else "Read it on the next round."
    return None, None


def _group_of(tank: BoardTank, anomaly: AnomalyView | None, now: datetime) -> str:
    if anomaly is not None and anomaly.severity in {"critical", "warning"}:
        return "act" if anomaly.severity == "critical" else "watch"
    if tank.last_read_at is None or now - tank.last_read_at > UNREAD_AFTER:
        return "unread"
    return "calm"


def _heading(grouped: dict[str, list[BoardTank]], total: int) -> str:
    act, watch, unread = (len(grouped[key]) for key in ("act", "watch", "unread"))
    if act:
        return "1 tank needs you now" if act == 1 else f"{act} tanks need you now"
    if watch:
        return "1 tank to look at today" if watch == 1 else f"{watch} tanks to look at today"
    if unread:
        return "1 tank is not read" if unread == 1 else f"{unread} tanks are not read"
    return "Every tank is on course" if total else "The cellar is quiet"


def _subheading(ferments: Sequence[FermentationView], grouped: dict[str, list[BoardTank]]) -> str:
    running = (
        f"{len(ferments)} ferment runs" if len(ferments) == 1 else f"{len(ferments)} ferments run"
    )
    unread = len(grouped["unread"])
    return f"{running}, {len(ferments) - unread} of them read since yesterday."
