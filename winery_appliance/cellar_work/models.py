"""Tables of cellar work; private to this feature."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import UUID as UuidColumn
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.db import Base


def _bind_entry(table: str, when: str) -> tuple[Any, ...]:
    """What holds for every table of entries: where they belong, and that a correction has a reason and is one."""
    return (
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        ForeignKeyConstraint(["winery_id", "recorded_by"], ["users.winery_id", "users.id"]),
        ForeignKeyConstraint(
            ["winery_id", "supersedes_id"],
            [f"{table}.winery_id", f"{table}.id"],
            name=f"{table}_supersede",
        ),
        UniqueConstraint("winery_id", "client_uuid"),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint(
            "(supersedes_id IS NULL) = (reason IS NULL)", name=f"{table}_supersede_for_a_reason"
        ),
        CheckConstraint("supersedes_id IS NOT NULL OR NOT voids", name=f"{table}_void_an_entry"),
        CheckConstraint(
            f"{when} <= received_at + interval '1 day'", name=f"{table}_not_of_the_future"
        ),
        Index(
            f"{table}_superseded_once",
            "winery_id",
            "supersedes_id",
            unique=True,
            postgresql_where=text("supersedes_id IS NOT NULL"),
        ),
        Index(f"{table}_of_fermentation", "winery_id", "fermentation_id", when, "id"),
    )


class _Entry:
    """The columns of an entry of work. Rows are added, never changed or removed.

    A correction is a row that supersedes another; one that `voids` repeats the entry it takes out of the book.
    """

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    fermentation_id: Mapped[int] = mapped_column(BigInteger)
    client_uuid: Mapped[UUID] = mapped_column(UuidColumn(as_uuid=True))
    kind: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
    recorded_by: Mapped[int] = mapped_column(BigInteger)
    confirmed: Mapped[bool] = mapped_column(Boolean)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    supersedes_id: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str | None] = mapped_column(Text)
    voids: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))


class Addition(_Entry, Base):
    """Something put into a wine: the dose as it was typed, and what it comes to beside it."""

    __tablename__ = "additions"
    __table_args__ = (
        *_bind_entry("additions", "done_at"),
        CheckConstraint(
            "kind IN ('dap', 'complex_nutrient', 'thiamine', 'yeast', 'mlf_bacteria', 'so2', 'acid', 'sugar', "
            "'water', 'enzyme', 'tannin', 'oak', 'bentonite', 'fining', 'copper', 'other')",
            name="additions_kind",
        ),
        CheckConstraint(
            "unit IN ('g_hl', 'mg_l', 'g_l', 'ml_hl', 'ml_l', 'g', 'kg', 'ml', 'l')",
            name="additions_unit",
        ),
        CheckConstraint("amount > 0 AND per_litre > 0", name="additions_add_something"),
        CheckConstraint(
            "amount IS NOT NULL OR per_litre IS NOT NULL", name="additions_have_a_dose"
        ),
        CheckConstraint("counts IN ('g', 'ml')", name="additions_counts"),
        CheckConstraint("volume_l > 0", name="additions_volume"),
    )

    product: Mapped[str | None] = mapped_column(Text)
    dose_typed: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    counts: Mapped[str] = mapped_column(Text)
    amount: Mapped[float | None] = mapped_column(Double)
    per_litre: Mapped[float | None] = mapped_column(Double)
    volume_l: Mapped[Decimal | None] = mapped_column(Numeric(12, 3))
    stock_lot: Mapped[str | None] = mapped_column(Text)
    done_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CapWork(_Entry, Base):
    """The cap worked or the must moved: pumped over, punched down, …"""

    __tablename__ = "cap_work"
    __table_args__ = (
        *_bind_entry("cap_work", "started_at"),
        CheckConstraint(
            "kind IN ('pump_over', 'punch_down', 'rack_and_return', 'pulse_air', "
            "'cold_soak_mixing', 'other')",
            name="cap_work_kind",
        ),
        CheckConstraint("duration_min BETWEEN 1 AND 1440", name="cap_work_duration"),
    )

    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    duration_min: Mapped[int | None] = mapped_column(Integer)


class SkippedReading(Base):
    """A round passed by a tank, for a reason. Rows are added, never changed or removed."""

    __tablename__ = "skipped_readings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        ForeignKeyConstraint(["winery_id", "recorded_by"], ["users.winery_id", "users.id"]),
        UniqueConstraint("winery_id", "client_uuid"),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint(
            "skipped_at <= received_at + interval '1 day'",
            name="skipped_readings_not_of_the_future",
        ),
        Index(
            "skipped_readings_of_fermentation", "winery_id", "fermentation_id", "skipped_at", "id"
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    fermentation_id: Mapped[int] = mapped_column(BigInteger)
    client_uuid: Mapped[UUID] = mapped_column(UuidColumn(as_uuid=True))
    reason: Mapped[str] = mapped_column(Text)
    skipped_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    received_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
    recorded_by: Mapped[int] = mapped_column(BigInteger)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)


class FermentationNote(Base):
    """What somebody wrote about a wine. It can be deleted and restored, never rewritten."""

    __tablename__ = "fermentation_notes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        ForeignKeyConstraint(["winery_id", "user_id"], ["users.winery_id", "users.id"]),
        UniqueConstraint("winery_id", "client_uuid"),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint(
            "noted_at <= created_at + interval '1 day'", name="fermentation_notes_not_of_the_future"
        ),
        Index(
            "fermentation_notes_of_fermentation", "winery_id", "fermentation_id", "noted_at", "id"
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    fermentation_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int] = mapped_column(BigInteger)
    client_uuid: Mapped[UUID] = mapped_column(UuidColumn(as_uuid=True))
    content: Mapped[str] = mapped_column(Text)
    noted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)


class NotePhoto(Base):
    """The photo of a note, in a table of its own so that no list of notes loads it."""

    __tablename__ = "note_photos"
    __table_args__ = (
        ForeignKeyConstraint(
            ["winery_id", "note_id"], ["fermentation_notes.winery_id", "fermentation_notes.id"]
        ),
        UniqueConstraint("winery_id", "note_id"),
        CheckConstraint("octet_length(image) <= 1000000", name="note_photos_at_most_1_mb"),
        CheckConstraint("octet_length(thumbnail) <= 100000", name="note_photos_small_thumbnail"),
        CheckConstraint("width > 0 AND height > 0", name="note_photos_show_something"),
    )

    note_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(Text)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    image: Mapped[bytes] = mapped_column(LargeBinary)
    thumbnail: Mapped[bytes] = mapped_column(LargeBinary)


class Task(Base):
    """Something somebody is to do. It is closed once; doing it links the entry that it asked for."""

    __tablename__ = "tasks"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        ForeignKeyConstraint(["winery_id", "vessel_id"], ["vessels.winery_id", "vessels.id"]),
        ForeignKeyConstraint(["winery_id", "planned_by"], ["users.winery_id", "users.id"]),
        ForeignKeyConstraint(["winery_id", "assigned_to"], ["users.winery_id", "users.id"]),
        ForeignKeyConstraint(["winery_id", "closed_by"], ["users.winery_id", "users.id"]),
        ForeignKeyConstraint(["winery_id", "addition_id"], ["additions.winery_id", "additions.id"]),
        ForeignKeyConstraint(["winery_id", "cap_work_id"], ["cap_work.winery_id", "cap_work.id"]),
        ForeignKeyConstraint(["winery_id", "sample_id"], ["samples.winery_id", "samples.id"]),
        ForeignKeyConstraint(["winery_id", "transfer_id"], ["transfers.winery_id", "transfers.id"]),
        UniqueConstraint("winery_id", "client_uuid"),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint(
            "kind IN ('addition', 'cap_work', 'sample', 'transfer', 'other')", name="tasks_kind"
        ),
        CheckConstraint(
            "status IN ('planned', 'done', 'skipped', 'cancelled')", name="tasks_status"
        ),
        CheckConstraint("kind = 'other' OR fermentation_id IS NOT NULL", name="tasks_about_a_wine"),
        CheckConstraint(
            "(status = 'planned') = (closed_at IS NULL) AND (closed_at IS NULL) = (closed_by IS NULL)",
            name="tasks_closed_by_somebody",
        ),
        CheckConstraint("status <> 'skipped' OR reason IS NOT NULL", name="tasks_skipped_why"),
        CheckConstraint("(status = 'done') = (done_hash IS NOT NULL)", name="tasks_done_how"),
        CheckConstraint(
            "(addition_id IS NOT NULL) = (status = 'done' AND kind = 'addition')"
            " AND (cap_work_id IS NOT NULL) = (status = 'done' AND kind = 'cap_work')"
            " AND (sample_id IS NOT NULL) = (status = 'done' AND kind = 'sample')"
            " AND (transfer_id IS NOT NULL) = (status = 'done' AND kind = 'transfer')",
            name="tasks_done_by_an_entry",
        ),
        Index("tasks_by_day", "winery_id", "status", "due_at", "id"),
        Index("tasks_of_fermentation", "winery_id", "fermentation_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    client_uuid: Mapped[UUID] = mapped_column(UuidColumn(as_uuid=True))
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    kind: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    instructions: Mapped[str] = mapped_column(Text)
    fermentation_id: Mapped[int | None] = mapped_column(BigInteger)
    vessel_id: Mapped[int | None] = mapped_column(BigInteger)
    planned_by: Mapped[int] = mapped_column(BigInteger)
    assigned_to: Mapped[int | None] = mapped_column(BigInteger)
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    status: Mapped[str] = mapped_column(Text, server_default=text("'planned'"))
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("now()")
    )
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closed_by: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str | None] = mapped_column(Text)
    done_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    addition_id: Mapped[int | None] = mapped_column(BigInteger)
    cap_work_id: Mapped[int | None] = mapped_column(BigInteger)
    sample_id: Mapped[int | None] = mapped_column(BigInteger)
    transfer_id: Mapped[int | None] = mapped_column(BigInteger)
