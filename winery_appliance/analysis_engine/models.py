"""Tables of the analysis engine; private to it."""

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
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.db import Base


class Analysis(Base):
    """One run of the engine over a fermentation, and how many readings it saw."""

    __tablename__ = "analyses"
    __table_args__ = (
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint("status = 'done'", name="analyses_status"),
        Index("analyses_of_fermentation", "winery_id", "fermentation_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    fermentation_id: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(Text, server_default=text("'done'"))
    analyzed_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
    covers_samples: Mapped[int] = mapped_column(Integer)
    forecast: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class Anomaly(Base):
    """One trouble of one fermentation, from the reading that opened it to the one that cleared it.

    The worker says what is wrong, people what becomes of it: who has it, and until when nobody wants to hear of it.
    """

    __tablename__ = "anomalies"
    __table_args__ = (
        ForeignKeyConstraint(
            ["winery_id", "fermentation_id"], ["fermentations.winery_id", "fermentations.id"]
        ),
        ForeignKeyConstraint(["winery_id", "analysis_id"], ["analyses.winery_id", "analyses.id"]),
        UniqueConstraint("winery_id", "id"),
        ForeignKeyConstraint(["winery_id", "acknowledged_by"], ["users.winery_id", "users.id"]),
        ForeignKeyConstraint(["winery_id", "assigned_to"], ["users.winery_id", "users.id"]),
        CheckConstraint("severity IN ('info', 'warning', 'critical')", name="anomalies_severity"),
        CheckConstraint(
            "(cleared_at IS NULL) = (cleared_because IS NULL)",
            name="anomalies_cleared_for_a_reason",
        ),
        CheckConstraint(
            "(acknowledged_at IS NULL) = (acknowledged_by IS NULL)",
            name="anomalies_acknowledged_by_somebody",
        ),
        Index("anomalies_by_opening", "winery_id", "opened_at", "id"),
        Index(
            "anomalies_one_open_of_a_type",
            "winery_id",
            "fermentation_id",
            "type",
            unique=True,
            postgresql_where=text("cleared_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    fermentation_id: Mapped[int] = mapped_column(BigInteger)
    analysis_id: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    deviation_score: Mapped[float] = mapped_column(Double)
    title: Mapped[str] = mapped_column(Text)
    explanation: Mapped[str] = mapped_column(Text)
    threshold: Mapped[dict[str, Any]] = mapped_column(JSONB)
    clears_when: Mapped[str] = mapped_column(Text)
    evidence: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    opened_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    confirmations: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    cleared_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    cleared_because: Mapped[str | None] = mapped_column(Text)
    acknowledged_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    acknowledged_by: Mapped[int | None] = mapped_column(BigInteger)
    assigned_to: Mapped[int | None] = mapped_column(BigInteger)
    snoozed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reopened_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class AnomalyEvent(Base):
    """One thing that became of an anomaly, by a person or (without `user_id`) by the analysis. Never changed."""

    __tablename__ = "anomaly_history"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "anomaly_id"], ["anomalies.winery_id", "anomalies.id"]),
        ForeignKeyConstraint(["winery_id", "user_id"], ["users.winery_id", "users.id"]),
        ForeignKeyConstraint(["winery_id", "assigned_to"], ["users.winery_id", "users.id"]),
        CheckConstraint(
            "what IN ('opened', 'confirmed', 'graver', 'milder', 'cleared', 'acknowledged', "
            "'assigned', 'snoozed', 'reopened')",
            name="anomaly_history_what",
        ),
        Index("anomaly_history_of_anomaly", "winery_id", "anomaly_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    anomaly_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
    what: Mapped[str] = mapped_column(Text)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    evidence: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    assigned_to: Mapped[int | None] = mapped_column(BigInteger)
    snoozed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Recommendation(Base):
    """What could help, as one analysis saw it."""

    __tablename__ = "recommendations"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "analysis_id"], ["analyses.winery_id", "analyses.id"]),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="recommendations_confidence"),
        Index("recommendations_of_analysis", "winery_id", "analysis_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    analysis_id: Mapped[int] = mapped_column(BigInteger)
    anomaly_type: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    instructions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    reasoning: Mapped[str] = mapped_column(Text)
    confidence: Mapped[float] = mapped_column(Double)
