"""Use cases of fermentations and samples. Each is one transaction and says what happened as an event."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.coded_rows import name_constraint
from winery_appliance.core.errors import Conflict, FieldFault, Invalid, NotFound
from winery_appliance.core.words import say
from winery_appliance.fermentation.commands import RecordSample, StartFermentation
from winery_appliance.fermentation.events import (
    FermentationPlanned,
    FermentationStarted,
    SampleRecorded,
)
from winery_appliance.fermentation.lot_sources import (
    add_lot_sources,
    name_vintage,
    read_lot_sources,
)
from winery_appliance.fermentation.models import Fermentation, Sample, VesselOccupancy
from winery_appliance.fermentation.neighbours import find_neighbours
from winery_appliance.fermentation.phases import write_phase
from winery_appliance.fermentation.queries import (
    FermentationView,
    SampleView,
    find_fermentation,
    has_fermentation,
    hold_fermentation,
    view_sample,
)
from winery_appliance.fermentation.rules import OVERFILL, JudgedValue, Surroundings, judge
from winery_appliance.fermentation.states import Phase
from winery_appliance.winery.queries import VesselView
from winery_appliance.winery.vessels import find_or_add_vessel

FUTURE_START = timedelta(days=1)


@dataclass(frozen=True)
class Recorded:
    """A reading in the book, and whether this call put it there or an earlier one did."""

    sample: SampleView
    created: bool


def start_fermentation(
    session: Session, command: StartFermentation, *, actor: Actor, now: datetime
) -> FermentationView:
    """Begin a fermentation in a vessel, or plan it; a vessel code that is new becomes a vessel.

    Raises NotAllowed, Invalid for a start in the future, for more litres than the vessel takes, and for lots that are
    unknown, named twice or not 100 % together, and Conflict when the code or the vessel is taken. A plan takes no vessel
    and may lie in the future.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    begins = command.status == "active"
    if begins:
        refuse_future_start(command.started_at, "started_at", now)
    vessel = find_or_add_vessel(session, command.vessel_code, actor=actor)
    refuse_overfull_start(vessel, command.start_volume_l)
    fermentation = Fermentation(
        winery_id=actor.winery_id,
        code=command.code,
        style=command.style,
        yeast_strain=command.yeast_strain,
        status=command.status,
        started_at=command.started_at,
        start_volume_l=command.start_volume_l,
        vintage=command.vintage,
        vessel_code=vessel.code,
        created_by=actor.user_id,
    )
    if begins:
        write_phase(fermentation, "af", Phase("running", command.started_at))
    add_with_code(session, fermentation)
    if begins:
        occupy(session, fermentation, vessel.id, vessel.code)
    add_lot_sources(session, fermentation.id, command.lot_sources, winery_id=actor.winery_id)
    if command.vintage is None:
        sources = read_lot_sources(session, [fermentation.id])
        fermentation.vintage = name_vintage(sources.get(fermentation.id, ()))
    event = FermentationStarted if begins else FermentationPlanned
    outbox.publish(session, event(actor.winery_id, fermentation.id))
    return get_fermentation(session, fermentation.id)


def refuse_future_start(at: datetime, path: str, now: datetime) -> None:
    """Raise Invalid for a start that lies more than a day ahead."""
    if at > now + FUTURE_START:
        raise Invalid(
            say("The start lies in the future. Nothing was saved. Check the date."),
            code="in_future",
            fields=[FieldFault(path, "in_future", say("This day has not come yet."))],
        )


def refuse_overfull_start(vessel: VesselView, litres: Decimal | None) -> None:
    """Raise Invalid when a wine would begin with more than its vessel takes."""
    if litres and vessel.capacity_l and litres > vessel.capacity_l * OVERFILL:
        detail = f"{vessel.code} takes {vessel.capacity_l} L, not {litres:f} L."
        raise Invalid(
            say("%(detail)s Nothing was saved.", detail=detail),
            code="over_capacity",
            fields=[FieldFault("start_volume_l", "over_capacity", detail)],
        )


def add_with_code(session: Session, fermentation: Fermentation) -> None:
    """Add a fermentation to the book. Raises Conflict when its code is taken."""
    try:
        with session.begin_nested():
            session.add(fermentation)
    except IntegrityError as error:
        raise code_taken(fermentation.code) from error


def code_taken(code: str) -> Conflict:
    """What is said when another fermentation has the code."""
    return Conflict(
        say("There is a fermentation %(code)s already. Nothing was saved.", code=code),
        code="code_taken",
        fields=[FieldFault("code", "taken", say("Already in use."))],
    )


def occupy(session: Session, fermentation: Fermentation, vessel_id: int, vessel_code: str) -> None:
    """Let a wine lie in a vessel from its start on. Raises Conflict when that holds another then, or later."""
    try:
        with session.begin_nested():
            session.add(
                VesselOccupancy(
                    winery_id=fermentation.winery_id,
                    vessel_id=vessel_id,
                    fermentation_id=fermentation.id,
                    during=Range(fermentation.started_at, fermentation.ended_at),
                )
            )
    except IntegrityError as error:
        raise Conflict(
            say(
                "%(vessel_code)s holds another fermentation at that time. Nothing was saved. "
                "Choose a free vessel or a later start.",
                vessel_code=vessel_code,
            ),
            code="vessel_occupied",
            fields=[FieldFault("vessel_code", "occupied", say("Holds another fermentation."))],
        ) from error


