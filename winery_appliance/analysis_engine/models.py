"""Tables of the analysis engine; private to it."""

from datetime import datetime
from typing import Any

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
    """What could help against one anomaly, from one template; the text is the last analysis's, the decision a person's."""

    __tablename__ = "recommendations"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "analysis_id"], ["analyses.winery_id", "analyses.id"]),
        ForeignKeyConstraint(["winery_id", "anomaly_id"], ["anomalies.winery_id", "anomalies.id"]),
        ForeignKeyConstraint(["winery_id", "decided_by"], ["users.winery_id", "users.id"]),
        ForeignKeyConstraint(["winery_id", "outcome_by"], ["users.winery_id", "users.id"]),
        UniqueConstraint("winery_id", "id"),
        UniqueConstraint("winery_id", "anomaly_id", "template_code"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="recommendations_confidence"),
        CheckConstraint(
            "status IN ('offered', 'applied', 'dismissed')", name="recommendations_status"
        ),
        CheckConstraint(
            "(status = 'offered') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)",
            name="recommendations_decided_by_somebody",
        ),
        CheckConstraint(
            "outcome IN ('helped', 'no_change', 'worse')", name="recommendations_outcome"
        ),
        CheckConstraint(
            "(outcome IS NULL OR status = 'applied') AND (outcome IS NULL) = (outcome_at IS NULL)"
            " AND (outcome IS NULL) = (outcome_by IS NULL)",
            name="recommendations_outcome_of_what_was_done",
        ),
        Index("recommendations_of_analysis", "winery_id", "analysis_id"),
        Index(
            "recommendations_by_outcome",
            "winery_id",
            "anomaly_type",
            "template_code",
            postgresql_where=text("outcome IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    analysis_id: Mapped[int] = mapped_column(BigInteger)
    anomaly_type: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    instructions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    reasoning: Mapped[str] = mapped_column(Text)
    confidence: Mapped[float] = mapped_column(Double)
    anomaly_id: Mapped[int] = mapped_column(BigInteger)
    template_code: Mapped[str] = mapped_column(Text)
    own: Mapped[bool] = mapped_column(Boolean)
    sources: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default=text("'offered'"))
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    decided_by: Mapped[int | None] = mapped_column(BigInteger)
    decision_note: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    outcome_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    outcome_by: Mapped[int | None] = mapped_column(BigInteger)
    outcome_note: Mapped[str | None] = mapped_column(Text)


class RecommendationTemplate(Base):
    """Advice that the winery wrote itself; one with the code of a built-in one takes its place, or silences it."""

    __tablename__ = "recommendation_templates"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        ForeignKeyConstraint(["winery_id", "created_by"], ["users.winery_id", "users.id"]),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint(
            "dose IN ('dap', 'so2', 'yeast_hulls', 'inoculation', 'rescue_culture')",
            name="recommendation_templates_dose",
        ),
        CheckConstraint(
            "confidence > 0 AND confidence < 1", name="recommendation_templates_confidence"
        ),
        Index(
            "recommendation_templates_code_key",
            "winery_id",
            "anomaly_type",
            text("lower(code)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    anomaly_type: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    instructions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    reasoning: Mapped[str] = mapped_column(Text)
    conditions: Mapped[dict[str, Any]] = mapped_column(JSONB)
    dose: Mapped[str | None] = mapped_column(Text)
    confidence: Mapped[float] = mapped_column(Double)
    in_use: Mapped[bool] = mapped_column(Boolean)
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("now()")
    )
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class KeptLessons(Base):
    """What the winery's finished ferments taught, packed; `learned_from` tells whether there are others by now."""

    __tablename__ = "lessons"
    __table_args__ = (ForeignKeyConstraint(["winery_id"], ["wineries.id"]),)

    winery_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    learned_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
    learned_from: Mapped[str] = mapped_column(Text)
    ferments: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class RuleRow(Base):
    """What the winery wants of one check for one style; no row, or one that nobody changed yet, is the default."""

    __tablename__ = "rule_settings"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        ForeignKeyConstraint(["winery_id", "changed_by"], ["users.winery_id", "users.id"]),
        UniqueConstraint("winery_id", "check_id", "style"),
        CheckConstraint("style IN ('red', 'white', 'rose', 'orange')", name="rule_settings_style"),
        CheckConstraint(
            "(changed_at IS NULL) = (changed_by IS NULL)", name="rule_settings_changed_by_somebody"
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    check_id: Mapped[str] = mapped_column(Text)
    style: Mapped[str] = mapped_column(Text)
    in_use: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    limits: Mapped[dict[str, float]] = mapped_column(JSONB, server_default=text("'{}'"))
    changed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    changed_by: Mapped[int | None] = mapped_column(BigInteger)


class Replay(Base):
    """A look at what rules would have said of a past vintage: asked for by a person, answered by the worker."""

    __tablename__ = "replays"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        ForeignKeyConstraint(["winery_id", "asked_by"], ["users.winery_id", "users.id"]),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name="replays_state"),
        CheckConstraint("(state = 'done') = (result IS NOT NULL)", name="replays_done"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    vintage: Mapped[int] = mapped_column(Integer)
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    asked_by: Mapped[int] = mapped_column(BigInteger)
    asked_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("now()")
    )
    state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    ferments_done: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    ferments_total: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    failure: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
