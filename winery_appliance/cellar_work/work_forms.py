"""The forms that take an addition, cap work or a note: from what was typed to commands and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from winery_appliance.cellar_work.dosing import KIND_NAMES, UNITS
from winery_appliance.core.errors import AppError, NeedsConfirmation
from winery_appliance.core.words import N_, say
from winery_appliance.fermentation.entry import read_time

What = Literal["addition", "cap_work", "note"]
# The fields of each form, and the one that says when.
FIELDS: dict[What, tuple[str, ...]] = {
    "addition": ("kind", "product", "dose", "unit", "volume_l", "stock_lot", "done_at", "note"),
    "cap_work": ("kind", "started_at", "duration_min", "note"),
    "note": ("content", "noted_at"),
}
WHEN: dict[What, str] = {"addition": "done_at", "cap_work": "started_at", "note": "noted_at"}
CAP_WORK_NAMES = {
    "pump_over": N_("Pump-over"),
    "punch_down": N_("Punch-down"),
    "rack_and_return": N_("Rack and return"),
    "pulse_air": N_("Pulse air"),
    "cold_soak_mixing": N_("Cold-soak mixing"),
    "other": N_("Other cap work"),
}


@dataclass
class WorkForm:
    """What a form shows; names of fields begin with what the form takes, since a page has all three."""

    what: What
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    client_uuid: str = field(default_factory=lambda: str(uuid4()))
    timezone_name: str = "UTC"

    @property
    def choices(self) -> dict[str, str]:
        """The kinds to choose from, with their names."""
        if self.what == "addition":
            names = {str(kind): say(name) for kind, name in KIND_NAMES.items()}
            return {kind: f"{name[:1].upper()}{name[1:]}" for kind, name in names.items()}
        return {kind: say(name) for kind, name in CAP_WORK_NAMES.items()}

    @property
    def units(self) -> dict[str, str]:
        """The units of a dose with their symbols."""
        return {str(unit): meaning.symbol for unit, meaning in UNITS.items()}

    def explain(self, error: AppError) -> None:
        """Write what was wrong into the form: questions for what is unusual, faults beside the fields else."""
        if isinstance(error, NeedsConfirmation):
            self.questions.extend(fault.detail for fault in error.fields)
            return
        for fault in error.fields:
            self.errors[f"{self.what}_{fault.path}"] = fault.detail
        if not error.fields:
            self.errors["body"] = error.detail


def empty_forms(timezone_name: str) -> dict[What, WorkForm]:
    """One form of each sort, with fresh UUIDs so that sending it twice saves it once."""
    return {what: WorkForm(what, timezone_name=timezone_name) for what in FIELDS}


def read_form(
    what: What, typed: Mapping[str, str], *, now: datetime, timezone_name: str
) -> tuple[WorkForm, dict[str, Any]]:
    """The form as it was sent, and the body of its command; empty fields are left out.

    A time that is not readable is written into the form's errors, and is not in the body.
    """
    form = WorkForm(what, values=dict(typed), timezone_name=timezone_name)
    form.client_uuid = typed.get("client_uuid") or form.client_uuid
    given = {name: typed.get(f"{what}_{name}", "").strip() for name in FIELDS[what]}
    body: dict[str, Any] = {name: value for name, value in given.items() if value}
    body["client_uuid"] = form.client_uuid
    when = WHEN[what]
    try:
        # A note without a time is of the moment it comes in.
        if given[when] or what != "note":
            body[when] = read_time(given[when], now, timezone_name, when)
    except AppError as error:
        form.explain(error)
    if what != "note":
        body["confirm"] = typed.get("confirm") == "yes"
    if "content" in body:
        body["content"] = body["content"].replace("\r\n", "\n")
    if body.get("duration_min", "").isascii() and body.get("duration_min", "").isdigit():
        body["duration_min"] = int(body["duration_min"][:6])
    return form, body
