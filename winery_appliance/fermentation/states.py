"""Every state of a wine and of its two phases, and every way between them, in one place. Pure.

A wine is planned, then active, then completed; a slip or a loss is cancelled. While it is active its alcoholic (AF) and its
malolactic fermentation (MLF) go their own ways: one may begin before, with or after the other, and a wine may be completed
without MLF. What a wine does to its phases:

- it starts: AF runs from that moment on (who soaks the fruit cold first says later when AF began);
- it is completed or cancelled: a phase that still runs ends with it; reopened, that phase runs again;
- it is split off: it has the phases of the wine it came from; it is blended: what all agree on, else the phase runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from winery_appliance.core.errors import Conflict, FieldFault, Invalid
from winery_appliance.core.words import N_, say
from winery_appliance.fermentation.commands import PhaseStatus, SetPhase
from winery_appliance.fermentation.rules import FUTURE_TOLERANCE, START_TOLERANCE

PhaseName = Literal["af", "mlf"]
PHASES: tuple[PhaseName, ...] = ("af", "mlf")
WORDS = {
    "not_started": N_("not started"),
    "running": N_("running"),
    "done": N_("done"),
    "skipped": N_("skipped"),
}


@dataclass(frozen=True)
class Move:
    """One allowed way from a status to another."""

    before: frozenset[str]
    after: str


# Of a wine, by the verb. Nothing leads out of "cancelled".
MOVES = {
    "start": Move(frozenset({"planned"}), "active"),
    "complete": Move(frozenset({"active"}), "completed"),
    "reopen": Move(frozenset({"completed"}), "active"),
    "cancel": Move(frozenset({"planned", "active"}), "cancelled"),
}
# Of a phase, from each status. Backwards is putting right; "done" at once is writing down afterwards.
PHASE_MOVES: dict[PhaseName, dict[PhaseStatus, frozenset[PhaseStatus]]] = {
    "af": {
        "not_started": frozenset({"running", "done"}),
        "running": frozenset({"done", "not_started"}),
        "done": frozenset({"running"}),
    },
    "mlf": {
        "not_started": frozenset({"running", "done", "skipped"}),
        "running": frozenset({"done", "not_started"}),
        "done": frozenset({"running"}),
        "skipped": frozenset({"not_started", "running"}),
    },
}


@dataclass(frozen=True)
class Phase:
    """AF or MLF of one wine; a phase that is not started or skipped has no moments."""

    status: PhaseStatus = "not_started"
    started_at: datetime | None = None
    ended_at: datetime | None = None


NOT_STARTED = Phase()


@dataclass(frozen=True)
class PhaseBounds:
    """The wine of a phase: its status, and the moments that no moment of the phase may lie outside of.

    A wine that was made of others has phases that are older than itself: `started_at` is None.
    """

    code: str
    status: str
    started_at: datetime | None
    ended_at: datetime | None


def move_phase(
    name: PhaseName, phase: Phase, wanted: SetPhase, wine: PhaseBounds, *, now: datetime
) -> Phase:
    """The phase as it is to be; moments that are not said stay, or are now.

    Raises Conflict for a move that is not allowed, and Invalid for moments that cannot be.
    """
    _refuse_wrong_move(name, phase, wanted, wine)
    moved = _fill_in(phase, wanted, now)
    if wanted.status in ("not_started", "skipped"):
        said = [key for key in ("started_at", "ended_at") if getattr(wanted, key) is not None]
        if said:
            raise _refuse(
                said[0],
                "no_moment",
                say("A phase that is %(status)s has none.", status=say(WORDS[wanted.status])),
            )
        return moved
    if wanted.status == "running" and wanted.ended_at is not None:
        raise _refuse("ended_at", "no_moment", say("A phase that runs has no end."))
    _refuse_wrong_moments(moved, wine, now)
    return moved


def _refuse_wrong_move(name: PhaseName, phase: Phase, wanted: SetPhase, wine: PhaseBounds) -> None:
    allowed = PHASE_MOVES[name]
    title = name.upper()
    detail = None
    if wanted.status not in allowed:
        detail = say(
            "%(phase)s cannot be %(status)s.", phase=title, status=say(WORDS[wanted.status])
        )
    elif wanted.status not in {phase.status, *allowed[phase.status]}:
        detail = say(
            "%(phase)s of %(code)s is %(now)s and cannot become %(wanted)s at once.",
            phase=title,
            code=wine.code,
            now=say(WORDS[phase.status]),
            wanted=say(WORDS[wanted.status]),
        )
    elif wine.status == "cancelled":
        detail = say("%(code)s was cancelled.", code=wine.code)
    elif wine.status == "planned" and wanted.status in ("running", "done"):
        detail = say("%(code)s has not begun. Start it first.", code=wine.code)
    elif wine.status == "completed" and wanted.status == "running":
        detail = say("%(code)s is completed. Reopen it first.", code=wine.code)
    if detail is not None:
        raise Conflict(
            say("%(detail)s Nothing was changed.", detail=detail),
            code="wrong_status",
            fields=[FieldFault("status", "wrong_status", detail)],
        )


def _fill_in(phase: Phase, wanted: SetPhase, now: datetime) -> Phase:
    if wanted.status in ("not_started", "skipped"):
        return Phase(wanted.status)
    started_at = wanted.started_at or phase.started_at
    if wanted.status == "running":
        return Phase("running", started_at or now)
    if started_at is None:
        raise _refuse("started_at", "needed", say("Say when it began, too."))
    return Phase("done", started_at, wanted.ended_at or phase.ended_at or now)


def _refuse_wrong_moments(phase: Phase, wine: PhaseBounds, now: datetime) -> None:
    for key in ("started_at", "ended_at"):
        moment: datetime | None = getattr(phase, key)
        if moment is None:
            continue
        if moment > now + FUTURE_TOLERANCE:
            raise _refuse(key, "in_future", say("This time has not come yet."))
        if wine.started_at is not None and moment < wine.started_at - START_TOLERANCE:
            began = say(
                "%(code)s began only at %(when)s UTC.",
                code=wine.code,
                when=f"{wine.started_at:%Y-%m-%d %H:%M}",
            )
            raise _refuse(key, "before_start", began)
        if wine.ended_at is not None and moment > wine.ended_at:
            ended = say(
                "%(code)s ended at %(when)s UTC.",
                code=wine.code,
                when=f"{wine.ended_at:%Y-%m-%d %H:%M}",
            )
            raise _refuse(key, "after_end", ended)
    if phase.started_at and phase.ended_at and phase.ended_at < phase.started_at:
        raise _refuse("ended_at", "before_start", say("It cannot end before it began."))


def _refuse(path: str, code: str, detail: str) -> Invalid:
    return Invalid(
        say("%(detail)s Nothing was changed.", detail=detail),
        code=code,
        fields=[FieldFault(path, code, detail)],
    )


def end_phase(phase: Phase, at: datetime) -> Phase:
    """What becomes of a phase when its wine ends."""
    if phase.status != "running" or phase.started_at is None:
        return phase
    return Phase("done", phase.started_at, max(at, phase.started_at))


def resume_phase(phase: Phase, ended_at: datetime) -> Phase:
    """What becomes of a phase when the end of its wine is withdrawn: one that ended with it runs again."""
    if phase.status != "done" or phase.ended_at != ended_at:
        return phase
    return Phase("running", phase.started_at)


def mix_phases(phases: Sequence[Phase]) -> Phase:
    """The phase of a wine that was made of wines in these phases: since the earliest of them, done with the last."""
    statuses = {phase.status for phase in phases}
    started = [phase.started_at for phase in phases if phase.started_at is not None]
    ended = [phase.ended_at for phase in phases if phase.ended_at is not None]
    if not started:
        return Phase("skipped" if statuses == {"skipped"} else "not_started")
    if statuses == {"done"}:
        return Phase("done", min(started), max(ended))
    return Phase("running", min(started))
