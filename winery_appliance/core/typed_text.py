"""Text and moments as they may be sent to us: what a database or a page cannot hold is refused at the door."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, StringConstraints

# A moment outside these years is a broken clock or an attack, never a fermentation.
FIRST_YEAR, LAST_YEAR = 1900, 2200


def refuse_unprintable(value: str) -> str:
    """`value`, unless it holds control characters or halves of surrogate pairs (ValueError)."""
    for character in value:
        category = unicodedata.category(character)
        if category == "Cs" or (category == "Cc" and character not in "\n\t\r"):
            raise ValueError("contains characters that cannot be stored")
    return value


def refuse_odd_year(value: datetime) -> datetime:
    """`value` in UTC, unless its year is outside 1900 to 2200 (ValueError)."""
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return value.astimezone(UTC)


def must_match(pattern: str, sentence: str) -> AfterValidator:
    """A validator that refuses text which does not match as a whole; `sentence` tells a person what would."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(sentence)
        return value

    return AfterValidator(check)


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(refuse_unprintable)
]
Code = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=40),
    AfterValidator(refuse_unprintable),
    must_match(r"[^/?#\n\r\t]+", "a code goes without / ? # and line breaks"),
]
Moment = Annotated[AwareDatetime, AfterValidator(refuse_odd_year)]
