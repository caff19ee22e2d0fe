"""Workbooks of a spreadsheet as rows of text.

A workbook is a zip of XML: how much comes out of it is measured before anything is believed. What a formula last showed
is no reading: such a cell says so, and the row is refused by whoever reads a number in it.
"""

import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import python_calamine

from winery_appliance.core.words import say
from winery_appliance.historical_data.refusals import UnreadableFile

MOST_BYTES = 64 * 2**20
MOST_UNPACKED_BYTES = 192 * 2**20
MOST_MEMBERS = 2000
CHUNK = 2**20
# No number and no code: it has a sign that neither may have.
FORMULA = "=formula"
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def read_workbook_rows(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """The rows of the first sheet with anything in it, by their numbers. Raises UnreadableFile."""
    if path.stat().st_size > MOST_BYTES:
        raise UnreadableFile(
            "file_too_large",
            say("Workbooks are read up to %(most)s MB. Send it as CSV.", most=MOST_BYTES // 2**20),
        )
    try:
        _refuse_bomb(path)
        with python_calamine.CalamineWorkbook.from_path(path) as book:
            for place, name in enumerate(book.sheet_names):
                sheet = book.get_sheet_by_index(place)
                if sheet.start is not None:
                    formulas = _find_formulas(path, name)
                    yield from _show_rows(sheet, formulas)
                    return
    except (zipfile.BadZipFile, python_calamine.CalamineError, ElementTree.ParseError) as error:
        raise UnreadableFile(
            "not_a_workbook",
            say("The workbook is damaged or locked by a password (%(error)s).", error=error),
        ) from error
    raise UnreadableFile("empty_file", say("The workbook has no cell with anything in it."))


def _refuse_bomb(path: Path) -> None:
    """Unpack everything once and keep nothing; a member that is longer than it says fails its checksum."""
    left = MOST_UNPACKED_BYTES
    with zipfile.ZipFile(path) as packed:
        members = packed.infolist()
        if len(members) > MOST_MEMBERS or sum(m.file_size for m in members) > left:
            raise _too_much()
        for member in members:
            with packed.open(member) as unpacked:
                while chunk := unpacked.read(CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise _too_much()


def _too_much() -> UnreadableFile:
    return UnreadableFile(
        "workbook_too_large",
        say(
            "The workbook unpacks to more than %(most)s MB. Send it as CSV.",
            most=MOST_UNPACKED_BYTES // 2**20,
        ),
    )


def _find_formulas(path: Path, sheet: str) -> frozenset[tuple[int, int]]:
    """Row and column, from 0, of each cell of the sheet that a formula stands in."""
    found = set()
    with zipfile.ZipFile(path) as packed, packed.open(_find_member(packed, sheet)) as file:
        for _, element in ElementTree.iterparse(file):  # noqa: S314 - sizes are bounded above
            if element.tag == f"{_MAIN}c" and element.find(f"{_MAIN}f") is not None:
                found.add(_read_place(element.get("r", "")))
            if element.tag == f"{_MAIN}row":
                element.clear()
    return frozenset(found)


def _find_member(packed: zipfile.ZipFile, sheet: str) -> str:
    names = ElementTree.fromstring(packed.read("xl/workbook.xml"))  # noqa: S314
    links = ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    for element in names.iter(f"{_MAIN}sheet"):
        if element.get("name") == sheet:
            target = targets[element.get(_RELATION)]
            return target.lstrip("/") if target[:1] == "/" else str(PurePosixPath("xl", target))
    raise zipfile.BadZipFile(f"no sheet {sheet}")


def _read_place(reference: str) -> tuple[int, int]:
    letters = reference.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(reference[len(letters) :]) - 1, column - 1


def _show_rows(
    sheet: Any, formulas: frozenset[tuple[int, int]]
) -> Iterator[tuple[int, Sequence[str]]]:
    for number, cells in enumerate(
        sheet.iter_rows()
    ):  # rows from the top, columns from the first used
        shown = [
            FORMULA if (number, place) in formulas else _show(cell)
            for place, cell in enumerate(cells, start=sheet.start[1])
        ]
        if any(shown):
            yield number + 1, shown


def _show(cell: object) -> str:
    """A cell as it would be typed; a number with no more digits than a person sees."""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.10g}"
    if isinstance(cell, datetime):
        if cell.time() == time():
            return cell.date().isoformat()
        return cell.isoformat(" ", "seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)
