"""A tank that nobody reads gets no new reading, and so no new analysis: time itself has to ask for one."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.checks.missing_reading import MissingLimits
from winery_appliance.analysis_engine.events import FermentationFellSilent
from winery_appliance.analysis_engine.models import Analysis
from winery_appliance.core import outbox
from winery_appliance.core.many_rows import is_among
from winery_appliance.core.units import SampleType
from winery_appliance.fermentation.queries import list_fermentations, read_recent_points

# No pause is called missing before that.
SILENT_AFTER = timedelta(hours=MissingLimits().least_h)
# Later nothing changes any more: the alarm stands, or this wine is read once a week.
SILENT_UNTIL = timedelta(days=21)
JUDGED_EVERY = timedelta(hours=6)
MOST_TANKS = 500


def note_silent_tanks(session: Session, winery_id: int, *, now: datetime) -> int:
    """Have each running wine judged that was read too long ago and not judged in the last six hours; how many there are.

    Publishes FermentationFellSilent. Three queries, whatever the number of tanks.
    """
    running = [
        wine.id for wine in list_fermentations(session, status="active", limit=MOST_TANKS).items
    ]
    last_read = {
        wine: points[-1].measured_at
        for wine, points in read_recent_points(session, running, SampleType.sugar, each=1).items()
        if points
    }
    silent = [wine for wine, at in last_read.items() if SILENT_AFTER <= now - at <= SILENT_UNTIL]
    judged = session.execute(
        select(Analysis.fermentation_id, func.max(Analysis.analyzed_at))
        .where(is_among(Analysis.fermentation_id, silent))
        .group_by(Analysis.fermentation_id)
    )
    lately = {wine for wine, at in judged if now - at < JUDGED_EVERY}
    due = [wine for wine in silent if wine not in lately]
    outbox.publish_all(session, [FermentationFellSilent(winery_id, wine) for wine in due])
    return len(due)
