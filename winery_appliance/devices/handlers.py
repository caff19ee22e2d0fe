"""What devices do when something happened to a wine: the hours it may concern are made anew."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from winery_appliance.core.outbox import Event, Reaction
from winery_appliance.devices.sampling import queue_hours_of_wine
from winery_appliance.fermentation.events import FermentationEvent

Wine = tuple[int, int]


def _load(_session: Session, events: Sequence[Event]) -> Wine:
    event = events[-1]
    assert isinstance(event, FermentationEvent)
    return event.winery_id, event.fermentation_id


def _compute(wine: Wine) -> Wine:
    return wine


def _store(session: Session, wine: Wine) -> None:
    queue_hours_of_wine(session, *wine)


sample_devices_anew = Reaction("sample_devices_anew", _load, _compute, _store)
