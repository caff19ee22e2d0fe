"""Fermentations that come from files of past vintages: normal ones in every way, and they know their import."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import BigInteger, Select, bindparam, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from winery_appliance.core import outbox
from winery_appliance.core.many_rows import insert_rows, is_among
from winery_appliance.fermentation.events import SampleRecorded, SampleVoided
from winery_appliance.fermentation.models import (
    Fermentation,
    FermentationLotSource,
    Sample,
    TransferFlow,
)
from winery_appliance.fermentation.queries import hold_fermentations, is_current

# What an import says of a reading; the rest of a sample is the same for all of a file.
IMPORTED_COLUMNS = (
    "fermentation_id", "import_line", "client_uuid", "sample_type", "value_typed", "unit", "qualifier",
    "sample_temperature_c", "value", "measured_at", "body_hash",
)  # fmt: skip


@dataclass(frozen=True)
class ImportedFermentation:
    """A past fermentation as a file tells it; the vintage is a year."""

    code: str
    style: str
    yeast_strain: str
    started_at: datetime
    ended_at: datetime
    start_volume_l: Decimal | None
    vintage: int | None


def add_imported(
    session: Session,
    told: Sequence[ImportedFermentation],
    *,
    winery_id: int,
    created_by: int,
    now: datetime,
) -> list[int | None]:
    """Put completed fermentations into the book; the id of each, None where another has its code."""
    if not told:
        return []
    rows = [
        {
            "winery_id": winery_id,
            "status": "completed",
            "data_source": "imported",
            "imported_at": now,
            "af_status": "done",
            "af_started_at": each.started_at,
            "af_ended_at": each.ended_at,
            "created_by": created_by,
            **vars(each),
        }
        for each in told
    ]
    added = session.execute(
        insert_rows(Fermentation, rows)
        .on_conflict_do_nothing()
        .returning(Fermentation.code, Fermentation.id)
    )
    ids = {code: row_id for code, row_id in added}
    return [ids.pop(each.code, None) for each in told]


def add_imported_sources(
    session: Session, sources: Sequence[tuple[int, int, Decimal]], *, winery_id: int
) -> None:
    """Say of fermentations that each came from one lot: ids of both, and kg."""
    if sources:
        rows = [
            {
                "winery_id": winery_id,
                "fermentation_id": fermentation_id,
                "harvest_lot_id": lot_id,
                "percentage": Decimal(100),
                "kg": kg,
            }
            for fermentation_id, lot_id, kg in sources
        ]
        session.execute(insert_rows(FermentationLotSource, rows))


def insert_imported_samples(rows: Select[*tuple[Any, ...]]) -> Insert:
    """A statement that puts the readings which `rows` selects, as IMPORTED_COLUMNS, into the book.

    It is made once for all wines of a file; its parameters are winery_id, import_id and recorded_by.
    """
    same = ("winery_id", "import_id", "recorded_by")
    chosen = rows.add_columns(*(bindparam(name, type_=BigInteger) for name in same))
    return insert(Sample).from_select([*IMPORTED_COLUMNS, *same], chosen)


def hold_living(session: Session, fermentation_ids: Sequence[int]) -> set[int]:
    """Those of these fermentations that are in the book; they stay as they are until the transaction ends."""
    if not fermentation_ids:
        return set()
    hold_fermentations(session, fermentation_ids)
    living = select(Fermentation.id).where(
        is_among(Fermentation.id, fermentation_ids), Fermentation.deleted_at.is_(None)
    )
    return set(session.scalars(living))


def tell_of_samples(
    session: Session, fermentation_ids: Sequence[int], *, winery_id: int, import_id: int
) -> None:
    """Say which of these wines have new readings by an import; one event is enough for all readings of a wine."""
    if not fermentation_ids:
        return
    newest = session.execute(
        select(Sample.fermentation_id, func.max(Sample.id))
        .where(is_among(Sample.fermentation_id, fermentation_ids), Sample.import_id == import_id)
        .group_by(Sample.fermentation_id)
    )
    outbox.publish_all(
        session, [SampleRecorded(winery_id, wine, sample) for wine, sample in newest]
    )


def current_readings() -> Select[*tuple[Any, ...]]:
    """What now counts of every reading, for statements of others: its wine, quantity, moment, canonical value, typed value
    and qualifier, and the import and line that it came from.
    """
    return select(
        Sample.id,
        Sample.fermentation_id,
        Sample.sample_type,
        Sample.measured_at,
        Sample.value,
        Sample.value_typed,
        Sample.qualifier,
        Sample.import_id,
        Sample.import_line,
    ).where(is_current())


def find_ids_by_code(session: Session) -> dict[str, int]:
    """Ids of all living fermentations by code, but for cancelled ones."""
    rows = session.execute(
        select(Fermentation.code, Fermentation.id).where(
            Fermentation.deleted_at.is_(None), Fermentation.status != "cancelled"
        )
    )
    return {code: row_id for code, row_id in rows}


def is_touched(session: Session, fermentation_id: int, *, import_id: int) -> bool:
    """Whether somebody added to a fermentation what did not come with this import."""
    others = select(Sample.id).where(
        Sample.fermentation_id == fermentation_id,
        Sample.import_id.is_distinct_from(import_id),
    )
    flows = select(TransferFlow.id).where(
        (TransferFlow.from_fermentation_id == fermentation_id)
        | (TransferFlow.to_fermentation_id == fermentation_id)
    )
    return bool(session.scalar(select(exists(others) | exists(flows))))


def remove_imported(session: Session, fermentation_id: int, *, now: datetime) -> None:
    """Take a fermentation that an import made out of the book, and free the lots it came from."""
    session.execute(
        delete(FermentationLotSource).where(
            FermentationLotSource.fermentation_id == fermentation_id
        )
    )
    session.execute(
        update(Fermentation)
        .where(Fermentation.id == fermentation_id, Fermentation.deleted_at.is_(None))
        .values(deleted_at=now)
    )


def void_imported_samples(
    session: Session,
    fermentation_id: int,
    *,
    winery_id: int,
    import_id: int,
    voided_by: int,
    reason: str,
) -> int:
    """Void the readings of one import that still count in a wine; how many."""
    rows = session.scalars(
        select(Sample).where(
            Sample.fermentation_id == fermentation_id, Sample.import_id == import_id, is_current()
        )
    ).all()
    if rows:
        voids = [_void(row, winery_id, voided_by, reason) for row in rows]
        session.execute(insert_rows(Sample, voids))
        outbox.publish(session, SampleVoided(winery_id, fermentation_id, rows[-1].id))
    return len(rows)


def _void(row: Sample, winery_id: int, voided_by: int, reason: str) -> dict[str, Any]:
    kept = (
        "fermentation_id", "sample_type", "value_typed", "unit", "qualifier", "sample_temperature_c", "value",
        "measured_at", "body_hash",
    )  # fmt: skip
    return {name: getattr(row, name) for name in kept} | {
        "winery_id": winery_id,
        "client_uuid": uuid4(),
        "recorded_by": voided_by,
        "supersedes_id": row.id,
        "reason": reason,
        "voids": True,
    }
