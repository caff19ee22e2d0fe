"""What is said of a wine is put right: its code, yeast, style, vintage, litres and lots, and what is planned."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.errors import Conflict, FieldFault, Invalid
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say
from winery_appliance.fermentation.commands import ChangeFermentation, SetLotSources
from winery_appliance.fermentation.events import FermentationChanged
from winery_appliance.fermentation.lot_sources import (
    change_lot_sources,
    name_vintage,
    read_lot_sources,
)
from winery_appliance.fermentation.models import Fermentation
from winery_appliance.fermentation.queries import FermentationView, hold_fermentation
from winery_appliance.fermentation.service import get_fermentation
from winery_appliance.fermentation.transfer_queries import hold_transfers, read_contents
from winery_appliance.winery.vessels import find_or_add_vessel


def change_fermentation(
    session: Session,
    fermentation_id: int,
    command: ChangeFermentation,
    *,
    actor: Actor,
    seen: Collection[str] | None,
) -> FermentationView:
    """Change what is named; what is not named stays.

    Raises NotAllowed, NotFound, ChangedMeanwhile, Invalid for litres fewer than went out, and Conflict when the code is
    taken, the litres follow from transfers, or what only a plan can change is asked of a wine that has begun.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    hold_transfers(session, actor.winery_id)
    hold_fermentation(session, fermentation_id, alone=True)
    before = get_fermentation(session, fermentation_id)
    refuse_stale(before, seen)
    values = command.model_dump(exclude_unset=True)
    if "start_volume_l" in values:
        _refuse_computed(session, before, known=values["start_volume_l"] is not None)
    _refuse_begun(before, values)
    if "vessel_code" in values:
        values["vessel_code"] = find_or_add_vessel(session, command.vessel_code, actor=actor).code
    if values.get("vintage", before.vintage) is None:
        values["vintage"] = name_vintage(before.lot_sources)
    row = session.get_one(Fermentation, fermentation_id)
    try:
        with session.begin_nested():
            for name, value in values.items():
                setattr(row, name, value)
            session.flush()
            # The database's own check would come only at the commit, too late for an answer.
            session.execute(text("SET CONSTRAINTS fermentations_transfers_sound IMMEDIATE"))
    except IntegrityError as error:
        raise _read_refusal(error, before, command) from error
    session.execute(text("SET CONSTRAINTS fermentations_transfers_sound DEFERRED"))
    after = get_fermentation(session, fermentation_id)
    if after != before:
        outbox.publish(session, FermentationChanged(actor.winery_id, fermentation_id))
    return after


def set_lot_sources(
    session: Session,
    fermentation_id: int,
    command: SetLotSources,
    *,
    actor: Actor,
    seen: Collection[str] | None,
) -> FermentationView:
    """Put right which lots a wine came from; shares that stay keep their row, so that the audit log tells what changed.

    A vintage that was that of the lots follows them. Raises NotAllowed, NotFound, ChangedMeanwhile, Invalid as
    `add_lot_sources`, and Conflict for a wine that was made of others.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    hold_fermentation(session, fermentation_id, alone=True)
    before = get_fermentation(session, fermentation_id)
    refuse_stale(before, seen)
    if before.start_volume_l == 0:
        raise Conflict(
            say(
                "%(code)s was made of other wine; its lots are those of that wine. Nothing was saved.",
                code=before.code,
            ),
            code="lots_computed",
        )
    change_lot_sources(session, before.id, command.lot_sources, winery_id=actor.winery_id)
    row = session.get_one(Fermentation, before.id)
    if before.vintage in (None, name_vintage(before.lot_sources)):
        shares = read_lot_sources(session, [before.id]).get(before.id, ())
        row.vintage = name_vintage(shares)
        session.flush()
    after = get_fermentation(session, fermentation_id)
    if after != before:
        outbox.publish(session, FermentationChanged(actor.winery_id, fermentation_id))
    return after


def _refuse_begun(wine: FermentationView, values: Collection[str]) -> None:
    """Raise Conflict for what only a plan can change."""
    said = [name for name in ("vessel_code", "started_at") if name in values]
    if said and wine.status != "planned":
        detail = say("%(code)s has begun; its start stays as it is.", code=wine.code)
        raise Conflict(
            say(
                "%(detail)s Nothing was saved. To take it to another vessel, move it.",
                detail=detail,
            ),
            code="begun",
            fields=[FieldFault(name, "begun", detail) for name in said],
        )


def _refuse_computed(session: Session, wine: FermentationView, *, known: bool) -> None:
    """Raise Conflict for litres that follow from transfers, or that the shares of a blend stand on."""
    if wine.start_volume_l == 0:
        raise _refuse_litres(
            say(
                "%(code)s was made of other wine; its litres are those that went in.",
                code=wine.code,
            )
        )
    _, flows = read_contents(session, wine.id)
    if not known and any(flow.from_fermentation_id != wine.id for flow in flows):
        raise _refuse_litres(
            say("Other wine went into %(code)s; its shares stand on these litres.", code=wine.code)
        )


def _refuse_litres(detail: str) -> Conflict:
    return Conflict(
        say("%(detail)s Nothing was saved.", detail=detail),
        code="volume_computed",
        fields=[FieldFault("start_volume_l", "volume_computed", detail)],
    )


def _read_refusal(
    error: IntegrityError, wine: FermentationView, command: ChangeFermentation
) -> Conflict | Invalid:
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", "")
    if constraint == "fermentations_code_key":
        return Conflict(
            say("There is a fermentation %(code)s already. Nothing was saved.", code=command.code),
            code="code_taken",
            fields=[FieldFault("code", "taken", say("Already in use."))],
        )
    if constraint == "transfers_no_more_than_there_was":
        detail = say("More than that left %(code)s already.", code=wine.code)
        return Invalid(
            say("%(detail)s Nothing was saved.", detail=detail),
            code="less_than_went_out",
            fields=[FieldFault("start_volume_l", "less_than_went_out", detail)],
        )
    raise error
