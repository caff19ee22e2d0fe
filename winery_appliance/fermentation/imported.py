"""Fermentations that come from files of past vintages: normal ones in every way, and they know their import."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, delete, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session

from winery_appliance.core import outbox
from winery_appliance.core.many_rows import insert_rows
from winery_appliance.fermentation.events import SampleRecorded, SampleVoided
from winery_appliance.fermentation.models import (
    Fermentation,
    FermentationLotSource,
    Sample,
    TransferFlow,
)
from winery_appliance.fermentation.queries import is_current
from winery_appliance.fermentation.service import add_with_code

# What an import says of a reading; the rest of a sample is the same for all of a file.
IMPORTED_COLUMNS = (
    "import_line", "client_uuid", "sample_type", "value_typed", "unit", "qualifier", "sample_temperature_c", "value",
    "measured_at", "body_hash",
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
    told: ImportedFermentation,
    *,
    winery_id: int,
    created_by: int,
    now: datetime,
) -> int:
    """Put a completed fermentation into the book; its id. Raises Conflict when its code is taken."""
    fermentation = Fermentation(
        winery_id=winery_id,
        status="completed",
        data_source="imported",
        imported_at=now,
        af_status="done",
        af_started_at=told.started_at,
        af_ended_at=told.ended_at,
        created_by=created_by,
        **vars(told),
    )
    add_with_code(session, fermentation)
    return fermentation.id


def add_imported_source(
    session: Session, fermentation_id: int, lot_id: int, kg: Decimal, *, winery_id: int
) -> None:
    """Say that a fermentation came from one lot."""
    session.execute(
        insert(FermentationLotSource).values(
            winery_id=winery_id,
            fermentation_id=fermentation_id,
            harvest_lot_id=lot_id,
            percentage=100,
            kg=kg,
        )
    )


def add_imported_samples(
    session: Session,
    fermentation_id: int,
    rows: Select[*tuple[Any, ...]],
    *,
    winery_id: int,
    import_id: int,
    recorded_by: int,
) -> int:
    """Put the readings that `rows` selects, as IMPORTED_COLUMNS, into the book; how many."""
    same = {
        "winery_id": winery_id,
        "fermentation_id": fermentation_id,
        "import_id": import_id,
        "recorded_by": recorded_by,
    }
    chosen = rows.add_columns(*(literal(value).label(name) for name, value in same.items()))
    statement = insert(Sample).from_select([*IMPORTED_COLUMNS, *same], chosen)
    return session.connection().execute(statement).rowcount


def tell_of_samples(session: Session, fermentation_id: int, *, winery_id: int) -> None:
    """Say that a wine in the book has new readings; one event is enough for all of them."""
    newest = session.scalar(
        select(func.max(Sample.id)).where(Sample.fermentation_id == fermentation_id)
    )
    assert newest is not None
    outbox.publish(session, SampleRecorded(winery_id, fermentation_id, newest))


def current_readings() -> Select[int, str, datetime, float, str]:
    """What now counts of every reading: its wine, quantity, moment, canonical value and typed value."""
    return select(
        Sample.fermentation_id,
        Sample.sample_type,
        Sample.measured_at,
        Sample.value,
        Sample.value_typed,
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
