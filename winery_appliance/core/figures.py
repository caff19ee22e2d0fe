"""Figures for people: true minus, no-break space before the unit, nothing rounded that was typed."""

import re
from collections.abc import Sequence
from functools import cache

from babel.numbers import get_decimal_symbol

from winery_appliance.core.units import UNIT_SYMBOLS, Unit
from winery_appliance.core.words import spoken

NO_BREAK_SPACE = "\u00a0"
# So many neighbours in a row are named by the first and the last.
SHORTEST_RUN = 3


def show_number(value: float | None, digits: int = 1) -> str:
    """A figure with a true minus and the decimal mark of the spoken language; a dash for none."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return _write(text)


def show_bare(value: float) -> str:
    """A figure with no more decimals than it has: 32, 0.3."""
    return _write(f"{value:g}")


def show_quantity(value: float | None, unit: str, digits: int = 1) -> str:
    """A figure with its unit; `unit` is a unit of ours or a symbol."""
    symbol = UNIT_SYMBOLS[Unit(unit)] if unit in list(Unit) else unit
    return f"{show_number(value, digits)}{NO_BREAK_SPACE}{symbol}".strip()


def show_typed(value: str) -> str:
    """A reading as it was typed, without its qualifier."""
    return _write(value.lstrip("<> "))


def typed_quantity(value: str, unit: Unit, qualifier: str | None) -> str:
    """A reading as it was typed, with its unit."""
    return f"{qualifier or ''}{show_typed(value)}{NO_BREAK_SPACE}{UNIT_SYMBOLS[unit]}".strip()


def _write(plain: str) -> str:
    """A figure as the spoken language writes it."""
    return plain.replace("-", "−").replace(".", _decimal_mark_in(spoken()))


@cache
def _decimal_mark_in(language: str) -> str:
    return get_decimal_symbol(language)


def show_codes(codes: Sequence[str]) -> str:
    """Codes in their order, neighbours in a row as one: "B-01–B-12, T-3"."""
    runs: list[list[str]] = []
    for code in codes:
        if runs and _follows(runs[-1][-1], code):
            runs[-1].append(code)
        else:
            runs.append([code])
    return ", ".join(
        f"{run[0]}–{run[-1]}" if len(run) >= SHORTEST_RUN else ", ".join(run) for run in runs
    )


def _follows(first: str, second: str) -> bool:
    """Whether two codes differ by one in the number at their end, and in nothing else."""
    one, other = (re.fullmatch(r"(.*?)([0-9]+)", code) for code in (first, second))
    if one is None or other is None or one[1] != other[1]:
        return False
    return other[2] == str(int(one[2]) + 1).zfill(len(one[2]))
