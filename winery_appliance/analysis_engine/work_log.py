"""What was done to a wine and written about it, in one list for its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from winery_appliance.auth.queries import find_names
from winery_appliance.cellar_work.dosing import KIND_NAMES, UNITS
from winery_appliance.cellar_work.note_queries import NoteView, list_notes
from winery_appliance.cellar_work.queries import (
    AdditionView,
    CapWorkView,
    list_additions,
    list_cap_work,
)
from winery_appliance.cellar_work.skips import SkipView, list_skips
from winery_appliance.cellar_work.work_forms import CAP_WORK_NAMES
from winery_appliance.core.figures import NO_BREAK_SPACE
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.core.words import N_, say
from winery_appliance.fermentation.commands import ListTransfers
from winery_appliance.fermentation.transfer_queries import TransferView, list_transfers

MOVE_NAMES = {"move": N_("Moved"), "split": N_("Split"), "blend": N_("Blended")}


@dataclass(frozen=True)
class WorkRow:
    """A line of the list; `photo_of` is the id of a note that has a photo."""

    kind: str
    at: datetime
    title: str
    amount: str | None
    detail: str
    note: str
    by: str
    confirmed: bool
    photo_of: int | None


def read_work_log(session: Session, fermentation_id: int) -> list[WorkRow]:
    """Additions, cap work, notes, moves and skipped readings of one fermentation, the newest first."""
    moves = [
        move
        for move in list_transfers(
            session, ListTransfers.model_construct(fermentation_id=fermentation_id, limit=MAX_LIMIT)
        ).items
        if move.voided_at is None
    ]
    additions = list_additions(session, fermentation_id, limit=MAX_LIMIT).items
    cap_work = list_cap_work(session, fermentation_id, limit=MAX_LIMIT).items
    notes = list_notes(session, fermentation_id, limit=MAX_LIMIT).items
    skips = list_skips(session, fermentation_id, limit=MAX_LIMIT).items
    people = {addition.recorded_by for addition in additions}
    people |= {work.recorded_by for work in cap_work} | {note.user_id for note in notes}
    people |= {skip.recorded_by for skip in skips}
    people |= {move.recorded_by for move in moves}
    names = find_names(session, people)
    rows = [
        *(_view_addition(addition, names) for addition in additions),
        *(_view_cap_work(work, names) for work in cap_work),
        *(_view_note(note, names) for note in notes),
        *(_view_skip(skip, names) for skip in skips),
        *(_view_move(move, names) for move in moves),
    ]
    return sorted(rows, key=lambda row: row.at, reverse=True)


def _view_addition(addition: AdditionView, names: Mapping[int, str]) -> WorkRow:
    name = say(KIND_NAMES[addition.kind])
    told = [
        addition.product or "",
        say("lot %(code)s", code=addition.stock_lot) if addition.stock_lot else "",
        say("into %(litres)s L", litres=f"{addition.volume_l:f}".removesuffix(".000"))
        if addition.volume_l
        else "",
    ]
    return WorkRow(
        "addition",
        addition.done_at,
        f"{name[:1].upper()}{name[1:]}",
        f"{addition.dose}{NO_BREAK_SPACE}{UNITS[addition.unit].symbol}",
        ", ".join(part for part in told if part),
        addition.note,
        names.get(addition.recorded_by, "?"),
        addition.confirmed,
        None,
    )


def _view_cap_work(work: CapWorkView, names: Mapping[int, str]) -> WorkRow:
    minutes = work.duration_min
    return WorkRow(
        "cap_work",
        work.started_at,
        say(CAP_WORK_NAMES[work.kind]),
        f"{minutes}{NO_BREAK_SPACE}min" if minutes else None,
        "",
        work.note,
        names.get(work.recorded_by, "?"),
        work.confirmed,
        None,
    )


def _view_note(note: NoteView, names: Mapping[int, str]) -> WorkRow:
    return WorkRow(
        "note",
        note.noted_at,
        say("Note"),
        None,
        "",
        note.content,
        names.get(note.user_id, "?"),
        False,
        note.id if note.photo else None,
    )


def _view_skip(skip: SkipView, names: Mapping[int, str]) -> WorkRow:
    return WorkRow(
        "skip",
        skip.skipped_at,
        say("Not read"),
        None,
        skip.reason,
        "",
        names.get(skip.recorded_by, "?"),
        False,
        None,
    )


def _view_move(move: TransferView, names: Mapping[int, str]) -> WorkRow:
    ways = dict.fromkeys(f"{flow.from_vessel_code} → {flow.to_vessel_code}" for flow in move.flows)
    volumes = [flow.volume_l for flow in move.flows]
    litres = sum((volume for volume in volumes if volume is not None), Decimal(0))
    return WorkRow(
        "move",
        move.moved_at,
        say(MOVE_NAMES[move.kind]),
        f"{litres:f}{NO_BREAK_SPACE}L" if volumes and None not in volumes else None,
        ", ".join(ways),
        move.note or "",
        names.get(move.recorded_by, "?"),
        False,
        None,
    )
