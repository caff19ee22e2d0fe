"""The fourth stage: the cells of a row become readings in the book's units, each with its fault where it has one. Pure.

A row is read once, whatever was wrong with it: what is refused keeps its reason, and stops no other.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from winery_appliance.core.csv_text import rearm
from winery_appliance.core.figures import show_bare
from winery_appliance.core.units import (
    KIND_WORDS,
    UNIT_SYMBOLS,
    SampleType,
    Unit,
    UnreadableNumber,
    hard_range,
    parse_measurement,
    to_canonical,
)
from winery_appliance.core.words import say
from winery_appliance.historical_data.columns import (
    BY_SIZE,
    G_CM3,
    UNKNOWN_UNIT,
    fits,
    read_quantity,
    read_unit,
    simplify,
)
from winery_appliance.historical_data.files import Row
from winery_appliance.historical_data.moments import UnreadableMoment, read_moment
from winery_appliance.historical_data.recognition import Layout

BLANK = frozenset({"", "-", "–", "—", "n/a", "na", "nan", "nd", "null", "none", "#n/a", "."})
FACTS = (
    "style", "yeast", "start", "end", "volume_l", "vineyard", "variety", "harvest_date", "kg", "vintage", "lot",
)  # fmt: skip
LONGEST_CODE = 40
# As in the rules of a reading: a clock that runs a little fast is no reason to refuse.
FUTURE_TOLERANCE = timedelta(minutes=10)
_NUMBER_AND_UNIT = re.compile(r"([<>]?\s*[+\-−]?\s*[0-9.,]*[0-9][.,]?)\s*([^0-9.,\s].*)?")


class Fault(NamedTuple):
    """Why something was refused or left out: the machine's word and a sentence."""

    code: str
    detail: str


class Value(NamedTuple):
    """A number as it goes into the book: as typed, its unit, and in the canonical unit."""

    typed: str
    unit: Unit
    qualifier: str | None
    value: float


class ParsedReading(NamedTuple):
    """A reading of a row, from the column at `place` (from 0); `fault` where it cannot be saved."""

    place: int
    kind: SampleType
    value: Value | None
    sample_temperature_c: float | None
    fault: Fault | None


class ParsedRow(NamedTuple):
    """A row: whose it is (a code and what kind of code), the facts it tells of the wine, when, and its readings."""

    line: int
    code: str
    whose: str  # wine, code (of a wine or a vessel) or vessel
    facts: tuple[str, ...]  # as written, in the order of FACTS
    moment: datetime | None
    readings: tuple[ParsedReading, ...]
    fault: Fault | None = None
    left_out: str | None = None


@dataclass(frozen=True)
class Reading:
    """How the rows of a file are to be read: what the person answered, the winery's zone, and the moment of the import."""

    date_order: str | None
    zone: str
    now: datetime
    units: Mapping[str, str]  # by quantity, where the file does not say
    wine: str | None = None  # whose all rows are, where no column says
    moment: str | None = None  # when all rows were taken, where no column says


def forget_sentences() -> None:
    """Forget what was read before: its faults may be told in another language."""
    _read.cache_clear()
    _doubt_code.cache_clear()


def make_parser(layout: Layout, how: Reading) -> Callable[[Row], ParsedRow]:
    """A function that reads the rows under this header."""
    return _Parser(layout, how).parse


