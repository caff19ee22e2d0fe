"""What the devices feature answers to programs."""

from typing import Literal

from winery_appliance.core.openapi import Answer, FieldProblem, When
from winery_appliance.core.units import Unit
from winery_appliance.devices.commands import Kind, Quantity


class ProbeAnswer(Answer):
    """One device, the vessel it hangs in now, and how many of its readings were refused, the last one why."""

    id: int
    code: str
    kind: Kind
    name: str | None
    vessel_code: str | None
    created_at: When
    deleted_at: When | None
    refused_count: int
    last_refusal: str | None
    last_refused_at: When | None


class AssignmentAnswer(Answer):
    """A device in a vessel, from `since` until before `until`; null is until further notice."""

    id: int
    device_id: int
    vessel_code: str
    since: When
    until: When | None


class ReadingAnswer(Answer):
    """One value of a device, in the canonical unit of its quantity."""

    read_at: When
    quantity: Quantity
    value: float
    unit: Unit
    received_at: When


class ReadingProblem(Answer):
    """Why one reading was not saved."""

    code: str
    detail: str
    fields: list[FieldProblem]


class ReadingOutcomeAnswer(Answer):
    """What became of one reading."""

    status: Literal["created", "repeated", "refused", "conflict"]
    problem: ReadingProblem | None


class ReadingOutcomesAnswer(Answer):
    """An answer for each reading, in the order they were sent."""

    items: list[ReadingOutcomeAnswer]
