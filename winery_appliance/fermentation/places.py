"""Which ferment stands in which vessel."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from winery_appliance.fermentation.models import Fermentation, VesselOccupancy


def find_latest_in_vessels(session: Session, vessel_ids: Sequence[int]) -> dict[int, int]:
    """The fermentation that each of these vessels holds, or held last, by the vessel's id."""
    rows = session.execute(
        select(VesselOccupancy.vessel_id, VesselOccupancy.fermentation_id)
        .join(Fermentation, Fermentation.id == VesselOccupancy.fermentation_id)
        .where(
            VesselOccupancy.vessel_id.in_(vessel_ids),
            VesselOccupancy.withdrawn.is_(False),
            Fermentation.deleted_at.is_(None),
        )
        .ext(distinct_on(VesselOccupancy.vessel_id))
        .order_by(VesselOccupancy.vessel_id, func.lower(VesselOccupancy.during).desc())
    )
    return {row.vessel_id: row.fermentation_id for row in rows}
