"""The first stage of an import: bytes become rows of text with their line numbers, in constant memory.

What a row means is not known here. A file that cannot be read at all is refused with a sentence; a broken row is handed on
as it stands, for the stages behind to refuse it by its number.
"""

import codecs
import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO

from winery_appliance.core.words import say
from winery_appliance.historical_data.json_rows import read_json_rows
from winery_appliance.historical_data.refusals import UnreadableFile
from winery_appliance.historical_data.workbooks import read_workbook_rows

# A file of ten vintages has 100 MB at most; what is larger is no book of a winery.
MOST_BYTES = 2**30
MOST_COLUMNS = 400
LONGEST_LINE = 2**20
CHUNK = 2**20
LOOK_AT_LINES = 60
DELIMITERS = (",", ";", "\t", "|")
# Bytes that no text has; a file with one of them and no UTF-16 in it is a program, a picture or damaged.
_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13, 26, 27}


class Row(NamedTuple):
    """One row: the line it begins at (of a workbook or JSON: its row number) and its cells as text."""

    line: int
    cells: Sequence[str]
    fault: str | None = None  # why the row itself cannot be read
    left_out: str | None = None  # why it does not count although it can be read


@dataclass(frozen=True)
class OpenFile:
    """A file whose kind is known. `rows()` reads it from its beginning each time it is called."""

    kind: str  # csv, xlsx or json
    encoding: str
    delimiter: str
    rows: Callable[[], Iterator[Row]]


def open_file(path: Path) -> OpenFile:
    """Find out what kind of file this is. Raises UnreadableFile, OSError."""
    size = path.stat().st_size
    if size == 0:
        raise UnreadableFile("empty_file", say("The file is empty."))
    if size > MOST_BYTES:
        raise UnreadableFile(
            "file_too_large",
            say(
                "The file has %(size)s MB; %(most)s MB can be read. Split it.",
                size=size // 2**20,
                most=MOST_BYTES // 2**20,
            ),
        )
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"PK\x03\x04"):
        return OpenFile("xlsx", "", "", lambda: _number(read_workbook_rows(path)))
    encoding = find_encoding(path)
    if _looks_like_json(head, encoding):
        return OpenFile("json", encoding, "", lambda: _number(read_json_rows(path, encoding)))
    with path.open(encoding=encoding, newline="") as text:
        delimiter = choose_delimiter(list(islice(_read_lines(text), LOOK_AT_LINES)))
    return OpenFile("csv", encoding, delimiter, lambda: _read_csv(path, encoding, delimiter))


def find_encoding(path: Path) -> str:
    """UTF-8 or UTF-16 by its mark or by what fits, else Windows-1252, else Latin-1, which fits everything.

    Raises UnreadableFile for what is no text.
    """
    with path.open("rb") as file:
        head = file.read(4096)
        for mark, name in (
            (codecs.BOM_UTF8, "utf-8-sig"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if head.startswith(mark):
                return name
        encoding = _guess_utf_16(head)
        if encoding:
            return encoding
        return next((name for name in ("utf-8", "cp1252") if _fits(file, name)), "latin-1")


_NO_TEXT = bytes(sorted(_CONTROLS))


def _fits(file: BinaryIO, encoding: str) -> bool:
    """Whether all of the file is text of this encoding. Raises UnreadableFile where it is no text at all."""
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while chunk := file.read(CHUNK):
            odd = len(chunk) - len(chunk.translate(None, _NO_TEXT))
            if odd > len(chunk) // 100 or b"\0" in chunk:
                raise UnreadableFile(
                    "not_a_table", say("This is no table: it holds bytes that no text has.")
                )
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _guess_utf_16(head: bytes) -> str | None:
    """UTF-16 without a mark: in a table nearly every second byte is zero."""
    pairs = len(head) // 2
    if pairs < 2:
        return None
    if head[1::2].count(0) > 0.8 * pairs and head[::2].count(0) == 0:
        return "utf-16-le"
    if head[::2].count(0) > 0.8 * pairs and head[1::2].count(0) == 0:
        return "utf-16-be"
    return None


def choose_delimiter(lines: Sequence[str]) -> str:
    """The sign that cuts the most lines into the same number of cells; the most cells where several do.

    Decimal commas lose against semicolons: the header has none of them.
    """

    def rate(delimiter: str) -> tuple[int, int]:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        except csv.Error:
            return 0, 0
        width, agreeing = max(
            ((w, n) for w, n in widths.items() if w > 1),
            key=lambda pair: (pair[1], pair[0]),
            default=(0, 0),
        )
        return agreeing, width

    return max(DELIMITERS, key=rate)


def _looks_like_json(head: bytes, encoding: str) -> bool:
    text = head.decode(encoding, errors="ignore").lstrip("\ufeff \t\r\n")
    return text[:1] in ("[", "{")


def _read_lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
            raise UnreadableFile(
                "line_too_long", say("A line has more than a million characters: this is no table.")
            )
        yield line


def _read_csv(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    with path.open(encoding=encoding, newline="", errors="replace") as text:
        reader = csv.reader(_read_lines(text), delimiter=delimiter, strict=True)
        line = 1
        while True:
            try:
                for cells in reader:
                    yield Row(line, cells) if len(cells) <= MOST_COLUMNS else _bound(line, cells)
                    line = reader.line_num + 1
                return
            except csv.Error as error:
                yield Row(line, (), say("The row cannot be read: %(error)s.", error=error))
                if "end of data" in str(error):
                    return  # the quote that is never closed has swallowed the rest
                line = reader.line_num + 1


def _number(rows: Iterator[tuple[int, Sequence[str]]]) -> Iterator[Row]:
    return (_bound(line, cells) for line, cells in rows)


def _bound(line: int, cells: Sequence[str]) -> Row:
    if len(cells) > MOST_COLUMNS:
        told = say(
            "The row has %(n)s columns; %(most)s can be read.", n=len(cells), most=MOST_COLUMNS
        )
        return Row(line, cells[:MOST_COLUMNS], told)
    return Row(line, cells)
