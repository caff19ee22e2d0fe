"""What may be read of fermentations and samples: plain data, never rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session, aliased

from winery_appliance.core.many_rows import is_among, read_rows
from winery_appliance.core.paging import Page, cut_page, read_cursor, read_moment
from winery_appliance.core.units import CANONICAL, SampleType, Unit
from winery_appliance.fermentation.lot_sources import LotSourceView, read_lot_sources
from winery_appliance.fermentation.models import (
    Fermentation,
    Sample,
)
from winery_appliance.fermentation.states import NOT_STARTED, Phase
from winery_appliance.fermentation.whereabouts import find_vessel_codes


@dataclass(frozen=True)
class FermentationView:
    """One fermentation, where it lies (or lay last) and the lots it came from, the largest share first.

    A wine may lie in many vessels at once: `vessel_code` is the first of `vessel_codes` in walking order.
    """

    id: int
    code: str
    vessel_codes: tuple[str, ...]
    style: str
    yeast_strain: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    data_source: str
    created_at: datetime
    start_volume_l: Decimal | None = None
    lot_sources: tuple[LotSourceView, ...] = ()
    vintage: int | None = None
    af: Phase = NOT_STARTED
    mlf: Phase = NOT_STARTED
    imported_at: datetime | None = None
    created_by: int | None = None
    deleted_at: datetime | None = None

    @property
    def vessel_code(self) -> str:
        """The vessel that stands for all of them."""
        return self.vessel_codes[0] if self.vessel_codes else ""


class SampleView(NamedTuple):
    """One reading: as typed, and `canonical` in the unit of its kind. There are thousands of them at once."""

    id: int
    client_uuid: UUID
    fermentation_id: int
    sample_type: SampleType
    value: str
    unit: Unit
    qualifier: str | None
    sample_temperature: float | None
    canonical: float
    measured_at: datetime
    received_at: datetime
    recorded_by: int | None
    confirmed: bool
    supersedes_id: int | None = None
    reason: str | None = None
    voids: bool = False
    device_id: int | None = None

    @property
    def canonical_value(self) -> float:
        """`canonical` as it is shown, to four places."""
        return round(self.canonical, 4)

    @property
    def canonical_unit(self) -> Unit:
        """The unit of `canonical`."""
        return CANONICAL[self.sample_type]


# In the order in which `_view_fermentation` takes them.
_FERMENTATION = (
    Fermentation.id,
    Fermentation.code,
    Fermentation.vessel_code,
    Fermentation.style,
    Fermentation.yeast_strain,
    Fermentation.status,
    Fermentation.started_at,
    Fermentation.ended_at,
    Fermentation.data_source,
    Fermentation.created_at,
    Fermentation.start_volume_l,
    Fermentation.vintage,
    Fermentation.imported_at,
    Fermentation.created_by,
    Fermentation.deleted_at,
    Fermentation.af_status,
    Fermentation.af_started_at,
    Fermentation.af_ended_at,
    Fermentation.mlf_status,
    Fermentation.mlf_started_at,
    Fermentation.mlf_ended_at,
)
# In the order of the fields of a SampleView.
_SAMPLE = (
    Sample.id,
    Sample.client_uuid,
    Sample.fermentation_id,
    Sample.sample_type,
    Sample.value_typed,
    Sample.unit,
    Sample.qualifier,
    Sample.sample_temperature_c,
    Sample.value,
    Sample.measured_at,
    Sample.received_at,
    Sample.recorded_by,
    Sample.confirmed,
    Sample.supersedes_id,
    Sample.reason,
    Sample.voids,
    Sample.device_id,
)


def find_fermentation(
    session: Session, fermentation_id: int, *, also_deleted: bool = False
) -> FermentationView | None:
    """The fermentation with this id."""
    every = select(Fermentation) if also_deleted else _living()
    rows = _view_fermentations(session, every.where(Fermentation.id == fermentation_id))
    return rows[0] if rows else None


def has_fermentation(session: Session, fermentation_id: int) -> bool:
    """Whether there is such a fermentation."""
    wanted = select(Fermentation.id).where(
        Fermentation.id == fermentation_id, Fermentation.deleted_at.is_(None)
    )
    return session.scalar(wanted) is not None


def is_completed(session: Session, fermentation_id: int) -> bool:
    """Whether this fermentation is there and came to its end."""
    wanted = select(Fermentation.id).where(
        Fermentation.id == fermentation_id,
        Fermentation.status == "completed",
        Fermentation.deleted_at.is_(None),
    )
    return session.scalar(wanted) is not None


def find_fermentations(
    session: Session, fermentation_ids: Sequence[int]
) -> dict[int, FermentationView]:
    """The fermentations with these ids, by id."""
    wanted = _living().where(is_among(Fermentation.id, fermentation_ids))
    return {view.id: view for view in _view_fermentations(session, wanted)}


def hold_fermentations(session: Session, fermentation_ids: Sequence[int]) -> None:
    """Keep fermentations as they are until the transaction ends, together with others who only add to them."""
    session.execute(
        select(Fermentation.id)
        .where(Fermentation.id.in_(fermentation_ids))
        .order_by(Fermentation.id)
        .with_for_update(read=True, key_share=True)
    )


def hold_fermentation(session: Session, fermentation_id: int, *, alone: bool) -> None:
    """Keep a fermentation as it is until the transaction ends; the next read sees its latest state.

    Who adds a reading holds it together with others, and keeps out only who ends or moves it, who holds it `alone`.
    """
    session.execute(
        select(Fermentation.id)
        .where(Fermentation.id == fermentation_id)
        .with_for_update(read=not alone, key_share=not alone)
    )


def list_fermentations(
    session: Session,
    *,
    status: str | None = None,
    vintage: int | None = None,
    deleted: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[FermentationView]:
    """Fermentations, or the `deleted` ones, the youngest first. Raises Invalid for a cursor that is not ours."""
    wanted = _living()
    if deleted:
        wanted = select(Fermentation).where(Fermentation.deleted_at.is_not(None))
    wanted = wanted.order_by(Fermentation.started_at.desc(), Fermentation.id.desc())
    if status is not None:
        wanted = wanted.where(Fermentation.status == status)
    if vintage is not None:
        wanted = wanted.where(Fermentation.vintage == vintage)
    if cursor is not None:
        wanted = wanted.where(
            tuple_(Fermentation.started_at, Fermentation.id)
            < tuple_(*read_cursor(cursor, read_moment))
        )
    rows = _view_fermentations(session, wanted.limit(limit + 1))
    return cut_page(rows, limit, lambda row: (row.started_at.isoformat(), row.id))


def read_fermentations(session: Session, fermentation_ids: Sequence[int]) -> list[FermentationView]:
    """Fermentations by id, the youngest first."""
    wanted = _living().where(is_among(Fermentation.id, fermentation_ids))
    return _view_fermentations(
        session, wanted.order_by(Fermentation.started_at.desc(), Fermentation.id.desc())
    )


def _living() -> Select[Fermentation]:
    return select(Fermentation).where(Fermentation.deleted_at.is_(None))


def _view_fermentations(session: Session, wanted: Select[Fermentation]) -> list[FermentationView]:
    rows = read_rows(session, wanted.with_only_columns(*_FERMENTATION))
    ids = [row[0] for row in rows]
    vessels = find_vessel_codes(session, ids)
    sources = read_lot_sources(session, ids)
    return [_view_fermentation(row, vessels, sources.get(row[0], ())) for row in rows]


def _view_fermentation(
    row: Sequence[Any],
    vessels: Mapping[int, tuple[str, ...]],
    sources: tuple[LotSourceView, ...],
) -> FermentationView:
    # Taken apart at once: a row of columns takes longer to be asked for each by its name.
    of, code, planned_for, style, yeast, status, started, ended, source, created, litres = row[:11]
    vintage, imported, author, deleted, *phases = row[11:]
    lies_in = vessels.get(of) or ((planned_for,) if status == "planned" and planned_for else ())
    return FermentationView(
        of,
        code,
        lies_in,
        style,
        yeast,
        status,
        started,
        ended,
        source,
        created,
        litres,
        sources,
        vintage,
        Phase(*phases[:3]),
        Phase(*phases[3:]),
        imported,
        author,
        deleted,
    )


@cache
def is_current() -> ColumnElement[bool]:
    """Whether a row is what its reading now is: neither superseded nor voided."""
    newer = aliased(Sample)
    superseded = (
        select(newer.id)
        .where(newer.winery_id == Sample.winery_id, newer.supersedes_id == Sample.id)
        .correlate(Sample)
        .exists()
    )
    return and_(Sample.voids.is_(False), ~superseded)


def list_samples(
    session: Session,
    fermentation_id: int | None,
    *,
    history: bool = False,
    sample_type: SampleType | None = None,
    cursor: str | None = None,
    limit: int = 200,
) -> Page[SampleView]:
    """Current readings of one fermentation, or of all, in the order they were measured; with `history` also what was
    superseded and voided.

    Raises Invalid for a cursor that is not ours.
    """
    wanted = select(*_SAMPLE).order_by(Sample.measured_at, Sample.id)
    if fermentation_id is not None:
        wanted = wanted.where(Sample.fermentation_id == fermentation_id)
    if not history:
        wanted = wanted.where(is_current())
    if sample_type is not None:
        wanted = wanted.where(Sample.sample_type == sample_type)
    if cursor is not None:
        wanted = wanted.where(
            tuple_(Sample.measured_at, Sample.id) > tuple_(*read_cursor(cursor, read_moment))
        )
    rows = [_view_columns(row) for row in read_rows(session, wanted.limit(limit + 1))]
    return cut_page(rows, limit, lambda row: (row.measured_at.isoformat(), row.id))


def read_samples(session: Session, fermentation_id: int) -> list[SampleView]:
    """Every current reading in the order they were measured."""
    rows = read_rows(
        session,
        select(*_SAMPLE)
        .where(Sample.fermentation_id == fermentation_id, is_current())
        .order_by(Sample.measured_at, Sample.id),
    )
    return [_view_columns(row) for row in rows]


def read_samples_and_replaced(
    session: Session, fermentation_id: int
) -> tuple[list[SampleView], list[SampleView]]:
    """Every current reading, and what corrections replaced with the withdrawals, both in the order they were measured."""
    rows = read_rows(
        session,
        select(*_SAMPLE, is_current())
        .where(Sample.fermentation_id == fermentation_id)
        .order_by(Sample.measured_at, Sample.id),
    )
    current: list[SampleView] = []
    replaced: list[SampleView] = []
    for *columns, stands in rows:
        (current if stands else replaced).append(_view_columns(columns))
    return current, replaced


def read_samples_of(
    session: Session, fermentation_ids: Sequence[int]
) -> dict[int, list[SampleView]]:
    """Every current reading of several fermentations in the order they were measured; one query for all."""
    rows = session.execute(
        select(*_SAMPLE)
        .where(is_among(Sample.fermentation_id, fermentation_ids), is_current())
        .order_by(Sample.fermentation_id, Sample.measured_at, Sample.id)
    )
    found: dict[int, list[SampleView]] = {}
    for view in map(_view_columns, rows):
        found.setdefault(view.fermentation_id, []).append(view)
    return found


def find_sample(session: Session, sample_id: int) -> SampleView | None:
    """The row with this id, be it current or not."""
    row = session.get(Sample, sample_id)
    return view_sample(row) if row else None


def find_superseding(session: Session, sample_id: int) -> SampleView | None:
    """The row that took this one's place."""
    row = session.scalar(select(Sample).where(Sample.supersedes_id == sample_id))
    return view_sample(row) if row else None


