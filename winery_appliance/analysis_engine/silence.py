"""A tank that nobody reads, and a probe that is silent, bring no new analysis: time itself has to ask for one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.checks.missing_reading import MissingLimits
from winery_appliance.analysis_engine.checks.silent_sensor import (
    SilentLimits,
    SilentSensor,
    find_limit_h,
)
from winery_appliance.analysis_engine.events import FermentationFellSilent
from winery_appliance.analysis_engine.measurements import Probe
from winery_appliance.analysis_engine.models import Analysis
from winery_appliance.analysis_engine.rule_queries import read_rules
from winery_appliance.core import outbox
from winery_appliance.core.many_rows import is_among
from winery_appliance.core.units import SampleType
from winery_appliance.devices.hanging import list_hanging
from winery_appliance.fermentation.queries import list_fermentations
from winery_appliance.fermentation.recent_points import read_recent_points

_CHECK = "missing_reading"
# Later nothing changes any more: the alarm stands, or this wine is read once a week.
SILENT_UNTIL = timedelta(days=21)
JUDGED_EVERY = timedelta(hours=6)
MOST_TANKS = 500


def note_silent_tanks(session: Session, winery_id: int, *, now: datetime) -> int:
    """Have each running wine judged that was read, or whose probe was heard, too long ago; how many there are.

    Not those judged in the last six hours. Publishes FermentationFellSilent. So many queries, whatever the number of tanks.
    """
    running = [
        wine.id for wine in list_fermentations(session, status="active", limit=MOST_TANKS).items
    ]
    after = _find_least_pause(session)
    last_read = {
        wine: points[-1].measured_at
        for wine, points in read_recent_points(session, running, SampleType.sugar, each=1).items()
        if points
    }
    silent = [wine for wine, at in last_read.items() if after <= now - at <= SILENT_UNTIL]
    missed = _find_missed_probes(session, running, now)
    rows = session.execute(
        select(Analysis.fermentation_id, func.max(Analysis.analyzed_at))
        .where(is_among(Analysis.fermentation_id, {*silent, *missed}))
        .group_by(Analysis.fermentation_id)
    )
    judged = {wine: at for wine, at in rows}
    lately = {wine for wine, at in judged.items() if now - at < JUDGED_EVERY}
    due = {wine for wine in (*silent, *missed) if wine not in lately}
    # Judged while the probe was not missed yet: that judgement does not know.
    due |= {wine for wine, since in missed.items() if wine in judged and judged[wine] < since}
    outbox.publish_all(session, [FermentationFellSilent(winery_id, wine) for wine in sorted(due)])
    return len(due)


def _find_missed_probes(
    session: Session, running: Sequence[int], now: datetime
) -> dict[int, datetime]:
    """Wines with a probe that is silent for too long, and since when it is missed."""
    own = [rule.limits for rule in read_rules(session) if rule.check == SilentSensor.id]
    limits = SilentLimits(
        least_h=min([SilentLimits().least_h, *_given(own, "least_h")]),
        pauses=min([SilentLimits().pauses, *_given(own, "pauses")]),
    )
    missed: dict[int, datetime] = {}
    for each in list_hanging(session, running, now=now):
        probe = Probe(each.code, each.since, each.heard_at, each.usual_s)
        since = probe.silent_since + timedelta(hours=find_limit_h(probe, limits))
        if since <= now <= since + SILENT_UNTIL:
            missed[each.fermentation_id] = max(since, missed.get(each.fermentation_id, since))
    return missed


def _given(rules: Sequence[Mapping[str, float | None]], limit: str) -> list[float]:
    return [value for rule in rules if (value := rule.get(limit))]


def _find_least_pause(session: Session) -> timedelta:
    """No pause is called missing before that, in any style."""
    own = [rule.limits.get("least_h") for rule in read_rules(session) if rule.check == _CHECK]
    return timedelta(hours=min([MissingLimits().least_h, *(hours for hours in own if hours)]))
