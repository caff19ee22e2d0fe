"""The rows of a file as they wait to be saved: matched with their wines, and written by COPY.

The tables lie outside the row policies; only the worker's role reaches them, and every statement names one import.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from winery_appliance.core.units import SampleType
from winery_appliance.core.words import say
from winery_appliance.historical_data.import_commands import Answers
from winery_appliance.historical_data.import_models import StagedReading, StagedWine
from winery_appliance.historical_data.matching import AmbiguousCode, Codes, fold_code
from winery_appliance.historical_data.parsing import Fault, ParsedReading, ParsedRow, Reading
from winery_appliance.historical_data.wines import Wine, WineFacts, read_facts

# What is the same in all readings of a row comes first, what a reading is of itself last.
COLUMNS = (
    "import_id", "line", "code", "wine", "measured_at", "verdict",
    "place", "sample_type", "value_typed", "unit", "qualifier", "sample_temperature_c", "value", "fault", "detail",
)  # fmt: skip
WINE_COLUMNS = (
    "import_id", "number", "code", "line", "fermentation_id", "style", "yeast_strain", "started_at", "ended_at",
    "volume_l", "vineyard", "variety", "harvested_on", "kg", "lot", "vintage", "fault", "detail",
)  # fmt: skip
LINES_AT_ONCE = 2000
_NULL = "\\N"
_KINDS = {kind: 1 << place for place, kind in enumerate(SampleType)}


@dataclass(frozen=True)
class Stay:
    """A wine lay in a vessel for a time."""

    since: datetime
    until: datetime | None
    fermentation_id: int


@dataclass(frozen=True)
class Book:
    """What the book knows for matching: wines and vessels by code, and where which wine lay."""

    wines: Codes
    vessels: Codes
    stays: Mapping[int, list[Stay]]

    def find_in_vessel(self, vessel_id: int, at: datetime) -> int | None:
        """The wine in a vessel at a moment."""
        for stay in self.stays.get(vessel_id, ()):
            if stay.since <= at and (stay.until is None or at < stay.until):
                return stay.fermentation_id
        return None


@dataclass
class Matcher:
    """Finds the wine of each row: one of the book, or a new one of this file."""

    book: Book
    answers: Answers
    makes_wines: bool
    wines: dict[tuple[str, int] | str, Wine] = field(default_factory=dict)
    _meant: dict[str, str] = field(default_factory=dict)
    _by_code: dict[str, Wine] = field(default_factory=dict)  # of codes that are a wine's, whenever

    def __post_init__(self) -> None:
        self._meant = {code.casefold(): meant for code, meant in self.answers.codes.items()}

    def match(self, row: ParsedRow) -> Wine | Fault:
        """The wine that a row is of, or why there is none."""
        if row.whose != "wine":
            return self._find(row)
        known = self._by_code.get(row.code)
        if known is None:
            found = self._find(row)
            if isinstance(found, Fault):
                return found
            known = self._by_code[row.code] = found
        return known

    def _find(self, row: ParsedRow) -> Wine | Fault:
        code = self._meant.get(row.code.casefold(), row.code)
        try:
            found = None if row.whose == "vessel" else self.book.wines.find(code)
            if found is None and row.whose != "wine" and row.moment is not None:
                vessel = self.book.vessels.find(code)
                if vessel is not None:
                    found = self.book.find_in_vessel(vessel, row.moment)
                    if found is None:
                        return Fault(
                            "empty_vessel", say("%(code)s held no wine at that time.", code=code)
                        )
        except AmbiguousCode as error:
            return Fault("ambiguous_code", str(error))
        if found is not None:
            return self._take(("book", found), row, code, found)
        if not self.makes_wines or row.whose == "vessel":
            return Fault(
                "unknown_code",
                say("There is no wine or vessel %(code)s. Say what is meant.", code=row.code),
            )
        return self._take(fold_code(code), row, code, None)

    def _take(
        self, key: tuple[str, int] | str, row: ParsedRow, code: str, found: int | None
    ) -> Wine:
        wine = self.wines.get(key)
        if wine is None:
            number = len(self.wines) + 1
            wine = self.wines[key] = Wine(number, code, row.line, fermentation_id=found)
        return wine


@dataclass
class Doubts:
    """Wines by number of which not every reading can be saved for sure. Of a sound file there are none."""

    refused: list[int] = field(default_factory=list)
    outside: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)

    def add(self, wine: Wine, row: Mapping[str, Any]) -> None:
        """Look at one wine as it was staged."""
        if row["fault"] is not None:
            self.refused.append(wine.number)
        if wine.may_repeat:
            self.repeated.append(wine.number)
        if wine.fermentation_id is not None:
            self.known.append(wine.number)
        elif (
            wine.first is not None
            and wine.last is not None
            and (wine.first < row["started_at"] or wine.last > row["ended_at"])
        ):
            self.outside.append(wine.number)


def forget(session: Session, import_id: int) -> None:
    """Remove what is staged of an import."""
    session.execute(delete(StagedReading).where(StagedReading.import_id == import_id))
    session.execute(delete(StagedWine).where(StagedWine.import_id == import_id))


def copy_rows(
    session: Session,
    import_id: int,
    rows: Iterator[ParsedRow],
    matcher: Matcher,
    note: Callable[[int], None],
) -> int:
    """Stage every row; how many there were. `note` is told how many are done, now and then, and may raise to stop."""
    done = 0

    def write() -> Iterator[str]:
        nonlocal done
        for row in rows:
            yield _write_row(import_id, row, matcher)
            done += 1
            if done % LINES_AT_ONCE == 0:
                note(done)

    _copy(session, "staged_readings", COLUMNS, write())
    return done


def _copy(session: Session, table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
    """Write lines into a table as COPY takes them."""
    cursor = session.connection().connection.driver_connection.cursor()  # type: ignore[union-attr]
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        waiting = iter(lines)
        while block := list(islice(waiting, LINES_AT_ONCE)):
            copy.write("".join(block))


def _write_row(import_id: int, row: ParsedRow, matcher: Matcher) -> str:
    if row.fault is not None or row.left_out is not None:
        return _write_odd(import_id, row, row.fault or Fault("left_out", row.left_out or ""))
    wine = matcher.match(row)
    if isinstance(wine, Fault):
        return _write_odd(import_id, row, wine)
    wine.add(row.facts, row.line)
    if row.moment is None:
        return ""  # it tells of the wine alone
    head = f"{import_id}\t{row.line}\t{escape(row.code)}\t{wine.number}\t{row.moment.isoformat()}\t"
    savable = f"{head}{'new' if wine.fermentation_id is None else 'matched'}\t"
    kinds, lines = 0, ""
    for reading in row.readings:
        if reading.value is None:
            lines += f"{head}refused\t{_write_reading(reading)}"
        else:
            kinds |= _KINDS[reading.kind]
            lines += savable + _write_reading(reading)
    if kinds:
        wine.note(row.moment, kinds)
    return lines


@lru_cache(maxsize=16384)
def _write_reading(reading: ParsedReading) -> str:
    value, warmth = reading.value, reading.sample_temperature_c
    if value is None:
        fault = reading.fault or Fault("unreadable_number", "")
        nothing = "\t".join([_NULL] * 5)
        return f"{reading.place}\t{reading.kind}\t{nothing}\t{fault.code}\t{escape(fault.detail)}\n"
    return (
        f"{reading.place}\t{reading.kind}\t{value.typed}\t{value.unit}\t{value.qualifier or _NULL}\t"
        f"{_NULL if warmth is None else repr(warmth)}\t{value.value!r}\t{_NULL}\t{_NULL}\n"
    )


def _write_odd(import_id: int, row: ParsedRow, fault: Fault) -> str:
    verdict = "left_out" if row.left_out is not None else "refused"
    nothing = "\t".join([_NULL] * 6)
    return (
        f"{import_id}\t{row.line}\t{escape(row.code)}\t{_NULL}\t{_NULL}\t{verdict}\t-1\t{nothing}\t"
        f"{fault.code}\t{escape(fault.detail)}\n"
    )


_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": ""})


def escape(text_: str) -> str:
    """A text as COPY takes it."""
    return text_.translate(_ESCAPES) if not text_.isalnum() else text_


def stage_wines(
    session: Session, import_id: int, wines: Iterable[Wine], how: Reading, answers: Answers
) -> Doubts:
    """Stage the wines with their facts, or with what is wrong about them; what is left to weigh."""
    doubts = Doubts()

    def write() -> Iterator[str]:
        for wine in wines:
            row = _fill_wine(import_id, wine, how, answers)
            doubts.add(wine, row)
            told = (row[name] for name in WINE_COLUMNS)
            yield "\t".join(_NULL if v is None else escape(str(v)) for v in told) + "\n"

    _copy(session, "staged_wines", WINE_COLUMNS, write())
    return doubts


def _fill_wine(import_id: int, wine: Wine, how: Reading, answers: Answers) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(WINE_COLUMNS)
    row |= {
        "import_id": import_id,
        "number": wine.number,
        "code": wine.code,
        "line": wine.line,
        "fermentation_id": wine.fermentation_id,
    }
    fault = None
    if wine.fermentation_id is None:
        facts = read_facts(wine, how, answers.styles)
        fault = wine.fault or (facts if isinstance(facts, Fault) else None)
        if isinstance(facts, WineFacts):
            row |= {name: getattr(facts, given) for name, given in _FACTS.items()}
            if facts.style is None and fault is None:
                fault = Fault(
                    "no_style", say("Nothing says whether it is red, white, rosé or orange.")
                )
    _fill_times(row, wine)
    if (
        fault is None
        and wine.fermentation_id is None
        and not (row["started_at"] and row["ended_at"])
    ):
        fault = Fault("no_time", say("It has no reading and does not say when it began and ended."))
    if fault is not None:
        row |= {"fault": fault.code, "detail": fault.detail}
    return row


def _fill_times(row: dict[str, Any], wine: Wine) -> None:
    """A wine that does not say when it began or ended did so with its readings."""
    if wine.first is not None and wine.last is not None:
        row["started_at"] = row["started_at"] or wine.first
        at_least = row["started_at"] + timedelta(microseconds=1)
        row["ended_at"] = row["ended_at"] or max(wine.last, at_least)


_FACTS = {
    "style": "style", "yeast_strain": "yeast", "started_at": "started_at", "ended_at": "ended_at",
    "volume_l": "volume_l", "vineyard": "vineyard", "variety": "variety", "harvested_on": "harvested_on", "kg": "kg",
    "lot": "lot", "vintage": "vintage",
}  # fmt: skip
