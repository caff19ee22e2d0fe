"""What the fermentation feature answers to programs."""

from typing import Any, Literal
from uuid import UUID

from winery_appliance.core.openapi import Answer, FieldProblem, When
from winery_appliance.core.units import CANONICAL, SampleType, Unit
from winery_appliance.fermentation.commands import Status, Style
from winery_appliance.fermentation.queries import SampleView


class FermentationAnswer(Answer):
    """A fermentation and the vessel it lies in, or lay in last."""

    id: int
    code: str
    vessel_code: str
    style: Style
    yeast_strain: str
    status: Status
    started_at: When
    ended_at: When | None
    data_source: Literal["live", "imported"]
    created_at: When


class SampleAnswer(Answer):
    """A reading: as typed, and canonical beside it."""

    id: int
    client_uuid: UUID
    fermentation_id: int
    sample_type: SampleType
    value: str
    unit: Unit
    qualifier: Literal["<", ">"] | None
    sample_temperature: float | None
    canonical_value: float
    canonical_unit: Unit
    measured_at: When
    received_at: When
    recorded_by: int
    confirmed: bool
    supersedes_id: int | None
    reason: str | None
    voids: bool

    @classmethod
    def show(cls, view: SampleView, /) -> dict[str, Any]:
        """`view` as the API tells it; the canonical value to four places."""
        return super().show(
            {
                **vars(view),
                "canonical_value": round(view.canonical, 4),
                "canonical_unit": CANONICAL[view.sample_type],
            }
        )


class ItemProblem(Answer):
    """Why one reading of a batch was not saved."""

    code: str
    detail: str
    fields: list[FieldProblem]


class BatchItemAnswer(Answer):
    """What became of one reading of a batch, under the UUID it was sent with."""

    client_uuid: str | None
    status: Literal["created", "repeated", "refused", "conflict", "needs_confirmation", "not_found"]
    sample: SampleAnswer | None
    problem: ItemProblem | None


class BatchAnswer(Answer):
    """An answer for each reading of a batch, in the order they were sent."""

    items: list[BatchItemAnswer]
