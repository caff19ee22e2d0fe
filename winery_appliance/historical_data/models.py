"""Tables of the past: its readings, its ferments as curves, and the patterns drawn from them. Private to this feature."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.db import Base


class HistoricalSample(Base):
    """A reading of a completed fermentation, as patterns are drawn from it; `id` is the sample's own.

    One that came with a file names the import and the line.

    Made from the book and made anew at any time, so it says nothing that the book does not.
    """

    __tablename__ = "historical_samples"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "id"], ["samples.winery_id", "samples.id"]),
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint("source IN ('live', 'imported')", name="historical_samples_source"),
        CheckConstraint("qualifier IN ('<', '>')", name="historical_samples_qualifier"),
        CheckConstraint(
            "(import_id IS NULL) = (import_line IS NULL)", name="historical_samples_of_a_line"
        ),
        Index("historical_samples_by_moment", "winery_id", "measured_at", "id"),
        Index(
            "historical_samples_of_varietal", "winery_id", "varietal", "sample_type", "measured_at"
        ),
        Index("historical_samples_of_fermentation", "winery_id", "fermentation_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    fermentation_id: Mapped[int] = mapped_column(BigInteger)
    varietal: Mapped[str | None] = mapped_column(Text)
    sample_type: Mapped[str] = mapped_column(Text)
    measured_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    value: Mapped[float] = mapped_column(Double)
    qualifier: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    import_id: Mapped[int | None] = mapped_column(BigInteger)
    import_line: Mapped[int | None] = mapped_column(Integer)


class PastFerment(Base):
    """A completed fermentation as a curve; made with its past readings, from the book alone.

    `varietal` is empty where too little of the fruit is recorded. `by_share` and `by_time` hold the curve as
    `pack_course` writes it.
    """

    __tablename__ = "past_ferments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        CheckConstraint("source IN ('live', 'imported')", name="past_ferments_source"),
        Index("past_ferments_of_group", "winery_id", "varietal", "style", "vessel_size"),
    )

    winery_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    fermentation_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    varietal: Mapped[str] = mapped_column(Text)
    style: Mapped[str] = mapped_column(Text)
    vessel_size: Mapped[str] = mapped_column(Text)
    vintage: Mapped[int | None] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    start_density: Mapped[float] = mapped_column(Double)
    share_gone: Mapped[float] = mapped_column(Double)
    last_h: Mapped[float] = mapped_column(Double)
    lag_h: Mapped[float | None] = mapped_column(Double)
    dry_h: Mapped[float | None] = mapped_column(Double)
    fastest: Mapped[float | None] = mapped_column(Double)
    temperature_c: Mapped[float | None] = mapped_column(Double)
    by_share: Mapped[bytes] = mapped_column(LargeBinary)
    by_time: Mapped[bytes] = mapped_column(LargeBinary)
    written_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )


class Pattern(Base):
    """How the past ferments of one variety, style and size of vessel went; `content` as `draw_bands` makes it, and with
    the place of each ferment.
    """

    __tablename__ = "patterns"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        UniqueConstraint("winery_id", "id"),
        UniqueConstraint("winery_id", "varietal", "style", "vessel_size"),
        CheckConstraint("ferments > 0", name="patterns_ferments"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    varietal: Mapped[str] = mapped_column(Text)
    style: Mapped[str] = mapped_column(Text)
    vessel_size: Mapped[str] = mapped_column(Text)
    ferments: Mapped[int] = mapped_column(Integer)
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    written_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
