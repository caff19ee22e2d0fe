"""Days and times as people and instruments write them. What could be two days is never guessed. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from winery_appliance.core.typed_text import FIRST_YEAR, LAST_YEAR
from winery_appliance.core.words import say

NOON = time(12)
MIDNIGHT = time()
# Two digits of a year: the book of a winery that still exists.
CENTURY_TURN = 70


class UnreadableMoment(ValueError):
    """What was written is no day or no time; the text is a sentence for a person."""


class AmbiguousDay(UnreadableMoment):
    """A day that could be two, such as 3/4/2024, and nobody said which part is the month."""


_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})\.?")
_NAMED = re.compile(r"(\d{1,2})[ .-]*([A-Za-z]{3,9})[ .,-]*(\d{4}|\d{2})")
_NAME_FIRST = re.compile(r"([A-Za-z]{3,9})[ .]*(\d{1,2}),? +(\d{4})")
_TIME = re.compile(r"(\d{1,2})[:.h](\d{2})(?:[:.](\d{2})(?:[.,](\d{1,6}))?)?\s*([AaPp]\.?[Mm]\.?)?")
_ZONE = re.compile(r"(?:[Zz]|([+-])(\d{2}):?(\d{2}))$")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        start=1,
    )
}


@dataclass
class DateSurvey:
    """What the days of a file tell of their order: counts, and where the first one stands that could be two."""

    day_first: int = 0
    month_first: int = 0
    ambiguous: int = 0
    example: str = ""
    line: int = 0

    def add(self, text: str, line: int) -> None:
        """Look at one cell."""
        order = tell_order(text.lstrip()[:_LONGEST_DAY])
        if order == "dmy":
            self.day_first += 1
        elif order == "mdy":
            self.month_first += 1
        elif order == "either":
            self.ambiguous += 1
            if not self.example:
                self.example, self.line = text, line

    def conclude(self) -> str | None:
        """The order that all days which leave no doubt have in common; None when they do not, or there are none."""
        if self.day_first and not self.month_first:
            return "dmy"
        if self.month_first and not self.day_first:
            return "mdy"
        return None


_LONGEST_DAY = len("30/12/2024")


@lru_cache(maxsize=8192)
def tell_order(text: str) -> str:
    """`dmy` or `mdy` where only one can be meant with slashes or dashes, `either` where both can, else ``."""
    found = _YEAR_LAST.match(text.strip())
    if found is None or found[2] == ".":
        return ""
    first, second = int(found[1]), int(found[3])
    if first == second:
        return ""
    if first > 12:
        return "dmy" if second <= 12 else ""
    return "mdy" if second > 12 else "either"


@lru_cache(maxsize=8192)
def read_day(text: str, order: str | None) -> date:
    """The day in `text`; `order` (dmy or mdy) decides what could be two days.

    Points between the numbers mean the day first, a year in front the month second. Raises UnreadableMoment, AmbiguousDay.
    """
    text = text.strip()
    if found := _YEAR_FIRST.fullmatch(text):
        return _make_day(text, *map(int, found.groups()))
    if found := _YEAR_LAST.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), _read_year(found[4])
        if found[2] == "." or (first > 12 and order != "mdy") or first == second:
            return _make_day(text, year, second, first)
        if second > 12:
            return _make_day(text, year, first, second)
        if first > 12:
            return _make_day(text, year, second, first)
        if order is None:
            raise AmbiguousDay(
                say("“%(text)s” could be two days: say which part is the month.", text=text)
            )
        return _make_day(text, year, *((second, first) if order == "dmy" else (first, second)))
    if found := _NAMED.fullmatch(text):
        return _make_day(text, _read_year(found[3]), _read_month(text, found[2]), int(found[1]))
    if found := _NAME_FIRST.fullmatch(text):
        return _make_day(text, int(found[3]), _read_month(text, found[1]), int(found[2]))
    raise UnreadableMoment(
        say("“%(text)s” is no day that we can read. Write 2024-09-12.", text=text[:30])
    )


def _read_year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if year < CENTURY_TURN else 1900)


def _read_month(text: str, name: str) -> int:
    try:
        return _MONTHS[name[:3].lower()]
    except KeyError as error:
        raise UnreadableMoment(say("“%(text)s” names no month that we know.", text=text)) from error


def _make_day(text: str, year: int, month: int, day: int) -> date:
    try:
        made = date(year, month, day)
    except ValueError as error:
        raise UnreadableMoment(say("“%(text)s” is no day of the calendar.", text=text)) from error
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise UnreadableMoment(
            say(
                "“%(text)s” lies outside the years %(first)s to %(last)s.",
                text=text,
                first=FIRST_YEAR,
                last=LAST_YEAR,
            )
        )
    return made


def read_moment(text: str, order: str | None, zone: str, *, without_time: time = NOON) -> datetime:
    """The moment in `text`, UTC: a day and perhaps a time, in `zone` unless it names its own.

    A day alone is taken as `without_time`. Raises UnreadableMoment, AmbiguousDay.
    """
    return _read_iso(text, zone) or _read_any(text, order, zone, without_time)


def _read_iso(text: str, zone: str) -> datetime | None:
    """What most files have, `2024-09-12 07:05` with seconds or without; a million rows are a million moments.

    None for everything else, also for what is wrong.
    """
    if len(text) not in (16, 19) or text[4] != "-" or text[7] != "-" or text[10] not in " T":
        return None
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    if local.tzinfo is not None or not FIRST_YEAR <= local.year <= LAST_YEAR:
        return None
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@lru_cache(maxsize=8192)
def _read_any(text: str, order: str | None, zone: str, without_time: time) -> datetime:
    text = text.strip()
    day_text, clock_text = _split(text)
    offset = _ZONE.search(clock_text)
    given = UTC if offset else ZoneInfo(zone)
    if offset and offset[1]:
        sign = 1 if offset[1] == "+" else -1
        distance = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        if distance >= timedelta(days=1):
            raise UnreadableMoment(
                say("“%(text)s” has no time zone that there is.", text=text[:40])
            )
        given = timezone(sign * distance)
    clock_text = _ZONE.sub("", clock_text).strip()
    clock = _read_time(text, clock_text) if clock_text else without_time
    return datetime.combine(read_day(day_text, order), clock, given).astimezone(UTC)


def _split(text: str) -> tuple[str, str]:
    """Day and time; the name of a month may have blanks around it."""
    found = re.search(r"[T ]+(?=\d{1,2}[:h]\d{2}|\d{1,2}\.\d{2}\.\d{2})", text)
    return (text[: found.start()], text[found.end() :]) if found else (text, "")


def _read_time(text: str, clock_text: str) -> time:
    found = _TIME.fullmatch(clock_text)
    if found is None:
        raise UnreadableMoment(
            say("“%(text)s” has no time that we can read. Write 07:05.", text=text[:40])
        )
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    half = (found[5] or "").lower()[:1]
    # `13:33 PM` stands in real files: a clock of 24 hours that also tells the half.
    if half == "p" and hour < 12:
        hour += 12
    elif half == "a" and hour == 12:
        hour = 0
    try:
        return time(hour, minute, second, int((found[4] or "0").ljust(6, "0")))
    except ValueError as error:
        raise UnreadableMoment(say("“%(text)s” has no time of the day.", text=text[:40])) from error


def survey(cells: Iterable[tuple[str, int]]) -> DateSurvey:
    """What many cells, each with its line, tell of the order of their days."""
    found = DateSurvey()
    for text, line in cells:
        found.add(text, line)
    return found
