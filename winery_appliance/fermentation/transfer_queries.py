"""What may be read of transfers: plain data, never rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select, text, tuple_
from sqlalchemy.orm import Session

from winery_appliance.core.paging import Page, cut_page, read_cursor, read_moment
from winery_appliance.fermentation.commands import ListTransfers
from winery_appliance.fermentation.flows import Contents, Flow, follow_contents
from winery_appliance.fermentation.models import (
    Fermentation,
    Sample,
    Transfer,
    TransferFlow,
    VesselOccupancy,
)
from winery_appliance.fermentation.queries import is_current
from winery_appliance.winery.queries import find_vessel, read_vessel_codes


@dataclass(frozen=True)
class FlowView:
    """One stream of a transfer; litres are None where nobody measured."""

    from_fermentation_id: int
    from_fermentation_code: str
    from_vessel_code: str
    to_fermentation_id: int
    to_fermentation_code: str
    to_vessel_code: str
    volume_l: Decimal | None
    empties: bool


@dataclass(frozen=True)
class TransferView:
    """A transfer with its flows; it counts while `voided_at` is None."""

    id: int
    client_uuid: UUID
    kind: str
    moved_at: datetime
    note: str | None
    recorded_by: int
    recorded_at: datetime
    voided_at: datetime | None
    voided_by: int | None
    void_reason: str | None
    flows: tuple[FlowView, ...]


def hold_transfers(session: Session, winery_id: int) -> None:
    """Let nobody else move wine in this winery until the transaction ends; the database's own check holds the same lock."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"transfers/{winery_id}"},
    )


def find_transfer(session: Session, transfer_id: int) -> TransferView | None:
    """The transfer with this id, voided or not."""
    found = _view(session, select(Transfer).where(Transfer.id == transfer_id))
    return found[0] if found else None


def list_transfers(session: Session, wanted: ListTransfers) -> Page[TransferView]:
    """Transfers, the last first, voided ones among them. Raises Invalid for a cursor that is not ours."""
    rows = select(Transfer).order_by(Transfer.moved_at.desc(), Transfer.id.desc())
    if wanted.fermentation_id is not None:
        rows = rows.where(_has_flow(_touches(wanted.fermentation_id)))
    if wanted.vessel_code is not None:
        vessel = find_vessel(session, wanted.vessel_code)
        vessel_id = vessel.id if vessel else 0
        rows = rows.where(
            _has_flow(
                or_(
                    TransferFlow.from_vessel_id == vessel_id, TransferFlow.to_vessel_id == vessel_id
                )
            )
        )
    if wanted.since is not None:
        rows = rows.where(Transfer.moved_at >= wanted.since)
    if wanted.until is not None:
        rows = rows.where(Transfer.moved_at <= wanted.until)
    if wanted.cursor is not None:
        place = read_cursor(wanted.cursor, read_moment)
        rows = rows.where(tuple_(Transfer.moved_at, Transfer.id) < tuple_(*place))
    views = _view(session, rows.limit(wanted.limit + 1))
    return cut_page(views, wanted.limit, lambda view: (view.moved_at.isoformat(), view.id))


def read_flows(session: Session, fermentation_ids: Sequence[int]) -> list[Flow]:
    """Every flow that counts and touches one of these wines, in the order of time; one query."""
    rows = session.execute(
        select(
            TransferFlow.transfer_id,
            Transfer.moved_at,
            TransferFlow.from_fermentation_id,
            TransferFlow.from_vessel_id,
            TransferFlow.to_fermentation_id,
            TransferFlow.to_vessel_id,
            TransferFlow.volume_l,
            TransferFlow.empties,
        )
        .join(Transfer, Transfer.id == TransferFlow.transfer_id)
        .where(
            or_(
                TransferFlow.from_fermentation_id.in_(fermentation_ids),
                TransferFlow.to_fermentation_id.in_(fermentation_ids),
            ),
            Transfer.voided_at.is_(None),
        )
        .order_by(Transfer.moved_at, Transfer.id, TransferFlow.id)
    )
    return [Flow(*row) for row in rows]


def find_last_moment(session: Session, fermentation_id: int) -> datetime | None:
    """From when on nothing in the book contradicts an end: its last reading, or just behind its last transfer."""
    last: datetime | None = session.scalar(
        select(
            func.greatest(
                select(func.max(Sample.measured_at))
                .where(Sample.fermentation_id == fermentation_id, is_current())
                .scalar_subquery(),
                select(
                    func.max(func.lower(VesselOccupancy.during)) + text("interval '1 microsecond'")
                )
                .where(VesselOccupancy.fermentation_id == fermentation_id)
                .scalar_subquery(),
                select(func.max(Transfer.moved_at) + text("interval '1 microsecond'"))
                .join(TransferFlow, TransferFlow.transfer_id == Transfer.id)
                .where(
                    or_(
                        TransferFlow.from_fermentation_id == fermentation_id,
                        TransferFlow.to_fermentation_id == fermentation_id,
                    ),
                    Transfer.voided_at.is_(None),
                )
                .scalar_subquery(),
            )
        )
    )
    return last


