"""Formulas between density, the sugar scales, and what a fermenting must still holds.

Densities are kg/m3 at 20 °C, specific gravities (SG) are 20/20 °C, concentrations g/L. Pure
arithmetic: no units are chosen here, see `units` for that.
"""

from collections.abc import Callable
from math import sqrt

WATER_DENSITY_20C = 998.2071  # kg/m3

# Extract and ethanol in must: density rises 0.382 kg/m3 per g/L of extract and falls 0.166 per g/L
# of ethanol. With 0.47 g of ethanol and 0.035 g of glycerol made per g of sugar this leaves 0.447
# kg/m3 per g/L fermented.
DENSITY_FALL_PER_G_L = 0.447
FERMENTABLE_SHARE = 0.93
SUGAR_G_L_PER_PCT_VOL = 16.83

_NBS = (182.46007, -775.68212, 1262.7794, -669.56218)
_SAMPLE_TEMPERATURES_C = (-5.0, 50.0)


def brix_from_sg(sg: float) -> float:
    """°Bx of a sucrose solution of this SG.

    Cubic fit to the table of NBS Circular 440 (rms 0.0009 °Bx within 0 to 40); outside it is
    extrapolated, as apparent readings below 0 °Bx must be.
    """
    a, b, c, d = _NBS
    return ((a * sg + b) * sg + c) * sg + d


def sg_from_brix(brix: float) -> float:
    """SG of a sucrose solution, the exact inverse of `brix_from_sg` by Newton steps.

    The cubic rises everywhere and is concave up to SG 1.4, so the steps cannot miss.
    """
    a, b, c, _ = _NBS
    sg = 1.0 + 0.0039 * brix
    for _step in range(12):
        change = (brix_from_sg(sg) - brix) / ((3 * a * sg + 2 * b) * sg + c)
        sg -= change
        if abs(change) < 1e-14:
            break
    return sg


def oechsle_from_sg(sg: float) -> float:
    """°Oe: thousandths of SG above water (definition)."""
    return 1000.0 * (sg - 1.0)


def sg_from_oechsle(oechsle: float) -> float:
    """SG of a must of so many °Oe (definition)."""
    return 1.0 + oechsle / 1000.0


def baume_from_sg(sg: float) -> float:
    """°Bé for liquids heavier than water, modulus 145 (definition of the scale at 20 °C)."""
    return 145.0 - 145.0 / sg


def sg_from_baume(baume: float) -> float:
    """SG of a must of so many °Bé, modulus 145."""
    return 145.0 / (145.0 - baume)


def kmw_from_sg(sg: float) -> float:
    """°KMW (Klosterneuburger Mostwaage) by the relation °Oe = KMW (4.54 + 0.022 KMW).

    The relation gives the pairs of Austrian wine law (15 to 73, 17 to 84, 19 to 94 °Oe) within 0.5
    °Oe. Raises ValueError below -230 °Oe, where the relation ends.
    """
    return (sqrt(4.54**2 + 0.088 * oechsle_from_sg(sg)) - 4.54) / 0.044


def sg_from_kmw(kmw: float) -> float:
    """SG of a must of so many °KMW, see `kmw_from_sg`."""
    return sg_from_oechsle(kmw * (4.54 + 0.022 * kmw))


# Scale name -> (scale to SG, SG to scale); the names are those of units.Unit.
SG_SCALES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "brix": (sg_from_brix, brix_from_sg),
    "sg": (float, float),
    "kg_m3": (lambda density: density / WATER_DENSITY_20C, lambda sg: sg * WATER_DENSITY_20C),
    "baume": (sg_from_baume, baume_from_sg),
    "oechsle": (sg_from_oechsle, oechsle_from_sg),
    "kmw": (sg_from_kmw, kmw_from_sg),
}


def brix_from_density(density: float) -> float:
    """Apparent °Bx of a must or wine of this density (kg/m3 at 20 °C)."""
    return brix_from_sg(density / WATER_DENSITY_20C)


def density_from_brix(brix: float) -> float:
    """Density, kg/m3 at 20 °C, that reads so many apparent °Bx."""
    return sg_from_brix(brix) * WATER_DENSITY_20C


def water_density(celsius: float) -> float:
    """Density of air-free water in kg/m3, 0 to 40 °C (Tanaka et al. 2001, Metrologia 38:301).

    Between -5 and 50 °C the extrapolation errs by less than 0.2 kg/m3.
    """
    distance = (celsius - 3.983035) ** 2 * (celsius + 301.797)
    return 999.974950 * (1.0 - distance / (522528.9 * (celsius + 69.34881)))


def correct_to_20c(density: float, sample_temperature_c: float) -> float:
    """Density at 20 °C from a 20 °C hydrometer read in a sample at another temperature.

    The must is taken to expand like water: reading × water(20 °C) / water(sample). Rich musts
    expand a little more (about 0.06 °Bx per °C in all), which stays within the reading error for 15
    to 30 °C. Raises ValueError outside -5 to 50 °C.
    """
    low, high = _SAMPLE_TEMPERATURES_C
    if not low <= sample_temperature_c <= high:
        raise ValueError(
            f"A sample at {sample_temperature_c:g} °C cannot be corrected: {low:g} to {high:g} °C."
        )
    return density * water_density(20.0) / water_density(sample_temperature_c)


def soluble_solids_g_l(density: float) -> float:
    """Soluble solids of an unfermented must, g/L: ten times °Bx times density in g/mL."""
    return 10.0 * brix_from_density(density) * density / 1000.0


def fermentable_sugar_g_l(start_density: float) -> float:
    """Sugar that yeast can use in an unfermented must, g/L: 0.93 of its solids.

    The share lies between 0.90 and 0.95 in practice. Never negative.
    """
    return max(0.0, FERMENTABLE_SHARE * soluble_solids_g_l(start_density))


def sugar_fermented_g_l(density: float, *, start_density: float) -> float:
    """Sugar gone since the start, g/L: a fall of 0.447 kg/m3 for each. Never negative."""
    return max(0.0, (start_density - density) / DENSITY_FALL_PER_G_L)


def sugar_left_g_l(density: float, *, start_density: float) -> float:
    """Sugar still to ferment, g/L, within about ±6: the unfermentable share of musts varies.

    A must of 24 °Bx (1099.1 kg/m3) is dry near 989.4, that is -2.3 °Bx: 0 °Bx is not dry. Never
    negative.
    """
    gone = sugar_fermented_g_l(density, start_density=start_density)
    return max(0.0, fermentable_sugar_g_l(start_density) - gone)


def alcohol_pct_vol(density: float, *, start_density: float) -> float:
    """Alcohol made so far, %vol: 16.83 g/L of sugar for each (the figure of EU law for musts)."""
    return sugar_fermented_g_l(density, start_density=start_density) / SUGAR_G_L_PER_PCT_VOL


def dry_density(start_density: float) -> float:
    """Density, kg/m3, at which no fermentable sugar is left in a must that started at
    `start_density`.
    """
    return start_density - DENSITY_FALL_PER_G_L * fermentable_sugar_g_l(start_density)
