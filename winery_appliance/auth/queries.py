"""What may be read of auth."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from winery_appliance.auth.commands import ListAudit
from winery_appliance.auth.models import AuditEntry, User, UserSession
from winery_appliance.auth.permissions import Role
from winery_appliance.core.many_rows import is_among, read_rows
from winery_appliance.core.paging import Page, cut_page, read_cursor


@dataclass(frozen=True)
class SessionView:
    """A signed-in browser, for the person it belongs to."""

    id: int
    created_at: datetime
    last_seen_at: datetime
    user_agent: str
    current: bool


def list_sessions(session: Session, *, user_id: int, current_id: int | None) -> list[SessionView]:
    """This person's signed-in browsers, the last used first."""
    rows = session.scalars(
        select(UserSession)
        .where(UserSession.user_id == user_id)
        .order_by(UserSession.last_seen_at.desc())
    )
    return [
        SessionView(
            row.id, row.created_at, row.last_seen_at, row.user_agent or "", row.id == current_id
        )
        for row in rows
    ]


def read_chosen_units(session: Session, user_id: int) -> tuple[str | None, str | None]:
    """The units of sugar and of temperature that a person chose; None is the winery's."""
    row = session.execute(
        select(User.sugar_unit, User.temperature_unit).where(User.id == user_id)
    ).one_or_none()
    return (row.sugar_unit, row.temperature_unit) if row else (None, None)


@dataclass(frozen=True)
class AuditView:
    """One change of one row: who made it and how they came in, and of each column the old and the new value."""

    id: int
    at: datetime
    user_id: int | None
    via: str
    request_id: str | None
    action: str
    subject: str
    subject_id: str
    changes: dict[str, list[Any]]


def list_audit_entries(session: Session, wanted: ListAudit) -> Page[AuditView]:
    """What was changed in this winery, the newest first. Raises Invalid for a cursor that is not ours."""
    entries = select(*(getattr(AuditEntry, column.name) for column in fields(AuditView)))
    for column, value in (
        (AuditEntry.subject, wanted.subject),
        (AuditEntry.subject_id, wanted.subject_id),
        (AuditEntry.user_id, wanted.user_id),
    ):
        if value is not None:
            entries = entries.where(column == value)
    if wanted.since is not None:
        entries = entries.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        entries = entries.where(AuditEntry.at < wanted.until)
    if wanted.cursor is not None:
        entries = entries.where(AuditEntry.id < read_cursor(wanted.cursor, str)[1])
    rows = session.execute(entries.order_by(AuditEntry.id.desc()).limit(wanted.limit + 1))
    return cut_page([AuditView(*row) for row in rows], wanted.limit, lambda view: ("", view.id))


def find_names(session: Session, user_ids: Iterable[int]) -> dict[int, str]:
    """Display names by user id, also of who was removed: what they wrote keeps their name."""
    wanted = set(user_ids)
    if not wanted:
        return {}
    return dict(
        read_rows(session, select(User.id, User.display_name).where(is_among(User.id, wanted)))
    )


def list_people_names(session: Session) -> list[tuple[int, str, str, datetime | None]]:
    """Everybody who ever wrote in the book: id, display name, role, and when they were removed."""
    rows = session.execute(
        select(User.id, User.display_name, User.role, User.deleted_at).order_by(User.id)
    )
    return [(row.id, row.display_name, row.role, row.deleted_at) for row in rows]


def list_active_names(session: Session) -> dict[int, str]:
    """Display names by user id of everybody who may sign in, in the order of their names."""
    rows = session.execute(
        select(User.id, User.display_name)
        .where(User.deleted_at.is_(None))
        .order_by(User.display_name, User.id)
    )
    return {row.id: row.display_name for row in rows}


@dataclass(frozen=True)
class MailPerson:
    """Somebody who may sign in and can be written to."""

    id: int
    name: str
    role: Role
    email: str


def list_mail_people(session: Session) -> list[MailPerson]:
    """Everybody who may sign in and has an e-mail address."""
    rows = session.execute(
        select(User.id, User.display_name, User.role, User.email)
        .where(User.deleted_at.is_(None), User.email.is_not(None))
        .order_by(User.id)
    )
    return [MailPerson(row.id, row.display_name, Role(row.role), row.email) for row in rows]


def find_first_owner(session: Session) -> int | None:
    """The id of the winery's first owner, in whose name the appliance writes by itself; None where there is none."""
    return session.scalar(
        select(User.id)
        .where(User.role == "owner", User.deleted_at.is_(None))
        .order_by(User.id)
        .limit(1)
    )
