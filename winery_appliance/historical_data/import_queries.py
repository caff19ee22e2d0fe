"""What may be read of imports: plain data, never rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Integer, Text, column, func, select, table, tuple_
from sqlalchemy.orm import Session

from winery_appliance.core import clock
from winery_appliance.core.paging import Page, cut_page, read_cursor
from winery_appliance.historical_data.import_models import Import, ImportMapping

# The rows as a policy shows them; see the migration.
_ROWS = table(
    "import_rows",
    *(column(name, Text) for name in ("code", "wine_code", "sample_type", "value_typed", "unit")),
    *(column(name, Text) for name in ("verdict", "fault", "detail")),
    column("import_id", BigInteger),
    column("line", Integer),
    column("place", Integer),
    column("measured_at", DateTime(timezone=True)),
)
_WINES = table(
    "import_wine_rows",
    *(column(name, Text) for name in ("code", "style", "variety", "vineyard", "fault", "detail")),
    column("import_id", BigInteger),
    column("number", Integer),
    column("line", Integer),
    column("fermentation_id", BigInteger),
    column("started_at", DateTime(timezone=True)),
    column("ended_at", DateTime(timezone=True)),
)
ODD = ("duplicate", "conflicting", "refused", "left_out")


@dataclass(frozen=True)
class ImportView:
    """One import: its file, how far it is, what is asked, and how many readings of it have which verdict.

    `steps` are rows while it is read and wines while it is saved or undone; `rate` is steps a second, `seconds_left` an
    estimate from it.
    """

    id: int
    client_uuid: UUID
    file_name: str
    size_bytes: int
    received_bytes: int
    state: str
    reader: str | None
    header: Sequence[dict[str, str]]
    answers: dict[str, Any]
    questions: Sequence[dict[str, Any]]
    counts: dict[str, int]
    failure: str | None
    steps_done: int
    steps_total: int
    rate: float | None
    seconds_left: int | None
    created_by: int
    created_at: datetime
    saved_at: datetime | None


@dataclass(frozen=True)
class ImportRowView:
    """One reading of a file, or a row that has none: its line, its verdict and why."""

    line: int
    place: int
    code: str
    wine_code: str | None
    sample_type: str | None
    value: str | None
    unit: str | None
    measured_at: datetime | None
    verdict: str
    fault: str | None
    detail: str | None


@dataclass(frozen=True)
class ImportWineView:
    """One wine of a file: matched to a fermentation of the book, new, or refused for a reason."""

    number: int
    code: str
    line: int
    fermentation_id: int | None
    style: str | None
    variety: str | None
    vineyard: str | None
    started_at: datetime | None
    ended_at: datetime | None
    fault: str | None
    detail: str | None


@dataclass(frozen=True)
class MappingView:
    """What is remembered of a header."""

    id: int
    name: str
    answers: dict[str, Any]
    created_at: datetime


def find_import(session: Session, import_id: int) -> ImportView | None:
    """The import with this id."""
    row = session.get(Import, import_id, populate_existing=True)
    return view_import(row) if row else None


def list_imports(session: Session, *, cursor: str | None, limit: int) -> Page[ImportView]:
    """Imports, the youngest first. Raises Invalid for a cursor that is not ours."""
    wanted = select(Import).order_by(Import.id.desc()).limit(limit + 1)
    if cursor is not None:
        wanted = wanted.where(Import.id < read_cursor(cursor, str)[1])
    views = [view_import(row) for row in session.scalars(wanted)]
    return cut_page(views, limit, lambda view: ("", view.id))


def list_import_rows(
    session: Session, import_id: int, *, verdict: str | None, cursor: str | None, limit: int
) -> Page[ImportRowView]:
    """Readings of a file by line, those with a verdict or all odd ones. Raises Invalid for a cursor that is not ours."""
    c = _ROWS.c
    wanted = (
        select(
            c.line, c.place, c.code, c.wine_code, c.sample_type, c.value_typed, c.unit, c.measured_at, c.verdict,
            c.fault, c.detail,
        )
        .where(c.import_id == import_id, c.verdict.in_((verdict,) if verdict else ODD))
        .order_by(c.line, c.place)
        .limit(limit + 1)
    )  # fmt: skip
    if cursor is not None:
        place, line = read_cursor(cursor, int)
        wanted = wanted.where(tuple_(c.line, c.place) > tuple_(line, place))
    rows = [ImportRowView(*row) for row in session.execute(wanted)]
    return cut_page(rows, limit, lambda row: (str(row.place), row.line))


def list_unknown_codes(session: Session, import_id: int, *, limit: int) -> list[tuple[str, int]]:
    """Codes that mean no wine or vessel of the book, or could mean several, with their rows; the most frequent first."""
    c = _ROWS.c
    rows = session.execute(
        select(c.code, func.count())
        .where(
            c.import_id == import_id,
            c.verdict == "refused",
            c.fault.in_(("unknown_code", "ambiguous_code")),
        )
        .group_by(c.code)
        .order_by(func.count().desc(), c.code)
        .limit(limit)
    )
    return [(code, count) for code, count in rows]


def list_import_wines(
    session: Session, import_id: int, *, limit: int = 200
) -> list[ImportWineView]:
    """The first wines of a file, those with a fault in front."""
    c = _WINES.c
    wanted = (
        select(
            c.number, c.code, c.line, c.fermentation_id, c.style, c.variety, c.vineyard, c.started_at, c.ended_at, c.fault,
            c.detail,
        )
        .where(c.import_id == import_id)
        .order_by(c.fault.is_(None), c.number)
        .limit(limit)
    )  # fmt: skip
    return [ImportWineView(*row) for row in session.execute(wanted)]


def read_odd_lines(session: Session, import_id: int) -> Iterator[tuple[int, str]]:
    """The lines that were refused or contradict, in order, each with all its reasons; for the file to mend."""
    c = _ROWS.c
    rows = session.execute(
        select(c.line, c.detail)
        .where(c.import_id == import_id, c.verdict.in_(("refused", "conflicting")))
        .order_by(c.line, c.place),
        execution_options={"yield_per": 2000},
    )
    for line, of_line in groupby(rows, key=lambda row: row.line):
        yield line, " ".join(dict.fromkeys(row.detail for row in of_line))


def list_mappings(session: Session) -> list[MappingView]:
    """What is remembered, by name."""
    return [
        MappingView(row.id, row.name, row.answers, row.created_at)
        for row in session.scalars(select(ImportMapping).order_by(ImportMapping.name))
    ]


def view_import(row: Import) -> ImportView:
    """A row as plain data."""
    rate, left = _estimate(row)
    return ImportView(
        row.id,
        row.client_uuid,
        row.file_name,
        row.size_bytes,
        row.received_bytes,
        row.state,
        row.reader,
        row.header,
        row.answers,
        row.questions,
        row.counts,
        row.failure,
        row.steps_done,
        row.steps_total,
        rate,
        left,
        row.created_by,
        row.created_at,
        row.saved_at,
    )


def _estimate(row: Import) -> tuple[float | None, int | None]:
    if row.state not in ("waiting", "saving", "undoing") or row.stage_started_at is None:
        return None, None
    taken_s = (clock.now() - row.stage_started_at).total_seconds()
    if row.steps_done <= 0 or taken_s <= 0:
        return None, None
    rate = row.steps_done / taken_s
    return round(rate, 1), max(0, round((row.steps_total - row.steps_done) / rate))
