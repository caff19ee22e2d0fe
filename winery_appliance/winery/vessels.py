"""Use cases of vessels. One that leaves the cellar can come back; the wine that lay in it stays known."""

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core.coded_rows import (
    add_row,
    found,
    hold_row,
    name_constraint,
    write_row,
)
from winery_appliance.core.errors import Conflict, FieldFault, Invalid
from winery_appliance.core.outbox import publish, publish_all
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say
from winery_appliance.winery.commands import ChangeVessel, CreateVessel, SetWalkingOrder
from winery_appliance.winery.events import (
    VesselAdded,
    VesselChanged,
    VesselDeleted,
    VesselRestored,
    WalkingOrderChanged,
)
from winery_appliance.winery.models import Vessel
from winery_appliance.winery.queries import (
    VesselView,
    find_vessel_by_id,
    hold_vessels,
    list_vessels,
)


def add_vessel(session: Session, command: CreateVessel, *, actor: Actor) -> tuple[VesselView, bool]:
    """Add a vessel; its view and True, or that of the first with just this content and False.

    Raises NotAllowed, or Conflict when its code is in use.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    vessel_id, created = add_row(session, Vessel, actor.winery_id, command.model_dump())
    if created:
        publish(session, VesselAdded(actor.winery_id, vessel_id))
    return get_vessel(session, vessel_id), created


def add_vessels(session: Session, commands: Sequence[CreateVessel], *, actor: Actor) -> None:
    """Add many vessels at once. Raises NotAllowed, or Conflict when a code is in use."""
    require(actor, Permission.CONFIGURE_CELLAR)
    if not commands:
        return
    rows = [Vessel(winery_id=actor.winery_id, **command.model_dump()) for command in commands]
    try:
        with session.begin_nested():
            session.add_all(rows)
    except IntegrityError as error:
        raise Conflict(
            say("One of these codes is in use already. Nothing was saved."), code="code_taken"
        ) from error
    publish_all(session, [VesselAdded(actor.winery_id, row.id) for row in rows])


def get_vessel(session: Session, vessel_id: int) -> VesselView:
    """The vessel, also one that left the cellar. Raises NotFound, also for one of another winery."""
    return found(find_vessel_by_id(session, vessel_id), Vessel)


def find_or_add_vessel(session: Session, code: str, *, actor: Actor) -> VesselView:
    """The vessel with this code, kept from deletion; a new one, with nothing but its code, where there is none yet."""
    known = hold_vessels(session, [code]).get(code.lower())
    return known or add_vessel(session, CreateVessel(code=code), actor=actor)[0]


def change_vessel(
    session: Session,
    vessel_id: int,
    command: ChangeVessel,
    *,
    actor: Actor,
    seen: Collection[str] | None,
) -> VesselView:
    """Change what is named; what is not named stays.

    Raises NotAllowed, NotFound, ChangedMeanwhile, or Conflict when the code is in use.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, Vessel, vessel_id)
    before = get_vessel(session, vessel_id)
    refuse_stale(before, seen)
    write_row(session, row, command.model_dump(exclude_unset=True))
    after = get_vessel(session, vessel_id)
    if after != before:
        publish(session, VesselChanged(actor.winery_id, vessel_id))
    return after


def delete_vessel(
    session: Session, vessel_id: int, *, actor: Actor, seen: Collection[str] | None
) -> None:
    """Take a vessel out of the cellar. Raises NotAllowed, NotFound, ChangedMeanwhile, or Conflict while wine lies in it."""
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, Vessel, vessel_id)
    refuse_stale(get_vessel(session, vessel_id), seen)
    try:
        write_row(session, row, {"deleted_at": func.now()})
    except IntegrityError as error:
        if name_constraint(error) != "vessels_in_use_stay":
            raise
        raise Conflict(
            say(
                "Wine lies in %(code)s. Nothing was deleted. Move the wine or complete it first.",
                code=row.code,
            ),
            code="vessel_occupied",
        ) from error
    publish(session, VesselDeleted(actor.winery_id, vessel_id))


def restore_vessel(session: Session, vessel_id: int, *, actor: Actor) -> VesselView:
    """Bring a deleted vessel back; one that is not deleted stays as it is.

    Raises NotAllowed, NotFound, or Conflict when its code is in use by now.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    row = hold_row(session, Vessel, vessel_id, also_deleted=True)
    if row.deleted_at is not None:
        write_row(session, row, {"deleted_at": None})
        publish(session, VesselRestored(actor.winery_id, vessel_id))
    return get_vessel(session, vessel_id)


def set_walking_order(
    session: Session, command: SetWalkingOrder, *, actor: Actor, seen: Collection[str] | None
) -> list[VesselView]:
    """Number the vessels in the order of the round; all of them as they are walked then.

    Those not named lose their number and come behind. Raises NotAllowed, ChangedMeanwhile, and Invalid for a code that
    no vessel has or that is named twice.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    living = select(Vessel).where(Vessel.deleted_at.is_(None)).order_by(Vessel.id).with_for_update()
    vessels = {vessel.code.lower(): vessel for vessel in session.scalars(living)}
    refuse_stale(list_vessels(session), seen)
    wanted = [code.lower() for code in command.codes]
    faults = [
        FieldFault(f"codes.{n}", "wrong", f"{command.codes[n]}: {why}")
        for n, code in enumerate(wanted)
        if (why := _doubt(code, vessels, wanted[:n]))
    ]
    if faults:
        raise Invalid(
            say("Nothing was saved. %(detail)s", detail=faults[0].detail),
            code="wrong_walking_order",
            fields=faults,
        )
    places = {code: n for n, code in enumerate(wanted, 1)}
    for code, vessel in vessels.items():
        vessel.position = places.get(code)
    session.flush()
    publish(session, WalkingOrderChanged(actor.winery_id))
    return list_vessels(session)


def _doubt(code: str, known: Collection[str], before: Collection[str]) -> str:
    if code not in known:
        return say("There is no such vessel.")
    return say("It is named twice.") if code in before else ""
