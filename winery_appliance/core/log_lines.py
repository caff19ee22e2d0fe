"""Log lines in the database, for the owner to search, and on their way to a log server.

A line is handed over in memory, in no time, and written by a thread in batches. What cannot be written waits in a bounded
store; beyond that the oldest are dropped and counted. Nothing that answers a request or analyses a wine waits for a line.
"""

import json
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.db import Base, Database
from winery_appliance.core.many_rows import insert_rows

MOST_WAITING = 10_000
BATCH = 500
FLUSH_EVERY_S = 2.0
LONGEST_DETAILS = 8_000
# What is named like a secret never gets into a line, whoever logs it.
SECRET = re.compile(
    r"password|secret|token|authorization|cookie|(?:^|_)(?:pin|code|key)$", re.IGNORECASE
)
# Asked every few seconds by whoever watches: kept, they would push out everything else.
UNTOLD = frozenset({"health.healthz", "health.readyz", "metrics.show"})
KNOWN = ("timestamp", "level", "event", "process", "request_id", "job_id", "winery_id", "user_id")


class LogLine(Base):
    """One line of a process's log. `of_winery` is empty for what belongs to none; the row policy reads it."""

    __tablename__ = "log_lines"
    __table_args__ = (
        Index("log_lines_by_moment", "at"),
        Index("log_lines_of_request", "request_id"),
        Index(
            "log_lines_unreported",
            "id",
            postgresql_where=text("reported_at IS NULL AND level IN ('error', 'critical')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    process: Mapped[str] = mapped_column(Text)
    level: Mapped[str] = mapped_column(Text)
    event: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    job_id: Mapped[str | None] = mapped_column(Text)
    of_winery: Mapped[int | None] = mapped_column(BigInteger)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reported_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


def scrub(line: dict[str, Any]) -> dict[str, Any]:
    """`line` without anything that is named like a secret, and errors without the values they were about."""
    return {
        key: _without_values(value) if isinstance(value, str) else value
        for key, value in line.items()
        if not SECRET.search(key)
    }


# PostgreSQL's DETAIL and SQLAlchemy's parameters repeat what somebody typed.
_VALUES = re.compile(r"^(DETAIL:|\[parameters:).*$", re.MULTILINE)


def _without_values(text: str) -> str:
    return _VALUES.sub(r"\1 (left out)", text)


def _without_nul(value: Any) -> Any:
    """`value` without NUL, and without halves of surrogate pairs: neither fits a text of PostgreSQL."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(each) for key, each in value.items()}
    return [_without_nul(each) for each in value] if isinstance(value, list) else value


def read_row(text: str) -> dict[str, Any]:
    """A line as a row. Raises ValueError for what is no line of ours."""
    line = scrub(json.loads(text))
    details = {key: value for key, value in line.items() if key not in KNOWN}
    if len(json.dumps(details)) > LONGEST_DETAILS:
        details = {"cut": json.dumps(details, ensure_ascii=False)[:LONGEST_DETAILS]}
    return {
        "at": datetime.fromisoformat(line["timestamp"]),
        "process": str(line.get("process", "")),
        "level": str(line.get("level", "info")),
        "event": _without_nul(str(line["event"]))[:500],
        "request_id": line.get("request_id"),
        "job_id": line.get("job_id"),
        "of_winery": line.get("winery_id"),
        "user_id": line.get("user_id"),
        "details": _without_nul(details),
    }


class LineStore(logging.Handler):
    """Takes lines and hands them in batches to `write`, which may fail; tells how many were dropped meanwhile."""

    def __init__(self, write: Callable[[Sequence[str]], None], name: str) -> None:
        super().__init__()
        self._write = write
        self._lines: deque[str] = deque(maxlen=MOST_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; one about this very writing is left to the other handlers, or it would feed itself."""
        if threading.current_thread() is not self._thread:
            self._lines.append(self.format(record))

    def _run(self) -> None:
        while not self._stopping.wait(FLUSH_EVERY_S):
            self.flush_lines()
        self.flush_lines()

    def flush_lines(self) -> None:
        """Write what waits, as long as it can be written."""
        while self._lines:
            batch = [self._lines[n] for n in range(min(BATCH, len(self._lines)))]
            try:
                self._write(batch)
            except Exception:  # noqa: BLE001 - whatever it is, the lines stay and are tried again
                return
            for _ in batch:
                if self._lines:
                    self._lines.popleft()

    def close(self) -> None:
        """Write what is left, for a second at most."""
        self._stopping.set()
        self._thread.join(timeout=1.0)
        super().close()


def keep_lines(db: Database) -> LineStore:
    """Let the lines of this process be kept in the database, beside wherever else they go."""

    def write(lines: Sequence[str]) -> None:
        rows = []
        for line in lines:
            try:
                row = read_row(line)
            except (ValueError, KeyError, TypeError):
                continue  # no line of ours
            if row["details"].get("endpoint") not in UNTOLD:
                rows.append(row)
        if rows:
            try:
                with db.transaction() as session:
                    session.execute(insert_rows(LogLine, rows))
            except SQLAlchemyError as error:
                raise ConnectionError("the database takes no lines") from error

    return LineStore(write, "log-lines")
