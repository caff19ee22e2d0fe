"""Tables written as files, piece by piece, so that neither a large winery nor a slow line fills the memory.

A spreadsheet never runs what was typed: in CSV it is marked, in a workbook it is text. The readings come first, so that
our own import finds them.
"""

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import IO

import xlsxwriter
from sqlalchemy.orm import Session

from winery_appliance.historical_data.exporting import READINGS, Table, mark_cell, write_cell

PIECE_BYTES = 2**16
# What Excel takes: rows of a sheet, and characters of a cell.
SHEET_ROWS, CELL_CHARACTERS = 1_048_576, 32_767
MEDIA = {
    "csv": "text/csv",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
FORMATS = tuple(MEDIA)

Photos = Callable[[Session], Iterator[tuple[int, bytes]]]


def export_book(
    session: Session, kind: str, tables: Sequence[Table], photos: Photos
) -> Iterator[bytes]:
    """The book as one file: `csv` the readings alone, `json` and `xlsx` those and every one of `tables`, `zip` all of
    them as CSV with the photos beside.
    """
    if kind == "csv":
        return _write_csv(session, READINGS)
    if kind == "json":
        return _write_json(session, [READINGS, *tables])
    if kind == "xlsx":
        return _write_workbook(session, [READINGS, *tables])
    return _write_archive(session, [READINGS, *tables], photos)


def _write_csv(session: Session, table: Table) -> Iterator[bytes]:
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(table.columns)
    for row in table.rows(session):
        writer.writerow([write_cell(_tell(cell)) for cell in row])
        if lines.tell() >= PIECE_BYTES:
            yield _take(lines)
    yield _take(lines)


def _take(lines: io.StringIO) -> bytes:
    told = lines.getvalue().encode()
    lines.seek(0)
    lines.truncate()
    return told


def _tell(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, list | dict) else str(cell)


def _write_json(session: Session, tables: Sequence[Table]) -> Iterator[bytes]:
    out = io.StringIO()
    for place, table in enumerate(tables):
        out.write(("{" if place == 0 else ",\n") + json.dumps(table.name) + ": [")
        for number, row in enumerate(table.rows(session)):
            told = {
                name: mark_cell(_tell(cell)) if table is READINGS and cell is not None else cell
                for name, cell in zip(table.columns, row, strict=True)
            }
            out.write((",\n" if number else "\n") + json.dumps(told, ensure_ascii=False))
            if out.tell() >= PIECE_BYTES:
                yield _take(out)
        out.write("\n]")
    out.write("}\n")
    yield _take(out)


def _write_workbook(session: Session, tables: Sequence[Table]) -> Iterator[bytes]:
    """On the disk first: a workbook is a zip whose parts are written at the end."""
    with tempfile.TemporaryFile() as file:
        # Nothing that was typed is a formula, an address or a number unless we say so.
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        with xlsxwriter.Workbook(file, options) as book:
            for table in tables:
                _fill_sheets(book, session, table)
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece


def _fill_sheets(book: xlsxwriter.Workbook, session: Session, table: Table) -> None:
    """A sheet for each million rows."""
    bold = book.add_format({"bold": True})
    sheet, line, sheets = None, SHEET_ROWS, 0
    rows = table.rows(session)
    for row in _and_none(rows):
        if line >= SHEET_ROWS:
            sheets += 1
            sheet = book.add_worksheet(table.name if sheets == 1 else f"{table.name} {sheets}")
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, len(table.columns) - 1, 16)
            for place, name in enumerate(table.columns):
                sheet.write_string(0, place, name, bold)
            line = 1
        if row is None:
            return
        for place, cell in enumerate(row):
            _fill_cell(sheet, line, place, cell, as_text=table is READINGS)
        line += 1


def _and_none(rows: Iterator[Sequence[object]]) -> Iterator[Sequence[object] | None]:
    """The rows and a last None, so that a table without any has its sheet, too."""
    yield from rows
    yield None


def _fill_cell(sheet: xlsxwriter.Workbook, line: int, place: int, cell: object, *, as_text: bool) -> None:  # fmt: skip
    """A number as one, but for readings: what was typed keeps its digits."""
    if cell is None:
        return
    if isinstance(cell, bool):
        sheet.write_boolean(line, place, cell)
    elif isinstance(cell, int | float | Decimal) and not as_text:
        sheet.write_number(line, place, cell)
    else:
        told = mark_cell(_tell(cell)) if as_text else _tell(cell)
        sheet.write_string(line, place, told[:CELL_CHARACTERS])


class _Outlet(io.RawIOBase):
    """Takes what a zip writes, to be handed on; it cannot go back."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self.written += piece
        return len(piece)

    def take(self) -> bytes:
        piece = bytes(self.written)
        self.written.clear()
        return piece


def _write_archive(session: Session, tables: Sequence[Table], photos: Photos) -> Iterator[bytes]:
    out = _Outlet()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for table in tables:
            with packed.open(f"{table.name}.csv", "w", force_zip64=True) as member:
                for piece in _write_csv(session, table):
                    member.write(piece)
                    yield out.take()
        for note_id, image in photos(session):
            photo = zipfile.ZipInfo(name_photo(note_id), date_time=(1980, 1, 1, 0, 0, 0))
            packed.writestr(photo, image)  # a JPEG does not get smaller
            yield out.take()
    yield out.take()


def name_photo(note_id: int) -> str:
    """Where the photo of a note lies in the archive."""
    return f"photos/note-{note_id}.jpg"


def write_to(file: IO[bytes], pieces: Iterator[bytes]) -> int:
    """Write the pieces; how many bytes they were."""
    return sum(file.write(piece) for piece in pieces)
