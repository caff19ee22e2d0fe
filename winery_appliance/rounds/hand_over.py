"""The evening's hand-over on one page: what was not read, what is wrong, tomorrow's tasks, which tank is free when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomaly_queries import AnomalyView, read_open_anomalies
from winery_appliance.analysis_engine.board import UNREAD_AFTER
from winery_appliance.analysis_engine.queries import ForecastView, read_forecasts
from winery_appliance.auth.queries import find_names
from winery_appliance.cellar_work.skips import read_last_skips
from winery_appliance.cellar_work.task_queries import TaskView, list_tasks
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.core.units import SampleType
from winery_appliance.fermentation.queries import (
    FermentationView,
    list_fermentations,
)
from winery_appliance.fermentation.recent_points import read_recent_points
from winery_appliance.fermentation.whereabouts import find_occupied
from winery_appliance.rounds.queries import MOST_TANKS, Skip, place_in_walking_order
from winery_appliance.winery.queries import list_vessels


@dataclass(frozen=True)
class UnreadTank:
    """A tank that nobody read since yesterday, and why if somebody said so."""

    vessel_codes: tuple[str, ...]
    code: str
    read_at: datetime | None
    skipped: Skip | None


@dataclass(frozen=True)
class OpenAlarm:
    """An alarm that nobody cleared."""

    alarm: AnomalyView
    vessel_codes: tuple[str, ...]


@dataclass(frozen=True)
class TankToCome:
    """A vessel whose wine will be dry: between `first` and `last` in four of five cases. None is past the horizon."""

    vessel_codes: tuple[str, ...]
    code: str
    is_dry: bool
    first: datetime | None
    middle: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class HandOver:
    """Everything the next shift has to know."""

    as_of: datetime
    unread: list[UnreadTank]
    alarms: list[OpenAlarm]
    tasks: list[TaskView]
    free: list[str]
    to_come: list[TankToCome]


def read_hand_over(session: Session, *, now: datetime, time_zone: str) -> HandOver:
    """The hand-over as of `now`; tasks are those due by the end of tomorrow, there, and those without a day."""
    ferments = place_in_walking_order(
        session, list_fermentations(session, status="active", limit=MOST_TANKS).items
    )
    ids = [ferment.id for ferment in ferments]
    by_id = {ferment.id: ferment for ferment in ferments}
    alarms = [
        OpenAlarm(alarm, by_id[alarm.fermentation_id].vessel_codes)
        for alarm in read_open_anomalies(session, ids, now=now)
        if alarm.severity != "info"
    ]
    local = now.astimezone(ZoneInfo(time_zone))
    after_tomorrow = (local + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    tasks = list_tasks(session, status="planned", limit=MAX_LIMIT).items
    taken = find_occupied(session, now)
    return HandOver(
        now,
        _list_unread(session, ferments, now),
        alarms,
        [task for task in tasks if task.due_at is None or task.due_at < after_tomorrow],
        [vessel.code for vessel in list_vessels(session) if vessel.id not in taken],
        _list_to_come(ferments, read_forecasts(session, ids)),
    )


def _list_unread(
    session: Session, ferments: Sequence[FermentationView], now: datetime
) -> list[UnreadTank]:
    ids = [ferment.id for ferment in ferments]
    last: dict[int, datetime] = {}
    for kind in (SampleType.sugar, SampleType.temperature):
        for fermentation_id, points in read_recent_points(session, ids, kind, each=1).items():
            at = points[-1].measured_at
            last[fermentation_id] = max(at, last.get(fermentation_id, at))
    skips = read_last_skips(session, ids)
    names = find_names(session, {skip.recorded_by for skip in skips.values()})
    unread = []
    for ferment in ferments:
        read_at, skip = last.get(ferment.id), skips.get(ferment.id)
        since = now - UNREAD_AFTER
        if skip is not None and (
            skip.skipped_at < since or (read_at and skip.skipped_at < read_at)
        ):
            skip = None
        if skip is None and read_at is not None and read_at >= since:
            continue
        told = (
            None
            if skip is None
            else Skip(skip.reason, skip.skipped_at, names.get(skip.recorded_by, "?"))
        )
        unread.append(UnreadTank(ferment.vessel_codes, ferment.code, read_at, told))
    return unread


def _list_to_come(
    ferments: Sequence[FermentationView], forecasts: Mapping[int, ForecastView]
) -> list[TankToCome]:
    """Who will be dry first stands first; wines that nobody can say anything of stand last."""
    never = datetime.max.replace(tzinfo=ZoneInfo("UTC"))
    found = [
        TankToCome(f.vessel_codes, f.code, made.found_dry, made.dry_from, made.dry_at, made.dry_to)
        if (made := forecasts.get(f.id))
        else TankToCome(f.vessel_codes, f.code, False, None, None, None)
        for f in ferments
    ]
    return sorted(found, key=lambda tank: (not tank.is_dry, tank.middle or never))
