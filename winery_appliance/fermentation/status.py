"""How a fermentation starts after a plan, ends, goes on after all, or is given up; and its phases. Rules: `states`."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.errors import Conflict, FieldFault, Invalid
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say
from winery_appliance.fermentation.commands import EndFermentation, SetPhase, StartPlanned
from winery_appliance.fermentation.events import (
    FermentationCancelled,
    FermentationCompleted,
    FermentationEvent,
    FermentationPhaseChanged,
    FermentationReopened,
    FermentationStarted,
)
from winery_appliance.fermentation.models import Fermentation, VesselOccupancy
from winery_appliance.fermentation.phases import end_wine, resume_wine, write_phase
from winery_appliance.fermentation.queries import (
    FermentationView,
    hold_fermentation,
)
from winery_appliance.fermentation.rules import FUTURE_TOLERANCE, SHORTEST
from winery_appliance.fermentation.service import (
    get_fermentation,
    is_vessel_gone,
    occupy,
    refuse_future_start,
    refuse_gone_vessel,
    refuse_overfull_start,
)
from winery_appliance.fermentation.states import (
    MOVES,
    Phase,
    PhaseBounds,
    PhaseName,
    move_phase,
)
from winery_appliance.fermentation.transfer_queries import (
    find_last_moment,
    hold_transfers,
    read_contents,
)
from winery_appliance.winery.queries import hold_vessels

# What is said to have happened after each move.
EVENTS: dict[str, type[FermentationEvent]] = {
    "start": FermentationStarted,
    "complete": FermentationCompleted,
    "reopen": FermentationReopened,
    "cancel": FermentationCancelled,
}


def start_planned(
    session: Session, fermentation_id: int, command: StartPlanned, *, actor: Actor, now: datetime
) -> FermentationView:
    """Begin what was planned, in a vessel that is free. Asked again, it stays as it is.

    Raises NotAllowed, NotFound, Conflict for a status that cannot start, another start, or a vessel that holds another
    wine, and Invalid for a start in the future, an unknown vessel or more litres than it takes.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    hold_transfers(session, actor.winery_id)
    found = _begin_move(session, "start", fermentation_id, actor)
    if found.status == "active":
        return _stay_begun(found, command)
    at = command.at or now
    refuse_future_start(at, "at", now)
    code = command.vessel_code or found.vessel_code
    vessel = hold_vessels(session, [code]).get(code.lower())
    if vessel is None:
        detail = say("There is no vessel %(code)s.", code=code)
        raise Invalid(
            say("%(detail)s Nothing was changed. Say which vessel it is.", detail=detail),
            code="unknown_vessel",
            fields=[FieldFault("vessel_code", "unknown_vessel", detail)],
        )
    litres = command.start_volume_l or found.start_volume_l
    refuse_overfull_start(vessel, litres)
    row = session.get_one(Fermentation, found.id)
    row.status, row.started_at = MOVES["start"].after, at
    row.vessel_code, row.start_volume_l = vessel.code, litres
    write_phase(row, "af", Phase("running", at))
    session.flush()
    occupy(session, row, vessel.id, vessel.code)
    outbox.publish(session, EVENTS["start"](row.winery_id, row.id))
    return get_fermentation(session, row.id)


def _stay_begun(found: FermentationView, command: StartPlanned) -> FermentationView:
    elsewhere = command.vessel_code and command.vessel_code.lower() not in (
        code.lower() for code in found.vessel_codes
    )
    if elsewhere or command.at not in (None, found.started_at):
        raise Conflict(
            say(
                "%(code)s began in %(vessel_code)s at %(started_at)s UTC. Nothing was changed.",
                code=found.code,
                vessel_code=found.vessel_code,
                started_at=f"{found.started_at:%Y-%m-%d %H:%M}",
            ),
            code="wrong_status",
        )
    return found


def complete_fermentation(
    session: Session, fermentation_id: int, command: EndFermentation, *, actor: Actor, now: datetime
) -> FermentationView:
    """End a fermentation and free its vessel. Asked again, it stays as it is.

    Raises NotAllowed, NotFound, Conflict for a status that cannot be completed or another end, and Invalid for an end in
    the future or before the last reading or transfer.
    """
    found = _begin_move(session, "complete", fermentation_id, actor)
    if found.status == "completed":
        return _stay(found, command)
    at = _read_end(command, now)
    phases = (found.af, found.mlf)
    last = max(
        found.started_at,
        find_last_moment(session, fermentation_id) or found.started_at,
        *(at for phase in phases for at in (phase.started_at, phase.ended_at) if at is not None),
    )
    if at < last or at == found.started_at:
        raise _refuse_end(
            "before_last_entry",
            say(
                "The book has an entry of %(when)s UTC. The end must lie behind it.",
                when=f"{last:%Y-%m-%d %H:%M}",
            ),
        )
    return _end(session, "complete", found, at)


def cancel_fermentation(
    session: Session, fermentation_id: int, command: EndFermentation, *, actor: Actor, now: datetime
) -> FermentationView:
    """Give a fermentation up and withdraw its claim on the vessel, also for the past. Asked again, it stays as it is.

    Raises NotAllowed, NotFound, Conflict for a status that cannot be cancelled or wine that came from or went to another
    wine, and Invalid for an end in the future. What is cancelled before it began ends the moment it begins.
    """
    found = _begin_move(session, "cancel", fermentation_id, actor)
    if found.status == "cancelled":
        return _stay(found, command)
    refuse_wine_elsewhere(session, found)
    at = max(_read_end(command, now), found.started_at + SHORTEST)
    return _end(session, "cancel", found, at)