def is_vessel_gone(error: IntegrityError) -> bool:
    """Whether the database refused to put wine into a vessel that left the cellar."""
    return name_constraint(error) == "vessel_occupancies_living_vessel"


def refuse_gone_vessel(codes: str) -> Conflict:
    """The refusal of a vessel that left the cellar."""
    return Conflict(
        say(
            "%(codes)s left the cellar. Nothing was changed. Restore the vessel first.", codes=codes
        ),
        code="vessel_deleted",
    )


def get_fermentation(session: Session, fermentation_id: int) -> FermentationView:
    """The fermentation. Raises NotFound, also for one of another winery."""
    found = find_fermentation(session, fermentation_id)
    if found is None:
        raise _unknown()
    return found


def refuse_unknown(session: Session, fermentation_id: int) -> None:
    """Raise NotFound when there is no such fermentation in this winery."""
    if not has_fermentation(session, fermentation_id):
        raise _unknown()


def _unknown() -> NotFound:
    return NotFound(say("There is no such fermentation in this winery."))


def record_sample(
    session: Session,
    fermentation_id: int,
    command: RecordSample,
    *,
    actor: Actor,
    now: datetime,
) -> Recorded:
    """Put a reading into the book; a retry with the same UUID finds the first one and changes nothing.

    Raises NotAllowed, NotFound, Invalid (cannot be), NeedsConfirmation (unusual, and `confirm` is not set) and Conflict
    (the UUID belongs to another reading, or the fermentation was cancelled or has not begun).
    """
    require(actor, Permission.RECORD_SAMPLES)
    hold_fermentation(session, fermentation_id, alone=False)
    fermentation = get_fermentation(session, fermentation_id)
    body_hash = command.fingerprint(fermentation_id)
    earlier = find_by_uuid(session, command.client_uuid, body_hash)
    if earlier is not None:
        # Who sends again had no answer: perhaps the process that saved it died before it could wake the worker.
        outbox.wake_after_commit(session)
        return Recorded(earlier, created=False)
    refuse_entries(fermentation)
    before, after = find_neighbours(
        session, fermentation_id, command.sample_type, command.measured_at
    )
    around = Surroundings(
        fermentation.style, fermentation.started_at, fermentation.ended_at, before, after
    )
    judged = judge(command, around, now=now)
    sample_id = session.scalar(
        insert(Sample)
        .values(fill_row(fermentation_id, command, judged, actor))
        .on_conflict_do_nothing(index_elements=["winery_id", "client_uuid"])
        .returning(Sample.id)
    )
    if sample_id is None:  # the same reading arrived twice at once, and the other one was first
        winner = find_by_uuid(session, command.client_uuid, body_hash)
        assert winner is not None
        return Recorded(winner, created=False)
    outbox.publish(session, SampleRecorded(actor.winery_id, fermentation_id, sample_id))
    return Recorded(view_sample(session.get_one(Sample, sample_id)), created=True)


def refuse_entries(fermentation: FermentationView) -> None:
    """Raise Conflict when the fermentation takes no entries: it was cancelled, or has not begun."""
    if fermentation.status == "planned":
        raise Conflict(
            say(
                "%(code)s has not begun. Nothing was saved. Start it first.", code=fermentation.code
            ),
            code="fermentation_planned",
        )
    if fermentation.status == "cancelled":
        raise Conflict(
            say(
                "%(code)s was cancelled and takes no more entries. Nothing was saved.",
                code=fermentation.code,
            ),
            code="fermentation_cancelled",
        )


def fill_row(
    fermentation_id: int, command: RecordSample, judged: JudgedValue, actor: Actor
) -> dict[str, Any]:
    """The columns of a reading that passed the rules."""
    return {
        "winery_id": actor.winery_id,
        "fermentation_id": fermentation_id,
        "client_uuid": command.client_uuid,
        "sample_type": command.sample_type,
        "value_typed": command.value,
        "unit": command.unit,
        "qualifier": judged.qualifier,
        "sample_temperature_c": command.sample_temperature,
        "value": judged.value,
        "measured_at": command.measured_at,
        "recorded_by": actor.user_id,
        "confirmed": bool(judged.doubts),
        "device_time": command.device_time,
        "clock_offset_ms": command.clock_offset_ms,
        "body_hash": command.fingerprint(fermentation_id),
    }


def find_by_uuid(session: Session, client_uuid: UUID, body_hash: bytes) -> SampleView | None:
    """What an earlier try of the same body saved. Raises Conflict when the UUID came with another body."""
    found = session.scalar(select(Sample).where(Sample.client_uuid == client_uuid))
    if found is None:
        return None
    return view_same(found, body_hash)


def view_same(found: Sample, body_hash: bytes) -> SampleView:
    """The row as plain data. Raises Conflict when it came with another body."""
    if found.body_hash != body_hash:
        raise Conflict(
            say(
                "This UUID belongs to another reading. The first one stands; this one was not saved."
            ),
            code="uuid_reused",
            fields=[FieldFault("client_uuid", "reused", say("Belongs to another reading."))],
        )
    return view_sample(found)
