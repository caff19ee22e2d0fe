"""Tables of fermentations and samples; private to this feature."""

from datetime import datetime
from decimal import Decimal
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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.dialects.postgresql import UUID as UuidColumn
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.db import Base

_NOW = text("now()")


class Fermentation(Base):
    """One wine while it ferments. Where it lies is told by the vessel occupancies.

    `vessel_code` is the vessel that it is planned for or began in, as that was called then. The alcoholic (af) and the
    malolactic fermentation (mlf) have states of their own; their rules stand in `states`.
    """

    __tablename__ = "fermentations"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        ForeignKeyConstraint(["winery_id", "created_by"], ["users.winery_id", "users.id"]),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint("style IN ('red', 'white', 'rose', 'orange')", name="fermentations_style"),
        CheckConstraint(
            "status IN ('planned', 'active', 'completed', 'cancelled')", name="fermentations_status"
        ),
        CheckConstraint("ended_at > started_at", name="fermentations_end_after_start"),
        CheckConstraint(
            "(status IN ('completed', 'cancelled')) = (ended_at IS NOT NULL)",
            name="fermentations_end_when_over",
        ),
        CheckConstraint("data_source IN ('live', 'imported')", name="fermentations_data_source"),
        CheckConstraint("start_volume_l >= 0", name="fermentations_start_volume"),
        CheckConstraint("vintage BETWEEN 1500 AND 2199", name="fermentations_vintage"),
        CheckConstraint(
            "(data_source = 'imported') = (imported_at IS NOT NULL)",
            name="fermentations_imported_at",
        ),
        CheckConstraint(
            "af_status IN ('not_started', 'running', 'done')"
            " AND (af_status IN ('running', 'done')) = (af_started_at IS NOT NULL)"
            " AND (af_status = 'done') = (af_ended_at IS NOT NULL)"
            " AND (af_ended_at IS NULL OR af_ended_at >= af_started_at)",
            name="fermentations_af",
        ),
        CheckConstraint(
            "mlf_status IN ('not_started', 'running', 'done', 'skipped')"
            " AND (mlf_status IN ('running', 'done')) = (mlf_started_at IS NOT NULL)"
            " AND (mlf_status = 'done') = (mlf_ended_at IS NOT NULL)"
            " AND (mlf_ended_at IS NULL OR mlf_ended_at >= mlf_started_at)",
            name="fermentations_mlf",
        ),
        CheckConstraint(
            "status = 'active' OR status = 'planned' AND af_started_at IS NULL AND mlf_started_at IS NULL"
            " OR status IN ('completed', 'cancelled') AND af_status <> 'running' AND mlf_status <> 'running'",
            name="fermentations_phases_of_what_runs",
        ),
        Index("fermentations_of_vintage", "winery_id", "vintage", "started_at", "id"),
        Index(
            "fermentations_search",
            "winery_id",
            func.lower(text("code")).label("searched"),
            postgresql_using="gin",
            postgresql_ops={"searched": "gin_trgm_ops"},
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "fermentations_code_key",
            "winery_id",
            text("lower(code)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("fermentations_by_start", "winery_id", "started_at", "id"),
        Index(
            "fermentations_active",
            "winery_id",
            postgresql_where=text("status = 'active' AND deleted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    code: Mapped[str] = mapped_column(Text)
    style: Mapped[str] = mapped_column(Text)
    yeast_strain: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default=text("'active'"))
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    data_source: Mapped[str] = mapped_column(Text, server_default=text("'live'"))
    # 0 for a wine that began as a part of others: it is filled by the transfer that made it.
    start_volume_l: Mapped[Decimal | None] = mapped_column(Numeric(12, 3))
    vintage: Mapped[int | None] = mapped_column(Integer)
    vessel_code: Mapped[str | None] = mapped_column(Text)
    imported_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    af_status: Mapped[str] = mapped_column(Text, server_default=text("'not_started'"))
    af_started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    af_ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    mlf_status: Mapped[str] = mapped_column(Text, server_default=text("'not_started'"))
    mlf_started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    mlf_ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class VesselOccupancy(Base):
    """A fermentation lies in a vessel for a time: in one, or after the press in many barrels at once.

    The database refuses two fermentations at once in one vessel.

    A cancelled fermentation's claim is `withdrawn`: most are slips, and the right one begins at the same time.
    """

    __tablename__ = "vessel_occupancies"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "vessel_id"], ["vessels.winery_id", "vessels.id"]),
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        CheckConstraint("NOT isempty(during)", name="vessel_occupancies_last_some_time"),
        ExcludeConstraint(
            ("vessel_id", "="),
            ("during", "&&"),
            using="gist",
            where=text("NOT withdrawn"),
            name="vessel_occupancies_never_two_at_once",
        ),
        Index("vessel_occupancies_of_fermentation", "winery_id", "fermentation_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    vessel_id: Mapped[int] = mapped_column(BigInteger)
    fermentation_id: Mapped[int] = mapped_column(BigInteger)
    during: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    withdrawn: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))


