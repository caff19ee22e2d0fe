"""The page on which a winemaker manages a wine: from what was typed to commands and back.

One page has a form for each act; a field is called by its act and what it is, such as "mlf_started_at".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from winery_appliance.auth.service import Actor
from winery_appliance.core import web
from winery_appliance.core.errors import AppError, FieldFault, Invalid
from winery_appliance.core.version_tags import make_tag
from winery_appliance.core.words import say
from winery_appliance.fermentation import changing, removing, status
from winery_appliance.fermentation.commands import (
    ChangeFermentation,
    EndFermentation,
    SetLotSources,
    SetPhase,
    StartPlanned,
)
from winery_appliance.fermentation.queries import FermentationView
from winery_appliance.fermentation.states import PHASE_MOVES, PHASES, PhaseName

# Rows of lots that the form offers beyond those that are there.
MORE_LOTS = 3


@dataclass(frozen=True)
class Act:
    """What somebody typed about a wine, and who."""

    session: Session
    wine: FermentationView
    typed: Mapping[str, str]
    zone: ZoneInfo
    actor: Actor
    now: datetime

    @property
    def seen(self) -> set[str]:
        """The version of the wine that the form was made from."""
        return {self.typed.get("version", "")}

    def read(self, name: str) -> str | None:
        """What was typed into a field; None for nothing."""
        return self.typed.get(name, "").strip() or None

    def read_moment(self, name: str) -> datetime | None:
        """A local time in UTC; None for nothing, and for the minute that the form came with. Raises Invalid."""
        text = self.read(name)
        if text is None or text == fill_in(self.wine, self.zone).get(name):
            return None
        try:
            return datetime.fromisoformat(text).replace(tzinfo=self.zone).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            fault = FieldFault(name, "bad_time", say("Use the date and time picker."))
            raise Invalid(
                say("The time is not readable."), code="bad_time", fields=[fault]
            ) from error


def _start(act: Act) -> str:
    body = {
        "at": act.read_moment("start_at"),
        "vessel_code": act.read("start_vessel_code"),
        "start_volume_l": act.read("start_start_volume_l"),
    }
    command = web.parse(StartPlanned, body)
    view = status.start_planned(act.session, act.wine.id, command, actor=act.actor, now=act.now)
    return say("%(code)s began in %(vessel)s.", code=view.code, vessel=view.vessel_code)


def _complete(act: Act) -> str:
    command = EndFermentation(at=act.read_moment("complete_at"))
    view = status.complete_fermentation(
        act.session, act.wine.id, command, actor=act.actor, now=act.now
    )
    return say("%(code)s is completed.", code=view.code)


def _cancel(act: Act) -> str:
    view = status.cancel_fermentation(
        act.session, act.wine.id, EndFermentation(), actor=act.actor, now=act.now
    )
    return say("%(code)s is given up.", code=view.code)


def _reopen(act: Act) -> str:
    view = status.reopen_fermentation(act.session, act.wine.id, actor=act.actor)
    return say("%(code)s runs again.", code=view.code)


def _set_phase(name: PhaseName) -> Callable[[Act], str]:
    def act_on(act: Act) -> str:
        body: dict[str, Any] = {"status": act.read(f"{name}_status")}
        if body["status"] in ("running", "done"):
            body["started_at"] = act.read_moment(f"{name}_started_at")
        if body["status"] == "done":
            body["ended_at"] = act.read_moment(f"{name}_ended_at")
        status.set_phase(
            act.session,
            act.wine.id,
            name,
            web.parse(SetPhase, body),
            actor=act.actor,
            seen=act.seen,
            now=act.now,
        )
        return say("%(phase)s of %(code)s is saved.", phase=name.upper(), code=act.wine.code)

    return act_on


def _change(act: Act) -> str:
    vintage, litres = act.read("change_vintage"), act.read("change_start_volume_l")
    body: dict[str, Any] = {
        "code": act.read("change_code") or "",
        "yeast_strain": act.read("change_yeast_strain") or "",
        "style": act.read("change_style"),
        "vintage": int(vintage) if vintage and vintage.isdecimal() else vintage,
    }
    if litres != fill_in(act.wine, act.zone)["change_start_volume_l"]:
        body["start_volume_l"] = litres
    if act.wine.status == "planned":
        body["vessel_code"] = act.read("change_vessel_code") or ""
        planned_at = act.read_moment("change_started_at")
        body |= {"started_at": planned_at} if planned_at else {}
    view = changing.change_fermentation(
        act.session,
        act.wine.id,
        web.parse(ChangeFermentation, body),
        actor=act.actor,
        seen=act.seen,
    )
    return say("%(code)s is saved.", code=view.code)


def _set_lots(act: Act) -> str:
    rows = [
        {
            "harvest_lot_code": act.typed[f"lots_code_{n}"].strip(),
            "percentage": act.read(f"lots_share_{n}"),
            "kg": act.read(f"lots_kg_{n}"),
        }
        for n in _list_lot_rows(act.typed)
    ]
    command = web.parse(SetLotSources, {"lot_sources": rows})
    changing.set_lot_sources(act.session, act.wine.id, command, actor=act.actor, seen=act.seen)
    return say("The lots of %(code)s are saved.", code=act.wine.code)


def _delete(act: Act) -> str:
    removing.delete_fermentation(act.session, act.wine.id, actor=act.actor, seen=act.seen)
    return say(
        "%(code)s is deleted. It can be restored from the list of deleted ferments.",
        code=act.wine.code,
    )


ACTS: dict[str, Callable[[Act], str]] = {
    "start": _start,
    "complete": _complete,
    "reopen": _reopen,
    "cancel": _cancel,
    "af": _set_phase("af"),
    "mlf": _set_phase("mlf"),
    "change": _change,
    "lots": _set_lots,
    "delete": _delete,
}


def carry_out(act: Act) -> str:
    """Do what was asked; a sentence that says so. Raises Invalid for an act that is none, and what the use case raises."""
    wanted = ACTS.get(act.typed.get("act", ""))
    if wanted is None:
        raise Invalid(say("Nothing was chosen, so nothing was changed."), code="no_act")
    return wanted(act)


def _list_lot_rows(typed: Mapping[str, str]) -> list[int]:
    """The numbers of the rows in which a lot is named."""
    numbers = (name.removeprefix("lots_code_") for name in typed if name.startswith("lots_code_"))
    return sorted(
        int(n) for n in numbers if n.isdecimal() and len(n) < 3 and typed[f"lots_code_{n}"].strip()
    )


def fill_in(wine: FermentationView, zone: ZoneInfo) -> dict[str, str]:
    """What the forms show of a wine before anything is typed."""
    litres = wine.start_volume_l
    values = {
        "version": make_tag(wine),
        "start_vessel_code": wine.vessel_code,
        "start_start_volume_l": "" if litres is None else f"{litres.normalize():f}",
        "change_code": wine.code,
        "change_yeast_strain": wine.yeast_strain,
        "change_style": wine.style,
        "change_vintage": str(wine.vintage or ""),
        "change_start_volume_l": "" if litres is None else f"{litres.normalize():f}",
        "change_vessel_code": wine.vessel_code,
        "change_started_at": _local(wine.started_at, zone),
    }
    for name in PHASES:
        phase = getattr(wine, name)
        values[f"{name}_status"] = phase.status
        values[f"{name}_started_at"] = _local(phase.started_at, zone)
        values[f"{name}_ended_at"] = _local(phase.ended_at, zone)
    for n, source in enumerate(wine.lot_sources):
        values[f"lots_code_{n}"] = source.harvest_lot_code
        values[f"lots_share_{n}"] = f"{source.percentage.normalize():f}"
        values[f"lots_kg_{n}"] = "" if source.kg is None else f"{source.kg.normalize():f}"
    return values


def list_choices(wine: FermentationView, name: PhaseName) -> list[str]:
    """The states that a phase of a wine may be put into, the one that it is in first."""
    now_is = getattr(wine, name).status
    return [now_is, *(after for after in PHASE_MOVES[name] if after in PHASE_MOVES[name][now_is])]


def explain(act: str, error: AppError, typed: Mapping[str, str]) -> dict[str, str]:
    """What was wrong, by the field of the form."""
    rows = _list_lot_rows(typed)
    faults = {}
    for fault in error.fields:
        parts = fault.path.split(".")
        name = fault.path if fault.path.startswith(f"{act}_") else f"{act}_{fault.path}"
        if parts[0] == "lot_sources":
            row = rows[int(parts[1])] if len(parts) > 1 and parts[1].isdecimal() else 0
            field = {"percentage": "share", "kg": "kg"}.get(parts[-1], "code")
            name = f"lots_{'share' if len(parts) == 1 else field}_{row}"
        faults[name] = fault.detail
    return faults


def _local(moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if moment is None else f"{moment.astimezone(zone):%Y-%m-%dT%H:%M}"
