"""How much of a thing helps, from the wine's own figures, and how much of it the law allows. Pure.

Rates are grams of the product in a hectolitre. The law is a hard stop: no dose goes over it, and where it leaves nothing
none is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor

from winery_appliance.analysis_engine.advice_templates import Dosed, Value

# Nitrogen in diammonium phosphate, by mass.
DAP_NITROGEN = 0.21
SO2_IN_METABISULPHITE = 0.576
# House default: of what is added to a young wine about a third is bound at once.
BOUND_SHARE = 1 / 3
HULLS_G_HL = 25.0
YEAST_G_HL = 25.0
MUCH_YEAST_G_HL = 30.0
RESCUE_YEAST_G_HL = 40.0
# AWRI's 30 mg/L of free SO2 at pH 3.5; the same share of it is molecular at another pH (pKa 1.81).
FREE_SO2_MG_L, AT_PH, SO2_PKA = 30.0, 3.5, 1.81
_NEED_MG_L_PER_BRIX = 9.0
_COLD_C, _MORE_WHEN_COLD = 12.0, 1.2


@dataclass(frozen=True)
class Law:
    """A limit in g/hL of the product, all that a wine gets of it together, and where it is written."""

    limit_g_hl: float
    source: str


# DAP: 27 CFR 24.246, 8 lb in 1000 US gal; Delegated Regulation (EU) 2019/934, annex I. Hulls: 27 CFR 24.246, 3 lb in
# 1000 US gal; 40 g/hL in the EU (Regulation 643/2006, now 2019/934).
_LAWS: Mapping[tuple[str, str], Law] = {
    ("dap", "eu"): Law(100.0, "Delegated Regulation (EU) 2019/934"),
    ("dap", "us"): Law(96.0, "27 CFR 24.246"),
    ("yeast_hulls", "eu"): Law(40.0, "Delegated Regulation (EU) 2019/934"),
    ("yeast_hulls", "us"): Law(36.0, "27 CFR 24.246"),
}
# Total SO2 in the wine, mg/L: 2019/934, annex I part B, 50 more from 5 g/L of sugar on; 27 CFR 4.22(b)(1).
_EU_TOTAL_SO2_RED, _EU_TOTAL_SO2_OTHER, _EU_MORE_WHEN_SWEET, _SWEET_G_L = 150.0, 200.0, 50.0, 5.0
_US_TOTAL_SO2 = 350.0


@dataclass(frozen=True)
class Dose:
    """So much of a product; `wanted_g_hl` is more where the law stopped it. `given_g_hl` is in the book already."""

    product: Dosed
    rate_g_hl: float
    wanted_g_hl: float
    given_g_hl: float
    limit: float | None
    limit_unit: str
    law: str

    @property
    def is_stopped(self) -> bool:
        """Whether the law allows less than would be needed."""
        return self.wanted_g_hl > self.rate_g_hl + 1


@dataclass(frozen=True)
class NotReckoned:
    """No dose: these figures are `missing`; or, where none is, the law leaves nothing or nothing is needed."""

    missing: tuple[str, ...]


def need_yan_mg_l(brix0: float, temperature_c: float | None) -> float:
    """YAN that a strain of medium demand wants for a must, mg/L (AEB and Cellartek tables; a fifth more under 12 °C)."""
    cold = temperature_c is not None and temperature_c < _COLD_C
    return brix0 * _NEED_MG_L_PER_BRIX * (_MORE_WHEN_COLD if cold else 1.0)


def find_law(product: str, region: str) -> Law | None:
    """The limit of a product in a region, `eu` or `us`; None where we know of none."""
    return _LAWS.get((product, region))


def limit_total_so2_mg_l(region: str, style: str, sugar_left_g_l: float | None) -> float:
    """Total SO2 that the law allows in a wine, mg/L. A sugar that nobody knows counts as dry."""
    if region == "us":
        return _US_TOTAL_SO2
    dry = _EU_TOTAL_SO2_RED if style == "red" else _EU_TOTAL_SO2_OTHER
    return dry + (_EU_MORE_WHEN_SWEET if (sugar_left_g_l or 0.0) >= _SWEET_G_L else 0.0)


def reckon_dose(
    product: Dosed, figures: Mapping[str, Value], given_g_hl: float
) -> Dose | NotReckoned:
    """The dose of `product` for a wine with these figures that had `given_g_hl` of it already."""
    if product == "so2":
        return _reckon_so2(figures)
    wanted = _want_dap(figures, given_g_hl) if product == "dap" else _want(product, figures)
    if isinstance(wanted, NotReckoned):
        return wanted
    law = find_law(product, str(figures.get("region")))
    room = floor(law.limit_g_hl - given_g_hl) if law else wanted
    rate = min(round(wanted), room)
    if rate <= 0:
        return NotReckoned(())
    return Dose(
        product,
        rate,
        wanted,
        given_g_hl,
        law.limit_g_hl if law else None,
        "g/hL",
        law.source if law else "",
    )


def _want(product: Dosed, figures: Mapping[str, Value]) -> float:
    if product == "yeast_hulls":
        return HULLS_G_HL
    if product == "rescue_culture":
        return RESCUE_YEAST_G_HL
    brix0, warmth = _number(figures, "brix0"), _number(figures, "temperature_c")
    hard = (brix0 is not None and brix0 >= 25) or (warmth is not None and warmth < 15)
    return MUCH_YEAST_G_HL if hard else YEAST_G_HL


def _want_dap(figures: Mapping[str, Value], given_g_hl: float) -> float | NotReckoned:
    """Half of what is missing at the start, all the rest from a fifth of the sugar on; what was given counts."""
    missing = _number(figures, "yan_deficit_mg_l")
    if missing is None:
        return NotReckoned(("yan_mg_l",))
    full_g_hl = missing / DAP_NITROGEN / 10
    gone = _number(figures, "gone_share") or 0.0
    share = 0.5 if gone < 0.2 and not given_g_hl else 1.0
    return full_g_hl * share


def _reckon_so2(figures: Mapping[str, Value]) -> Dose | NotReckoned:
    free, total = _number(figures, "free_so2_mg_l"), _number(figures, "total_so2_mg_l")
    ph = _number(figures, "ph")
    missing = [
        name
        for name, value in (("free_so2_mg_l", free), ("total_so2_mg_l", total), ("ph", ph))
        if value is None
    ]
    if free is None or total is None or ph is None:
        return NotReckoned(tuple(missing))
    wanted_free = FREE_SO2_MG_L * (1 + 10 ** (ph - SO2_PKA)) / (1 + 10 ** (AT_PH - SO2_PKA))
    raise_mg_l = (min(max(wanted_free, 15.0), 50.0) - free) * (1 + BOUND_SHARE)
    region, style = str(figures.get("region")), str(figures.get("style"))
    limit = limit_total_so2_mg_l(region, style, _number(figures, "sugar_left_g_l"))
    to_g_hl = 0.1 / SO2_IN_METABISULPHITE
    rate = floor(min(raise_mg_l, limit - total) * to_g_hl * 10) / 10
    if rate <= 0:
        return NotReckoned(())
    law = "27 CFR 4.22" if region == "us" else "Delegated Regulation (EU) 2019/934"
    return Dose("so2", rate, raise_mg_l * to_g_hl, 0.0, limit, "mg/L total SO₂", law)


def _number(figures: Mapping[str, Value], name: str) -> float | None:
    value = figures.get(name)
    return float(value) if isinstance(value, int | float) else None