class Transfer(Base):
    """Wine went from vessels to vessels at one moment, within a wine or from wine to wine. It can only be voided."""

    __tablename__ = "transfers"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        ForeignKeyConstraint(["winery_id", "recorded_by"], ["users.winery_id", "users.id"]),
        ForeignKeyConstraint(["winery_id", "voided_by"], ["users.winery_id", "users.id"]),
        UniqueConstraint("winery_id", "id"),
        UniqueConstraint("winery_id", "client_uuid"),
        CheckConstraint("kind IN ('move', 'split', 'blend')", name="transfers_kind"),
        CheckConstraint(
            "(voided_at IS NULL) = (voided_by IS NULL)", name="transfers_void_by_somebody"
        ),
        CheckConstraint(
            "(voided_at IS NULL) = (void_reason IS NULL)", name="transfers_void_for_a_reason"
        ),
        CheckConstraint(
            "moved_at <= recorded_at + interval '1 day'", name="transfers_not_of_the_future"
        ),
        Index("transfers_by_moment", "winery_id", "moved_at", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    client_uuid: Mapped[UUID] = mapped_column(UuidColumn(as_uuid=True))
    kind: Mapped[str] = mapped_column(Text)
    moved_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    note: Mapped[str | None] = mapped_column(Text)
    recorded_by: Mapped[int] = mapped_column(BigInteger)
    recorded_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    voided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    voided_by: Mapped[int | None] = mapped_column(BigInteger)
    void_reason: Mapped[str | None] = mapped_column(Text)


class TransferFlow(Base):
    """One stream of a transfer. `volume_l` is NULL where nobody measured; `empties` says that nothing stayed behind.

    Triggers see to it that flows of a wine follow each other and take no more out than there was.
    """

    __tablename__ = "transfer_flows"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "transfer_id"], ["transfers.winery_id", "transfers.id"]),
        ForeignKeyConstraint(
            ["winery_id", "from_fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        ForeignKeyConstraint(["winery_id", "from_vessel_id"], ["vessels.winery_id", "vessels.id"]),
        ForeignKeyConstraint(
            ["winery_id", "to_fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        ForeignKeyConstraint(["winery_id", "to_vessel_id"], ["vessels.winery_id", "vessels.id"]),
        UniqueConstraint(
            "winery_id",
            "transfer_id",
            "from_fermentation_id",
            "from_vessel_id",
            "to_fermentation_id",
            "to_vessel_id",
        ),
        CheckConstraint("volume_l >= 0", name="transfer_flows_volume"),
        CheckConstraint(
            "from_fermentation_id = to_fermentation_id OR volume_l IS NOT NULL",
            name="transfer_flows_between_wines_are_measured",
        ),
        CheckConstraint(
            "from_fermentation_id <> to_fermentation_id OR from_vessel_id <> to_vessel_id",
            name="transfer_flows_lead_elsewhere",
        ),
        Index("transfer_flows_from", "winery_id", "from_fermentation_id"),
        Index("transfer_flows_to", "winery_id", "to_fermentation_id"),
        Index("transfer_flows_from_vessel", "winery_id", "from_vessel_id"),
        Index("transfer_flows_to_vessel", "winery_id", "to_vessel_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    transfer_id: Mapped[int] = mapped_column(BigInteger)
    from_fermentation_id: Mapped[int] = mapped_column(BigInteger)
    from_vessel_id: Mapped[int] = mapped_column(BigInteger)
    to_fermentation_id: Mapped[int] = mapped_column(BigInteger)
    to_vessel_id: Mapped[int] = mapped_column(BigInteger)
    volume_l: Mapped[Decimal | None] = mapped_column(Numeric(12, 3))
    empties: Mapped[bool] = mapped_column(Boolean)


class FermentationLotSource(Base):
    """How much of a fermentation came from one harvest lot. Triggers see to it that the shares sum to 100 %."""

    __tablename__ = "fermentation_lot_sources"
    __table_args__ = (
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        ForeignKeyConstraint(
            ["winery_id", "harvest_lot_id"], ["harvest_lots.winery_id", "harvest_lots.id"]
        ),
        UniqueConstraint("winery_id", "fermentation_id", "harvest_lot_id"),
        CheckConstraint(
            "percentage > 0 AND percentage <= 100", name="fermentation_lot_sources_percentage"
        ),
        CheckConstraint("kg > 0", name="fermentation_lot_sources_kg"),
        Index("fermentation_lot_sources_of_lot", "winery_id", "harvest_lot_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    fermentation_id: Mapped[int] = mapped_column(BigInteger)
    harvest_lot_id: Mapped[int] = mapped_column(BigInteger)
    percentage: Mapped[Decimal] = mapped_column(Numeric(7, 4))
    kg: Mapped[Decimal | None] = mapped_column(Numeric(12, 3))


class Sample(Base):
    """A reading as it was typed, and its canonical value beside it. Rows are added, never changed or removed.

    One that came with a file names the import and the line.

    A person recorded it or a device took it.

    A correction is a row that supersedes another; one that `voids` repeats the reading it takes out of the book.
    """

    __tablename__ = "samples"
    __table_args__ = (
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        ForeignKeyConstraint(["winery_id", "recorded_by"], ["users.winery_id", "users.id"]),
        ForeignKeyConstraint(["winery_id", "device_id"], ["devices.winery_id", "devices.id"]),
        CheckConstraint(
            "num_nonnulls(recorded_by, device_id) = 1", name="samples_of_a_person_or_a_device"
        ),
        Index(
            "samples_of_device",
            "winery_id",
            "device_id",
            "measured_at",
            postgresql_where=text("device_id IS NOT NULL"),
        ),
        ForeignKeyConstraint(["winery_id", "import_id"], ["imports.winery_id", "imports.id"]),
        CheckConstraint("(import_id IS NULL) = (import_line IS NULL)", name="samples_of_a_line"),
        ForeignKeyConstraint(
            ["winery_id", "supersedes_id"],
            ["samples.winery_id", "samples.id"],
            name="samples_supersede_a_sample",
        ),
        UniqueConstraint("winery_id", "client_uuid"),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint(
            "(supersedes_id IS NULL) = (reason IS NULL)", name="samples_supersede_for_a_reason"
        ),
        CheckConstraint("supersedes_id IS NOT NULL OR NOT voids", name="samples_void_a_sample"),
        Index(
            "samples_superseded_once",
            "winery_id",
            "supersedes_id",
            unique=True,
            postgresql_where=text("supersedes_id IS NOT NULL"),
        ),
        CheckConstraint("qualifier IN ('<', '>')", name="samples_qualifier"),
        CheckConstraint(
            "sample_type IN ('sugar', 'temperature', 'ph', 'ta', 'va', 'yan', 'malic', 'lactic', 'free_so2', "
            "'total_so2', 'alcohol', 'residual_sugar')",
            name="samples_sample_type",
        ),
        # A reading of the far future would hide every later one.
        CheckConstraint(
            "measured_at <= received_at + interval '1 day'", name="samples_not_of_the_future"
        ),
        Index("samples_of_late", "received_at", postgresql_using="brin"),
        Index(
            "samples_of_fermentation", "winery_id", "fermentation_id", "sample_type", "measured_at"
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    fermentation_id: Mapped[int] = mapped_column(BigInteger)
    client_uuid: Mapped[UUID] = mapped_column(UuidColumn(as_uuid=True))
    sample_type: Mapped[str] = mapped_column(Text)
    value_typed: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    qualifier: Mapped[str | None] = mapped_column(Text)
    sample_temperature_c: Mapped[float | None] = mapped_column(Double)
    value: Mapped[float] = mapped_column(Double)
    measured_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    received_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
    recorded_by: Mapped[int | None] = mapped_column(BigInteger)
    device_id: Mapped[int | None] = mapped_column(BigInteger)
    confirmed: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    device_time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    clock_offset_ms: Mapped[int | None] = mapped_column(BigInteger)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    supersedes_id: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str | None] = mapped_column(Text)
    voids: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    import_id: Mapped[int | None] = mapped_column(BigInteger)
    import_line: Mapped[int | None] = mapped_column(Integer)
