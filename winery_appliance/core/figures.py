"""Figures for people: true minus, no-break space before the unit, nothing rounded that was typed."""

from winery_appliance.core.units import UNIT_SYMBOLS, Unit

NO_BREAK_SPACE = "\u00a0"


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