class _Parser:
    def __init__(self, layout: Layout, how: Reading) -> None:
        self.how = how
        self.width = len(layout.titles)
        self.is_ours = layout.reader.is_ours
        self.order = how.date_order or layout.reader.date_order
        self.left_out = {
            place: layout.reader.left_out[layout.uses[name]]
            for place, name in enumerate(layout.names)
            if layout.uses[name] in layout.reader.left_out
        }
        self.whose = next((use for use in ("wine", "code", "vessel") if layout.find(use) is not None), "wine")  # fmt: skip
        self.code_at = layout.find(self.whose)
        self.moment_at, self.date_at = layout.find("moment"), layout.find("date")
        self.time_at = layout.find("time")
        self.qualifier_at = layout.find("qualifier")
        self.warmth_at = layout.find("sample_temperature")
        self.warmth_is_reading = layout.reader.warmth_is_reading
        self.facts_at = {name: at for name in FACTS if (at := layout.find(name)) is not None}
        self.known_facts: tuple[Sequence[str], tuple[str, ...]] = [], ("",) * len(FACTS)
        self.latest = how.now + FUTURE_TOLERANCE
        self.units = dict(layout.reader.units) | dict(how.units)
        self.wide = [
            (place, SampleType(kind), self._unit(SampleType(kind), unit))
            for place, name in enumerate(layout.names)
            for kind, _, unit in [layout.uses[name].partition("/")]
            if kind in SampleType.__members__ and unit
        ]
        self.groups = list(layout.groups())

    def _unit(self, kind: SampleType, unit: str) -> str:
        return self.units.get(kind, unit) if unit == UNKNOWN_UNIT else unit

    def parse(self, row: Row) -> ParsedRow:
        cells = row.cells
        if row.fault:
            return _refuse(row.line, Fault("unreadable_row", row.fault))
        if row.left_out:
            return _refuse(row.line, None, row.left_out)
        if len(cells) != self.width:
            if any(cells[self.width :]):
                return _refuse(row.line, _tell_width(len(cells), self.width))
            cells = [*cells[: self.width], *[""] * (self.width - len(cells))]
        if self.is_ours:
            cells = [rearm(cell) for cell in cells]
        for place, words in self.left_out.items():
            word = simplify(cells[place])
            if word in words:
                return _refuse(row.line, None, say("This row is %(what)s.", what=say(words[word])))
        return self._parse_cells(row.line, cells)

    def _parse_cells(self, line: int, cells: Sequence[str]) -> ParsedRow:
        code = self.how.wine or "" if self.code_at is None else cells[self.code_at].strip()
        fault = _doubt_code(code, may_be_formula=self.is_ours)
        if fault:
            return _refuse(line, fault, code=code)
        facts = self._read_facts(cells)
        readings = tuple(self._read_all(cells))
        if not readings:
            if any(facts):
                return ParsedRow(line, code, self.whose, facts, None, ())
            return _refuse(line, None, say("The row has no value in it."), code=code)
        try:
            moment = self._read_moment(cells)
        except UnreadableMoment as error:
            return _refuse(line, Fault("unreadable_date", str(error)), code=code)
        if moment > self.latest:
            return _refuse(line, Fault("in_future", say("This day has not come yet.")), code=code)
        return ParsedRow(line, code, self.whose, facts, moment, readings)

    def _read_facts(self, cells: Sequence[str]) -> tuple[str, ...]:
        """The same tuple as of the row before where it says the same; a wine has a hundred rows, and its facts in each."""
        written = [cells[at] for at in self.facts_at.values()]
        if written != self.known_facts[0]:
            told = dict.fromkeys(FACTS, "")
            for name, text in zip(self.facts_at, written, strict=True):
                told[name] = sys.intern(text.strip())
            self.known_facts = written, tuple(told.values())
        return self.known_facts[1]

    def _read_moment(self, cells: Sequence[str]) -> datetime:
        day_at = self.date_at if self.moment_at is None else self.moment_at
        text = self.how.moment or "" if day_at is None else cells[day_at]
        if self.time_at is not None and cells[self.time_at].strip():
            text = f"{text.strip()} {cells[self.time_at].strip()}"
        if not text.strip():
            raise UnreadableMoment(say("The row has no day."))
        return read_moment(text, self.order, self.how.zone)

    def _read_all(self, cells: Sequence[str]) -> Iterator[ParsedReading]:
        warmth = None if self.warmth_at is None else _read_warmth(cells[self.warmth_at])
        seen: set[SampleType] = set()  # a second column may say the same sugar on another scale
        for place, kind, unit in self.wide:
            text = cells[place].strip()
            if text.casefold() not in BLANK and kind not in seen:
                seen.add(kind)
                yield _read(place, kind, unit, text, warmth)
        if not self.groups and not self.warmth_is_reading:
            return
        for what_at, value_at, unit_at in self.groups:
            text = cells[value_at].strip()
            if text.casefold() in BLANK:
                continue
            named = read_quantity(cells[what_at])
            if named is None:
                told = say("“%(text)s” is no quantity that the book has.", text=cells[what_at][:40])
                fault = Fault("unknown_quantity", told)
                yield ParsedReading(what_at, SampleType.sugar, None, None, fault)
            elif named[0] not in seen:
                seen.add(named[0])
                unit = self._choose_unit(*named, "" if unit_at is None else cells[unit_at].strip())
                yield _read(value_at, named[0], unit, self._qualify(cells, text), warmth)
        if self.warmth_is_reading and self.warmth_at is not None and warmth is not None:
            text = cells[self.warmth_at].strip()
            yield _read(self.warmth_at, SampleType.temperature, Unit.celsius, text, None)

    def _choose_unit(self, kind: SampleType, usual: str, given: str) -> str:
        if not given:
            return self._unit(kind, usual)
        return read_unit(given) or UNKNOWN_UNIT

    def _qualify(self, cells: Sequence[str], text: str) -> str:
        qualifier = "" if self.qualifier_at is None else cells[self.qualifier_at].strip()
        return qualifier + text.lstrip("<>") if qualifier else text


