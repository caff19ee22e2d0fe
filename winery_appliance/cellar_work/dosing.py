"""Doses: the units they are typed in, what they come to, and how much of a thing is usual. Pure.

Limits are of the product as it was weighed, in g/L of wine, all additions of a kind to one wine together. Where a law or
the OIV names a figure it is the one asked about; the others are house defaults, above what makers of the products advise.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from winery_appliance.core.words import N_


class AdditionKind(StrEnum):
    """What sort of thing was added; the values are stored."""

    dap = "dap"
    complex_nutrient = "complex_nutrient"
    thiamine = "thiamine"
    yeast = "yeast"
    mlf_bacteria = "mlf_bacteria"
    so2 = "so2"
    acid = "acid"
    sugar = "sugar"
    water = "water"
    enzyme = "enzyme"
    tannin = "tannin"
    oak = "oak"
    bentonite = "bentonite"
    fining = "fining"
    copper = "copper"
    other = "other"


class DoseUnit(StrEnum):
    """What a dose was typed in; the values are stored."""

    g_hl = "g_hl"
    mg_l = "mg_l"
    g_l = "g_l"
    ml_hl = "ml_hl"
    ml_l = "ml_l"
    g = "g"
    kg = "kg"
    ml = "ml"
    l = "l"  # noqa: E741 -- the litre is written so


class UnitMeaning(NamedTuple):
    """How a unit is written, whether it is `g` or `ml` that it counts, how many, and whether in each litre."""

    symbol: str
    counts: str
    factor: float
    is_rate: bool


UNITS: Mapping[DoseUnit, UnitMeaning] = MappingProxyType(
    {
        DoseUnit.g_hl: UnitMeaning("g/hL", "g", 0.01, True),
        DoseUnit.mg_l: UnitMeaning("mg/L", "g", 0.001, True),
        DoseUnit.g_l: UnitMeaning("g/L", "g", 1.0, True),
        DoseUnit.ml_hl: UnitMeaning("mL/hL", "ml", 0.01, True),
        DoseUnit.ml_l: UnitMeaning("mL/L", "ml", 1.0, True),
        DoseUnit.g: UnitMeaning("g", "g", 1.0, False),
        DoseUnit.kg: UnitMeaning("kg", "g", 1000.0, False),
        DoseUnit.ml: UnitMeaning("mL", "ml", 1.0, False),
        DoseUnit.l: UnitMeaning("L", "ml", 1000.0, False),
    }
)

KIND_NAMES: Mapping[AdditionKind, str] = MappingProxyType(
    {
        AdditionKind.dap: N_("DAP"),
        AdditionKind.complex_nutrient: N_("complex nutrient"),
        AdditionKind.thiamine: N_("thiamine"),
        AdditionKind.yeast: N_("yeast"),
        AdditionKind.mlf_bacteria: N_("MLF bacteria"),
        AdditionKind.so2: N_("SO₂"),
        AdditionKind.acid: N_("acid"),
        AdditionKind.sugar: N_("sugar"),
        AdditionKind.water: N_("water"),
        AdditionKind.enzyme: N_("enzyme"),
        AdditionKind.tannin: N_("tannin"),
        AdditionKind.oak: N_("oak"),
        AdditionKind.bentonite: N_("bentonite"),
        AdditionKind.fining: N_("fining agent"),
        AdditionKind.copper: N_("copper sulphate"),
        AdditionKind.other: N_("other"),
    }
)


class Limit(NamedTuple):
    """Above `usual` a dose is asked about, above `possible` refused, both in g/L (or mL/L); and who says so."""

    usual: float
    possible: float
    source: str


_HOUSE = N_("house default")
_LIMITS: Mapping[AdditionKind, Limit] = {
    # 27 CFR 24.246: 8 lb in 1000 US gal. The EU allows 1 g/L (Delegated Regulation 2019/934).
    AdditionKind.dap: Limit(0.96, 5, N_("US limit; EU 1 g/L")),
    AdditionKind.complex_nutrient: Limit(0.8, 5, _HOUSE),
    # Delegated Regulation (EU) 2019/934: 0.6 mg/L.
    AdditionKind.thiamine: Limit(0.0006, 0.1, N_("EU limit")),
    AdditionKind.yeast: Limit(0.6, 5, _HOUSE),
    AdditionKind.mlf_bacteria: Limit(0.1, 2, _HOUSE),
    # The total that the EU allows in dry wine is 150 mg/L in red and 200 in white (2019/934); the product is mostly
    # metabisulphite, 57.6 % of it SO2, so that 0.26 g/L brings 150 mg/L in at once.
    AdditionKind.so2: Limit(
        0.26, 2, N_("EU limit of 150 mg/L total SO₂ in red, as metabisulphite")
    ),
    # OIV, International Code of Oenological Practices, II.2.1.3.1 and II.3.1.1: 4 g/L as tartaric acid.
    AdditionKind.acid: Limit(4, 20, N_("OIV limit")),
    # Regulation (EU) 1308/2013, annex VIII: at most 3 %vol, in zone A; 16.83 g/L of sugar make one.
    AdditionKind.sugar: Limit(50.5, 200, N_("EU limit of 3 %vol in zone A")),
    AdditionKind.water: Limit(100, 1000, _HOUSE),
    AdditionKind.enzyme: Limit(0.1, 2, _HOUSE),
    AdditionKind.tannin: Limit(0.6, 5, _HOUSE),
    AdditionKind.oak: Limit(8, 50, _HOUSE),
    AdditionKind.bentonite: Limit(2, 10, _HOUSE),
    AdditionKind.fining: Limit(1, 10, _HOUSE),
    # Regulation (EU) 643/2006 and 2019/934: 1 g/hL of CuSO4.
    AdditionKind.copper: Limit(0.01, 0.1, N_("EU limit")),
    AdditionKind.other: Limit(10, 1000, _HOUSE),
}
# How strong a solution is nobody knows here: what is measured by volume has wide limits, whatever it is.
_LIQUID = Limit(50, 1000, _HOUSE)


class Dose(NamedTuple):
    """What a typed dose comes to: `amount` in g or mL as `counts` says, and the same in each litre; None is not known."""

    counts: str
    amount: float | None
    per_litre: float | None


def reckon(value: float, unit: DoseUnit, volume_l: float | None) -> Dose:
    """What `value` in `unit` comes to in so many litres of wine."""
    _, counts, factor, is_rate = UNITS[unit]
    given = value * factor
    if is_rate:
        return Dose(counts, None if volume_l is None else given * volume_l, given)
    return Dose(counts, given, None if volume_l is None else given / volume_l)


def find_limit(kind: AdditionKind, counts: str) -> Limit:
    """How much of a kind is usual and possible, weighed (`g`) or by volume (`ml`)."""
    return _LIQUID if counts == "ml" and kind is not AdditionKind.water else _LIMITS[kind]
