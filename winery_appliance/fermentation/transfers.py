"""Moving wine from vessel to vessel, and taking back the last movement that was wrong.

A wine may lie in many vessels at once; it is one wine while it is treated as one. Whoever records holds the winery's lock
on transfers first and the wines after it, so that what was checked still holds at the commit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.errors import Conflict, FieldFault, Invalid, NotFound
from winery_appliance.core.words import N_, say
from winery_appliance.fermentation.commands import Destination, MoveFermentation, VoidTransfer
from winery_appliance.fermentation.events import (
    FermentationCancelled,
    FermentationMoved,
    FermentationReopened,
    TransferVoided,
)
from winery_appliance.fermentation.flows import Contents, Flow, follow_contents, spread, sum_volumes
from winery_appliance.fermentation.models import (
    Fermentation,
    Transfer,
    TransferFlow,
    VesselOccupancy,
)
from winery_appliance.fermentation.phases import end_wine, resume_wine
from winery_appliance.fermentation.queries import FermentationView, hold_fermentation
from winery_appliance.fermentation.rules import FUTURE_TOLERANCE, OVERFILL, SHORTEST
from winery_appliance.fermentation.service import (
    get_fermentation,
    is_vessel_gone,
    refuse_gone_vessel,
)
from winery_appliance.fermentation.transfer_queries import (
    TransferView,
    find_transfer,
    hold_transfers,
    read_contents,
    read_first_contents,
    read_flows,
)
from winery_appliance.winery.queries import VesselView, hold_vessels, read_vessel_codes


@dataclass(frozen=True)
class RecordedTransfer:
    """A transfer in the book, and whether this call put it there or an earlier one did."""

    transfer: TransferView
    created: bool


def get_transfer(session: Session, transfer_id: int) -> TransferView:
    """The transfer. Raises NotFound, also for one of another winery."""
    found = find_transfer(session, transfer_id)
    if found is None:
        raise NotFound(say("There is no such transfer in this winery."))
    return found


def move_fermentation(
    session: Session,
    fermentation_id: int,
    command: MoveFermentation,
    *,
    actor: Actor,
    now: datetime,
) -> RecordedTransfer:
    """Let a wine go to other vessels; a retry with the same UUID finds the first one and changes nothing.

    Raises NotAllowed, NotFound, Invalid (a time, vessel or volume that cannot be) and Conflict (the wine does not run, a
    vessel holds another, the UUID belongs to another transfer).
    """
    require(actor, Permission.MOVE_WINE)
    hold_transfers(session, actor.winery_id)
    body_hash = command.fingerprint(fermentation_id)
    hold_fermentation(session, fermentation_id, alone=True)
    wine = get_fermentation(session, fermentation_id)
    earlier = find_same_transfer(session, command.client_uuid, body_hash)
    if earlier is not None:
        return RecordedTransfer(earlier, created=False)
    moved_at = command.moved_at or now
    contents, flows = read_contents(session, fermentation_id)
    refuse_wrong_moment(wine, flows, moved_at, now=now)
    sources = _choose_sources(session, wine, contents, command)
    vessels = find_targets(session, command.to)
    if any(vessel.id in sources for vessel in vessels):
        raise refuse("to", "same_vessel", say("The wine lies there already."))
    transfer = Transfer(
        winery_id=actor.winery_id,
        client_uuid=command.client_uuid,
        kind="move",
        moved_at=moved_at,
        note=command.note,
        recorded_by=actor.user_id,
        body_hash=body_hash,
    )
    session.add(transfer)
    session.flush()
    streams = [
        Flow(
            transfer.id,
            moved_at,
            *(wine.id, source_id),
            *(wine.id, vessel_id),
            volume,
            not command.leaves_rest,
        )
        for source_id, vessel_id, volume in _share_out(sources, vessels, command)
    ]
    after = follow_contents(contents, streams, wine.id)
    for place, vessel in enumerate(vessels):
        refuse_overfull(f"to.{place}.volume_l", after, vessel)
    add_flows(session, streams, actor.winery_id)
    settle_occupancies(session, wine.id, contents, after, moved_at, actor)
    outbox.publish(session, FermentationMoved(actor.winery_id, wine.id, transfer.id))
    return RecordedTransfer(get_transfer(session, transfer.id), created=True)


def find_same_transfer(
    session: Session, client_uuid: UUID, body_hash: bytes
) -> TransferView | None:
    """What an earlier try of the same body saved. Raises Conflict when the UUID came with another body."""
    found = session.scalar(select(Transfer).where(Transfer.client_uuid == client_uuid))
    if found is None:
        return None
    if found.body_hash != body_hash:
        raise Conflict(
            say(
                "This UUID belongs to another transfer. The first one stands; this one was not saved."
            ),
            code="uuid_reused",
            fields=[FieldFault("client_uuid", "reused", say("Belongs to another transfer."))],
        )
    # Who sends again had no answer: perhaps the process that saved it died before it could wake the worker.
    outbox.wake_after_commit(session)
    return get_transfer(session, found.id)


def refuse_wrong_moment(
    wine: FermentationView, flows: Sequence[Flow], moved_at: datetime, *, now: datetime
) -> None:
    """Raise Conflict for a wine that does not run, and Invalid for a moment that is to come or not behind its last one."""
    if wine.status != "active":
        raise Conflict(
            say(
                "%(code)s is %(status)s and lies in no vessel. Nothing was saved.",
                code=wine.code,
                status=wine.status,
            ),
            code="wrong_status",
        )
    if moved_at > now + FUTURE_TOLERANCE:
        raise refuse("moved_at", "in_future", say("This time has not come yet."))
    if moved_at <= wine.started_at:
        raise refuse(
            "moved_at",
            "before_start",
            say(
                "%(code)s began only at %(when)s UTC.",
                code=wine.code,
                when=f"{wine.started_at:%Y-%m-%d %H:%M}",
            ),
        )
    if flows and moved_at <= flows[-1].moved_at:
        raise refuse(
            "moved_at",
            "before_last_transfer",
            say(
                "%(code)s was last moved at %(when)s UTC; this must lie behind it. If that movement is "
                "wrong, void it first.",
                code=wine.code,
                when=f"{flows[-1].moved_at:%Y-%m-%d %H:%M:%S}",
            ),
        )


def refuse(path: str, code: str, detail: str) -> Invalid:
    """The refusal of one field."""
    return Invalid(
        say("%(detail)s Nothing was saved.", detail=detail),
        code=code,
        fields=[FieldFault(path, code, detail)],
    )


def _choose_sources(
    session: Session, wine: FermentationView, contents: Contents, command: MoveFermentation
) -> Contents:
    """The vessels that the wine leaves, and what is in them."""
    sources = contents
    if command.from_vessel_code is not None:
        codes = read_vessel_codes(session, list(contents))
        wanted = command.from_vessel_code.lower()
        sources = {
            vessel_id: litres
            for vessel_id, litres in contents.items()
            if codes[vessel_id].lower() == wanted
        }
    if not sources:
        where = command.from_vessel_code or say("any vessel")
        raise refuse(
            "from_vessel_code",
            "not_in_vessel",
            say("%(code)s does not lie in %(vessel)s.", code=wine.code, vessel=where),
        )
    if len(sources) > 1 and (len(command.to) > 1 or command.leaves_rest):
        which = N_("%(code)s lies in %(n)s vessels. Say which one it leaves.")
        detail = say(which, code=wine.code, n=len(sources))
        raise refuse("from_vessel_code", "which_vessel", detail)
    if command.leaves_rest:
        refuse_unmeasured(command.to, say("To leave a rest behind, say how much goes."))
    return sources


def refuse_unmeasured(targets: Sequence[Destination], detail: str) -> None:
    """Raise Invalid for a destination without a volume."""
    for place, target in enumerate(targets):
        if target.volume_l is None:
            raise refuse(f"to.{place}.volume_l", "volume_needed", detail)


def find_targets(session: Session, targets: Sequence[Destination]) -> list[VesselView]:
    """The vessels that wine goes to, kept from deletion. Raises Invalid for one that is unknown or named twice."""
    known = hold_vessels(session, [target.vessel_code for target in targets])
    found: list[VesselView] = []
    for place, target in enumerate(targets):
        path = f"to.{place}.vessel_code"
        vessel = known.get(target.vessel_code.lower())
        if vessel is None:
            raise refuse(
                path,
                "unknown_vessel",
                say("There is no vessel %(vessel_code)s.", vessel_code=target.vessel_code),
            )
        if vessel in found:
            raise refuse(
                path, "vessel_twice", say("%(vessel)s is named twice.", vessel=vessel.code)
            )
        found.append(vessel)
    return found


def _share_out(
    sources: Contents, vessels: Sequence[VesselView], command: MoveFermentation
) -> list[tuple[int, int, Decimal | None]]:
    """How much goes from which vessel to which: from one to many, or from many to one."""
    said = [target.volume_l for target in command.to]
    if len(sources) > 1:
        parts: Contents = dict(sources)
        if said[0] is not None:
            refuse_too_much("to.0.volume_l", sources.values(), said)
            parts = dict(spread(said[0], sources))
        return [(source_id, vessels[0].id, part) for source_id, part in parts.items()]
    [(source_id, litres)] = sources.items()
    if said == [None]:
        said = [litres]
    refuse_too_much("to.0.volume_l" if len(said) == 1 else "to", [litres], said)
    return [(source_id, vessel.id, part) for vessel, part in zip(vessels, said, strict=True)]


def refuse_too_much(
    path: str, there: Iterable[Decimal | None], taken: Sequence[Decimal | None]
) -> None:
    """Raise Invalid when more is taken than there was, as far as that is known."""
    whole = sum_volumes(there)
    total = sum((part for part in taken if part is not None), Decimal(0))
    if whole is not None and total > whole:
        raise refuse(
            path,
            "more_than_there_was",
            say(
                "%(taken)s L cannot leave where %(there)s L were.",
                taken=f"{total:f}",
                there=f"{whole:f}",
            ),
        )


def refuse_overfull(path: str, after: Contents, vessel: VesselView) -> None:
    """Raise Invalid when a vessel would hold more than it takes."""
    litres = after.get(vessel.id)
    if litres and vessel.capacity_l and litres > vessel.capacity_l * OVERFILL:
        raise refuse(
            path, "over_capacity", f"{vessel.code} takes {vessel.capacity_l} L, not {litres:f} L."
        )


def add_flows(session: Session, flows: Sequence[Flow], winery_id: int) -> None:
    """Write the flows of a transfer."""
    rows = [
        {name: value for name, value in vars(flow).items() if name != "moved_at"}
        | {"winery_id": winery_id}
        for flow in flows
    ]
    session.execute(insert(TransferFlow), rows)


def settle_occupancies(
    session: Session,
    wine_id: int,
    before: Contents,
    after: Contents,
    moved_at: datetime,
    actor: Actor,
) -> None:
    """End the occupancies of the vessels a wine left, and begin those of the vessels it came to.

    Raises Conflict when such a vessel holds another wine.
    """
    for row in session.scalars(
        select(VesselOccupancy).where(
            VesselOccupancy.fermentation_id == wine_id,
            VesselOccupancy.vessel_id.in_(before.keys() - after.keys()),
            func.upper_inf(VesselOccupancy.during),
        )
    ):
        row.during = Range(row.during.lower, moved_at)
    session.flush()
    for vessel_id in sorted(after.keys() - before.keys()):
        taken = VesselOccupancy(
            winery_id=actor.winery_id,
            vessel_id=vessel_id,
            fermentation_id=wine_id,
            during=Range(moved_at, None),
        )
        try:
            with session.begin_nested():
                session.add(taken)
        except IntegrityError as error:
            raise _refuse_occupied(session, vessel_id) from error


def _refuse_occupied(session: Session, vessel_id: int) -> Conflict:
    code = read_vessel_codes(session, [vessel_id])[vessel_id]
    return Conflict(
        say("%(code)s holds another fermentation then, or later. Nothing was saved.", code=code),
        code="vessel_occupied",
        fields=[
            FieldFault("to", "occupied", say("%(code)s holds another fermentation.", code=code))
        ],
    )


def void_transfer(
    session: Session, transfer_id: int, command: VoidTransfer, *, actor: Actor, now: datetime
) -> TransferView:
    """Take back a transfer: every wine of it lies again where it lay. Asked again, it stays voided.

    A wine that it completed runs again; one that it made is cancelled, what was recorded of it stays to be seen. Raises
    NotAllowed, NotFound, and Conflict when a wine of it was moved or ended since, or its vessel is taken by now.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    hold_transfers(session, actor.winery_id)
    transfer = get_transfer(session, transfer_id)
    if transfer.voided_at is not None:
        return transfer
    wine_ids = {flow.from_fermentation_id for flow in transfer.flows}
    wine_ids |= {flow.to_fermentation_id for flow in transfer.flows}
    left: list[tuple[int, int]] = []
    for wine_id in sorted(wine_ids):
        hold_fermentation(session, wine_id, alone=True)
        left += _undo(session, get_fermentation(session, wine_id), transfer)
    for wine_id, vessel_id in left:
        _return_to(session, wine_id, vessel_id, transfer.moved_at)
    row = session.get_one(Transfer, transfer.id)
    row.voided_at, row.voided_by, row.void_reason = now, actor.user_id, command.reason
    for wine_id in sorted(wine_ids):
        outbox.publish(session, TransferVoided(actor.winery_id, wine_id, transfer.id))
    session.flush()
    return get_transfer(session, transfer.id)


