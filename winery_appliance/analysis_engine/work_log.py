"""What was done to a wine and written about it, in one list for its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

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
from winery_appliance.cellar_work.work_forms import CAP_WORK_NAMES
from winery_appliance.core.figures import NO_BREAK_SPACE
from winery_appliance.core.typed_text import MAX_LIMIT


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
    """Additions, cap work and notes of one fermentation, the newest first."""
    additions = list_additions(session, fermentation_id, limit=MAX_LIMIT).items
    cap_work = list_cap_work(session, fermentation_id, limit=MAX_LIMIT).items
    notes = list_notes(session, fermentation_id, limit=MAX_LIMIT).items
    people = {addition.recorded_by for addition in additions}
    people |= {work.recorded_by for work in cap_work} | {note.user_id for note in notes}
    names = find_names(session, people)
    rows = [
        *(_view_addition(addition, names) for addition in additions),
        *(_view_cap_work(work, names) for work in cap_work),
        *(_view_note(note, names) for note in notes),
    ]
    return sorted(rows, key=lambda row: row.at, reverse=True)


def _view_addition(addition: AdditionView, names: Mapping[int, str]) -> WorkRow:
    name = KIND_NAMES[addition.kind]
    told = [
        addition.product or "",
        f"lot {addition.stock_lot}" if addition.stock_lot else "",
        f"into {addition.volume_l:f} L".replace(".000 L", " L") if addition.volume_l else "",
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
        CAP_WORK_NAMES[work.kind],
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
        "Note",
        None,
        "",
        note.content,
        names.get(note.user_id, "?"),
        False,
        note.id if note.photo else None,
    )