def refuse_wine_elsewhere(session: Session, wine: FermentationView) -> None:
    """Raise Conflict for wine that came from another or went into one: its litres are part of that one's."""
    _, flows = read_contents(session, wine.id)
    if any(flow.from_fermentation_id != flow.to_fermentation_id for flow in flows):
        raise Conflict(
            say(
                "%(code)s came from another wine, or went into one. Nothing was changed. If "
                "that is wrong, void the transfer; if it is over, complete it.",
                code=wine.code,
            ),
            code="wine_elsewhere",
        )


def reopen_fermentation(
    session: Session, fermentation_id: int, *, actor: Actor
) -> FermentationView:
    """Withdraw the end of a completed fermentation: it goes on in the vessel it lay in last, without a gap.

    A running one stays as it is. Raises NotAllowed, NotFound, and Conflict for a planned or cancelled one, one that went
    into another wine, or when the vessel is taken meanwhile.
    """
    found = _begin_move(session, "reopen", fermentation_id, actor)
    if found.status == "active":
        return found
    contents, flows = read_contents(session, found.id)
    if flows and not contents:
        raise Conflict(
            say(
                "All of %(code)s went into another wine. It stays completed. If that is wrong, void the transfer.",
                code=found.code,
            ),
            code="wine_elsewhere",
        )
    try:
        with session.begin_nested():
            _set_upper(session, found, None, withdrawn=False)
    except IntegrityError as error:
        if is_vessel_gone(error):
            raise refuse_gone_vessel(" or ".join(found.vessel_codes)) from error
        raise Conflict(
            say(
                "%(vessel_codes)s holds another fermentation since then. %(code)s stays completed.",
                vessel_codes=" or ".join(found.vessel_codes),
                code=found.code,
            ),
            code="vessel_occupied",
        ) from error
    return _set_status(session, "reopen", found, None)


def _begin_move(
    session: Session, verb: str, fermentation_id: int, actor: Actor
) -> FermentationView:
    require(actor, Permission.RUN_FERMENTATIONS)
    hold_fermentation(session, fermentation_id, alone=True)
    found = get_fermentation(session, fermentation_id)
    move = MOVES[verb]
    if found.status not in move.before | {move.after}:
        raise Conflict(
            say(
                "%(code)s is %(status)s; nobody can %(verb)s it now. Nothing was changed.",
                code=found.code,
                status=found.status,
                verb=verb,
            ),
            code="wrong_status",
        )
    return found


def _stay(found: FermentationView, command: EndFermentation) -> FermentationView:
    if command.at is not None and command.at != found.ended_at:
        raise Conflict(
            say(
                "%(code)s is %(status)s since %(ended_at)s UTC. Nothing was changed.",
                code=found.code,
                status=found.status,
                ended_at=f"{found.ended_at:%Y-%m-%d %H:%M}",
            ),
            code="wrong_status",
            fields=[FieldFault("at", "ended_already", say("It has ended at another time."))],
        )
    return found


def _read_end(command: EndFermentation, now: datetime) -> datetime:
    at = command.at or now
    if at > now + FUTURE_TOLERANCE:
        raise _refuse_end("in_future", say("This time has not come yet."))
    return at


def _refuse_end(code: str, detail: str) -> Invalid:
    return Invalid(
        say("%(detail)s Nothing was changed.", detail=detail),
        code=code,
        fields=[FieldFault("at", code, detail)],
    )


def _end(session: Session, verb: str, found: FermentationView, at: datetime) -> FermentationView:
    _set_upper(session, found, at, withdrawn=verb == "cancel")
    return _set_status(session, verb, found, at)


def _set_upper(
    session: Session, found: FermentationView, upper: datetime | None, *, withdrawn: bool
) -> None:
    """Let the occupancies of the vessels it has not left before end at `upper`; None opens those that its end closed.

    A cancelled fermentation withdraws its earlier ones, too.
    """
    of_this = VesselOccupancy.fermentation_id == found.id
    last = (
        func.upper(VesselOccupancy.during) == found.ended_at
        if found.ended_at is not None
        else func.upper_inf(VesselOccupancy.during)
    )
    rows = session.scalars(select(VesselOccupancy).where(of_this, last)).all()
    if withdrawn:
        session.execute(update(VesselOccupancy).where(of_this).values(withdrawn=True))
    for row in rows:
        began = row.during.lower
        assert began is not None
        row.during = Range(began, None if upper is None else max(upper, began + SHORTEST))


def _set_status(
    session: Session, verb: str, found: FermentationView, ended_at: datetime | None
) -> FermentationView:
    row = session.get_one(Fermentation, found.id)
    if ended_at is None:
        resume_wine(row)
    else:
        end_wine(row, MOVES[verb].after, ended_at)
    outbox.publish(session, EVENTS[verb](row.winery_id, row.id))
    return get_fermentation(session, row.id)


def set_phase(
    session: Session,
    fermentation_id: int,
    name: PhaseName,
    command: SetPhase,
    *,
    actor: Actor,
    seen: Collection[str] | None,
    now: datetime,
) -> FermentationView:
    """Say how far AF or MLF of a wine is. The same again changes nothing.

    Raises NotAllowed, NotFound, ChangedMeanwhile, Conflict for a move that is not allowed, and Invalid for moments that
    cannot be.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    hold_fermentation(session, fermentation_id, alone=True)
    found = get_fermentation(session, fermentation_id)
    refuse_stale(found, seen)
    made_of_others = found.start_volume_l == 0
    bounds = PhaseBounds(
        found.code, found.status, None if made_of_others else found.started_at, found.ended_at
    )
    before: Phase = getattr(found, name)
    after = move_phase(name, before, command, bounds, now=now)
    if after == before:
        return found
    write_phase(session.get_one(Fermentation, found.id), name, after)
    outbox.publish(session, FermentationPhaseChanged(actor.winery_id, found.id, name))
    return get_fermentation(session, found.id)
