"""What learned figures are told from: a row of signs of one ferment at one moment, all from what was known then."""

import numpy as np
from numpy.typing import NDArray

from winery_appliance.analysis_engine.forecasting.members import Members
from winery_appliance.analysis_engine.forecasting.must import Must
from winery_appliance.analysis_engine.forecasting.quantiles import list_dry_hours, take_quantiles
from winery_appliance.analysis_engine.forecasting.warm_hours import HORIZON_H

Numbers = NDArray[np.float64]

# The columns of a row, in order. Changes when a model file of another order must not be read.
SIGNS = (
    *("on_skins", "brix0", "yan_mg_l", "share", "fall_24h", "fall_48h", "hours", "warm", "begun"),
    *("since_begun", "pace", "pace_ahead", "bank_left", "past_left", "bank_spread", "past_spread"),
    *("arrest", "log_share", "bank_late", "past_late", "deadline", "bank_over", "past_over"),
)
_BANK_LEFT, _PAST_LEFT = SIGNS.index("bank_left"), SIGNS.index("past_left")
_UNKNOWN_YAN = 200.0
_LEAST_LEFT_H = 6.0


def list_signs(
    must: Must, sources: list[tuple[Members, float]], arrest: float, deadline_h: float
) -> Numbers:
    """The row for `must`; falls are shares of sugar a day at 20 °C, times left the logarithm of hours.

    What is `over` is the time left, as the middle course has it, over that until the deadline. How many courses miss the
    deadline turns on a few that never finish; by how much the middle one does ranks slow ferments far better.
    """
    looked = must.looked
    said = [list_dry_hours(must, [(members, 1.0)]) for members, _ in sources]
    bank, past = (said[0], said[-1])
    share = float(np.median(looked.share[-2:])) if len(looked.share) else 1.0
    begun = np.flatnonzero(looked.share < 0.95)
    warm = float(looked.warm[-1]) if len(looked.warm) else 0.0
    begun_warm = float(looked.warm[begun[0]]) if len(begun) else warm
    steps = must.clock.warm_at(np.array([must.now_h, must.now_h + 1, must.now_h + 96]))
    bank_left, bank_spread = _tell_left(must.now_h, bank)
    past_left, past_spread = _tell_left(must.now_h, past)
    room = tell_left(deadline_h - must.now_h)
    return np.array(
        [
            float(must.style in ("red", "orange")),
            must.brix0,
            np.log(must.yan_mg_l or _UNKNOWN_YAN),
            share,
            _measure_fall(must, 26.0),
            _measure_fall(must, 50.0),
            must.now_h,
            warm,
            begun_warm,
            warm - begun_warm,
            float(steps[1] - steps[0]),
            float(steps[2] - steps[0]) / 96,
            bank_left,
            past_left,
            bank_spread,
            past_spread,
            arrest,
            np.log(max(share - must.target, 0.005)),
            _log_odds(bank[1][bank[0] > deadline_h].sum()),
            _log_odds(past[1][past[0] > deadline_h].sum()),
            deadline_h,
            bank_left - room,
            past_left - room,
        ]
    )


def guess_left(signs: Numbers) -> float:
    """Logarithm of the hours left, as the sources say it together: what a correction is added to."""
    return float(signs[_BANK_LEFT] + signs[_PAST_LEFT]) / 2


def tell_left(hours: float) -> float:
    """Logarithm of the hours left, held within what a forecast can tell."""
    return float(np.log(min(max(hours, _LEAST_LEFT_H), HORIZON_H)))


def _tell_left(now_h: float, said: tuple[Numbers, Numbers]) -> tuple[float, float]:
    low, middle, high = (tell_left(min(q, HORIZON_H) - now_h) for q in take_quantiles(*said))
    return middle, high - low


def _log_odds(chance: float) -> float:
    kept = min(max(float(chance), 1e-3), 1 - 1e-3)
    return float(np.log(kept / (1 - kept)))


def _measure_fall(must: Must, within_h: float) -> float:
    """Share of sugar lost in a day of warm hours, by a line through the last readings; 0 when they are too few."""
    looked = must.looked
    if len(looked.hours) < 2:
        return 0.0
    late = looked.hours >= looked.hours[-1] - within_h
    warm, share = looked.warm[late], looked.share[late]
    if late.sum() < 2 or np.ptp(warm) < 3.0:
        return 0.0
    middle = warm.mean()
    return float(-24 * ((warm - middle) @ (share - share.mean())) / ((warm - middle) ** 2).sum())
