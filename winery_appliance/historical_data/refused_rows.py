"""The rows of a file that were refused or contradict, as a file of the same kind: to be mended and dropped in again.

Each row stands as it came, under its own header, with its line and the reason in two columns behind. Those are passed over
when the file comes back, and what was remembered of the header still holds.
"""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

import xlsxwriter
from sqlalchemy.orm import Session

from winery_appliance.core.csv_text import disarm
from winery_appliance.core.errors import NotFound
from winery_appliance.core.words import say
from winery_appliance.historical_data.columns import REFUSED_COLUMNS
from winery_appliance.historical_data.files import OpenFile, open_file
from winery_appliance.historical_data.import_commands import Answers
from winery_appliance.historical_data.import_models import Import
from winery_appliance.historical_data.import_queries import read_odd_lines
from winery_appliance.historical_data.recognition import recognise, walk

# No formula: a spreadsheet reads these as numbers or as text, and so do we when they come back.
_HARMLESS = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?|[-–—]")


@dataclass(frozen=True)
class RefusedRows:
    """The refused rows of a file: the name they are given, their number, and the open file, which is gone when closed."""

    file_name: str
    rows: int
    file: BinaryIO


def open_refused_rows(session: Session, import_id: int, source: Path) -> RefusedRows:
    """Gather the refused rows of the file `source`, beside it.

    Raises NotFound when there is no such import, none of its rows was refused, or its file is kept no more.
    """
    row = session.get(Import, import_id)
    if row is None:
        raise NotFound(say("There is no such import in this winery."))
    reasons = read_odd_lines(session, import_id)
    first = next(reasons, None)
    if first is None:
        raise NotFound(say("None of its rows was refused."))
    if not source.exists():
        raise NotFound(say("This file was imported so long ago that it is kept no more."))
    file = open_file(source)
    answers = Answers.model_validate(row.answers)
    write = {"csv": _write_csv, "xlsx": _write_xlsx, "json": _write_json}[file.kind]
    name = Path(row.file_name)
    with NamedTemporaryFile(prefix=".refused-", dir=source.parent) as target:
        count = write(Path(target.name), file, _pick(file, answers, chain([first], reasons)))
        opened = Path(target.name).open("rb")  # noqa: SIM115 - it outlives its name, and goes to the caller
    return RefusedRows(f"{name.stem}.refused{name.suffix or '.' + file.kind}", count, opened)


def _pick(file: OpenFile, answers: Answers, reasons: Iterator[tuple[int, str]]) -> Iterator[Sequence[str]]:  # fmt: skip
    """Each header that refused rows stand under, then those rows; lines and reasons come in the order of the file."""
    layout = recognise(file.rows(), answers.columns, reader_id=answers.reader)
    if layout is None:
        raise NotFound(say("The header of this file is not understood any more."))
    line, reason = next(reasons)
    titles: Sequence[str] | None = None
    for under, row in walk(file.rows(), layout, answers.columns):
        if row.line < line:
            continue
        given = [place for place, name in enumerate(under.names) if name not in _NAMES]
        if titles is not under.titles:
            titles = under.titles
            yield [*(titles[place] for place in given), *REFUSED_COLUMNS]
        cells = [*row.cells, *[""] * (len(under.names) - len(row.cells))]
        kept = [cells[place] for place in given]
        yield [*kept, *cells[len(under.names) :], str(row.line), reason]
        line, reason = next(reasons, (0, ""))
        if not line:
            return


_NAMES = frozenset(name.replace("_", "") for name in REFUSED_COLUMNS)


def _write_csv(target: Path, file: OpenFile, rows: Iterator[Sequence[str]]) -> int:
    count = headers = 0
    with target.open("w", encoding=file.encoding, errors="replace", newline="") as out:
        writer = csv.writer(out, delimiter=file.delimiter)
        for row in rows:
            writer.writerow([cell if _HARMLESS.fullmatch(cell) else disarm(cell) for cell in row])
            headers += row[-2:] == list(REFUSED_COLUMNS)
            count += 1
    return count - headers


def _write_xlsx(target: Path, _file: OpenFile, rows: Iterator[Sequence[str]]) -> int:
    count = headers = 0
    with xlsxwriter.Workbook(target, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("refused")
        for count, row in enumerate(rows, start=1):
            headers += row[-2:] == list(REFUSED_COLUMNS)
            for place, cell in enumerate(row):
                sheet.write_string(count - 1, place, cell)
    return count - headers


def _write_json(target: Path, _file: OpenFile, rows: Iterator[Sequence[str]]) -> int:
    header = next(rows)
    items = [dict(zip(header, row, strict=False)) for row in rows]
    target.write_text(json.dumps(items, ensure_ascii=False, indent=1), encoding="utf-8")
    return len(items)
