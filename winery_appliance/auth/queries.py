"""What may be read of auth."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from winery_appliance.auth.models import User, UserSession


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


def find_names(session: Session, user_ids: Iterable[int]) -> dict[int, str]:
    """Display names by user id."""
    rows = session.execute(select(User.id, User.display_name).where(User.id.in_(set(user_ids))))
    return {row.id: row.display_name for row in rows}
