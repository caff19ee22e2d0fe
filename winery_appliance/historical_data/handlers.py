"""What becomes of the past readings when something happened to a wine, or to the fruit it came from."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from winery_appliance.core.outbox import Event, Reaction
from winery_appliance.fermentation.events import (
    FermentationEvent,
    SampleCorrected,
    SampleRecorded,
    SampleVoided,
)
from winery_appliance.fermentation.lot_sources import list_fermentation_ids
from winery_appliance.fermentation.queries import is_completed
from winery_appliance.fermentation.whereabouts import list_occupancies
from winery_appliance.fruit_origin.events import LotChanged
from winery_appliance.historical_data.events import PastLoaded
from winery_appliance.historical_data.projection import write_history
from winery_appliance.winery.events import VesselEvent

OF_READINGS = (SampleRecorded, SampleCorrected, SampleVoided)


@dataclass(frozen=True)
class Outdated:
    """Fermentations whose past readings are to be written anew; a reading says nothing of the wines behind its own."""

    winery_id: int
    fermentation_ids: tuple[int, ...]
    descendants: bool = True


def _load_wine(session: Session, events: Sequence[Event]) -> Outdated | None:
    event = events[-1]
    assert isinstance(event, FermentationEvent)
    only_readings = all(isinstance(each, OF_READINGS) for each in events)
    if only_readings and not is_completed(session, event.fermentation_id):
        return None
    return Outdated(event.winery_id, (event.fermentation_id,), descendants=not only_readings)


def _load_past(_session: Session, events: Sequence[Event]) -> Outdated:
    loaded = [event for event in events if isinstance(event, PastLoaded)]
    ids = {wine for event in loaded for wine in event.fermentation_ids}
    return Outdated(loaded[0].winery_id, tuple(sorted(ids)), descendants=False)


def _load_lot(session: Session, events: Sequence[Event]) -> Outdated:
    event = events[-1]
    assert isinstance(event, LotChanged)
    return Outdated(event.winery_id, tuple(list_fermentation_ids(session, [event.lot_id])))


def _load_vessel(session: Session, events: Sequence[Event]) -> Outdated:
    event = events[-1]
    assert isinstance(event, VesselEvent)
    held = {lay.fermentation_id for lay in list_occupancies(session, vessel_ids=[event.vessel_id])}
    return Outdated(event.winery_id, tuple(sorted(held)), descendants=False)


def _compute(outdated: Outdated | None) -> Outdated | None:
    return outdated


def _store(session: Session, outdated: Outdated | None) -> None:
    if outdated is not None and outdated.fermentation_ids:
        write_history(
            session,
            outdated.winery_id,
            outdated.fermentation_ids,
            descendants=outdated.descendants,
        )


record_history = Reaction("record_history", _load_wine, _compute, _store)
record_past = Reaction("record_past", _load_past, _compute, _store)
name_history_anew = Reaction("name_history_anew", _load_lot, _compute, _store)
size_history_anew = Reaction("size_history_anew", _load_vessel, _compute, _store)
