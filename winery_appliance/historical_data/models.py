"""The table of past readings; private to this feature."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.db import Base


class HistoricalSample(Base):
    """A reading of a completed fermentation, as patterns are drawn from it; `id` is the sample's own.

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
