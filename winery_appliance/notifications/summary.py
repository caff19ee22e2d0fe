"""The day's summary: how every tank is, what is open, what is to be done; read on a page, printed, or mailed."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomaly_queries import (
    AnomalyView,
    count_changes,
    list_by_gravity,
)
from winery_appliance.analysis_engine.board import BoardTank, BoardView, read_board
from winery_appliance.cellar_work.task_queries import TaskView, list_tasks
from winery_appliance.core.figures import show_codes, show_number, show_quantity
from winery_appliance.core.words import N_, ngettext, say, spoken
from winery_appliance.fermentation.queries import find_fermentations
from winery_appliance.winery.queries import Units, read_winery

MOST_LISTED = 200
GROUP_TITLES = {
    "act": N_("Act now"),
    "watch": N_("Look today"),
    "ask": N_("Answer a question"),
    "unread": N_("Not read"),
    "calm": N_("On course"),
}


@dataclass(frozen=True)
class DaySummary:
    """How the cellar is at a moment: the board, the alarms that stand open with their tanks, tasks until the day's end."""

    made_at: datetime
    winery_name: str
    heading: str
    board: BoardView
    alarms: list[tuple[str, AnomalyView]]
    opened: int
    cleared: int
    tasks: list[TaskView]


def read_summary(session: Session, *, now: datetime) -> DaySummary:
    """The summary of this winery as of `now`; as many queries whatever the number of tanks."""
    winery = read_winery(session)
    board = read_board(session, now=now, units=Units(winery.sugar_unit, winery.temperature_unit))
    found = list_by_gravity(session, now=now, limit=MOST_LISTED)
    wines = find_fermentations(session, sorted({alarm.fermentation_id for alarm in found}))
    alarms = []
    for alarm in found:
        wine = wines.get(alarm.fermentation_id)
        alarms.append(((show_codes(wine.vessel_codes) or wine.code) if wine else "?", alarm))
    opened, cleared = count_changes(session, since=now - timedelta(hours=24))
    zone = ZoneInfo(winery.time_zone)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    tasks = list_tasks(
        session,
        status="planned",
        due_before=datetime.combine(tomorrow, time(0), zone),
        limit=MOST_LISTED,
    ).items
    return DaySummary(
        now, winery.name, tell_board(board), board, alarms, opened, cleared, list(tasks)
    )


def tell_board(board: BoardView) -> str:
    """What the board found, in a sentence."""
    n = board.counts
    if n["act"]:
        return ngettext("%(num)s tank needs you now", "%(num)s tanks need you now", n["act"])
    if n["watch"]:
        return ngettext(
            "%(num)s tank to look at today", "%(num)s tanks to look at today", n["watch"]
        )
    if n["ask"]:
        return ngettext("%(num)s tank has a question", "%(num)s tanks have a question", n["ask"])
    if n["unread"]:
        return ngettext("%(num)s tank is not read", "%(num)s tanks are not read", n["unread"])
    return say("Every tank is on course") if board.total else say("The cellar is quiet")


def write_summary(summary: DaySummary, zone: ZoneInfo) -> str:
    """The summary as plain text."""
    lines = [
        f"{summary.winery_name}, {show_moment(summary.made_at, zone, 'EEEE d MMMM y, HH:mm')}",
        summary.heading,
        say(
            "In the last 24 h: %(opened)s alarms opened, %(cleared)s cleared.",
            opened=summary.opened,
            cleared=summary.cleared,
        ),
    ]
    if summary.alarms:
        lines += ["", say("Open alarms").upper()]
        for codes, alarm in summary.alarms:
            holder = alarm.acknowledged_by_name
            told = f" ({say('%(name)s has it', name=holder)})" if holder else ""
            lines.append(f"- {codes}: {alarm.title}{told}")
    if summary.tasks:
        lines += ["", say("To do today").upper()]
        lines += [f"- {_tell_task(task, zone)}" for task in summary.tasks]
    for group in summary.board.groups:
        if group.tanks:
            lines += ["", say(GROUP_TITLES[group.key]).upper()]
            lines += [f"- {tell_tank(tank)}" for tank in group.tanks]
    return "\n".join(lines)


def show_moment(at: datetime, zone: ZoneInfo, shape: str) -> str:
    """A moment by the winery's clock, in the spoken language."""
    return format_datetime(at.astimezone(zone), shape, locale=spoken())


def tell_tank(tank: BoardTank) -> str:
    """A tank in a line: where, what, the last readings."""
    parts = [f"{show_codes(tank.vessel_codes)} {tank.code}", say("day %(n)s", n=tank.day)]
    if tank.sugar is not None:
        parts.append(show_quantity(tank.sugar, tank.sugar_unit_symbol))
    if tank.change_24h is not None:
        parts.append(say("%(change)s in 24 h", change=show_number(tank.change_24h)))
    if tank.temperature is not None:
        parts.append(show_quantity(tank.temperature, tank.temperature_unit_symbol))
    if tank.last_read_at is None:
        parts.append(say("not read yet"))
    return ", ".join(parts)


def _tell_task(task: TaskView, zone: ZoneInfo) -> str:
    where = f"{task.vessel_code}: " if task.vessel_code else ""
    due = f", {show_moment(task.due_at, zone, 'd MMM HH:mm')}" if task.due_at else ""
    whose = f" ({task.assigned_to_name})" if task.assigned_to_name else ""
    return f"{where}{task.title}{due}{whose}"
