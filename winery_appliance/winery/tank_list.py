"""A list of tanks as a person types or pastes it: a line each, its code and, if known, how many litres it holds."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from winery_appliance.core.words import say

MOST_TANKS = 1000
# 5000, 5.000, 5,000 and 5 000 are one number.
_LITRES = r"([0-9]{1,3}(?:[., '’\u00a0\u202f][0-9]{3})+|[0-9]+)\s*(?:[lL]|litres?|litros?|litri)?"
_WAYS = (
    # As a spreadsheet parts two cells, or a person does who wants no doubt.
    re.compile(r"(.*?)\s*[\t;|=]\s*(.*)"),
    # Behind a mere blank a number of one or two digits is a part of the name: "Tank 12".
    re.compile(rf"(.*?[^\s,])\s+(?=[^a-zA-Z]{{3}})({_LITRES})"),
    re.compile(rf"(.*?),\s*({_LITRES})"),
)


class TypedTank(NamedTuple):
    """What a line says: `litres` of None is not known."""

    line: int
    code: str
    litres: int | None


def read_tank_list(typed: str) -> list[TypedTank]:
    """The tanks in the order of their lines; empty lines are passed over.

    Raises ValueError that names the first line that cannot be read, or a code that stands twice.
    """
    lines = [(number, line.strip()) for number, line in enumerate(typed.splitlines(), 1)]
    tanks = list(_read_lines([(number, line) for number, line in lines if line]))
    if len(tanks) > MOST_TANKS:
        raise ValueError(say("at most %(most)s tanks can begin a book", most=MOST_TANKS))
    return tanks


def _read_lines(lines: list[tuple[int, str]]) -> Iterator[TypedTank]:
    seen: dict[str, int] = {}
    for number, line in lines:
        code, litres = _part(number, line)
        earlier = seen.setdefault(code.lower(), number)
        if earlier != number:
            raise ValueError(
                say(
                    "line %(number)s: %(code)s stands in line %(earlier)s already",
                    number=number,
                    code=code,
                    earlier=earlier,
                )
            )
        yield TypedTank(number, code, litres)


def _part(number: int, line: str) -> tuple[str, int | None]:
    """Code and litres of a line."""
    found = next((parted for way in _WAYS if (parted := way.fullmatch(line))), None)
    code, typed = (found.group(1).strip(), found.group(2).strip()) if found else (line, "")
    if not code:
        raise ValueError(say("line %(number)s has no code", number=number))
    litres = re.fullmatch(_LITRES, typed)
    if typed and litres is None:
        raise ValueError(
            say("line %(number)s: “%(typed)s” is no number of litres", number=number, typed=typed)
        )
    return code, int(re.sub(r"\D", "", litres.group(1))) if litres else None
