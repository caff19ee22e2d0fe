"""The second stage: which layout a table has, and what each of its columns holds. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from winery_appliance.historical_data.columns import (
    IGNORE,
    fingerprint,
    guess_use,
    name_columns,
    simplify,
)
from winery_appliance.historical_data.files import Row
from winery_appliance.historical_data.readers import Reader, find_readers, guess_uses, is_enough

# Above its header a report may have a title, an address and a few empty lines.
LOOK_FOR_HEADER = 40
# An instrument names no more parameters in a row.
MOST_GROUPS = 8


@dataclass(frozen=True)
class Layout:
    """A header that was understood: its line, its titles, the name and the use of each column."""

    reader: Reader
    line: int
    titles: tuple[str, ...]
    names: tuple[str, ...]
    uses: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """By this a mapping is remembered."""
        return fingerprint(self.names)

    def find(self, use: str) -> int | None:
        """The place of the first column with this use."""
        return next((n for n, name in enumerate(self.names) if self.uses[name] == use), None)

    def groups(self) -> Iterator[tuple[int, int, int | None]]:
        """The columns that belong together: what was measured, its value, its unit where it has a column."""
        for number in range(1, MOST_GROUPS + 1):
            what, value = self.find(f"what/{number}"), self.find(f"value/{number}")
            if what is not None and value is not None:
                yield what, value, self.find(f"unit/{number}")


def recognise(
    rows: Iterable[Row], columns: Mapping[str, str], *, reader_id: str | None = None
) -> Layout | None:
    """The layout of a table by the first of its rows that a reader knows; None when no reader does.

    `columns` are uses that a person gave to columns by name; with them a header is enough that was not before.
    """
    for row in islice(rows, LOOK_FOR_HEADER):
        layout = read_header(row, columns, reader_id=reader_id)
        if layout is not None:
            return layout
    return None


def read_header(
    row: Row, columns: Mapping[str, str], *, reader_id: str | None = None
) -> Layout | None:
    """The layout of a row that is a header; None for one that is none."""
    if row.fault or sum(1 for cell in row.cells if simplify(cell)) < 2:
        return None
    titles = tuple(cell.strip() for cell in row.cells)
    names = tuple(name_columns(titles))
    chosen = {name: use for name, use in columns.items() if name in names}
    for reader in find_readers():
        if reader_id not in (None, reader.id):
            continue
        uses = reader.recognise(titles)
        if uses is None and chosen:
            guessed = guess_uses(titles) | chosen
            uses = guessed if is_enough(guessed, names_wine=reader.names_wine) else None
        if uses is not None:
            return Layout(reader, row.line, titles, names, dict(uses) | chosen)
    return None


def guess_header(rows: Iterable[Row]) -> Row | None:
    """The row that looks most like a header, for a person to tell what its columns are; None in an empty table."""
    best: tuple[int, Row] | None = None
    for row in islice(rows, LOOK_FOR_HEADER):
        known = sum(guess_use(cell) != IGNORE for cell in row.cells)
        words = sum(bool(simplify(cell)) and not cell.strip()[0].isdigit() for cell in row.cells)
        rating = known * 100 + words
        if rating and (best is None or rating > best[0]):
            best = rating, row
    return None if best is None else best[1]


def walk(
    rows: Iterable[Row], layout: Layout, columns: Mapping[str, str]
) -> Iterator[tuple[Layout, Row]]:
    """The rows below a header, each with the header it stands under: that may repeat and change on the way."""
    for row in rows:
        if row.line <= layout.line and row.fault is None:
            continue
        first = _first(row.cells)
        if _could_be_title(first):
            other = read_header(row, columns, reader_id=layout.reader.id)
            if other is not None:
                layout = layout if other.titles == layout.titles else other
                continue
        if row.fault or first:
            yield layout, row


def _first(cells: Sequence[str]) -> str:
    if cells and cells[0]:
        return cells[0]
    return next((cell for cell in cells if cell), "")


@lru_cache(maxsize=8192)
def _could_be_title(cell: str) -> bool:
    return guess_use(cell) != IGNORE or simplify(cell).startswith("meas")
