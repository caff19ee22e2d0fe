"""Guesses what a person meant to type, from what was typed and what was to be expected."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from winery_appliance.core.figures import show_number
from winery_appliance.core.units import (
    UNIT_SYMBOLS,
    SampleType,
    Unit,
    from_canonical,
    hard_range,
    to_canonical,
)
from winery_appliance.core.words import say

# Scales that stand on the same instruments and get mixed up.
_MIXED_UP: dict[SampleType, tuple[Unit, ...]] = {
    SampleType.sugar: (Unit.brix, Unit.sg, Unit.oechsle, Unit.baume),
    SampleType.temperature: (Unit.celsius, Unit.fahrenheit),
}
_DECIMALS = {Unit.sg: 3}
_MOST_TYPED = 1e6  # more is no slip of a hand


@dataclass(frozen=True, slots=True)
class Correction:
    """A value that would fit, in the unit of the field, and the slip that would explain it.

    `loose` is a slip that explains nearly any value: one digit wrong, or one too many.
    """

    value: float
    slip: str
    other_unit: bool = False
    loose: bool = False


def show_in(value: float, unit: Unit) -> str:
    """`value` with as many decimals as its unit is read to, without the symbol."""
    return show_number(value, _DECIMALS.get(unit, 1))


def show_typed(value: float, unit: Unit) -> str:
    """`value` as somebody typed it: one like 1.085 keeps its decimals, they give it away."""
    like_sg = 0.9 < value < 1.2 and abs(value * 10 - round(value * 10)) > 1e-6
    return show_number(value, 3) if like_sg else show_in(value, unit)


def read_in_other_units(sample_type: SampleType, typed: float, unit: Unit) -> list[Correction]:
    """What `typed` would be in `unit`, had the person meant another scale of the instrument."""
    found = []
    for other in _MIXED_UP.get(sample_type, ()):
        low, high = hard_range(sample_type, other)
        if other is not unit and low <= typed <= high:
            meant = from_canonical(sample_type, to_canonical(sample_type, typed, other), unit)
            slip = say("if it was meant in %(unit)s", unit=UNIT_SYMBOLS[other])
            found.append(Correction(meant, slip, other_unit=True))
    return found


def propose_correction(
    sample_type: SampleType, typed: float, unit: Unit, *, low: float, high: float, near: float
) -> Correction | None:
    """The likeliest meaning of `typed` between `low` and `high`, nearest to `near`; or None.

    All four numbers are in `unit`. Common slips come first: a scale mixed up, the decimal mark, two
    digits swapped, a digit too many, then one wrong digit. A rarer slip must fit clearly better.
    """
    if not isfinite(typed) or abs(typed) > _MOST_TYPED:
        return None
    half = max((high - low) / 2, 1e-9)
    ranked = [
        (abs(option.value - near) / half + rarity, option)
        for rarity, option in _list_slips(sample_type, typed, unit)
        if low <= option.value <= high
    ]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def list_plain_slips(
    sample_type: SampleType, typed: float, unit: Unit
) -> Iterator[tuple[float, Correction]]:
    """What `typed` would be but for a slip that explains few values, and how rare that slip is."""
    for option in read_in_other_units(sample_type, typed, unit):
        yield 0.0, option
    for factor in (0.1, 0.01, 10.0):
        yield 0.1, Correction(typed * factor, say("if the decimal mark slipped"))
    digits, scale = _split_digits(typed, unit)
    for at in range(len(digits) - 1):
        swapped = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
        yield 0.2, Correction(int(swapped) * scale, say("if two digits were swapped"))


def _split_digits(typed: float, unit: Unit) -> tuple[str, float]:
    decimals = _DECIMALS.get(unit, 1)
    return f"{abs(typed) * 10**decimals:.0f}", (-1 if typed < 0 else 1) / 10**decimals


def _list_slips(
    sample_type: SampleType, typed: float, unit: Unit
) -> Iterator[tuple[float, Correction]]:
    yield from list_plain_slips(sample_type, typed, unit)
    digits, scale = _split_digits(typed, unit)
    for at in range(len(digits)):
        if shorter := digits[:at] + digits[at + 1 :]:
            slip = say("if a digit was typed too many")
            yield 0.4, Correction(int(shorter) * scale, slip, loose=True)
    if typed > 0:
        yield 0.4, Correction(-typed, say("if the minus sign was lost"))
    for at in range(len(digits)):
        for other in "0123456789":
            wrong = digits[:at] + other + digits[at + 1 :]
            if other != digits[at]:
                yield 0.8, Correction(int(wrong) * scale, say("if one digit was wrong"), loose=True)
