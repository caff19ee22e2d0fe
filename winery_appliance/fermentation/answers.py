"""What the fermentation feature answers to programs."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from winery_appliance.core.openapi import Answer, FieldProblem, When
from winery_appliance.core.units import SampleType, Unit
from winery_appliance.fermentation.commands import PhaseStatus, Status, Style
from winery_appliance.fermentation.lineage import Origin, Share, Use
from winery_appliance.fruit_origin.answers import LotAnswer


class LotSourceAnswer(Answer):
    """A harvest lot's share of a fermentation."""

    harvest_lot_code: str
    variety: str
    vintage: str
    percentage: float
    kg: float | None


class PhaseAnswer(Answer):
    """The alcoholic or the malolactic fermentation of a wine."""

    status: PhaseStatus
    started_at: When | None
    ended_at: When | None


class FermentationAnswer(Answer):
    """A fermentation, where it lies, or lay last, its phases, and the lots it came from; of a planned one what is intended.

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
    vintage: int | None
    af: PhaseAnswer
    mlf: PhaseAnswer
    data_source: Literal["live", "imported"]
    imported_at: When | None
    created_by: int
    created_at: When
    deleted_at: When | None
    start_volume_l: float | None
    lot_sources: list[LotSourceAnswer]


class ArrivalAnswer(Answer):
    """A lot that came in and the wines that it went into, as they are now, under the UUID it was sent with."""

    client_uuid: UUID
    lot: LotAnswer
    fermentations: list[FermentationAnswer]


class SampleAnswer(Answer):
    """A reading: as typed, and canonical beside it. Somebody recorded it, or a device took it."""

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
    recorded_by: int | None
    device_id: int | None
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


class PartAnswer(Answer):
    """A lot's part of a wine at a moment; `volume_l` is null where nobody knows how much wine there is."""

    percentage: float
    volume_l: float | None
    harvest_lot: TracedLot
    block: TracedBlock | None
    vineyard: TracedVineyard


class OriginAnswer(Answer):
    """Where a fermentation came from, the largest share first.

    `lots` is what was said of its start, `composition` what it consists of at that moment through splits and blends; with
    `unrecorded_percentage`, the part of which nobody told the lot, that makes 100.
    """

    fermentation_id: int
    code: str
    lots: list[ShareAnswer]
    at: When | None
    volume_l: float | None
    composition: list[PartAnswer]
    unrecorded_percentage: float

    @classmethod
    def show_origin(cls, origin: Origin) -> dict[str, Any]:
        """A fermentation with the shares it came from."""
        said = [share for share in origin.shares if share.source is not None]
        said.sort(key=lambda share: -share.source.percentage if share.source else 0)
        lots = [
            {**_show_ground(share), "percentage": share.source.percentage, "kg": share.source.kg}
            for share in said
            if share.source is not None
        ]
        parts = [
            {**_show_ground(share), "percentage": share.percentage, "volume_l": share.volume_l}
            for share in origin.shares
        ]
        return cls.show(
            {
                **vars(origin),
                "fermentation_id": origin.fermentation.id,
                "code": origin.fermentation.code,
                "lots": lots,
                "composition": parts,
            }
        )


class VesselOriginAnswer(Answer):
    """What lay in a vessel at a moment, and where it came from; null when it was empty."""

    vessel_id: int
    vessel_code: str
    at: When
    origin: OriginAnswer | None


def _show_ground(share: Share) -> dict[str, Any]:
    origin = share.origin
    return {"harvest_lot": origin.lot, "block": origin.block, "vineyard": origin.vineyard}


class TracedWine(Answer):
    """A fermentation that another wine or fruit came into, and how much of it that is at a moment."""

    fermentation_id: int
    code: str
    vessel_code: str
    style: Style
    status: Status
    started_at: When
    ended_at: When | None
    share_percentage: float
    share_l: float | None

    @classmethod
    def show_use(cls, use: Use) -> dict[str, Any]:
        """One fermentation that something came into."""
        return cls.show(
            {
                **vars(use.fermentation),
                "fermentation_id": use.fermentation.id,
                "vessel_code": use.fermentation.vessel_code,
                "percentage": use.source.percentage if use.source else None,
                "kg": use.source.kg if use.source else None,
                "share_percentage": use.percentage,
                "share_l": use.volume_l,
            }
        )


class UseAnswer(TracedWine):
    """A fermentation that fruit came into; `percentage` and `kg` are what was said of its start, if it began with it."""

    percentage: float | None
    kg: float | None


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
