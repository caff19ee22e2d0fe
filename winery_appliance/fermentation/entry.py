"""The form that takes a tank's sugar and temperature: from what was typed to commands and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from winery_appliance.core.errors import AppError, FieldFault, Invalid, NeedsConfirmation
from winery_appliance.core.figures import typed_quantity
from winery_appliance.core.units import SampleType, Unit
from winery_appliance.core.words import say
from winery_appliance.fermentation.queries import SampleView

KINDS: dict[str, SampleType] = {
    "sugar": SampleType.sugar,
    "temperature": SampleType.temperature,
}


@dataclass
class EntryForm:
    """What the form shows: nothing is prefilled but what the person typed before."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sugar_uuid: str = field(default_factory=lambda: str(uuid4()))
    temperature_uuid: str = field(default_factory=lambda: str(uuid4()))
    previous: dict[str, list[tuple[str, datetime]]] = field(default_factory=dict)
    timezone_name: str = "UTC"


def empty_form(sugar_unit: Unit, temperature_unit: Unit, timezone_name: str) -> EntryForm:
    """A form for the next reading, with fresh UUIDs so that sending it twice saves it once."""
    units = {"sugar_unit": str(sugar_unit), "temperature_unit": str(temperature_unit)}
    return EntryForm(values=units, timezone_name=timezone_name)


def read_bodies(
    typed: Mapping[str, str], *, now: datetime, timezone_name: str
) -> list[dict[str, Any]]:
    """The readings in a submitted form, as bodies for `RecordSample`; empty fields are no readings.

    Raises Invalid when no field is filled or the time is not readable.
    """
    measured_at = read_time(typed.get("measured_at", ""), now, timezone_name, "measured_at")
    bodies = [
        {
            "client_uuid": typed.get(f"{name}_uuid", ""),
            "sample_type": kind,
            "value": typed[name],
            "unit": typed.get(f"{name}_unit", ""),
            "measured_at": measured_at,
            "confirm": typed.get("confirm") == "yes",
        }
        for name, kind in KINDS.items()
        if typed.get(name, "").strip()
    ]
    if not bodies:
        raise Invalid(
            say("Nothing was typed, so nothing was saved."),
            code="empty",
            fields=[FieldFault("sugar", "empty", say("Type the sugar, the temperature, or both."))],
        )
    return bodies


def read_time(text: str, now: datetime, timezone_name: str, name: str) -> datetime:
    """The typed local time in UTC; now when nothing was typed. Raises Invalid that names the field `name`."""
    if not text.strip():
        return now.replace(microsecond=0)
    try:
        local = datetime.fromisoformat(text)
        if local.tzinfo is None:
            local = local.replace(tzinfo=ZoneInfo(timezone_name))
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(
            say("The time is not readable. Nothing was saved."),
            code="bad_time",
            fields=[FieldFault(name, "bad_time", say("Use the date and time picker."))],
        ) from error


def explain(form: EntryForm, error: AppError, name: str | None) -> None:
    """Write what was wrong into the form: questions for what is unusual, faults beside the fields else.

    `name` is the field whose reading was refused, None when the form as a whole was.
    """
    if isinstance(error, NeedsConfirmation):
        form.questions.extend(fault.detail for fault in error.fields)
        form.asked.append(name or "sugar")
        return
    for fault in error.fields:
        where = fault.path if fault.path == "measured_at" or name is None else name
        form.errors[where] = fault.detail
    if not error.fields:
        form.errors[name or "sugar"] = error.detail


def tell_previous(samples: Sequence[SampleView]) -> dict[str, list[tuple[str, datetime]]]:
    """The last two readings of sugar and temperature as they were typed, for the side of the fields."""
    return {
        str(kind): [
            (typed_quantity(s.value, s.unit, s.qualifier), s.measured_at)
            for s in [s for s in samples if s.sample_type is kind][-2:]
        ]
        for kind in (SampleType.sugar, SampleType.temperature)
    }
