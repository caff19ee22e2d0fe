"""Checks as a winery wants them: switched off, or with limits of its own, by style of wine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from math import isfinite
from typing import Any

from winery_appliance.analysis_engine.checks import Check, find_checks
from winery_appliance.analysis_engine.limit_words import LIMIT_WORDS
from winery_appliance.analysis_engine.measurements import RuleSetting
from winery_appliance.core.figures import show_bare
from winery_appliance.core.words import N_, say

STYLES = ("red", "white", "rose", "orange")
# A limit may be moved by so much: beyond, it is a slip of the hand. Chances and shares end at one.
_MOST_TIMES = 10.0
_OF_ONE = ("chance", "share", "gone", "first", "last")
# The first of two limits must be under the second.
_IN_ORDER = (
    ("high_warning_c", "high_critical_c"),
    ("warning_brix_per_day", "critical_brix_per_day"),
    ("chance", "grave_chance"),
    ("alert_g_l", "legal_g_l"),
    ("last", "first"),
)
_UNITS = (
    ("_mg_l_per_brix", N_("mg/L for each °Bx")),
    ("_brix_per_day", N_("°Bx a day")),
    ("_per_brix", N_("for each °Bx")),
    ("_mg_l", "mg/L"),
    ("_g_l", "g/L"),
    ("_brix", "°Bx"),
    ("_days", N_("days")),
    ("_c", "°C"),
    ("_h", "h"),
)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a check for a style: its name, what it is called and counted in, its default and its bounds."""

    name: str
    words: str
    unit: str
    default: float
    least: float
    most: float
    whole: bool


class UnfitLimits(ValueError):
    """Limits that a check cannot work with; `limit` names the one, the text is for a person."""

    def __init__(self, limit: str, text: str) -> None:
        super().__init__(text)
        self.limit = limit


def find_check(check_id: str) -> Check | None:
    """The check of this id with its defaults."""
    return next((check for check in find_checks() if check.id == check_id), None)


def list_limits(check: Check, style: str) -> list[Limit]:
    """The limits of a check for a style, in the order of its file."""
    return [
        _describe(one.name, getattr(check.parameters[style], one.name))
        for one in fields(check.parameters[style])
    ]


def name_limit(name: str) -> tuple[str, str]:
    """A limit's name in words, and its unit."""
    for ending, unit in _UNITS:
        if name.endswith(ending):
            return _call(name.removesuffix(ending)), say(unit)
    return _call(name), ""


def _call(name: str) -> str:
    words = name.replace("_", " ")
    return say(LIMIT_WORDS.get(words, words))


def _describe(name: str, default: Any) -> Limit:
    words, unit = name_limit(name)
    most = 1.0 if name.split("_")[-1] in _OF_ONE else _MOST_TIMES * default
    least = default / _MOST_TIMES
    whole = isinstance(default, int)
    return Limit(name, words, unit, default, 1 if whole else least, most, whole)


def fit_limits(check: Check, style: str, wanted: Mapping[str, float]) -> dict[str, float]:
    """`wanted` without what is the default anyway. Raises UnfitLimits."""
    known = {limit.name: limit for limit in list_limits(check, style)}
    for name, value in wanted.items():
        limit = known.get(name)
        if limit is None:
            raise UnfitLimits(name, say("%(check)s has no such limit.", check=check.title))
        if not isfinite(value) or not limit.least <= value <= limit.most:
            raise UnfitLimits(
                name,
                say(
                    "It goes from %(least)s to %(most)s.",
                    least=show_bare(limit.least),
                    most=show_bare(limit.most),
                ),
            )
        if limit.whole and value != int(value):
            raise UnfitLimits(name, say("It is a whole number."))
    whole = {name: limit.default for name, limit in known.items()} | dict(wanted)
    for less, more in _IN_ORDER:
        if less in whole and more in whole and whole[less] >= whole[more]:
            raise UnfitLimits(
                less if less in wanted else more,
                say(
                    "%(less)s must be under %(more)s.",
                    less=name_limit(less)[0],
                    more=name_limit(more)[0],
                ),
            )
    return {name: value for name, value in wanted.items() if value != known[name].default}


def tune_checks(settings: Iterable[RuleSetting], style: str) -> tuple[Check, ...]:
    """The checks for a wine of `style` as these settings want them; what no longer fits a check is left out.

    So a limit that another version knew does no harm.
    """
    wanted = tuple(
        (one.check, one.in_use, tuple(sorted(one.limits.items())))
        for one in settings
        if one.style == style
    )
    return _tune(wanted, style)


@cache
def _tune(
    wanted: tuple[tuple[str, bool, tuple[tuple[str, float], ...]], ...], style: str
) -> tuple[Check, ...]:
    by_check = {check: (in_use, dict(limits)) for check, in_use, limits in wanted}
    tuned = []
    for check in find_checks():
        in_use, limits = by_check.get(check.id, (True, {}))
        if not in_use:
            continue
        tuned.append(_set_limits(check, style, limits) if limits else check)
    return tuple(tuned)


def _set_limits(check: Check, style: str, limits: Mapping[str, float]) -> Check:
    try:
        fitting = fit_limits(check, style, limits)
    except UnfitLimits:
        return check
    kinds = {limit.name: int if limit.whole else float for limit in list_limits(check, style)}
    changed = {name: kinds[name](value) for name, value in fitting.items()}
    own = replace(check.parameters[style], **changed)
    return type(check)({**check.parameters, style: own})  # type: ignore[call-arg]
