"""A bank of possible courses of a must, from the kinetics of Coleman, Fish and Block (2007).

dX/dt = µ Xa, dXa/dt = µ Xa - k'd E Xa, dN/dt = -µ Xa / Yxn, dE/dt = β Xa, dS/dt = -β Xa / Yes (Appl. Environ. Microbiol.
73:5875, with the exponents of k'd and Yxn that fit the paper's credible regions). All are taken at 20 °C and run on warm
hours, which holds for growth and uptake; k'd follows the same slope to 25 °C, its spread in the bank covers the rest. What
differs from lot to lot spans the bank: how fast, how much growth, how deadly alcohol is, nutrients given at a third.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from winery_appliance.core import density as formulas

Numbers = NDArray[np.float64]

STEP = 0.5  # warm hours between two values of a curve
LENGTH = 2400.0  # warm hours of a curve

BRIX = (16.0, 18.0, 20.0, 22.0, 24.0, 26.0, 28.0, 31.0)
YAN_MG_L = (50.0, 75.0, 110.0, 150.0, 200.0, 260.0, 330.0, 420.0)
GROWTH = (0.6, 1.0, 1.7)  # of the published rate
DEATH = (0.3, 0.7, 1.4, 2.6)  # of the published rate
FED_MG_L = (0.0, 45.0)  # nitrogen given when a third of the sugar is gone

_LOT_PACE = 0.5  # cellar tanks take up sugar about half as fast as the paper's flasks
_INOCULUM_G_L = 0.22
_ETHANOL_PER_SUGAR = np.exp(-0.598)  # the yield the published k'd belongs to
_TOLERATED_G_L, _TOLERANCE = (
    150.0,
    8e-4,
)  # alcohol (kinetic scale) above which yeast dies fast; house default
_ODE_STEP = 1.0


@dataclass(frozen=True, slots=True)
class KineticBank:
    """One row per course: the share of sugar left every `STEP` warm hours, and what must it was."""

    shares: NDArray[np.float32]
    brix: Numbers
    yan_mg_l: Numbers
    likely: Numbers


@cache
def load_bank() -> KineticBank:
    """The bank, computed once in a process (about half a second)."""
    grid = np.array(list(product(BRIX, YAN_MG_L, GROWTH, DEATH, FED_MG_L)))
    brix, yan, growth, death, fed = grid.T
    sugar0 = np.array(
        [formulas.fermentable_sugar_g_l(formulas.density_from_brix(b)) for b in BRIX]
    )[np.searchsorted(BRIX, brix)]
    courses = _ferment(sugar0, yan, growth, death, fed)
    likely = np.array([0.25, 0.5, 0.25])[np.searchsorted(GROWTH, growth)]
    likely = likely * np.array([0.25, 0.35, 0.25, 0.15])[np.searchsorted(DEATH, death)] / 2
    return KineticBank(courses, brix, yan, likely)


def _ferment(
    sugar0: Numbers, yan: Numbers, growth: Numbers, death: Numbers, fed: Numbers
) -> NDArray[np.float32]:
    steps = int(LENGTH / _ODE_STEP)
    out = np.empty((steps + 1, len(sugar0)), np.float32)
    per_nitrogen = np.exp(3.50 - 0.00361 * yan)
    mu = growth * np.exp(-3.92 + 0.0782 * 20)
    beta = _LOT_PACE * np.exp(-2.30 + 0.0771 * 20)
    kd = death * np.exp(-9.81 - 0.108 * 20 + 0.00478 * 20**2)
    active, nitrogen, sugar = np.full(len(sugar0), _INOCULUM_G_L), yan / 1000, sugar0.copy()
    unfed = np.ones(len(sugar0), bool)

    def rates(active: Numbers, nitrogen: Numbers, sugar: Numbers) -> tuple[Numbers, ...]:
        ethanol = _ETHANOL_PER_SUGAR * (sugar0 - sugar)
        grown = mu * nitrogen / (nitrogen + np.exp(-4.73)) * active
        dying = kd * ethanol + _TOLERANCE * np.maximum(ethanol - _TOLERATED_G_L, 0.0) ** 2
        used = beta * sugar / (sugar + np.exp(2.33)) * active / _ETHANOL_PER_SUGAR
        return grown - dying * active, -grown / per_nitrogen, -used

    for step in range(steps + 1):
        out[step] = sugar / sugar0
        first = rates(active, nitrogen, sugar)
        second = rates(*_move(first, active, nitrogen, sugar))
        both = tuple((a + b) / 2 for a, b in zip(first, second, strict=True))
        active, nitrogen, sugar = _move(both, active, nitrogen, sugar)
        third = unfed & (sugar < sugar0 * 2 / 3)
        nitrogen = nitrogen + third * fed / 1000
        unfed &= ~third
    halves = np.empty((len(sugar0), 2 * steps + 1), np.float32)
    halves[:, ::2] = out.T
    halves[:, 1::2] = (out[1:] + out[:-1]).T / 2
    return halves


def _move(rates: tuple[Numbers, ...], *state: Numbers) -> tuple[Numbers, ...]:
    return tuple(
        np.maximum(value + _ODE_STEP * rate, 0.0) for value, rate in zip(state, rates, strict=True)
    )