def read_history(session: Session, sample_id: int) -> list[SampleView]:
    """The chain a row belongs to, from what was first recorded to what now counts; empty for an unknown id."""
    found = (
        select(Sample.id, Sample.supersedes_id)
        .where(Sample.id == sample_id)
        .cte("chain", recursive=True)
    )
    linked = or_(Sample.id == found.c.supersedes_id, Sample.supersedes_id == found.c.id)
    chain = found.union(select(Sample.id, Sample.supersedes_id).join(found, linked))
    rows = session.scalars(
        select(Sample).where(Sample.id.in_(select(chain.c.id))).order_by(Sample.id)
    )
    return [view_sample(row) for row in rows]


# A look-up takes a fifth of an enum's own call, and lists have thousands of rows.
_SAMPLE_TYPES = {kind.value: kind for kind in SampleType}
_UNITS = {unit.value: unit for unit in Unit}


def _view_columns(row: Iterable[Any]) -> SampleView:
    row_id, uuid, fermentation_id, kind, typed, unit, *rest = row
    return SampleView(
        row_id, uuid, fermentation_id, _SAMPLE_TYPES[kind], typed, _UNITS[unit], *rest
    )


def view_sample(row: Sample) -> SampleView:
    """A row as plain data."""
    return SampleView(
        row.id,
        row.client_uuid,
        row.fermentation_id,
        SampleType(row.sample_type),
        row.value_typed,
        Unit(row.unit),
        row.qualifier,
        row.sample_temperature_c,
        row.value,
        row.measured_at,
        row.received_at,
        row.recorded_by,
        row.confirmed,
        row.supersedes_id,
        row.reason,
        row.voids,
        row.device_id,
    )
