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
from winery_appliance.core.figures import show_bare, show_number
from winery_appliance.core.words import N_, say


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
    slower_under_g_l: float = 40.0  # sugar left under which yeast takes it up ever more slowly
    chance: float = 0.3  # that it stands still, as the forecast weighs it; a few in a hundred do
    grave_chance: float = 0.85
    least_stand_h: float = 16.0


_LONGEST_WINDOW = 3.0  # times the usual one


DEFAULTS: Mapping[str, StuckLimits] = MappingProxyType(
    {style: StuckLimits() for style in ("red", "white", "rose", "orange")}
)


class Stuck(Check):
    """Finds an arrest that lasts, and keeps it open until the ferment runs or is dry."""

    id: ClassVar[str] = "stuck"
    title: ClassVar[str] = N_("Stuck")
    severity: ClassVar[Severity] = "critical"
    about: ClassVar[str] = N_(
        "The sugar stands still before the wine is dry. Called in two ways: by the cellar's rule, "
        "under 0.3 °Bx in 48 h with over 4 g/L left; or sooner, when the courses that fitted the "
        "ferment until yesterday say that it must have fallen since, and standing still explains "
        "the readings far better. With under 40 g/L left a healthy wine falls ever more slowly, and is "
        "watched for longer. A cold soak has not begun and a finished wine is dry: neither is stuck."
    )
    clears: ClassVar[str] = N_(
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
        window_h = _find_window_h(curve, len(curve.sugar) - 1, limits)
        window = _look_back(curve.sugar, len(curve.sugar) - 1, window_h, limits.slack_h)
        return _describe(curve, window, window_h, curve.sugar[opened].measured_at, limits)

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
                say(
                    "Sugar fell %(fall)s °Bx in %(stood_h)s h, where this ferment should have fallen clearly more.",
                    fall=show_number(max(fall, 0.0)),
                    stood_h=f"{stood_h:.0f}",
                )
            ),
            evidence=(sample_id for look in window for sample_id in look.sample_ids),
            threshold=Threshold(
                say(
                    "a chance of %(what)s %% or more that it stands still",
                    what=f"{100 * limits.chance:.0f}",
                ),
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
    window_h = _find_window_h(curve, at, limits)
    window = _look_back(curve.sugar, at, window_h, limits.slack_h)
    if not window:
        return False
    if min(look.value for look in window[-2:]) <= curve.dry_brix:
        return False
    if any(later.value - look.value >= limits.addition_brix for look, later in pairwise(window)):
        return False
    return _measure_fall(window, window_h) < limits.least_fall_brix


def _find_window_h(curve: Curve, at: int, limits: StuckLimits) -> float:
    """Hours in which the must should have fallen by `least_fall_brix`: near its end as many more as there is less sugar.

    Uptake halves at 10 g/L of sugar (Coleman, Fish and Block 2007), and alcohol slows it sooner: the last degrees of a
    healthy wine fall so slowly that two days of them, read to a tenth, look like an arrest. 40 g/L is a house default.
    """
    level = median(look.value for look in curve.sugar[max(at - 2, 0) : at + 1])
    left = max(curve.sugar_left_g_l(level), 1.0)
    return limits.window_h * min(max(limits.slower_under_g_l / left, 1.0), _LONGEST_WINDOW)


def _runs_again(looks: Sequence[Look], at: int, limits: StuckLimits) -> bool:
    """Whether the last day fell, to below all that was read in the window before it."""
    window = _look_back(looks, at, limits.running_window_h, limits.slack_h)
    if not window or _measure_fall(window, limits.running_window_h) < limits.running_fall_brix:
        return False
    earlier = _look_back(looks, at, limits.window_h, limits.slack_h)[: -len(window)]
    lowest = min((look.value for look in earlier), default=window[0].value)
    return looks[at].value <= lowest - limits.noise_brix


def _look_back(looks: Sequence[Look], at: int, hours: float, slack_h: float) -> Sequence[Look]:
    """The looks of the last `hours` up to `at`; empty when they do not reach back so far, or are one."""
    oldest = looks[at].hours - hours
    first = at
    while first > 0 and looks[first].hours > oldest + slack_h:
        first -= 1
    reaches = first < at and looks[first].hours <= oldest + slack_h
    return looks[first : at + 1] if reaches else ()


def _measure_fall(window: Sequence[Look], per_h: float) -> float:
    """Fall in °Bx per `per_h` hours, from the older to the newer half of the window."""
    half = len(window) // 2
    older, newer = window[:half], window[-half:]
    fall = median(look.value for look in older) - median(look.value for look in newer)
    hours = median(look.hours for look in newer) - median(look.hours for look in older)
    return fall * per_h / hours


def _describe(
    curve: Curve, window: Sequence[Look], window_h: float, since: datetime, limits: StuckLimits
) -> Finding:
    fall = _measure_fall(window, window_h)
    level = median(look.value for look in window[-3:])
    left = curve.sugar_left_g_l(level)
    fell = say("fell %(fall)s °Bx", fall=show_number(fall))
    moved = fell if fall >= 0.05 else say("did not fall")
    return Finding(
        check=Stuck.id,
        severity="critical",
        since=since,
        title=say(Stuck.title),
        explanation=(
            say(
                "Sugar %(moved)s in %(window_h)s h, with about %(left)s g/L still to ferment.",
                moved=moved,
                window_h=f"{window_h:.0f}",
                left=f"{left:.0f}",
            )
        ),
        evidence=tuple(sample_id for look in window for sample_id in look.sample_ids),
        threshold=Threshold(
            say(
                "under %(least_fall_brix)s °Bx in %(window_h)s h with over %(DRY_AT_G_L)s g/L left, after the start",
                least_fall_brix=show_bare(limits.least_fall_brix),
                window_h=f"{window_h:.0f}",
                DRY_AT_G_L=show_bare(DRY_AT_G_L),
            ),
            limits.least_fall_brix,
            f"°Bx in {window_h:.0f} h",
        ),
        clears_when=(
            say(
                "%(running_fall_brix)s °Bx down in %(running_window_h)s h to a new low, or "
                "two readings at or under %(DRY_AT_BRIX)s °Bx",
                running_fall_brix=show_bare(limits.running_fall_brix),
                running_window_h=f"{limits.running_window_h:.0f}",
                DRY_AT_BRIX=show_number(DRY_AT_BRIX),
            )
        ),
        deviation_score=max(0.0, 1.0 - fall / limits.least_fall_brix),
    )