def _tell_width(cells: int, width: int) -> Fault:
    told = say(
        "The row has %(cells)s cells, the header %(width)s. Is a decimal comma taken for a new cell?",
        cells=cells,
        width=width,
    )
    return Fault("too_many_cells", told)


def _refuse(
    line: int, fault: Fault | None, left_out: str | None = None, code: str = ""
) -> ParsedRow:
    return ParsedRow(line, code, "wine", (), None, (), fault, left_out)


@lru_cache(maxsize=8192)
def _doubt_code(code: str, *, may_be_formula: bool) -> Fault | None:
    if not code:
        return Fault("no_code", say("The row does not say which wine or tank it is of."))
    if (
        len(code) > LONGEST_CODE
        or any(sign in code for sign in "/?#\n\r\t")
        or not code.isprintable()
    ):
        return Fault(
            "bad_code",
            say("A code has at most %(most)s characters and none of / ? #.", most=LONGEST_CODE),
        )
    if code.startswith("=") and not may_be_formula:
        return Fault("formula", say("The code is a formula. Write it as text."))
    return None


@lru_cache(maxsize=4096)
def _read_warmth(text: str) -> float | None:
    try:
        value = parse_measurement(text).value
    except UnreadableNumber:
        return None
    return value if -5 <= value <= 50 else None


@lru_cache(maxsize=16384)
def _read(place: int, kind: SampleType, unit: str, text: str, warmth: float | None) -> ParsedReading:  # fmt: skip
    of_sugar = warmth if kind is SampleType.sugar else None
    read = read_value(kind, unit, text, of_sugar)
    if isinstance(read, Fault):
        return ParsedReading(place, kind, None, None, read)
    return ParsedReading(place, kind, read, of_sugar, None)


def read_value(
    kind: SampleType, unit: str, text: str, warmth: float | None = None
) -> Value | Fault:
    """The number in `text`, which may name its own unit (`1.085 SG`, `<5 mg/L`); a fault where it has none or cannot be.

    `warmth` (°C) says that sugar was read uncorrected in a sample that warm.
    """
    found = _NUMBER_AND_UNIT.fullmatch(text)
    if text.startswith("="):
        return Fault("formula", say("The cell holds a formula. Write its value instead."))
    if found is None:
        return Fault(
            "unreadable_number", say("“%(text)s” is not a number we can read.", text=text[:24])
        )
    number = found[1].replace(" ", "")
    if found[2]:
        named = read_unit(found[2])
        if named is None or not fits(kind, named):
            return Fault(
                "unknown_unit",
                say(
                    "“%(text)s” is no unit of %(kind)s.",
                    text=found[2][:24],
                    kind=say(KIND_WORDS[kind]),
                ),
            )
        unit = named
    try:
        parsed = parse_measurement(number)
    except UnreadableNumber as error:
        return Fault("unreadable_number", str(error))
    if unit == BY_SIZE:  # density in g/cm³ lies about 1, in kg/m³ about 1000
        unit = G_CM3 if abs(parsed.value) < 10 else Unit.kg_m3
    if unit == G_CM3:
        sign = parsed.qualifier or ""
        number = (
            sign
            + f"{Decimal(number.lstrip('<>+').replace('−', '-').replace(',', '.')).scaleb(3):f}"
        )
        unit = Unit.kg_m3
        parsed = parse_measurement(number)
    if not fits(kind, unit):
        return Fault("unknown_unit", say("Nothing says which unit this number has."))
    return _judge(kind, Unit(unit), number, parsed.value, parsed.qualifier, warmth)


def _judge(
    kind: SampleType,
    unit: Unit,
    typed: str,
    value: float,
    qualifier: str | None,
    warmth: float | None,
) -> Value | Fault:
    low, high = hard_range(kind, unit)
    if not low <= value <= high:
        return Fault(
            "out_of_range",
            say(
                "%(typed)s %(unit)s is impossible for %(kind)s. Possible is %(low)s to %(high)s.",
                typed=typed,
                unit=UNIT_SYMBOLS[unit],
                kind=say(KIND_WORDS[kind]),
                low=show_bare(low),
                high=show_bare(high),
            ),
        )
    canonical = to_canonical(kind, value, unit, sample_temperature_c=warmth)
    return Value(typed, unit, qualifier, canonical)
