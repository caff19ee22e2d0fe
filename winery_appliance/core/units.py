"""Measured quantities, the units people type them in, the one unit they are kept in, and what is
believable.

Every quantity has one canonical unit; sugar is kept as density at 20 °C, from which each scale can
be shown.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from winery_appliance.core import density as formulas
from winery_appliance.core.decimal_input import (
    ParsedMeasurement,
    UnreadableNumber,
    parse_measurement,
)
from winery_appliance.core.words import N_

__all__ = [
    "CANONICAL",
    "KIND_WORDS",
    "UNITS",
    "UNIT_SYMBOLS",
    "ParsedMeasurement",
    "Range",
    "SampleType",
    "Unit",
    "UnitMismatch",
    "UnreadableNumber",
    "from_canonical",
    "hard_range",
    "parse_measurement",
    "soft_range",
    "to_canonical",
]


class SampleType(StrEnum):
    """What a sample measures; the values are stored."""

    sugar = "sugar"
    temperature = "temperature"
    ph = "ph"
    ta = "ta"
    va = "va"
    yan = "yan"
    malic = "malic"
    lactic = "lactic"
    free_so2 = "free_so2"
    total_so2 = "total_so2"
    alcohol = "alcohol"
    residual_sugar = "residual_sugar"


class Unit(StrEnum):
    """What a number was typed in; the values are stored."""

    brix = "brix"
    sg = "sg"
    kg_m3 = "kg_m3"
    baume = "baume"
    oechsle = "oechsle"
    kmw = "kmw"
    celsius = "celsius"
    fahrenheit = "fahrenheit"
    g_l = "g_l"
    mg_l = "mg_l"
    pct_vol = "pct_vol"
    ph = "ph"


class UnitMismatch(ValueError):
    """The unit does not belong to the quantity, such as °Bx for a temperature."""


class Range(NamedTuple):
    """Lowest and highest value, both included."""

    low: float
    high: float


_GRAMS = (Unit.g_l, Unit.mg_l)
_MILLIGRAMS = (Unit.mg_l, Unit.g_l)

# The first unit is the usual one.
UNITS: Mapping[SampleType, tuple[Unit, ...]] = MappingProxyType(
    {
        SampleType.sugar: (Unit.brix, Unit.sg, Unit.kg_m3, Unit.baume, Unit.oechsle, Unit.kmw),
        SampleType.temperature: (Unit.celsius, Unit.fahrenheit),
        SampleType.ph: (Unit.ph,),
        SampleType.ta: _GRAMS,
        SampleType.va: _GRAMS,
        SampleType.yan: _MILLIGRAMS,
        SampleType.malic: _GRAMS,
        SampleType.lactic: _GRAMS,
        SampleType.free_so2: _MILLIGRAMS,
        SampleType.total_so2: _MILLIGRAMS,
        SampleType.alcohol: (Unit.pct_vol,),
        # What an enzymatic or Clinitest assay finds; `sugar` is read by a hydrometer or refractometer.
        SampleType.residual_sugar: _GRAMS,
    }
)

CANONICAL: Mapping[SampleType, Unit] = MappingProxyType(
    {kind: Unit.kg_m3 if kind is SampleType.sugar else units[0] for kind, units in UNITS.items()}
)

# What a person calls them, in the middle of a sentence.
KIND_WORDS = {
    SampleType.sugar: N_("sugar"), SampleType.temperature: N_("temperature"), SampleType.ph: "pH",
    SampleType.ta: N_("titratable acidity"), SampleType.va: N_("volatile acidity"), SampleType.yan: "YAN",
    SampleType.malic: N_("malic acid"), SampleType.lactic: N_("lactic acid"), SampleType.free_so2: N_("free SO₂"),
    SampleType.total_so2: N_("total SO₂"), SampleType.alcohol: N_("alcohol"),
    SampleType.residual_sugar: N_("residual sugar"),
}  # fmt: skip
UNIT_SYMBOLS: Mapping[Unit, str] = MappingProxyType(
    {
        Unit.brix: "°Bx",
        Unit.sg: "SG",
        Unit.kg_m3: "kg/m³",
        Unit.baume: "°Bé",
        Unit.oechsle: "°Oe",
        Unit.kmw: "°KMW",
        Unit.celsius: "°C",
        Unit.fahrenheit: "°F",
        Unit.g_l: "g/L",
        Unit.mg_l: "mg/L",
        Unit.pct_vol: "%vol",
        Unit.ph: "pH",
    }
)

# House defaults for grape must and wine: a value outside is impossible or a slip of the hand. Each
# in the canonical unit; the sugar scales have rows of their own so that a person meets round
# limits.
_HARD: Mapping[SampleType, Range] = {
    SampleType.sugar: Range(975.0, 1200.0),
    SampleType.temperature: Range(-5.0, 50.0),
    SampleType.ph: Range(2.5, 4.5),
    SampleType.ta: Range(1.0, 25.0),
    SampleType.va: Range(0.0, 5.0),
    SampleType.yan: Range(0.0, 1000.0),
    SampleType.malic: Range(0.0, 15.0),
    SampleType.lactic: Range(0.0, 10.0),
    SampleType.free_so2: Range(0.0, 200.0),
    SampleType.total_so2: Range(0.0, 500.0),
    SampleType.alcohol: Range(0.0, 20.0),
    SampleType.residual_sugar: Range(0.0, 450.0),
}
_HARD_SCALES: Mapping[Unit, Range] = {
    Unit.brix: Range(-5.0, 45.0),
    Unit.baume: Range(-3.0, 25.0),
    Unit.oechsle: Range(-20.0, 230.0),
    Unit.kmw: Range(-5.0, 40.0),
}

# House defaults during the alcoholic fermentation: a value outside happens, and is worth a second
# look.
_SOFT: Mapping[SampleType, Range] = {
    SampleType.sugar: Range(987.0, 1130.0),
    SampleType.temperature: Range(10.0, 20.0),
    SampleType.ph: Range(2.9, 4.0),
    SampleType.ta: Range(4.0, 10.0),
    SampleType.va: Range(0.1, 0.6),
    SampleType.yan: Range(80.0, 350.0),
    SampleType.malic: Range(0.5, 5.0),
    SampleType.lactic: Range(0.0, 3.0),
    SampleType.free_so2: Range(0.0, 10.0),
    SampleType.total_so2: Range(0.0, 80.0),
    SampleType.alcohol: Range(0.0, 16.0),
    # Ripe must has 300; below 2 a wine is dry, and that is what is hoped for.
    SampleType.residual_sugar: Range(0.0, 300.0),
}
_SOFT_SCALES: Mapping[Unit, Range] = {
    Unit.brix: Range(-2.5, 30.0),
    Unit.baume: Range(-1.5, 16.0),
    Unit.oechsle: Range(-12.0, 130.0),
    Unit.kmw: Range(-3.0, 26.0),
}
_SOFT_TEMPERATURE_RED = Range(18.0, 32.0)


def to_canonical(
    sample_type: SampleType, value: float, unit: Unit, *, sample_temperature_c: float | None = None
) -> float:
    """`value` in the canonical unit of its quantity.

    For sugar a `sample_temperature_c` says that the number was read uncorrected in a sample that
    warm; None says that it holds for 20 °C already. Other quantities pay no heed to it. Raises
    UnitMismatch when the unit is not of the quantity, ValueError for a sample temperature outside
    -5 to 50 °C.
    """
    _refuse_foreign_unit(sample_type, unit)
    if sample_type is SampleType.sugar:
        density = formulas.SG_SCALES[unit][0](value) * formulas.WATER_DENSITY_20C
        if sample_temperature_c is None:
            return density
        return formulas.correct_to_20c(density, sample_temperature_c)
    if unit is Unit.fahrenheit:
        return (value - 32.0) / 1.8
    return value * _mass_ratio(unit, CANONICAL[sample_type])


def from_canonical(sample_type: SampleType, value: float, unit: Unit) -> float:
    """`value`, given in the canonical unit of its quantity, in `unit`.

    Raises UnitMismatch when the unit is not of the quantity.
    """
    _refuse_foreign_unit(sample_type, unit)
    if unit is CANONICAL[sample_type]:
        return value
    if sample_type is SampleType.sugar:
        return formulas.SG_SCALES[unit][1](value / formulas.WATER_DENSITY_20C)
    if unit is Unit.fahrenheit:
        return value * 1.8 + 32.0
    return value * _mass_ratio(CANONICAL[sample_type], unit)


def hard_range(sample_type: SampleType, unit: Unit) -> Range:
    """Beyond this a value is impossible; in `unit`, house defaults. Raises UnitMismatch."""
    return _range_in(unit, sample_type, _HARD[sample_type], _HARD_SCALES)


def soft_range(sample_type: SampleType, unit: Unit, *, style: str) -> Range:
    """Beyond this a value is unusual while a wine of this style ferments; in `unit`, house
    defaults.

    Only the temperature differs: 18 to 32 °C for `red`, 10 to 20 °C for every other style. Raises
    UnitMismatch.
    """
    usual = _SOFT[sample_type]
    if sample_type is SampleType.temperature and style == "red":
        usual = _SOFT_TEMPERATURE_RED
    return _range_in(unit, sample_type, usual, _SOFT_SCALES)


def _range_in(
    unit: Unit, sample_type: SampleType, canonical: Range, scales: Mapping[Unit, Range]
) -> Range:
    _refuse_foreign_unit(sample_type, unit)
    if unit in scales:
        return scales[unit]
    return Range(*(from_canonical(sample_type, limit, unit) for limit in canonical))


def _mass_ratio(unit: Unit, target: Unit) -> float:
    if unit is target:
        return 1.0
    return 1000.0 if unit is Unit.g_l else 0.001


def _refuse_foreign_unit(sample_type: SampleType, unit: Unit) -> None:
    if unit not in UNITS[sample_type]:
        raise UnitMismatch(f"{UNIT_SYMBOLS[unit]} is not a unit of {sample_type.value}.")
