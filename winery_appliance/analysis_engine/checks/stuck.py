"""Stuck: the sugar has stopped falling before the wine is dry.

"Stuck" is called after 48 hours with less than 0.3 °Bx of fall and more than 4 g/L of sugar left,
once the fermentation had begun (1 °Bx down). Bisson and Butzke (2000, Am. J. Enol. Vitic. 51:168)
describe the abrupt arrest; the figures are house defaults. The fall is the difference between the
middle of the older and of the newer half of the looks, so that noise of ±0.2 °Bx does not decide.

A cold soak has not begun, a finished wine reads -1.0 °Bx or less: neither is stuck. Between -1.0
and dry no hydrometer can tell, so the rule is silent there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from types import MappingProxyType
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check
from winery_appliance.analysis_engine.features import DRY_AT_BRIX, DRY_AT_G_L, Curve, Look
from winery_appliance.analysis_engine.measurements import (
    Finding,
    Severity,
    Threshold,
)
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_number


@dataclass(frozen=True, slots=True)
class StuckLimits:
    """When a ferment counts as stuck (°Bx within `window_h` hours) and when it runs again."""

    least_fall_brix: float = 0.3
    window_h: float = 48.0
    running_fall_brix: float = 0.5
    running_window_h: float = 24.0
    slack_h: float = 4.0  # rounds are not walked by the minute
    addition_brix: float = 1.0  # after such a rise the fall is counted anew
    noise_brix: float = 0.3
    chance: float = 0.3  # that it stands still, as the forecast weighs it; a few in a hundred do
    grave_chance: float = 0.85
    least_stand_h: float = 16.0


DEFAULTS: Mapping[str, StuckLimits] = MappingProxyType(
    {style: StuckLimits() for style in ("red", "white", "rose", "orange")}
)


class Stuck(Check):
    """Finds an arrest that lasts, and keeps it open until the ferment runs or is dry."""

    id: ClassVar[str] = "stuck"
    title: ClassVar[str] = "Stuck"
    severity: ClassVar[Severity] = "critical"
    about: ClassVar[str] = (
        "The sugar stands still before the wine is dry. Called in two ways: by the cellar's rule, "
        "under 0.3 °Bx in 48 h with over 4 g/L left; or sooner, when the courses that fitted the "
        "ferment until yesterday say that it must have fallen since, and standing still explains "
        "the readings far better. A cold soak has not begun and a finished wine is dry: neither is "
        "stuck."
    )
    clears: ClassVar[str] = (
        "0.5 °Bx down in 24 h to a new low, or two readings at or under −1.0 °Bx"
    )
    sources: ClassVar[str] = (
        "Bisson and Butzke 2000 (Am. J. Enol. Vitic. 51:168) describe the arrest; the figures are "
        "house defaults"
    )

    def __init__(self, parameters: Mapping[str, StuckLimits] = DEFAULTS) -> None:
        self.parameters = parameters

    def run(self, situation: Situation) -> Finding | None:
        """The arrest that is open now; its evidence is the window behind the last look."""
        ferment, curve = situation.ferment, situation.curve
        limits = self.parameters.get(ferment.style, StuckLimits())
        opened = _follow(curve, limits)
        if opened is None:
            return self._find_early(situation, limits)
        window = _look_back(curve.sugar, len(curve.sugar) - 1, limits.window_h, limits.slack_h)
        return _describe(curve, window, curve.sugar[opened].measured_at, limits)

    def _find_early(self, situation: Situation, limits: StuckLimits) -> Finding | None:
        """The arrest that the forecast sees before the rule can."""
        curve, expected = situation.curve, situation.forecast
        if expected is None or expected.found_dry or curve.begun is None or curve.dry is not None:
            return None
        arrest = expected.arrest
        if arrest.since_h is None or arrest.chance < limits.chance:
            return None
        stood_h = curve.sugar[-1].hours - arrest.since_h
        if stood_h < limits.least_stand_h:
            return None
        lately = [look for look in curve.sugar if look.hours >= arrest.since_h - limits.window_h]
        if any(b.value - a.value >= limits.addition_brix for a, b in pairwise(lately)):
            return None
        window = [look for look in lately if look.hours >= arrest.since_h]
        fall = window[0].value - window[-1].value
        return self.find(
            since=window[-1].measured_at,
            explanation=(
                f"Sugar fell {show_number(max(fall, 0.0))} °Bx in {stood_h:.0f} h, where this "
                f"ferment should have fallen clearly more."
            ),
            evidence=(sample_id for look in window for sample_id in look.sample_ids),
            threshold=Threshold(
                f"a chance of {100 * limits.chance:.0f} % or more that it stands still",
                limits.chance,
                "chance",
            ),
            score=(arrest.chance - limits.chance) / (1 - limits.chance),
            severity="critical" if arrest.chance >= limits.grave_chance else "warning",
        )


def _follow(curve: Curve, limits: StuckLimits) -> int | None:
    """Index of the look that opened the arrest which still stands, or None."""
    if curve.begun is None or curve.dry is not None:
        return None
    opened = None
    for at in range(curve.begun, len(curve.sugar)):
        if opened is not None and _runs_again(curve.sugar, at, limits):
            opened = None
        elif opened is None and _stands_still(curve, at, limits):
            opened = at
    return opened


def _stands_still(curve: Curve, at: int, limits: StuckLimits) -> bool:
    window = _look_back(curve.sugar, at, limits.window_h, limits.slack_h)
    if not window:
        return False
    if min(look.value for look in window[-2:]) <= curve.dry_brix:
        return False
    if any(later.value - look.value >= limits.addition_brix for look, later in pairwise(window)):
        return False
    return _measure_fall(window, limits.window_h) < limits.least_fall_brix


def _runs_again(looks: Sequence[Look], at: int, limits: StuckLimits) -> bool:
    """Whether the last day fell, to below all that was read in the window before it."""
    window = _look_back(looks, at, limits.running_window_h, limits.slack_h)
    if not window or _measure_fall(window, limits.running_window_h) < limits.running_fall_brix:
        return False
    earlier = _look_back(looks, at, limits.window_h, limits.slack_h)[: -len(window)]
    lowest = min((look.value for look in earlier), default=window[0].value)
    return looks[at].value <= lowest - limits.noise_brix


def _look_back(looks: Sequence[Look], at: int, hours: float, slack_h: float) -> Sequence[Look]:
    """The looks of the last `hours` up to `at`; empty when they do not reach back so far."""
    oldest = looks[at].hours - hours
    first = at
    while first > 0 and looks[first].hours > oldest + slack_h:
        first -= 1
    return looks[first : at + 1] if looks[first].hours <= oldest + slack_h else ()


def _measure_fall(window: Sequence[Look], per_h: float) -> float:
    """Fall in °Bx per `per_h` hours, from the older to the newer half of the window."""
    half = len(window) // 2
    older, newer = window[:half], window[-half:]
    fall = median(look.value for look in older) - median(look.value for look in newer)
    hours = median(look.hours for look in newer) - median(look.hours for look in older)
    return fall * per_h / hours


def _describe(
    curve: Curve, window: Sequence[Look], since: datetime, limits: StuckLimits
) -> Finding:
    fall = _measure_fall(window, limits.window_h)
    level = median(look.value for look in window[-3:])
    left = curve.sugar_left_g_l(level)
    moved = f"fell {show_number(fall)} °Bx" if fall >= 0.05 else "did not fall"
    return Finding(
        check=Stuck.id,
        severity="critical",
        since=since,
        title=Stuck.title,
        explanation=(
            f"Sugar {moved} in {limits.window_h:.0f} h, with about {left:.0f} g/L still to ferment."
        ),
        evidence=tuple(sample_id for look in window for sample_id in look.sample_ids),
        threshold=Threshold(
            f"under {limits.least_fall_brix:g} °Bx in {limits.window_h:.0f} h with over "
            f"{DRY_AT_G_L:g} g/L left, after the start",
            limits.least_fall_brix,
            f"°Bx in {limits.window_h:.0f} h",
        ),
        clears_when=(
            f"{limits.running_fall_brix:g} °Bx down in {limits.running_window_h:.0f} h to a new "
            f"low, or two readings at or under {show_number(DRY_AT_BRIX)} °Bx"
        ),
        deviation_score=max(0.0, 1.0 - fall / limits.least_fall_brix),
    )
