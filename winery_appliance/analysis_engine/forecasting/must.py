"""What the forecast takes from a ferment's curve: sugar as a share, its errors, and the clock of the yeast."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winery_appliance.analysis_engine.features import Curve, Look
from winery_appliance.analysis_engine.forecasting.members import Looked
from winery_appliance.analysis_engine.forecasting.warm_hours import WarmClock, wind_clock
from winery_appliance.analysis_engine.measurements import Ferment
from winery_appliance.core import density as formulas

Numbers = NDArray[np.float64]

TARGET_BRIX = -1.0  # apparent; under it only the laboratory can tell what is left
# Usual temperature of a ferment under way, °C, until the winery's own past says otherwise: house defaults.
USUAL_C = {"red": 26.0, "white": 16.0, "rose": 16.0, "orange": 22.0}
# Standard error of a reading, °Bx: solids and bubbles in a red, a hydrometer's own in a clear must.
NOISE_BRIX = {"red": 0.25, "orange": 0.25, "white": 0.12, "rose": 0.12}
_MODEL_ERROR = 0.010  # of all sugar: what no course of a bank reproduces
_SAY_HALVES_H = 110.0  # clock hours after which a reading has half its say
_LEAST_SAY = 0.15
_MOST_LOOKS = 26
_TRUST_OWN_FROM = 0.2  # share of the sugar gone at which the must's own temperature tells all


@dataclass(frozen=True, slots=True)
class Must:
    """A ferment as the forecast sees it; `target` is the share of sugar left at which it counts as dry."""

    style: str
    brix0: float
    yan_mg_l: float | None
    looked: Looked
    clock: WarmClock
    target: float
    now_h: float
    start_kg_m3: float
    dry_kg_m3: float

    def brix_of(self, share: float) -> float:
        """Apparent °Bx at a share of sugar left."""
        density = self.dry_kg_m3 + share * (self.start_kg_m3 - self.dry_kg_m3)
        return formulas.brix_from_density(density)


def describe_must(
    ferment: Ferment, curve: Curve, now_h: float, *, yan_mg_l: float | None, usual_c: float | None
) -> Must:
    """The must of `ferment` at `now_h`, from the looks of `curve`."""
    brix0 = find_brix0(ferment, curve)
    start = formulas.density_from_brix(brix0)
    dry = formulas.dry_density(start)
    looks = thin(curve.sugar)
    hours = np.array([look.hours for look in looks])
    share = np.array([(formulas.density_from_brix(look.value) - dry) for look in looks])
    share = np.clip(share / (start - dry), -0.05, 1.1)
    gone = 1 - float(share[-1]) if len(share) else 0.0
    clock = wind_clock(
        np.array([look.hours for look in curve.temperature]),
        np.array([look.value for look in curve.temperature]),
        now_h=now_h,
        usual_c=USUAL_C.get(ferment.style, 18.0) if usual_c is None else usual_c,
        trust_own=min(max(gone / _TRUST_OWN_FROM, 0.0), 1.0),
    )
    noise = NOISE_BRIX.get(ferment.style, 0.25) / (brix0 + 2.2)
    error = np.full(len(hours), np.hypot(noise, _MODEL_ERROR))
    say = np.maximum(0.5 ** ((now_h - hours) / _SAY_HALVES_H), _LEAST_SAY)
    target = (formulas.density_from_brix(TARGET_BRIX) - dry) / (start - dry)
    looked = Looked(hours, clock.warm_at(hours), share, error, say)
    return Must(ferment.style, brix0, yan_mg_l, looked, clock, target, now_h, start, dry)


def find_brix0(ferment: Ferment, curve: Curve) -> float:
    """Sugar of the must: as it was told, unless the readings contradict it by more than 2 °Bx."""
    if ferment.brix0 is None or (curve.sugar and curve.start_brix > ferment.brix0 + 2.0):
        return min(max(curve.start_brix, 12.0), 40.0)
    return ferment.brix0


def thin(looks: Sequence[Look]) -> Sequence[Look]:
    """At most so many looks as a forecast needs: the last ones, and even steps of those before."""
    if len(looks) <= _MOST_LOOKS:
        return looks
    recent = _MOST_LOOKS // 2
    chosen = np.linspace(0, len(looks) - recent - 1, _MOST_LOOKS - recent).astype(int)
    return [looks[at] for at in chosen] + list(looks[-recent:])