def _undo(
    session: Session, wine: FermentationView, transfer: TransferView
) -> list[tuple[int, int]]:
    """Take away what a transfer did to a wine; the wine and each vessel that it left."""
    flows = read_flows(session, [wine.id])
    if flows[-1].transfer_id != transfer.id:
        raise Conflict(
            say(
                "%(code)s was moved again since then. Nothing was changed. Void the later movement first.",
                code=wine.code,
            ),
            code="moved_since",
        )
    start = read_first_contents(session, [wine.id])[wine.id]
    earlier = [flow for flow in flows if flow.transfer_id != transfer.id]
    before = follow_contents(start, earlier, wine.id)
    after = follow_contents(start, flows, wine.id)
    if wine.status != "active" and (after or wine.ended_at != transfer.moved_at):
        raise Conflict(
            say(
                "%(code)s is %(status)s. Nothing was changed. Reopen it first.",
                code=wine.code,
                status=wine.status,
            ),
            code="wrong_status",
        )
    came = (
        VesselOccupancy.fermentation_id == wine.id,
        VesselOccupancy.vessel_id.in_(after.keys() - before.keys()),
        func.lower(VesselOccupancy.during) == transfer.moved_at,
    )
    row = session.get_one(Fermentation, wine.id)
    if not before:
        end_wine(row, "cancelled", transfer.moved_at + SHORTEST)
        over = Range(transfer.moved_at, row.ended_at)
        session.execute(update(VesselOccupancy).where(*came).values(during=over, withdrawn=True))
        outbox.publish(session, FermentationCancelled(row.winery_id, row.id))
    else:
        session.execute(delete(VesselOccupancy).where(*came))
    if not after:
        resume_wine(row)
        outbox.publish(session, FermentationReopened(row.winery_id, row.id))
    return [(wine.id, vessel_id) for vessel_id in sorted(before.keys() - after.keys())]


def _return_to(session: Session, wine_id: int, vessel_id: int, moved_at: datetime) -> None:
    """Let a wine lie again in a vessel that it left. Raises Conflict when that holds another, or left the cellar."""
    row = session.scalars(
        select(VesselOccupancy).where(
            VesselOccupancy.fermentation_id == wine_id,
            VesselOccupancy.vessel_id == vessel_id,
            func.upper(VesselOccupancy.during) == moved_at,
        )
    ).one()
    try:
        with session.begin_nested():
            row.during = Range(row.during.lower, None)
    except IntegrityError as error:
        if is_vessel_gone(error):
            code = read_vessel_codes(session, [vessel_id])[vessel_id]
            raise refuse_gone_vessel(code) from error
        raise _refuse_occupied(session, vessel_id) from error
