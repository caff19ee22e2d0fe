"""Searching the log of the last weeks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, StringConstraints
from sqlalchemy import Text, cast, or_, select
from sqlalchemy.orm import Session

from winery_appliance.core.log_lines import LogLine
from winery_appliance.core.paging import Page, cut_page, read_cursor
from winery_appliance.core.typed_text import Limit, Line, Moment

GRAVE = ("warning", "error", "critical")


class SearchLog(BaseModel):
    """Which lines to list. `text` is any part of one; `level=warning` also finds what is graver."""

    text: Annotated[Line, StringConstraints(max_length=100)] | None = None
    level: Literal["info", "warning", "error"] | None = None
    process: Literal["web", "worker", "scheduler", "ingest"] | None = None
    request_id: Annotated[Line, StringConstraints(max_length=64)] | None = None
    since: Moment | None = None
    until: Moment | None = None
    cursor: str | None = None
    limit: Limit = 100


@dataclass(frozen=True)
class LineView:
    """One line; `request_id` joins what one request led to, from the page to the analysis."""

    id: int
    at: datetime
    process: str
    level: str
    event: str
    request_id: str | None
    job_id: str | None
    user_id: int | None
    details: dict[str, Any]


def search_log(session: Session, wanted: SearchLog) -> Page[LineView]:
    """Lines of this winery and of none, the newest first. Raises Invalid for a cursor that is not ours."""
    lines = select(LogLine)
    if wanted.text is not None:
        lines = lines.where(
            or_(
                LogLine.event.icontains(wanted.text, autoescape=True),
                cast(LogLine.details, Text).icontains(wanted.text, autoescape=True),
            )
        )
    if wanted.level in GRAVE:
        lines = lines.where(LogLine.level.in_(GRAVE[GRAVE.index(wanted.level) :]))
    if wanted.process is not None:
        lines = lines.where(LogLine.process == wanted.process)
    if wanted.request_id is not None:
        lines = lines.where(LogLine.request_id == wanted.request_id)
    if wanted.since is not None:
        lines = lines.where(LogLine.at >= wanted.since)
    if wanted.until is not None:
        lines = lines.where(LogLine.at < wanted.until)
    if wanted.cursor is not None:
        lines = lines.where(LogLine.id < read_cursor(wanted.cursor, str)[1])
    rows = session.scalars(lines.order_by(LogLine.id.desc()).limit(wanted.limit + 1)).all()
    views = [
        LineView(
            row.id,
            row.at,
            row.process,
            row.level,
            row.event,
            row.request_id,
            row.job_id,
            row.user_id,
            row.details,
        )
        for row in rows
    ]
    return cut_page(views, wanted.limit, lambda view: ("", view.id))
