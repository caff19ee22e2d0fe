"""What the inbox of alarms and the page of one alarm show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomalies import get_anomaly
from winery_appliance.analysis_engine.anomaly_queries import (
    AnomalyEventView,
    AnomalyView,
    count_changes,
    list_anomaly_history,
    list_by_gravity,
    list_lately_cleared,
)
from winery_appliance.auth.queries import list_active_names
from winery_appliance.auth.service import Actor
from winery_appliance.core.figures import show_codes
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.core.words import N_, ngettext, say
from winery_appliance.fermentation.queries import find_fermentations

Show = Literal["open", "mine", "snoozed", "cleared"]
TABS: dict[Show, str] = {
    "open": N_("Still open"),
    "mine": N_("Mine"),
    "snoozed": N_("Snoozed"),
    "cleared": N_("Cleared"),
}
MOST_ALARMS = 500
CLEARED_WITHIN = timedelta(days=14)
GRAVITIES = (
    ("critical", "act", N_("Act now")),
    ("warning", "watch", N_("Look today")),
    ("info", "calm", N_("Worth knowing")),
)


@dataclass(frozen=True)
class AlarmRow:
    """An alarm and the wine it is about."""

    alarm: AnomalyView
    vessel_code: str
    wine_code: str


@dataclass(frozen=True)
class AlarmGroup:
    """Alarms of one gravity."""

    key: str
    title: str
    rows: list[AlarmRow]


@dataclass(frozen=True)
class Inbox:
    """Alarms of all tanks; `is_cut` says that there are more than are shown."""

    show: Show
    heading: str
    subheading: str
    groups: list[AlarmGroup]
    people: dict[int, str]
    is_cut: bool


@dataclass(frozen=True)
class AlarmPage:
    """One alarm and everything that became of it."""

    row: AlarmRow
    history: Sequence[AnomalyEventView]
    people: dict[int, str]


def read_inbox(session: Session, show: Show, *, actor: Actor, now: datetime) -> Inbox:
    """The alarms of this winery; as many queries whatever their number."""
    if show == "cleared":
        since = now - CLEARED_WITHIN
        found = list_lately_cleared(session, now=now, since=since, limit=MOST_ALARMS + 1)
    else:
        found = list_by_gravity(
            session,
            now=now,
            asleep=show == "snoozed",
            assigned_to=actor.user_id if show == "mine" else None,
            limit=MOST_ALARMS + 1,
        )
    rows = _add_wines(session, found[:MOST_ALARMS])
    opened, cleared = count_changes(session, since=now - timedelta(hours=24))
    return Inbox(
        show,
        _heading(show, rows),
        say(
            "In the last 24 h: %(opened)s opened, %(cleared)s cleared by themselves.",
            opened=opened,
            cleared=cleared,
        ),
        _group(show, rows),
        list_active_names(session),
        len(found) > MOST_ALARMS,
    )


def read_alarm_page(session: Session, anomaly_id: int, *, now: datetime) -> AlarmPage:
    """One alarm with its history. Raises NotFound."""
    (row,) = _add_wines(session, [get_anomaly(session, anomaly_id, now=now)])
    history = list_anomaly_history(session, anomaly_id, limit=MAX_LIMIT).items
    return AlarmPage(row, history, list_active_names(session))


def _add_wines(session: Session, found: Sequence[AnomalyView]) -> list[AlarmRow]:
    wines = find_fermentations(session, sorted({alarm.fermentation_id for alarm in found}))
    rows = []
    for alarm in found:
        wine = wines.get(alarm.fermentation_id)
        code = wine.code if wine else "?"
        rows.append(AlarmRow(alarm, (show_codes(wine.vessel_codes) if wine else "") or code, code))
    return rows


def _group(show: Show, rows: Sequence[AlarmRow]) -> list[AlarmGroup]:
    if show == "cleared":
        return (
            [AlarmGroup("good", say("Cleared in the last two weeks"), list(rows))] if rows else []
        )
    groups = [
        AlarmGroup(key, say(title), [row for row in rows if row.alarm.severity == severity])
        for severity, key, title in GRAVITIES
    ]
    return [group for group in groups if group.rows]


def _heading(show: Show, rows: Sequence[AlarmRow]) -> str:
    if show == "cleared":
        return say("What cleared by itself")
    grave = sum(row.alarm.severity == "critical" for row in rows)
    mild = sum(row.alarm.severity == "warning" for row in rows)
    told = [say("%(grave)s to act on", grave=grave)] if grave else []
    told += [say("%(mild)s to look at", mild=mild)] if mild else []
    if show == "snoozed":
        return ngettext("%(num)s alarm sleeps", "%(num)s alarms sleep", len(rows))
    nothing = say("Nothing is yours") if show == "mine" else say("No alarm is open")
    return ", ".join(told) or nothing
