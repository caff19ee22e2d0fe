"""The rows of a file as they wait to be saved: written by COPY, then weighed against each other and against the book.

The tables lie outside the row policies; only the worker's role reaches them, and every statement names one import.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import case, delete, func, insert, literal_column, or_, select, text, update
from sqlalchemy.orm import Session, aliased

from winery_appliance.fermentation.imported import current_readings
from winery_appliance.historical_data.import_commands import Answers
from winery_appliance.historical_data.import_models import StagedReading, StagedWine
from winery_appliance.historical_data.matching import AmbiguousCode, Codes, fold_code
from winery_appliance.historical_data.parsing import Fault, ParsedReading, ParsedRow, Reading
from winery_appliance.historical_data.wines import Wine, WineFacts, read_facts

COLUMNS = (
    "import_id", "line", "place", "code", "wine", "sample_type", "value_typed", "unit", "qualifier",
    "sample_temperature_c", "value", "measured_at", "verdict", "fault", "detail",
)  # fmt: skip
LINES_AT_ONCE = 2000
# Of a thousand decimals of a density no instrument has more.
SAME_VALUE = 1e-6
_NULL = "\\N"


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

    def __post_init__(self) -> None:
        self._meant = {code.casefold(): meant for code, meant in self.answers.codes.items()}

    def match(self, row: ParsedRow) -> Wine | Fault:
        """The wine that a row is of, or why there is none."""
        code = self._meant.get(row.code.casefold(), row.code)
        try:
            found = None if row.whose == "vessel" else self.book.wines.find(code)
            if found is None and row.whose != "wine" and row.moment is not None:
                vessel = self.book.vessels.find(code)
                if vessel is not None:
                    found = self.book.find_in_vessel(vessel, row.moment)
                    if found is None:
                        return Fault("empty_vessel", f"{code} held no wine at that time.")
        except AmbiguousCode as error:
            return Fault("ambiguous_code", str(error))
        if found is not None:
            return self._take(("book", found), row, code, found)
        if not self.makes_wines or row.whose == "vessel":
            return Fault(
                "unknown_code", f"There is no wine or vessel {row.code}. Say what is meant."
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
    cursor = session.connection().connection.driver_connection.cursor()  # type: ignore[union-attr]
    done = 0
    lines: list[str] = []
    with cursor.copy(f"COPY staged_readings ({', '.join(COLUMNS)}) FROM STDIN") as copy:
        for row in rows:
            lines.extend(_write_row(import_id, row, matcher))
            done += 1
            if len(lines) >= LINES_AT_ONCE:
                copy.write("".join(lines))
                lines.clear()
                note(done)
        copy.write("".join(lines))
    return done


def _write_row(import_id: int, row: ParsedRow, matcher: Matcher) -> Iterator[str]:
    head = f"{import_id}\t{row.line}"
    if row.fault is not None or row.left_out is not None:
        yield _write_odd(head, row, row.fault or Fault("left_out", row.left_out or ""))
        return
    wine = matcher.match(row)
    if isinstance(wine, Fault):
        yield _write_odd(head, row, wine)
        return
    wine.add(row.facts, row.line)
    verdict = "new" if wine.fermentation_id is None else "matched"
    code, moment = escape(row.code), "" if row.moment is None else row.moment.isoformat()
    for reading in row.readings:
        yield _write_reading(head, code, moment, wine.number, verdict, reading)


def _write_reading(
    head: str, code: str, moment: str, wine: int, verdict: str, reading: ParsedReading
) -> str:
    value = reading.value
    if value is None:
        fault = reading.fault or Fault("unreadable_number", "")
        return (
            f"{head}\t{reading.place}\t{code}\t{wine}\t{reading.kind}\t{_NULL}\t{_NULL}\t{_NULL}\t{_NULL}\t{_NULL}\t"
            f"{moment}\trefused\t{fault.code}\t{escape(fault.detail)}\n"
        )
    warmth = reading.sample_temperature_c
    return (
        f"{head}\t{reading.place}\t{code}\t{wine}\t{reading.kind}\t{value.typed}\t{value.unit}\t"
        f"{value.qualifier or _NULL}\t{_NULL if warmth is None else repr(warmth)}\t{value.value!r}\t{moment}\t"
        f"{verdict}\t{_NULL}\t{_NULL}\n"
    )


def _write_odd(head: str, row: ParsedRow, fault: Fault) -> str:
    verdict = "left_out" if row.left_out is not None else "refused"
    nothing = "\t".join([_NULL] * 8)
    moment_and_more = f"{nothing}\t{verdict}\t{fault.code}\t{escape(fault.detail)}\n"
    return f"{head}\t-1\t{escape(row.code)}\t{moment_and_more}"


_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": ""})


def escape(text_: str) -> str:
    """A text as COPY takes it."""
    return text_.translate(_ESCAPES) if not text_.isalnum() else text_


def stage_wines(
    session: Session, import_id: int, wines: Iterable[Wine], how: Reading, answers: Answers
) -> None:
    """Stage the wines with their facts, or with what is wrong about them."""
    rows = [_fill_wine(import_id, wine, how, answers) for wine in wines]
    for start in range(0, len(rows), LINES_AT_ONCE):
        session.execute(insert(StagedWine), rows[start : start + LINES_AT_ONCE])


def _fill_wine(import_id: int, wine: Wine, how: Reading, answers: Answers) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys([*_FACTS, "fault", "detail"])
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
                fault = Fault("no_style", "Nothing says whether it is red, white, rosé or orange.")
    if fault is not None:
        row |= {"fault": fault.code, "detail": fault.detail}
    return row


_FACTS = {
    "style": "style", "yeast_strain": "yeast", "started_at": "started_at", "ended_at": "ended_at",
    "volume_l": "volume_l", "vineyard": "vineyard", "variety": "variety", "harvested_on": "harvested_on", "kg": "kg",
    "lot": "lot", "vintage": "vintage",
}  # fmt: skip

_SAVABLE = StagedReading.verdict.in_(("matched", "new"))


def weigh(session: Session, import_id: int) -> dict[str, int]:
    """Find what is in the file or the book already, what contradicts, and what lies outside its wine; the counts."""
    _fill_times(session, import_id)
    of_this = StagedReading.import_id == import_id
    wine_at = (StagedWine.import_id == import_id, StagedWine.number == StagedReading.wine)
    session.execute(
        update(StagedReading)
        .where(of_this, _SAVABLE, *wine_at, StagedWine.fault.is_not(None))
        .values(verdict="refused", fault=StagedWine.fault, detail=StagedWine.detail)
    )
    session.execute(text(_OUTSIDE), {"import_id": import_id})
    _weigh_against_each_other(session, import_id)
    _weigh_against_book(session, import_id)
    return count(session, import_id)


def _fill_times(session: Session, import_id: int) -> None:
    """A wine that does not say when it began or ended did so with its readings."""
    times = (
        select(
            StagedReading.wine.label("wine"),
            func.min(StagedReading.measured_at).label("first"),
            func.max(StagedReading.measured_at).label("last"),
        )
        .where(StagedReading.import_id == import_id, _SAVABLE)
        .group_by(StagedReading.wine)
        .subquery()
    )
    started = func.coalesce(StagedWine.started_at, times.c.first)
    session.execute(
        update(StagedWine)
        .where(StagedWine.import_id == import_id, StagedWine.number == times.c.wine)
        .values(
            started_at=started,
            ended_at=func.coalesce(
                StagedWine.ended_at,
                func.greatest(times.c.last, started + text("interval '1 microsecond'")),
            ),
        )
    )
    session.execute(
        update(StagedWine)
        .where(
            StagedWine.import_id == import_id,
            StagedWine.fault.is_(None),
            StagedWine.fermentation_id.is_(None),
            or_(StagedWine.started_at.is_(None), StagedWine.ended_at.is_(None)),
        )
        .values(
            fault="no_time", detail="It has no reading and does not say when it began and ended."
        )
    )


# As the rules of a reading have it: whole minutes are typed, starts have seconds.
_OUTSIDE = """
UPDATE staged_readings r SET verdict = 'refused',
    fault = CASE WHEN r.measured_at < b.started_at THEN 'before_start' ELSE 'after_end' END,
    detail = CASE WHEN r.measured_at < b.started_at
        THEN 'The fermentation began only at ' || to_char(b.started_at, 'YYYY-MM-DD HH24:MI') || ' UTC.'
        ELSE 'The fermentation ended at ' || to_char(b.ended_at, 'YYYY-MM-DD HH24:MI') || ' UTC.' END
