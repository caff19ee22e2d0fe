"""What the fermentation feature answers to programs."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal
from uuid import UUID

from winery_appliance.core.openapi import Answer, FieldProblem, When
from winery_appliance.core.units import SampleType, Unit
from winery_appliance.fermentation.commands import Status, Style
from winery_appliance.fermentation.lineage import Share, Use
from winery_appliance.fermentation.queries import FermentationView


class LotSourceAnswer(Answer):
    """A harvest lot's share of a fermentation."""

    harvest_lot_code: str
    variety: str
    percentage: float
    kg: float | None


class FermentationAnswer(Answer):
    """A fermentation, where it lies, or lay last, and the lots it came from.

    A wine may lie in many vessels; `vessel_code` is the first of them in walking order.
    """

    id: int
    code: str
    vessel_code: str
    vessel_codes: list[str]
    style: Style
    yeast_strain: str
    status: Status
    started_at: When
    ended_at: When | None
    data_source: Literal["live", "imported"]
    created_at: When
    start_volume_l: float | None
    lot_sources: list[LotSourceAnswer]


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


class TracedLot(Answer):
    """A harvest lot in a trace."""

    id: int
    code: str
    variety: str
    vintage: str
    harvested_on: date
    kg_harvested: float
    brix_at_intake: float | None


class TracedBlock(Answer):
    """A block in a trace."""

    id: int
    code: str
    hectares: float | None
    variety: str | None
    clone: str | None
    planted_year: int | None


class TracedVineyard(Answer):
    """A vineyard in a trace."""

    id: int
    code: str
    name: str


class ShareAnswer(Answer):
    """A lot's share of a fermentation, and the ground it grew on."""

    percentage: float
    kg: float | None
    harvest_lot: TracedLot
    block: TracedBlock | None
    vineyard: TracedVineyard


class OriginAnswer(Answer):
    """Where a fermentation came from, the largest share first."""

    fermentation_id: int
    code: str
    lots: list[ShareAnswer]

    @classmethod
    def show_origin(cls, fermentation: FermentationView, shares: Sequence[Share]) -> dict[str, Any]:
        """A fermentation with the shares it came from."""
        lots = [
            {
                "percentage": share.source.percentage,
                "kg": share.source.kg,
                "harvest_lot": share.origin.lot,
                "block": share.origin.block,
                "vineyard": share.origin.vineyard,
            }
            for share in shares
        ]
        return cls.show(
            {"fermentation_id": fermentation.id, "code": fermentation.code, "lots": lots}
        )


class UseAnswer(Answer):
    """A fermentation that came from a lot, and the lot's share of it."""

    fermentation_id: int
    code: str
    vessel_code: str
    style: Style
    status: Status
    started_at: When
    ended_at: When | None
    percentage: float
    kg: float | None

    @classmethod
    def show_use(cls, use: Use) -> dict[str, Any]:
        """One use of a lot."""
        return cls.show(
            {
                **vars(use.fermentation),
                "fermentation_id": use.fermentation.id,
                "vessel_code": use.fermentation.vessel_code,
                "percentage": use.source.percentage,
                "kg": use.source.kg,
            }
        )


class FlowAnswer(Answer):
    """One stream of a transfer; `volume_l` is null where nobody measured, `empties` says that nothing stayed behind."""

    from_fermentation_id: int
    from_fermentation_code: str
    from_vessel_code: str
    to_fermentation_id: int
    to_fermentation_code: str
    to_vessel_code: str
    volume_l: float | None
    empties: bool


class TransferAnswer(Answer):
    """Wine that went from vessels to vessels at one moment; it counts while `voided_at` is null."""

    id: int
    client_uuid: UUID
    kind: Literal["move", "split", "blend"]
    moved_at: When
    note: str | None
    recorded_by: int
    recorded_at: When
    voided_at: When | None
    voided_by: int | None
    void_reason: str | None
    flows: list[FlowAnswer]
