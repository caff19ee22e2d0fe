"""How a must ferments in a tank with a cooling jacket: many tanks at once, hour by hour.

The yeast follows the form of Coleman, Fish and Block (2007, Appl. Environ. Microbiol. 73:5875):
growth on nitrogen, sugar taken up by active yeast, death by alcohol, all quicker in the warm. The
rates of death and yield use the exponents that fit the paper's own credible regions. The heat
balance, the lag, the pace of a large tank and the density model are our own choices: this makes
lifelike figures for a demo, not forecasts.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from winery_appliance.core import density as formulas

Numbers = NDArray[np.float64]

NEVER = np.inf
_STEP_H = 0.5
_ETHANOL_PER_SUGAR = 0.47
_KINETIC_ETHANOL_PER_SUGAR = 0.55  # the yield that belongs to the published death rate
_HEAT_C_PER_G_L = 0.13  # 24 kcal per mol of sugar warm a must by 13 °C per 100 g/L
_LARGE_TANK_PACE = 0.55  # the published rates run about twice as fast as cellar tanks


@dataclass(frozen=True, slots=True)
class Musts:
    """One entry per tank. Hours count from the filling of the tank; NEVER is allowed for them.

    `pace` multiplies the uptake of sugar, `cooling_c_per_h` is the most the jacket can take away.
    From `change_h` on the jacket holds `changed_to_c` instead; from `cooling_fails_h` on it does
    nothing. At `arrest_h` most of the yeast dies.
    """

    brix: Numbers
    yan_mg_l: Numbers
    fill_c: Numbers
    hold_c: Numbers
    ambient_c: Numbers
    lag_h: Numbers
    pace: Numbers
    cooling_c_per_h: Numbers
    change_h: Numbers
    changed_to_c: Numbers
    cooling_fails_h: Numbers
    arrest_h: Numbers

    def __len__(self) -> int:
        return len(self.brix)


@dataclass(frozen=True, slots=True)
class Courses:
    """What happened: one row per half hour, one column per tank."""

    hours: Numbers
    brix: Numbers
    celsius: Numbers
    sugar_g_l: Numbers
    alcohol_pct_vol: Numbers


@dataclass(frozen=True, slots=True)
class _State:
    active: Numbers
    nitrogen: Numbers
    sugar: Numbers
    celsius: Numbers

    def moved(self, rates: "_State", hours: float) -> "_State":
        """The state after so many hours at these rates; nothing goes below zero but the cold."""
        after = {
            field.name: getattr(self, field.name) + hours * getattr(rates, field.name)
            for field in fields(self)
        }
        for name in ("active", "nitrogen", "sugar"):
            after[name] = np.maximum(after[name], 0.0)
        return _State(**after)


def stack_musts(parts: list[Musts]) -> Musts:
    """Several groups of tanks as one."""
    return Musts(
        **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Musts)}
    )


def ferment(musts: Musts, *, hours: float) -> Courses:
    """The courses of all `musts` over so many hours, by Heun's method in steps of half an hour."""
    density0 = np.array([formulas.density_from_brix(float(brix)) for brix in musts.brix])
    sugar0 = np.array([formulas.fermentable_sugar_g_l(float(d)) for d in density0])
    state = _State(
        active=np.full(len(musts), 0.2),
        nitrogen=musts.yan_mg_l / 1000,
        sugar=sugar0,
        celsius=musts.fill_c.copy(),
    )
    steps = int(np.ceil(hours / _STEP_H))
    sugar, celsius = np.empty((steps + 1, len(musts))), np.empty((steps + 1, len(musts)))
    for step in range(steps + 1):
        sugar[step], celsius[step] = state.sugar, state.celsius
        state = _advance(musts, state, step * _STEP_H, sugar0)
    gone = sugar0 - sugar
    density = density0 - formulas.DENSITY_FALL_PER_G_L * gone
    return Courses(
        hours=np.linspace(0.0, steps * _STEP_H, steps + 1),
        brix=_brix(density),
        celsius=celsius,
        sugar_g_l=sugar,
        alcohol_pct_vol=gone / formulas.SUGAR_G_L_PER_PCT_VOL,
    )


def _brix(density: Numbers) -> Numbers:
    grid = np.arange(960.0, 1201.0)
    return np.interp(density, grid, [formulas.brix_from_density(float(d)) for d in grid])


def _advance(musts: Musts, state: _State, at_h: float, sugar0: Numbers) -> _State:
    first = _measure_rates(musts, state, at_h, sugar0)
    second = _measure_rates(musts, state.moved(first, _STEP_H), at_h + _STEP_H, sugar0)
    after = state.moved(first, _STEP_H / 2).moved(second, _STEP_H / 2)
    dies = (musts.arrest_h > at_h) & (musts.arrest_h <= at_h + _STEP_H)
    after.active[dies] *= 0.01
    return after


def _measure_rates(musts: Musts, state: _State, at_h: float, sugar0: Numbers) -> _State:
    warm = np.clip(state.celsius, 0.0, 45.0)
    awake = 1.0 - np.exp(-((at_h / musts.lag_h) ** 3))
    ethanol = _KINETIC_ETHANOL_PER_SUGAR * (sugar0 - state.sugar)
    growth = np.exp(-3.92 + 0.0782 * warm) * state.nitrogen / (state.nitrogen + np.exp(-4.73))
    uptake = np.exp(-2.30 + 0.0771 * warm) * state.sugar / (state.sugar + np.exp(2.33))
    death = 0.6 * np.exp(-9.81 - 0.108 * warm + 0.00478 * warm**2) * ethanol
    yeast_per_nitrogen = np.exp(3.50 - 0.00361 * musts.yan_mg_l)
    grown = growth * awake * state.active
    pace = _LARGE_TANK_PACE * musts.pace * (0.05 + 0.95 * awake)
    fermented = pace * uptake * state.active / _KINETIC_ETHANOL_PER_SUGAR
    return _State(
        active=grown - death * state.active,
        nitrogen=-grown / yeast_per_nitrogen,
        sugar=-fermented,
        celsius=_HEAT_C_PER_G_L * fermented + _exchange_heat(musts, state.celsius, at_h),
    )


def _exchange_heat(musts: Musts, celsius: Numbers, at_h: float) -> Numbers:
    """°C per hour given by jacket and cellar."""
    wanted = np.where(at_h >= musts.change_h, musts.changed_to_c, musts.hold_c)
    works = at_h < musts.cooling_fails_h
    cooling = np.clip(0.7 * (celsius - wanted), 0.0, musts.cooling_c_per_h) * works
    heating = np.clip(0.15 * (wanted - 0.5 - celsius), 0.0, 0.4)
    return heating - cooling + 0.004 * (musts.ambient_c - celsius)
