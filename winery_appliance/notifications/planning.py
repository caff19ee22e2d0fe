"""Who is told of an alarm and when: pure rules over roles, severities and quiet hours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from winery_appliance.auth.permissions import Role

GRAVITY = {"info": 0, "warning": 1, "critical": 2, "none": 3}
# Waits before a failed delivery is tried again: 30 s doubling up to an hour, for ever. A mail server that is restarted is
# back within a minute; one that is gone is seen on the page.
FIRST_RETRY_S = 30
LAST_RETRY_S = 3600


@dataclass(frozen=True)
class Rule:
    """What somebody is told: the least severity ("none": nothing), quiet hours by the winery's clock, and more."""

    severity: str
    quiet_from: time | None = None
    quiet_until: time | None = None
    critical_breaks_quiet: bool = True
    escalation: bool = False
    daily_summary: bool = False


# Until the owner says otherwise: who answers for the wine is told, the night is quiet but for what cannot wait.
DEFAULTS: Mapping[Role, Rule] = {
    Role.OWNER: Rule("critical", time(21), time(6), escalation=True, daily_summary=True),
    Role.WINEMAKER: Rule("warning", time(21), time(6), daily_summary=True),
    Role.CELLAR: Rule("none"),
    Role.VIEWER: Rule("none"),
}


@dataclass(frozen=True)
class Recipient:
    """Somebody who has an e-mail address, and what they are told."""

    user_id: int
    name: str
    email: str
    rule: Rule


def find_send_time(rule: Rule, severity: str, now: datetime, zone: ZoneInfo) -> datetime:
    """When something may reach this person: now, or when their quiet hours end by the winery's clock."""
    if severity == "critical" and rule.critical_breaks_quiet:
        return now
    if rule.quiet_from is None or rule.quiet_until is None:
        return now
    local = now.astimezone(zone)
    if not _is_within(local.time(), rule.quiet_from, rule.quiet_until):
        return now
    day = local.date()
    if local.time() >= rule.quiet_until:
        day += timedelta(days=1)
    # Where the clock is put back, the hour that comes twice is quiet both times: the later one counts.
    return max(now, datetime.combine(day, rule.quiet_until, zone).replace(fold=1))


def _is_within(moment: time, begin: time, end: time) -> bool:
    if begin < end:
        return begin <= moment < end
    return moment >= begin or moment < end


def choose_recipients(people: Sequence[Recipient], severity: str) -> list[Recipient]:
    """Who is told of an alarm of this severity."""
    return [person for person in people if GRAVITY[severity] >= GRAVITY[person.rule.severity]]


def find_retry(attempts: int, now: datetime) -> datetime:
    """When to try again what has failed `attempts` times."""
    wait_s = min(FIRST_RETRY_S * 2 ** min(attempts - 1, 10), LAST_RETRY_S)
    return now + timedelta(seconds=wait_s)
