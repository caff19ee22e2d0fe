"""Formulas of the cellar that are no change of unit: extract, refractometer, potential alcohol, molecular SO2.

Plain numbers with their unit in the name; each formula names its source.
"""

from bisect import bisect_right
from itertools import pairwise

from winery_appliance.core import density

# EU law reckons 16.83 g/L of sugar for one percent of alcohol by volume.
SUGAR_G_L_PER_PCT_VOL = 16.83
# The textbook pKa of sulphurous acid in water; in wine it depends on alcohol and temperature, see `so2_pka`.
SO2_PKA_WATER = 1.81

# OIV-MA-AS323-04C: pKT by alcohol (%vol, rows) and temperature (°C, columns).
_PKA_TEMPERATURES_C = (20.0, 25.0, 30.0)
_PKA_BY_ALCOHOL: tuple[tuple[float, tuple[float, float, float]], ...] = (
    (0.0, (1.798, 2.000, 2.219)),
    (5.0, (1.897, 2.098, 2.299)),
    (10.0, (1.997, 2.198, 2.394)),
    (15.0, (2.099, 2.301, 2.503)),
)
# OIV-MA-AS2-02: what a refractometer at 20 % reads too little or too much, by temperature (°C).
_REFRACTOMETER_C = (5.0, 10.0, 15.0, 17.0, 20.0)
_REFRACTOMETER_BRIX = (-0.92, -0.65, -0.34, -0.21, 0.0)


def plato_from_sg(sg: float) -> float:
    """°P of a must of this SG 20/20 (ASBC polynomial, 0 to about 30 °P)."""
    return ((135.997 * sg - 630.272) * sg + 1111.14) * sg - 616.868


def brix_from_refractive_index(index: float) -> float:
    """°Bx of a sucrose solution of this refractive index at 20 °C and 589 nm (fit to the ICUMSA table).

    Valid for must before fermentation: alcohol bends light too.
    """
    n = index
    return (
        (((11758.74 * n - 88885.21) * n + 270177.93) * n - 413145.80) * n + 318417.95
    ) * n - 99127.4536


def correct_refractometer_brix(brix: float, temperature_c: float) -> float:
    """°Bx at 20 °C from a refractometer without compensation read at 5 to 20 °C (OIV-MA-AS2-02, values at 20 %).

    Raises ValueError outside that range, for which we have no sourced figures.
    """
    if not 5.0 <= temperature_c <= 20.0:
        raise ValueError("the correction is known from 5 to 20 °C only")
    return brix + _interpolate(temperature_c, _REFRACTOMETER_C, _REFRACTOMETER_BRIX)


def potential_alcohol_pct_vol(must_density_kg_m3: float) -> float:
    """%vol that the fermentable sugar of a must can make, at 16.83 g/L for each (EU law)."""
    return density.fermentable_sugar_g_l(must_density_kg_m3) / SUGAR_G_L_PER_PCT_VOL


def so2_pka(alcohol_pct_vol: float, temperature_c: float) -> float:
    """pKa of sulphurous acid in wine (OIV-MA-AS323-04C), straight lines between its rows and columns.

    Beyond 0 to 15 %vol and 20 to 30 °C the value at the edge is taken.
    """
    by_alcohol = [
        _interpolate(temperature_c, _PKA_TEMPERATURES_C, row) for _, row in _PKA_BY_ALCOHOL
    ]
    return _interpolate(alcohol_pct_vol, tuple(a for a, _ in _PKA_BY_ALCOHOL), tuple(by_alcohol))


def molecular_so2_mg_l(free_so2_mg_l: float, ph: float, *, pka: float = SO2_PKA_WATER) -> float:
    """The part of the free SO2 that works against microbes: free / (1 + 10^(pH − pKa))."""
    return free_so2_mg_l / (1 + 10 ** (ph - pka))


def free_so2_for_molecular_mg_l(
    molecular_mg_l: float, ph: float, *, pka: float = SO2_PKA_WATER
) -> float:
    """The free SO2 that holds so much of it molecular at this pH."""
    return molecular_mg_l * (1 + 10 ** (ph - pka))


def _interpolate(x: float, xs: tuple[float, ...], ys: tuple[float, ...]) -> float:
    """The value at `x` on straight lines through the points; the edge's value beyond them. `xs` rise."""
    assert len(xs) == len(ys)
    assert all(a < b for a, b in pairwise(xs))
    if x <= xs[0]:
        return ys[0]
    if x >= xs[-1]:
        return ys[-1]
    right = bisect_right(xs, x)
    left = right - 1
    share = (x - xs[left]) / (xs[right] - xs[left])
    return ys[left] + share * (ys[right] - ys[left])
