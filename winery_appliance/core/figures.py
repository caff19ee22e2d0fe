"""Figures for people: true minus, no-break space before the unit, nothing rounded that was typed."""

import re
from collections.abc import Sequence

from winery_appliance.core.units import UNIT_SYMBOLS, Unit

NO_BREAK_SPACE = "\u00a0"
# So many neighbours in a row are named by the first and the last.
SHORTEST_RUN = 3


def show_number(value: float | None, digits: int = 1) -> str:
    """A figure with a true minus; a dash for none."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def show_quantity(value: float | None, unit: str, digits: int = 1) -> str:
    """A figure with its unit; `unit` is a unit of ours or a symbol."""
    symbol = UNIT_SYMBOLS[Unit(unit)] if unit in list(Unit) else unit
    return f"{show_number(value, digits)}{NO_BREAK_SPACE}{symbol}".strip()


def typed_quantity(value: str, unit: Unit, qualifier: str | None) -> str:
    """A reading as it was typed, with its unit."""
    bare = value.lstrip("<> ").replace("-", "−")
    return f"{qualifier or ''}{bare}{NO_BREAK_SPACE}{UNIT_SYMBOLS[unit]}".strip()


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
