"""What is told, in words: mails about alarms and the day's summary, and the body of a webhook's call."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

from winery_appliance.analysis_engine.anomaly_queries import AnomalyView
from winery_appliance.core.words import N_, say
from winery_appliance.notifications.summary import DaySummary, show_moment, write_summary

SIGNS = {
    "critical": N_("Act now"),
    "warning": N_("Look today"),
    "info": N_("Worth knowing"),
}
WHY = {
    "opened": "",
    "worsened": N_("It got worse."),
    "reopened": N_("It is back."),
    "assigned": N_("It was given to you."),
    "escalated": N_("Nobody has taken it yet."),
}
_ORDER = ("critical", "warning", "info")


@dataclass(frozen=True)
class Told:
    """An alarm with the wine it is about, and why it is told now."""

    notice_id: int
    kind: str
    alarm: AnomalyView
    vessel_code: str
    wine_code: str


@dataclass(frozen=True)
class House:
    """The winery that speaks, in which language, and what its links begin with."""

    code: str
    name: str
    zone: ZoneInfo
    sender: str
    base_url: str | None
    language: str = "en"


def write_mail(
    house: House,
    to: tuple[str, str],
    told: Sequence[Told],
    *,
    now: datetime,
    key: str,
    tests: int = 0,
    summary: DaySummary | None = None,
) -> EmailMessage:
    """One mail with everything that waits for one person; `key` gives it an id that a second sending repeats."""
    ordered = sorted(told, key=lambda each: _ORDER.index(each.alarm.severity))
    mail = EmailMessage()
    mail["From"] = Address(display_name=_one_line(house.name), addr_spec=house.sender)
    mail["To"] = Address(display_name=_one_line(to[0]), addr_spec=to[1])
    mail["Subject"] = _write_subject(house, ordered, tests, summary)
    mail["Date"] = format_datetime(now)
    digest = hashlib.sha256(f"{house.code}/{key}".encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{digest}@{house.sender.rpartition('@')[2]}>"
    # RFC 3834: no out-of-office answers, please.
    mail["Auto-Submitted"] = "auto-generated"
    if any(each.alarm.severity == "critical" for each in ordered):
        mail["Importance"] = "high"
    parts = [_tell_alarm(house, each) for each in ordered]
    if tests:
        parts.append(say("This is a test. Mail from the winery's appliance reaches you."))
    if summary is not None:
        parts.append(write_summary(summary, house.zone))
    if house.base_url:
        page = "/anomalies" if ordered else "/summary" if summary is not None else "/"
        parts.append(f"{house.base_url.rstrip('/')}{page}")
    where = say("What you are told, and when, is set under Account, Notifications.")
    parts.append(f"-- \n{house.name}. {where}")
    mail.set_content("\n\n".join(parts) + "\n", cte="quoted-printable")
    return mail


def _write_subject(
    house: House, told: Sequence[Told], tests: int, summary: DaySummary | None
) -> str:
    if not told:
        if summary is not None:
            return _one_line(f"{house.name}: {summary.heading}")
        return _one_line(say("%(house)s: test", house=house.name))
    first = told[0]
    words = f"{first.vessel_code}: {first.alarm.title}"
    if first.kind == "escalated":
        words = say("Nobody has it: %(words)s", words=words)
    if len(told) > 1:
        words += ", " + say("and %(n)s more", n=len(told) - 1)
    return _one_line(f"[{say(SIGNS[first.alarm.severity]).upper()}] {words}")


def _tell_alarm(house: House, told: Told) -> str:
    alarm = told.alarm
    since = show_moment(alarm.since, house.zone, "d MMM y HH:mm")
    over = say("Since %(since)s. Over when: %(clears)s.", since=since, clears=alarm.clears_when)
    lines = [
        f"{say(SIGNS[alarm.severity]).upper()}: {told.vessel_code}, {told.wine_code}: {alarm.title}",
        alarm.explanation,
        over,
    ]
    if WHY[told.kind]:
        lines.insert(1, say(WHY[told.kind]))
    if alarm.acknowledged_by_name and told.kind != "assigned":
        lines.append(say("%(name)s has it.", name=alarm.acknowledged_by_name))
    if house.base_url:
        lines.append(f"{house.base_url.rstrip('/')}/anomalies/{alarm.id}")
    return "\n".join(lines)


def _one_line(text: str) -> str:
    """Text for a header: nothing typed by anybody can begin another one."""
    return " ".join(text.split())[:180]


def write_call(house: House, told: Told | None, *, notice_id: int, at: datetime) -> bytes:
    """The body of a webhook's call: JSON, the same each time it is sent."""
    body: dict[str, Any] = {
        "id": notice_id,
        "event": f"alarm.{told.kind}" if told else "test",
        "at": at.isoformat(),
        "winery": {"code": house.code, "name": house.name},
    }
    if told is not None:
        alarm = told.alarm
        body["alarm"] = {
            "id": alarm.id,
            "check": alarm.check,
            "severity": alarm.severity,
            "status": alarm.status,
            "title": alarm.title,
            "explanation": alarm.explanation,
            "since": alarm.since.isoformat(),
            "clears_when": alarm.clears_when,
            "fermentation_id": alarm.fermentation_id,
            "fermentation_code": told.wine_code,
            "vessel_code": told.vessel_code,
        }
    return json.dumps(body, ensure_ascii=False, sort_keys=True).encode()
