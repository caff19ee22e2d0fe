"""Quiet hours by the winery's clock, and retries without end."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.notifications.planning import (
    LAST_RETRY_S,
    Recipient,
    Rule,
    choose_recipients,
    find_retry,
    find_send_time,
)

ZONES = st.sampled_from(["Europe/Madrid", "America/Los_Angeles", "Australia/Adelaide", "UTC"])
SECONDS = int(timedelta(days=3 * 365).total_seconds())
MOMENTS = st.integers(0, SECONDS).map(lambda s: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(0, s))
TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))
NIGHT = Rule("warning", time(21), time(6))


def is_quiet(rule: Rule, moment: datetime, zone: ZoneInfo) -> bool:
    local = moment.astimezone(zone).time()
    assert rule.quiet_from is not None
    assert rule.quiet_until is not None
    if rule.quiet_from < rule.quiet_until:
        return rule.quiet_from <= local < rule.quiet_until
    return local >= rule.quiet_from or local < rule.quiet_until


@given(MOMENTS, ZONES, TIMES, TIMES)
def test_nothing_reaches_anybody_in_quiet_hours_and_nothing_waits_longer_than_they_last(
    now: datetime, name: str, begin: time, end: time
) -> None:
    zone, rule = ZoneInfo(name), Rule("warning", begin, end)
    at = find_send_time(rule, "warning", now, zone)
    assert now <= at <= now + timedelta(hours=26)
    if begin != end:
        assert not is_quiet(rule, at, zone)
        if not is_quiet(rule, now, zone):
            assert at == now


@given(MOMENTS, ZONES)
def test_what_needs_somebody_now_breaks_the_quiet_unless_it_must_not(
    now: datetime, name: str
) -> None:
    zone = ZoneInfo(name)
    assert find_send_time(NIGHT, "critical", now, zone) == now
    shut = Rule("warning", time(21), time(6), critical_breaks_quiet=False)
    assert not is_quiet(shut, find_send_time(shut, "critical", now, zone), zone)


def test_the_night_ends_by_the_winerys_clock() -> None:
    zone = ZoneInfo("Europe/Madrid")
    at = find_send_time(NIGHT, "warning", datetime(2026, 9, 30, 22, 30, tzinfo=UTC), zone)
    assert at == datetime(2026, 10, 1, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("severity", "told"), [("info", []), ("warning", [1]), ("critical", [1, 2])]
)
def test_each_is_told_from_their_severity_on(severity: str, told: list[int]) -> None:
    people = [
        Recipient(1, "A", "a@x.y", Rule("warning")),
        Recipient(2, "B", "b@x.y", Rule("critical")),
        Recipient(3, "C", "c@x.y", Rule("none")),
    ]
    assert [person.user_id for person in choose_recipients(people, severity)] == told


@given(st.integers(1, 10_000))
def test_what_failed_is_tried_again_for_ever_and_within_the_hour(attempts: int) -> None:
    now = datetime(2026, 9, 1, tzinfo=UTC)
    wait = find_retry(attempts, now) - now
    assert timedelta(seconds=30) <= wait <= timedelta(seconds=LAST_RETRY_S)
    assert wait <= find_retry(attempts + 1, now) - now
