"""Tables of devices; private to this feature."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.coded_rows import CodedRow
from winery_appliance.core.db import Base


class Device(CodedRow):
    """Something that reads by itself."""

    noun = "device"
    __tablename__ = "devices"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint("kind IN ('ispindel', 'tilt', 'probe', 'other')", name="devices_kind"),
        CheckConstraint(
            "(refused_count = 0) = (last_refusal IS NULL) AND (refused_count = 0) = (last_refused_at IS NULL)",
            name="devices_refusals_have_a_reason",
        ),
        Index(
            "devices_code_key",
            "winery_id",
            text("lower(code)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str | None] = mapped_column(Text)
    refused_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    last_refusal: Mapped[str | None] = mapped_column(Text)
    last_refused_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class DeviceAssignment(Base):
    """A device hangs in a vessel for a time; the database refuses two vessels at once."""

    __tablename__ = "device_assignments"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "device_id"], ["devices.winery_id", "devices.id"]),
        ForeignKeyConstraint(["winery_id", "vessel_id"], ["vessels.winery_id", "vessels.id"]),
        CheckConstraint(
            "NOT isempty(during) AND NOT lower_inf(during)",
            name="device_assignments_last_some_time",
        ),
        ExcludeConstraint(
            ("device_id", "="),
            ("during", "&&"),
            using="gist",
            name="device_assignments_one_vessel_at_once",
        ),
        Index("device_assignments_of_vessel", "winery_id", "vessel_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    device_id: Mapped[int] = mapped_column(BigInteger)
    vessel_id: Mapped[int] = mapped_column(BigInteger)
    during: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)


class DeviceReading(Base):
    """One value that a device read; `value` is in the canonical unit of its quantity. One table a month."""

    __tablename__ = "device_readings"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "device_id"], ["devices.winery_id", "devices.id"]),
        CheckConstraint("quantity IN ('sugar', 'temperature')", name="device_readings_quantity"),
        CheckConstraint(
            "value > '-Infinity' AND value < 'Infinity'", name="device_readings_are_numbers"
        ),
        {"postgresql_partition_by": "RANGE (read_at)"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    winery_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    device_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    read_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    quantity: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[float] = mapped_column(Double)
    received_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )


class DeviceHour(Base):
    """An hour of a device whose samples are to be made, or made anew; `hour` is its beginning, UTC."""

    __tablename__ = "device_hours"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "device_id"], ["devices.winery_id", "devices.id"]),
    )

    winery_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    device_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hour: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