FROM (SELECT w.number, coalesce(f.started_at, w.started_at) AS started_at,
        CASE WHEN w.fermentation_id IS NULL THEN w.ended_at ELSE f.ended_at END AS ended_at
      FROM staged_wines w LEFT JOIN fermentations f ON f.id = w.fermentation_id WHERE w.import_id = :import_id) b
WHERE r.import_id = :import_id AND r.wine = b.number AND r.verdict IN ('matched', 'new')
    AND (r.measured_at < b.started_at - interval '1 minute' OR r.measured_at > b.ended_at)
"""


def _weigh_against_each_other(session: Session, import_id: int) -> None:
    twice = (
        select(
            StagedReading.wine.label("wine"),
            StagedReading.sample_type.label("sample_type"),
            StagedReading.measured_at.label("measured_at"),
            func.min(StagedReading.line).label("first"),
            func.max(StagedReading.line).label("last"),
            (func.max(StagedReading.value) - func.min(StagedReading.value) < SAME_VALUE).label(
                "same"
            ),
        )
        .where(StagedReading.import_id == import_id, _SAVABLE)
        .group_by(StagedReading.wine, StagedReading.sample_type, StagedReading.measured_at)
        .having(func.count() > 1)
        .subquery()
    )
    other = case((StagedReading.line == twice.c.first, twice.c.last), else_=twice.c.first)
    session.execute(
        update(StagedReading)
        .where(
            StagedReading.import_id == import_id,
            _SAVABLE,
            StagedReading.wine == twice.c.wine,
            StagedReading.sample_type == twice.c.sample_type,
            StagedReading.measured_at == twice.c.measured_at,
            or_(~twice.c.same, StagedReading.line > twice.c.first),
        )
        .values(
            verdict=case((twice.c.same, "duplicate"), else_="conflicting"),
            fault="twice_in_file",
            detail=case(
                (twice.c.same, func.concat("The same as line ", other, ".")),
                else_=func.concat("Line ", other, " says something else for the same moment."),
            ),
        )
    )


def _weigh_against_book(session: Session, import_id: int) -> None:
    known = current_readings().subquery()
    wine = aliased(StagedWine)
    same = func.abs(known.c.value - StagedReading.value) < SAME_VALUE
    session.execute(
        update(StagedReading)
        .where(
            StagedReading.import_id == import_id,
            StagedReading.verdict == "matched",
            wine.import_id == import_id,
            wine.number == StagedReading.wine,
            known.c.fermentation_id == wine.fermentation_id,
            known.c.sample_type == StagedReading.sample_type,
            known.c.measured_at == StagedReading.measured_at,
        )
        .values(
            verdict=case((same, "duplicate"), else_="conflicting"),
            fault="in_the_book",
            detail=case(
                (same, "It is in the book already."),
                else_=func.concat("The book says ", known.c.value_typed, " for the same moment."),
            ),
        )
    )


def count(session: Session, import_id: int) -> dict[str, int]:
    """How many readings have which verdict, and how many wines are new, matched or refused."""
    verdicts = session.execute(
        select(StagedReading.verdict, func.count())
        .where(StagedReading.import_id == import_id)
        .group_by(StagedReading.verdict)
    )
    counts = {verdict: number for verdict, number in verdicts}
    kinds = case(
        (StagedWine.fault.is_not(None), "wines_refused"),
        (StagedWine.fermentation_id.is_not(None), "wines_matched"),
        else_="wines_new",
    )
    wines = session.execute(
        select(kinds, func.count())
        .where(StagedWine.import_id == import_id)
        .group_by(literal_column("1"))
    )
    return counts | {kind: number for kind, number in wines}
