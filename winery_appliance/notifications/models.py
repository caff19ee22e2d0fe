"""Tables of notifications; private to this feature."""

from datetime import datetime, time

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.db import Base

_NOW = text("now()")
_WAITING = text("sent_at IS NULL AND dropped_at IS NULL")


class NotificationSettings(Base):
    """How a winery's mail leaves the house, and its times. Without a row everything is as the columns' defaults say."""

    __tablename__ = "notification_settings"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        CheckConstraint("smtp_port BETWEEN 1 AND 65535", name="notification_settings_port"),
        CheckConstraint(
            "smtp_security IN ('none', 'starttls', 'tls')", name="notification_settings_security"
        ),
        CheckConstraint(
            "smtp_host IS NULL OR sender IS NOT NULL", name="notification_settings_sender"
        ),
        CheckConstraint("digest_minutes BETWEEN 0 AND 1440", name="notification_settings_digest"),
        CheckConstraint(
            "escalate_minutes BETWEEN 5 AND 1440", name="notification_settings_escalation"
        ),
    )

    winery_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    smtp_host: Mapped[str | None] = mapped_column(Text)
    smtp_port: Mapped[int] = mapped_column(Integer, server_default=text("587"))
    smtp_security: Mapped[str] = mapped_column(Text, server_default=text("'starttls'"))
    smtp_username: Mapped[str | None] = mapped_column(Text)
    smtp_password_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    sender: Mapped[str | None] = mapped_column(Text)
    base_url: Mapped[str | None] = mapped_column(Text)
    digest_minutes: Mapped[int] = mapped_column(Integer, server_default=text("15"))
    escalate_minutes: Mapped[int | None] = mapped_column(Integer, server_default=text("60"))
    summary_at: Mapped[time | None] = mapped_column(Time, server_default=text("'06:00'"))


class NotificationRule(Base):
    """What a role is told, or one person instead of what their role is."""

    __tablename__ = "notification_rules"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        ForeignKeyConstraint(["winery_id", "user_id"], ["users.winery_id", "users.id"]),
        CheckConstraint(
            "(role IS NULL) <> (user_id IS NULL)",
            name="notification_rules_for_one",
        ),
        CheckConstraint(
            "role IN ('owner', 'winemaker', 'cellar', 'viewer')", name="notification_rules_role"
        ),
        CheckConstraint(
            "severity IN ('info', 'warning', 'critical', 'none')",
            name="notification_rules_severity",
        ),
        CheckConstraint(
            "(quiet_from IS NULL) = (quiet_until IS NULL)", name="notification_rules_quiet"
        ),
        UniqueConstraint(
            "winery_id",
            "role",
            "user_id",
            name="notification_rules_once",
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    role: Mapped[str | None] = mapped_column(Text)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    severity: Mapped[str] = mapped_column(Text)
    quiet_from: Mapped[time | None] = mapped_column(Time)
    quiet_until: Mapped[time | None] = mapped_column(Time)
    critical_breaks_quiet: Mapped[bool] = mapped_column(Boolean)
    escalation: Mapped[bool] = mapped_column(Boolean)
    daily_summary: Mapped[bool] = mapped_column(Boolean)


class Webhook(Base):
    """A program elsewhere that is told. `inside_address` is what its owner named of addresses that are not public."""

    __tablename__ = "webhooks"
    __table_args__ = (
        UniqueConstraint("winery_id", "id"),
        ForeignKeyConstraint(["winery_id", "created_by"], ["users.winery_id", "users.id"]),
        CheckConstraint("severity IN ('info', 'warning', 'critical')", name="webhooks_severity"),
        Index(
            "webhooks_name_key",
            "winery_id",
            text("lower(name)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    inside_address: Mapped[str | None] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    signing_secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Notice(Base):
    """One thing to be told to one person or program. `cause` names what it is about: nobody is told the same twice."""

    __tablename__ = "notices"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "anomaly_id"], ["anomalies.winery_id", "anomalies.id"]),
        ForeignKeyConstraint(["winery_id", "user_id"], ["users.winery_id", "users.id"]),
        ForeignKeyConstraint(["winery_id", "webhook_id"], ["webhooks.winery_id", "webhooks.id"]),
        CheckConstraint("(user_id IS NULL) <> (webhook_id IS NULL)", name="notices_to_one"),
        CheckConstraint(
            "kind IN ('opened', 'worsened', 'reopened', 'assigned', 'escalated', 'summary', 'test')",
            name="notices_kind",
        ),
        CheckConstraint("severity IN ('info', 'warning', 'critical')", name="notices_severity"),
        CheckConstraint("sent_at IS NULL OR dropped_at IS NULL", name="notices_end"),
        UniqueConstraint(
            "winery_id",
            "cause",
            "user_id",
            "webhook_id",
            name="notices_once",
            postgresql_nulls_not_distinct=True,
        ),
        Index("notices_due", "send_after", postgresql_where=_WAITING),
        Index("notices_of_winery", "winery_id", "id"),
        Index(
            "notices_sent",
            "winery_id",
            "user_id",
            "sent_at",
            postgresql_where=text("sent_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(Text)
    cause: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    anomaly_id: Mapped[int | None] = mapped_column(BigInteger)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    webhook_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)
    send_after: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_error: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    dropped_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    dropped_because: Mapped[str | None] = mapped_column(Text)
