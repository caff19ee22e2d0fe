"""Reads the number typed into a measurement field; refuses what could mean two things."""

import re
from typing import Literal, NamedTuple

from winery_appliance.core.words import say

Qualifier = Literal["<", ">"]

_PLAIN = re.compile(r"[+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)")
_MOST_DIGITS = 12
_SHOWN = 24


class UnreadableNumber(ValueError):
    """What was typed is no number, or could be two. The text is a sentence for the person who
    typed.
    """


class ParsedMeasurement(NamedTuple):
    """A number as it was meant; `qualifier` tells a result below or above what the instrument can
    see.
    """

    value: float
    qualifier: Qualifier | None


def parse_measurement(text: str) -> ParsedMeasurement:
    """The number in `text`, in whatever unit the field has; the caller keeps the text itself.

    Comma and point are both a decimal mark (`1,085` is 1.085), a true minus or a plus may stand
    before, and `<` or `>` before that. Raises UnreadableNumber for anything else: two marks,
    exponents, other scripts, more than 12 digits.
    """
    rest = text.strip()
    qualifier: Qualifier | None = None
    if rest.startswith(("<", ">")):
        qualifier = "<" if rest[0] == "<" else ">"
        rest = rest[1:].lstrip()
    number = rest.replace("\N{MINUS SIGN}", "-")
    _refuse_unreadable(text, number)
    return ParsedMeasurement(float(number.replace(",", ".")) + 0.0, qualifier)


def _refuse_unreadable(text: str, number: str) -> None:
    if not number:
        raise UnreadableNumber(say("No number is typed yet. Type one, such as 21.4."))
    shown = _shorten(text.strip())
    if len(re.findall("[.,]", number)) > 1:
        raise UnreadableNumber(
            say("“%(text)s” has two decimal marks. Type it with one, such as 1.085.", text=shown)
        )
    if _PLAIN.fullmatch(number) is None:
        raise UnreadableNumber(
            say(
                "“%(text)s” is not a number we can read. Type digits only, such as 21.4.",
                text=shown,
            )
        )
    if sum(character.isdigit() for character in number) > _MOST_DIGITS:
        raise UnreadableNumber(
            say("“%(text)s” has too many digits. Type it shorter, such as 21.4.", text=shown)
        )


def _shorten(text: str) -> str:
    printable = "".join(c if c.isprintable() else "?" for c in text[: _SHOWN + 1])
    return printable if len(printable) <= _SHOWN else printable[:_SHOWN] + "…"
