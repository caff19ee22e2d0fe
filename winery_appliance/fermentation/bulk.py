"""Many fermentations at once, with their readings: for past vintages and the demo."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.units import parse_measurement, to_canonical
from winery_appliance.fermentation.commands import RecordSample, StartFermentation
from winery_appliance.fermentation.events import SampleRecorded
from winery_appliance.fermentation.lot_sources import add_lot_sources
from winery_appliance.fermentation.models import Fermentation, Sample, VesselOccupancy

# A reading of a finished round is typed within minutes.
TYPED_AFTER = timedelta(minutes=2)


@dataclass(frozen=True)
class WholeFermentation:
    """A fermentation with all its readings; `ended_at` is None while it runs."""

    start: StartFermentation
    vessel_id: int
    ended_at: datetime | None
    samples: Sequence[RecordSample]


def load_fermentations(
    session: Session,
    fermentations: Sequence[WholeFermentation],
    *,
    actor: Actor,
    recorded_by: Actor,
) -> list[int]:
    """Write them as they are, each in a few statements; their ids. Running ones are analysed once.

    The caller vouches for the readings: rules are not asked, types and units are. Raises NotAllowed, Invalid as
    `add_lot_sources`, and IntegrityError when a vessel would hold two at once.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    if not fermentations:
        return []
    ids = list(
        session.scalars(
            insert(Fermentation).returning(Fermentation.id, sort_by_parameter_order=True),
            [_fermentation_row(item, actor) for item in fermentations],
        )
    )
    pairs = list(zip(ids, fermentations, strict=True))
    session.execute(
        insert(VesselOccupancy),
        [
            {
                "winery_id": actor.winery_id,
                "vessel_id": item.vessel_id,
                "fermentation_id": fermentation_id,
                "during": Range(item.start.started_at, item.ended_at),
            }
            for fermentation_id, item in pairs
        ],
    )
    for fermentation_id, item in pairs:
        add_lot_sources(session, fermentation_id, item.start.lot_sources, winery_id=actor.winery_id)
        _load_samples(session, fermentation_id, item, recorded_by)
    return ids


def _fermentation_row(item: WholeFermentation, actor: Actor) -> dict[str, object]:
    return {
        "winery_id": actor.winery_id,
        "code": item.start.code,
        "style": item.start.style,
        "yeast_strain": item.start.yeast_strain,
        "status": "completed" if item.ended_at else "active",
        "started_at": item.start.started_at,
        "start_volume_l": item.start.start_volume_l,
        "ended_at": item.ended_at,
        "vintage": item.start.vintage,
        "vessel_code": item.start.vessel_code,
        "af_status": "done" if item.ended_at else "running",
        "af_started_at": item.start.started_at,
        "af_ended_at": item.ended_at,
        "created_by": actor.user_id,
    }


def _load_samples(
    session: Session, fermentation_id: int, item: WholeFermentation, recorded_by: Actor
) -> None:
    if not item.samples:
        return
    rows = [_sample_row(fermentation_id, command, recorded_by) for command in item.samples]
    ids = list(session.scalars(insert(Sample).returning(Sample.id), rows))
    if item.ended_at is None:
        outbox.publish(session, SampleRecorded(recorded_by.winery_id, fermentation_id, max(ids)))


def _sample_row(
    fermentation_id: int, command: RecordSample, recorded_by: Actor
) -> dict[str, object]:
    parsed = parse_measurement(command.value)
    return {
        "winery_id": recorded_by.winery_id,
        "fermentation_id": fermentation_id,
        "client_uuid": command.client_uuid,
        "sample_type": str(command.sample_type),
        "value_typed": command.value,
        "unit": str(command.unit),
        "qualifier": parsed.qualifier,
        "value": to_canonical(command.sample_type, parsed.value, command.unit),
        "measured_at": command.measured_at,
        "received_at": command.measured_at + TYPED_AFTER,
        "recorded_by": recorded_by.user_id,
        "confirmed": command.confirm,
        "body_hash": command.fingerprint(fermentation_id),
    }
