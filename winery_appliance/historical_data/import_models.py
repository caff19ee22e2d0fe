"""Tables of imports; private to this feature."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as UuidColumn
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.db import Base

_NOW = text("now()")
_EMPTY_LIST = text("'[]'::jsonb")
_EMPTY = text("'{}'::jsonb")


class Import(Base):
    """A file on its way into the book: what it is, how far it got, what was asked and answered, and what came of it."""

    __tablename__ = "imports"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        ForeignKeyConstraint(["winery_id", "created_by"], ["users.winery_id", "users.id"]),
        UniqueConstraint("winery_id", "id"),
        UniqueConstraint("winery_id", "client_uuid"),
        CheckConstraint(
            "state IN ('uploading', 'waiting', 'asking', 'ready', 'saving', 'stopped', 'saved',"
            " 'undoing', 'undone', 'cancelled', 'failed')",
            name="imports_state",
        ),
        CheckConstraint(
            "size_bytes > 0 AND received_bytes BETWEEN 0 AND size_bytes", name="imports_size"
        ),
        # The same file counts once among those that are, or may still come, in the book.
        Index(
            "imports_content_once",
            "winery_id",
            "content_hash",
            unique=True,
            postgresql_where=text("state NOT IN ('undone', 'cancelled', 'failed')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    client_uuid: Mapped[UUID] = mapped_column(UuidColumn(as_uuid=True))
    file_name: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    received_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    content_hash: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'uploading'"))
    reader: Mapped[str | None] = mapped_column(Text)
    fingerprint: Mapped[str | None] = mapped_column(Text)
    mapping_name: Mapped[str | None] = mapped_column(Text)
    header: Mapped[list[dict[str, str]]] = mapped_column(JSONB, server_default=_EMPTY_LIST)
    answers: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=_EMPTY)
    questions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=_EMPTY_LIST)
    counts: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=_EMPTY)
    failure: Mapped[str | None] = mapped_column(Text)
    cancel_requested: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    steps_done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    steps_total: Mapped[int] = mapped_column(BigInteger, server_default="0")
    stage_started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)
    saved_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ImportMapping(Base):
    """What a person answered about a header, remembered for the next file with the same columns."""

    __tablename__ = "import_mappings"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        UniqueConstraint("winery_id", "id"),
        UniqueConstraint("winery_id", "fingerprint"),
        Index("import_mappings_name_key", "winery_id", text("lower(name)"), unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(Text)
    answers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)


class ImportedWine(Base):
    """A fermentation that a file made (`is_new`) or added readings to, and what it said of the fruit."""

    __tablename__ = "imported_wines"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "import_id"], ["imports.winery_id", "imports.id"]),
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        ForeignKeyConstraint(
            ["winery_id", "made_lot_id"], ["harvest_lots.winery_id", "harvest_lots.id"]
        ),
        Index("imported_wines_of_fermentation", "winery_id", "fermentation_id"),
    )

    winery_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    import_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    fermentation_id: Mapped[int] = mapped_column(BigInteger)
    is_new: Mapped[bool] = mapped_column(Boolean)
    variety: Mapped[str | None] = mapped_column(Text)
    vineyard: Mapped[str | None] = mapped_column(Text)
    made_lot_id: Mapped[int | None] = mapped_column(BigInteger)


class StagedWine(Base):
    """A wine of a file that is not saved yet; `fault` says why it cannot be."""

    __tablename__ = "staged_wines"

    import_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    line: Mapped[int] = mapped_column(Integer)
    fermentation_id: Mapped[int | None] = mapped_column(BigInteger)
    style: Mapped[str | None] = mapped_column(Text)
    yeast_strain: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    volume_l: Mapped[Decimal | None] = mapped_column(Numeric(12, 3))
    vineyard: Mapped[str | None] = mapped_column(Text)
    variety: Mapped[str | None] = mapped_column(Text)
    harvested_on: Mapped[date | None] = mapped_column(Date)
    kg: Mapped[Decimal | None] = mapped_column(Numeric(12, 3))
    lot: Mapped[str | None] = mapped_column(Text)
    vintage: Mapped[str | None] = mapped_column(Text)
    fault: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)


class StagedReading(Base):
    """A reading of a file as it is to be saved, or why it is not; a refused row has one without a quantity.

    The table has no key of its own: it is written by COPY and read by wine.
    """

    __tablename__ = "staged_readings"
    __table_args__ = (
        CheckConstraint(
            "verdict IN ('matched', 'new', 'duplicate', 'conflicting', 'refused', 'left_out')",
            name="staged_readings_verdict",
        ),
        Index("staged_readings_of_wine", "import_id", "wine"),
        Index(
            "staged_readings_odd",
            "import_id",
            "line",
            postgresql_where=text("verdict NOT IN ('matched', 'new')"),
        ),
    )
    __mapper_args__ = {"primary_key": ["import_id", "line", "place"]}  # noqa: RUF012

    import_id: Mapped[int] = mapped_column(BigInteger)
    line: Mapped[int] = mapped_column(Integer)
    place: Mapped[int] = mapped_column(SmallInteger)
    code: Mapped[str] = mapped_column(Text)
    wine: Mapped[int | None] = mapped_column(Integer)
    sample_type: Mapped[str | None] = mapped_column(Text)
    value_typed: Mapped[str | None] = mapped_column(Text)
    unit: Mapped[str | None] = mapped_column(Text)
    qualifier: Mapped[str | None] = mapped_column(Text)
    sample_temperature_c: Mapped[float | None] = mapped_column(Double)
    value: Mapped[float | None] = mapped_column(Double)
    measured_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    verdict: Mapped[str] = mapped_column(Text)
    fault: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