def read_first_contents(session: Session, fermentation_ids: Sequence[int]) -> dict[int, Contents]:
    """Where wines lay when they began, and how much they were; empty for those that transfers filled."""
    rows = session.execute(
        select(Fermentation.id, Fermentation.start_volume_l, VesselOccupancy.vessel_id)
        .join(
            VesselOccupancy,
            (VesselOccupancy.fermentation_id == Fermentation.id)
            & (func.lower(VesselOccupancy.during) == Fermentation.started_at),
        )
        .where(
            Fermentation.id.in_(fermentation_ids),
            func.coalesce(Fermentation.start_volume_l, 1) > 0,
        )
    )
    found: dict[int, Contents] = {fermentation_id: {} for fermentation_id in fermentation_ids}
    for fermentation_id, litres, vessel_id in rows:
        found[fermentation_id] = {vessel_id: litres}
    return found


def read_contents(session: Session, fermentation_id: int) -> tuple[Contents, list[Flow]]:
    """Where a wine lies after all that is recorded, and the flows that brought it there."""
    flows = read_flows(session, [fermentation_id])
    start = read_first_contents(session, [fermentation_id])[fermentation_id]
    return follow_contents(start, flows, fermentation_id), flows


def read_many_contents(session: Session, fermentation_ids: Sequence[int]) -> dict[int, Contents]:
    """Where each of these wines lies after all that is recorded; two queries for all."""
    flows = read_flows(session, fermentation_ids)
    touching: dict[int, list[Flow]] = {fermentation_id: [] for fermentation_id in fermentation_ids}
    for flow in flows:
        for fermentation_id in {
            flow.from_fermentation_id,
            flow.to_fermentation_id,
        } & touching.keys():
            touching[fermentation_id].append(flow)
    return {
        fermentation_id: follow_contents(start, touching[fermentation_id], fermentation_id)
        for fermentation_id, start in read_first_contents(session, fermentation_ids).items()
    }


def _touches(fermentation_id: int) -> ColumnElement[bool]:
    return or_(
        TransferFlow.from_fermentation_id == fermentation_id,
        TransferFlow.to_fermentation_id == fermentation_id,
    )


def _has_flow(which: ColumnElement[bool]) -> ColumnElement[bool]:
    return Transfer.id.in_(select(TransferFlow.transfer_id).where(which))


def _view(session: Session, wanted: Select[Transfer]) -> list[TransferView]:
    transfers = session.scalars(wanted).all()
    if not transfers:
        return []
    flows: dict[int, list[TransferFlow]] = {}
    for flow in session.scalars(
        select(TransferFlow)
        .where(TransferFlow.transfer_id.in_([row.id for row in transfers]))
        .order_by(TransferFlow.id)
    ):
        flows.setdefault(flow.transfer_id, []).append(flow)
    every = [flow for streams in flows.values() for flow in streams]
    vessels = read_vessel_codes(session, _both(every, "vessel_id"))
    wines = read_codes(session, _both(every, "fermentation_id"))
    return [
        TransferView(
            row.id,
            row.client_uuid,
            row.kind,
            row.moved_at,
            row.note,
            row.recorded_by,
            row.recorded_at,
            row.voided_at,
            row.voided_by,
            row.void_reason,
            tuple(_view_flow(flow, wines, vessels) for flow in flows.get(row.id, ())),
        )
        for row in transfers
    ]


def _both(flows: Sequence[TransferFlow], what: str) -> set[int]:
    return {getattr(flow, f"{end}_{what}") for flow in flows for end in ("from", "to")}


def _view_flow(flow: TransferFlow, wines: dict[int, str], vessels: dict[int, str]) -> FlowView:
    return FlowView(
        flow.from_fermentation_id,
        wines[flow.from_fermentation_id],
        vessels[flow.from_vessel_id],
        flow.to_fermentation_id,
        wines[flow.to_fermentation_id],
        vessels[flow.to_vessel_id],
        flow.volume_l,
        flow.empties,
    )


def read_codes(session: Session, fermentation_ids: set[int]) -> dict[int, str]:
    """Codes of fermentations by id, also of deleted ones."""
    rows = session.execute(
        select(Fermentation.id, Fermentation.code).where(Fermentation.id.in_(fermentation_ids))
    )
    return {row.id: row.code for row in rows}


def find_ids(session: Session, codes: Sequence[str]) -> dict[str, int]:
    """Ids of living fermentations by their code in small letters."""
    code = func.lower(Fermentation.code)
    rows = session.execute(
        select(code, Fermentation.id).where(
            code.in_([wanted.lower() for wanted in codes]), Fermentation.deleted_at.is_(None)
        )
    )
    return {small: fermentation_id for small, fermentation_id in rows}
