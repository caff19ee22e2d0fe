"""Mending the book: a reading is corrected or voided by a new row, and the old one stays to be seen."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.errors import Conflict, NotAllowed, NotFound
from winery_appliance.core.words import say
from winery_appliance.fermentation.commands import CorrectSample, VoidSample
from winery_appliance.fermentation.events import SampleCorrected, SampleVoided
from winery_appliance.fermentation.models import Sample
from winery_appliance.fermentation.neighbours import find_neighbours
from winery_appliance.fermentation.queries import (
    FermentationView,
    SampleView,
    find_sample,
    find_superseding,
    hold_fermentation,
    view_sample,
)
from winery_appliance.fermentation.rules import Surroundings, judge
from winery_appliance.fermentation.service import Recorded, find_by_uuid, get_fermentation
from winery_appliance.winery.queries import read_winery


@dataclass(frozen=True)
class _Mendable:
    """A reading that this person may mend now, and its fermentation."""

    sample: SampleView
    fermentation: FermentationView


def correct_sample(
    session: Session, sample_id: int, command: CorrectSample, *, actor: Actor, now: datetime
) -> Recorded:
    """Let a new reading take the place of one; a retry with the same UUID finds the first one and changes nothing.

    Raises NotAllowed, NotFound, Invalid and NeedsConfirmation as `record_sample` does, and Conflict when the reading was
    corrected or voided before, its fermentation was cancelled, or the UUID belongs to something else.
    """
    old = _hold_sample(session, sample_id, actor)
    body_hash = command.fingerprint(sample_id)
    earlier = _find_earlier(session, command.client_uuid, body_hash)
    if earlier is not None:
        return earlier
    mendable = _refuse_unmendable(session, old, actor, now)
    fermentation = mendable.fermentation
    reading = command.as_reading(old.sample_type, old.measured_at, old.sample_temperature)
    before, after = find_neighbours(
        session, fermentation.id, old.sample_type, reading.measured_at, without=old.id
    )
    around = Surroundings(
        fermentation.style, fermentation.started_at, fermentation.ended_at, before, after
    )
    judged = judge(reading, around, now=now)
    recorded = _add_row(
        session,
        mendable,
        actor,
        client_uuid=command.client_uuid,
        value_typed=reading.value,
        unit=reading.unit,
        qualifier=judged.qualifier,
        sample_temperature_c=reading.sample_temperature,
        value=judged.value,
        measured_at=reading.measured_at,
        confirmed=bool(judged.doubts),
        body_hash=body_hash,
        reason=command.reason,
    )
    if recorded.created:
        outbox.publish(
            session,
            SampleCorrected(actor.winery_id, fermentation.id, recorded.sample.id, old.id),
        )
    return recorded


def void_sample(
    session: Session, sample_id: int, command: VoidSample, *, actor: Actor, now: datetime
) -> Recorded:
    """Take a reading out of what counts; a retry with the same UUID finds the first one and changes nothing.

    Raises NotAllowed, NotFound, and Conflict when the reading was corrected or voided before, its fermentation was
    cancelled, or the UUID belongs to something else.
    """
    old = _hold_sample(session, sample_id, actor)
    body_hash = command.fingerprint(sample_id)
    earlier = _find_earlier(session, command.client_uuid, body_hash)
    if earlier is not None:
        return earlier
    mendable = _refuse_unmendable(session, old, actor, now)
    recorded = _add_row(
        session,
        mendable,
        actor,
        client_uuid=command.client_uuid,
        value_typed=old.value,
        unit=old.unit,
        qualifier=old.qualifier,
        sample_temperature_c=old.sample_temperature,
        value=old.canonical,
        measured_at=old.measured_at,
        confirmed=old.confirmed,
        body_hash=body_hash,
        reason=command.reason,
        voids=True,
    )
    if recorded.created:
        outbox.publish(session, SampleVoided(actor.winery_id, old.fermentation_id, old.id))
    return recorded


def _hold_sample(session: Session, sample_id: int, actor: Actor) -> SampleView:
    """The reading, its fermentation held so that of two who mend it at once the second sees the first."""
    require(actor, Permission.RECORD_SAMPLES)
    found = find_sample(session, sample_id)
    if found is None:
        raise NotFound(say("There is no such reading in this winery."))
    hold_fermentation(session, found.fermentation_id, alone=True)
    return found


def _find_earlier(session: Session, client_uuid: UUID, body_hash: bytes) -> Recorded | None:
    earlier = find_by_uuid(session, client_uuid, body_hash)
    if earlier is None:
        return None
    outbox.wake_after_commit(session)
    return Recorded(earlier, created=False)


def _refuse_unmendable(
    session: Session, sample: SampleView, actor: Actor, now: datetime
) -> _Mendable:
    if sample.voids or find_superseding(session, sample.id) is not None:
        raise Conflict(
            say(
                "This reading was corrected or voided before. Nothing was saved. Look at its history."
            ),
            code="superseded",
        )
    if not actor.may(Permission.CORRECT_ANY_SAMPLE):
        refuse_strange_or_old(session, sample, actor, now)
    fermentation = get_fermentation(session, sample.fermentation_id)
    if fermentation.status == "cancelled":
        raise Conflict(
            say("%(code)s was cancelled. Nothing was saved.", code=fermentation.code),
            code="fermentation_cancelled",
        )
    return _Mendable(sample, fermentation)


class Written(Protocol):
    """Anything in the book that somebody wrote at some time."""

    @property
    def recorded_by(self) -> int | None:
        """Who; None for a device."""

    @property
    def received_at(self) -> datetime:
        """When the book had it."""


def refuse_strange_or_old(session: Session, entry: Written, actor: Actor, now: datetime) -> None:
    """Raise NotAllowed unless this person wrote the entry himself, today by the winery's clock."""
    zone = ZoneInfo(read_winery(session).time_zone)
    same_day = entry.received_at.astimezone(zone).date() == now.astimezone(zone).date()
    if entry.recorded_by != actor.user_id or not same_day:
        raise NotAllowed(
            say(
                "You can mend only what you wrote yourself, on the day you wrote it. Nothing was saved. Ask the winemaker."
            ),
            code="not_yours_today",
        )


def _add_row(session: Session, mendable: _Mendable, actor: Actor, **values: Any) -> Recorded:
    old = mendable.sample
    row_id = session.scalar(
        insert(Sample)
        .values(
            winery_id=actor.winery_id,
            fermentation_id=old.fermentation_id,
            sample_type=old.sample_type,
            recorded_by=actor.user_id,
            supersedes_id=old.id,
            **values,
        )
        .on_conflict_do_nothing(index_elements=["winery_id", "client_uuid"])
        .returning(Sample.id)
    )
    if row_id is None:  # the UUID was used for another fermentation at the same moment
        winner = find_by_uuid(session, values["client_uuid"], values["body_hash"])
        assert winner is not None
        return Recorded(winner, created=False)
    return Recorded(view_sample(session.get_one(Sample, row_id)), created=True)
