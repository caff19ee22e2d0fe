"""Tables of the winery and its vessels; private to this feature."""

from datetime import datetime

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
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.coded_rows import CodedRow
from winery_appliance.core.db import Base

_NOW = text("now()")


class Winery(Base):
    """The tenant root: every tenant row carries its id."""

    __tablename__ = "wineries"
    __table_args__ = (
        CheckConstraint(
            "sugar_unit IN ('brix','sg','kg_m3','baume','oechsle','kmw')",
            name="wineries_sugar_unit",
        ),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="wineries_country"),
        CheckConstraint(
            "(latitude IS NULL) = (longitude IS NULL) AND latitude BETWEEN -90 AND 90"
            " AND longitude BETWEEN -180 AND 180",
            name="wineries_place",
        ),
        CheckConstraint("language ~ '^[a-z]{2}$'", name="wineries_language"),
        CheckConstraint(
            "temperature_unit IN ('celsius', 'fahrenheit')", name="wineries_temperature_unit"
        ),
        CheckConstraint("legal_region IN ('eu', 'us')", name="wineries_legal_region"),
        CheckConstraint("walking_order IN ('position', 'code')", name="wineries_walking_order"),
        CheckConstraint("audit_months BETWEEN 12 AND 1200", name="wineries_audit_months"),
        UniqueConstraint("code"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    sugar_unit: Mapped[str] = mapped_column(Text, server_default=text("'brix'"))
    time_zone: Mapped[str] = mapped_column(Text, server_default=text("'UTC'"))
    location: Mapped[str | None] = mapped_column(Text)
    country: Mapped[str | None] = mapped_column(Text)
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)
    language: Mapped[str] = mapped_column(Text, server_default=text("'en'"))
    temperature_unit: Mapped[str] = mapped_column(Text, server_default=text("'celsius'"))
    legal_region: Mapped[str] = mapped_column(Text, server_default=text("'eu'"))
    walking_order: Mapped[str] = mapped_column(Text, server_default=text("'position'"))
    audit_months: Mapped[int | None] = mapped_column(Integer)
    is_demo: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)


class Vessel(CodedRow):
    """What wine lies in. `jacket` says what its wall can do to the temperature; unknown is NULL, as is the material.

    Triggers see to it that wine lies in vessels of the cellar only, and that one leaves it empty.
    """

    noun = "vessel"
    __tablename__ = "vessels"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint(
            "kind IN ('tank', 'open_top', 'barrel', 'puncheon', 'foudre', 'egg', 'amphora', 'bin', 'tote', 'keg',"
            " 'demijohn')",
            name="vessels_kind",
        ),
        CheckConstraint(
            "material IN ('stainless_steel', 'oak', 'other_wood', 'concrete', 'clay', 'fiberglass', 'plastic', 'glass')",
            name="vessels_material",
        ),
        CheckConstraint(
            "jacket IN ('none', 'cooling', 'heating', 'cooling_and_heating')", name="vessels_jacket"
        ),
        CheckConstraint("capacity_l > 0", name="vessels_hold_something"),
        Index(
            "vessels_search",
            "winery_id",
            func.lower(text("code")).label("searched"),
            postgresql_using="gin",
            postgresql_ops={"searched": "gin_trgm_ops"},
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "vessels_code_key",
            "winery_id",
            text("lower(code)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    kind: Mapped[str] = mapped_column(Text, server_default=text("'tank'"))
    material: Mapped[str | None] = mapped_column(Text)
    jacket: Mapped[str | None] = mapped_column(Text)
    capacity_l: Mapped[int | None] = mapped_column(Integer)
    position: Mapped[int | None] = mapped_column(Integer)


class SetupCode(Base):
    """The one-time code that whoever installed the appliance hands to the owner. Only its hash is kept."""

    __tablename__ = "setup_codes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
