"""Text and moments as they may be sent to us: what a database or a page cannot hold is refused at the door."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic_core import CoreSchema, core_schema

from winery_appliance.core.words import N_, say

# A moment outside these years is a broken clock or an attack, never a fermentation.
FIRST_YEAR, LAST_YEAR = 1900, 2200


def refuse_unprintable(value: str) -> str:
    """`value`, unless it holds control characters or halves of surrogate pairs (ValueError)."""
    for character in value:
        category = unicodedata.category(character)
        if category == "Cs" or (category == "Cc" and character not in "\n\t\r"):
            raise ValueError(say("contains characters that cannot be stored"))
    return value


def refuse_odd_year(value: datetime) -> datetime:
    """`value` in UTC, unless its year is outside 1900 to 2200 (ValueError)."""
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(_say_years())
    return value.astimezone(UTC)


def _say_years() -> str:
    return say("the year must lie between %(first)s and %(last)s", first=FIRST_YEAR, last=LAST_YEAR)


def read_day(given: object) -> date:
    """A day written as 2026-09-24, between 1900 and 2200 (ValueError); a moment or a number is no day."""
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    if not isinstance(given, str) or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given) is None:
        raise ValueError(say("write the day as 2026-09-24"))
    day = date.fromisoformat(given)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(_say_years())
    return day


@dataclass(frozen=True)
class must_match:
    """Refuses text which does not match `pattern` as a whole; `sentence` tells a person what would.

    Unlike pydantic's own constraint it has a sentence, looked up in the language of who sent it, and it is asked after the
    text was stripped.
    """

    pattern: str
    sentence: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check after whatever stands before it."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Tell programs the pattern."""
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}

    def _check(self, value: str) -> str:
        if re.fullmatch(self.pattern, value) is None:
            raise ValueError(say(self.sentence))
        return value


def forget_defaults(schema: dict[str, Any]) -> None:
    """For the schema of a change: what may be left out has no value by default, it stays as it is."""
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


def refuse_unknown_zone(value: str) -> str:
    """`value`, unless this machine has no time zone of that name (ValueError)."""
    if value not in list_zones():
        raise ValueError(say("choose a time zone by its name, such as Europe/Madrid"))
    return value


@cache
def list_zones() -> Sequence[str]:
    """The time zones that this machine knows, by name."""
    return sorted(available_timezones() | {"UTC"})


_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*")


def read_moment(value: object) -> object:
    """Text as RFC 3339 writes a moment, read; a bare number could count anything (ValueError)."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return datetime.fromisoformat(value.upper())
    raise ValueError(say("write day and time, as in 2026-09-24T06:30:00+02:00"))


def read_digits(value: object) -> object:
    """A whole number as it stands in an address: digits and nothing else (ValueError)."""
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10):
        raise ValueError(say("send a whole number"))
    return int(value)


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(refuse_unprintable)
]
Code = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=40),
    AfterValidator(refuse_unprintable),
    must_match(r"[^/?#\n\r\t]+", N_("a code goes without / ? # and line breaks")),
]
TimeZone = Annotated[Line, StringConstraints(max_length=64), AfterValidator(refuse_unknown_zone)]
Moment = Annotated[AwareDatetime, BeforeValidator(read_moment), AfterValidator(refuse_odd_year)]
Day = Annotated[date, BeforeValidator(read_day)]
# How many items a page of a list may have.
MAX_LIMIT = 2000
Limit = Annotated[int, BeforeValidator(read_digits), Field(ge=1, le=MAX_LIMIT)]
