"""A fermentation is taken out of the book and brought back. What was recorded of it stays with it all the time."""

from collections.abc import Collection

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.coded_rows import name_constraint
from winery_appliance.core.errors import Conflict, FieldFault, NotFound
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say
from winery_appliance.fermentation.events import FermentationDeleted, FermentationRestored
from winery_appliance.fermentation.models import Fermentation, VesselOccupancy
from winery_appliance.fermentation.queries import (
    FermentationView,
    find_fermentation,
    hold_fermentation,
)
from winery_appliance.fermentation.service import (
    get_fermentation,
    is_vessel_gone,
    refuse_gone_vessel,
)
from winery_appliance.fermentation.status import refuse_wine_elsewhere
from winery_appliance.fermentation.transfer_queries import hold_transfers


def delete_fermentation(
    session: Session, fermentation_id: int, *, actor: Actor, seen: Collection[str] | None
) -> None:
    """Take a fermentation out of the book; its vessels are free, also for the past.

    Raises NotAllowed, NotFound, ChangedMeanwhile, and Conflict for wine that came from or went to another wine.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    hold_transfers(session, actor.winery_id)
    hold_fermentation(session, fermentation_id, alone=True)
    found = get_fermentation(session, fermentation_id)
    refuse_stale(found, seen)
    refuse_wine_elsewhere(session, found)
    session.execute(
        update(VesselOccupancy)
        .where(VesselOccupancy.fermentation_id == found.id)
        .values(withdrawn=True)
    )
    session.get_one(Fermentation, found.id).deleted_at = session.scalar(select(func.now()))
    outbox.publish(session, FermentationDeleted(actor.winery_id, found.id))


def restore_fermentation(
    session: Session, fermentation_id: int, *, actor: Actor
) -> FermentationView:
    """Bring a deleted fermentation back as it was; one that is not deleted stays as it is.

    Raises NotAllowed, NotFound, and Conflict when its code is in use, or a vessel of it taken or gone, by now.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    hold_transfers(session, actor.winery_id)
    hold_fermentation(session, fermentation_id, alone=True)
    found = find_fermentation(session, fermentation_id, also_deleted=True)
    if found is None:
        raise NotFound(say("There is no such fermentation in this winery."))
    if found.deleted_at is None:
        return found
    try:
        with session.begin_nested():
            session.get_one(Fermentation, found.id).deleted_at = None
            session.flush()
            # A cancelled one has withdrawn its claims itself.
            if found.status != "cancelled":
                session.execute(
                    update(VesselOccupancy)
                    .where(VesselOccupancy.fermentation_id == found.id)
                    .values(withdrawn=False)
                )
    except IntegrityError as error:
        raise _read_refusal(error, found) from error
    outbox.publish(session, FermentationRestored(actor.winery_id, found.id))
    return get_fermentation(session, found.id)


def _read_refusal(error: IntegrityError, wine: FermentationView) -> Conflict:
    codes = " or ".join(wine.vessel_codes)
    if is_vessel_gone(error):
        return refuse_gone_vessel(codes)
    name = name_constraint(error)
    if name == "fermentations_code_key":
        return Conflict(
            say(
                "There is another fermentation %(code)s by now. %(code)s stays deleted. Rename one of them first.",
                code=wine.code,
            ),
            code="code_taken",
            fields=[FieldFault("code", "taken", say("Already in use."))],
        )
    if name == "vessel_occupancies_never_two_at_once":
        return Conflict(
            say(
                "A vessel in which %(code)s lay holds another fermentation for that time by "
                "now (%(codes)s). %(code)s stays deleted. Move, delete or cancel the other "
                "one first.",
                code=wine.code,
                codes=codes,
            ),
            code="vessel_occupied",
        )
    raise error
