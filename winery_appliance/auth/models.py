"""Tables of auth; private to it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as UuidColumn
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.db import Base

_NOW = text("now()")


class User(Base):
    """A person who may sign in. Logins are unique on the appliance, so that the door needs no winery."""

    __tablename__ = "users"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint("email IS NOT NULL OR username IS NOT NULL", name="users_have_a_login"),
        CheckConstraint(
            "role IN ('owner', 'winemaker', 'cellar', 'viewer')", name="users_have_a_known_role"
        ),
        CheckConstraint(
            "sugar_unit IN ('brix','sg','kg_m3','baume','oechsle','kmw')", name="users_sugar_unit"
        ),
        CheckConstraint(
            "temperature_unit IN ('celsius', 'fahrenheit')", name="users_temperature_unit"
        ),
        Index(
            "users_email_key",
            text("lower(email)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "users_username_key",
            text("lower(username)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    email: Mapped[str | None] = mapped_column(Text)
    username: Mapped[str | None] = mapped_column(Text)
    display_name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    hashed_password: Mapped[str] = mapped_column(Text)
    hashed_pin: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sugar_unit: Mapped[str | None] = mapped_column(Text)
    temperature_unit: Mapped[str | None] = mapped_column(Text)


class UserSession(Base):
    """A browser that is signed in. The cookie holds a secret; the row holds its hash and can be taken away.

    With a device it is a sign-in by PIN, and ends with the device.
    """

    __tablename__ = "user_sessions"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "user_id"], ["users.winery_id", "users.id"]),
        ForeignKeyConstraint(
            ["winery_id", "device_id"],
            ["shared_devices.winery_id", "shared_devices.id"],
            name="user_sessions_on_a_device",
        ),
        UniqueConstraint("token_hash"),
        Index("user_sessions_of_user", "winery_id", "user_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int] = mapped_column(BigInteger)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)
    last_seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    user_agent: Mapped[str | None] = mapped_column(Text)
    device_id: Mapped[int | None] = mapped_column(BigInteger)


class SharedDevice(Base):
    """A tablet that several people use. Its cookie holds a secret; the row holds the hash, or that of its one-time code."""

    __tablename__ = "shared_devices"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "created_by"], ["users.winery_id", "users.id"]),
        UniqueConstraint("winery_id", "id"),
        UniqueConstraint("code_hash"),
        UniqueConstraint("token_hash"),
        CheckConstraint(
            "(code_hash IS NULL) = (code_expires_at IS NULL)", name="shared_devices_codes_run_out"
        ),
        CheckConstraint(
            "(token_hash IS NULL) = (enrolled_at IS NULL)", name="shared_devices_enrolled_once"
        ),
        Index(
            "shared_devices_name_key",
            "winery_id",
            text("lower(name)"),
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(Text)
    code_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    code_expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)
    enrolled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_seen_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class AccessToken(Base):
    """A signed token that a program carries; its id is here so that it can be revoked.

    Whoever made it with a name chose its scopes, too; without them it may what its person may.
    """

    __tablename__ = "access_tokens"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "user_id"], ["users.winery_id", "users.id"]),
        CheckConstraint("(name IS NULL) = (scopes IS NULL)", name="access_tokens_named_are_scoped"),
        CheckConstraint("cardinality(scopes) > 0", name="access_tokens_allow_something"),
        Index("access_tokens_of_user", "winery_id", "user_id"),
        Index(
            "access_tokens_name_key",
            "winery_id",
            "user_id",
            text("lower(name)"),
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(UuidColumn(as_uuid=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    name: Mapped[str | None] = mapped_column(Text)
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PasswordReset(Base):
    """A one-time code with which a person may choose a new password; one a person, and only its hash."""

    __tablename__ = "password_resets"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "user_id"], ["users.winery_id", "users.id"]),
    )

    winery_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SignInRules(Base):
    """What a winery asks at its door."""

    __tablename__ = "sign_in_rules"
    __table_args__ = (ForeignKeyConstraint(["winery_id"], ["wineries.id"]),)

    winery_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    second_factor_required: Mapped[bool] = mapped_column(Boolean)


class SecondFactor(Base):
    """The secret that a person's app makes codes from, sealed. `last_step` is that of the last code: none works twice."""

    __tablename__ = "second_factors"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "user_id"], ["users.winery_id", "users.id"]),
    )

    winery_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_step: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class RecoveryCode(Base):
    """A code that works once in place of the app's; only its hash, and gone once it was used."""

    __tablename__ = "recovery_codes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["winery_id", "user_id"],
            ["second_factors.winery_id", "second_factors.user_id"],
            ondelete="CASCADE",
        ),
        Index("recovery_codes_of_user", "winery_id", "user_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int] = mapped_column(BigInteger)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)


class SignInFailure(Base):
    """A failed attempt to sign in. Belongs to no winery: the attempt did not prove to be anybody's."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (
        Index("sign_in_failures_by_login", "login", "failed_at"),
        Index("sign_in_failures_by_address", "address", "failed_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    login: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    failed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=_NOW)


class AuditEntry(Base):
    """One change of one row, written by the database's own triggers; nothing here writes it."""

    __tablename__ = "audit_log"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        ForeignKeyConstraint(["winery_id", "user_id"], ["users.winery_id", "users.id"]),
        CheckConstraint("action IN ('insert', 'update', 'delete')", name="audit_log_action"),
        Index("audit_log_of_winery", "winery_id", "id"),
        Index("audit_log_by_moment", "winery_id", "at"),
        Index("audit_log_of_subject", "winery_id", "subject", "subject_id", "id"),
        Index("audit_log_of_user", "winery_id", "user_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    via: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
