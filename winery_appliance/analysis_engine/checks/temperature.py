"""Too hot or too cold for the yeast, by style of wine.

High limits: yeast of reds suffers above 32 °C (AWRI 2013, log temperature twice daily) and a red
should never pass 30 °C (sawine.co.za); 20 and 24 °C for white and rosé, 26 and 30 °C for orange are
house defaults for keeping aroma. Low limits: below 10 °C fermentation is extremely slow (University
of California Bulletin 827); 16 °C for red and 14 °C for orange are house defaults.

A hot must is told from the first reading on. Too cold is told only while sugar is fermenting: a
cold soak and the chilling of a finished wine are meant. One reading a little over the warning may
be the place it was taken: two that are over by half a degree on average, which is what a thermometer
errs by, or one by a full degree open the alarm.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check
from winery_appliance.analysis_engine.features import Look
from winery_appliance.analysis_engine.measurements import (
    Finding,
    Severity,
    Threshold,
)
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_bare, show_number
from winery_appliance.core.words import N_, say

_ERROR_C = 0.5  # of a thermometer in a must: house default
DEADLY_C = 35.0  # sluggish above 29, stops about 38 °C (University of California Bulletin 827)


@dataclass(frozen=True, slots=True)
class TemperatureLimits:
    """Limits in °C; an alarm clears `margin_c` inside its limit."""

    high_warning_c: float
    high_critical_c: float
    low_warning_c: float
    margin_c: float = 1.0


_WHITE = TemperatureLimits(20.0, 24.0, 10.0)
DEFAULTS: Mapping[str, TemperatureLimits] = MappingProxyType(
    {
        "red": TemperatureLimits(30.0, 32.0, 16.0),
        "white": _WHITE,
        "rose": _WHITE,
        "orange": TemperatureLimits(26.0, 30.0, 14.0),
    }
)


class TemperatureHigh(Check):
    """Finds a must that is too hot, from the crush to the dry wine."""

    id: ClassVar[str] = "temp_high"
    title: ClassVar[str] = N_("Hot")
    severity: ClassVar[Severity] = "critical"
    about: ClassVar[str] = N_(
        "Heat kills yeast and drives off aroma, and a hot ferment often ends stuck. Reds are warned "
        "from 30 °C and alarmed from 32, whites and rosés from 20 and 24, oranges from 26 and 30. "
        "One reading a little over may be the place it was taken; two that are over by half a degree "
        "on average, or one by a full degree, open the alarm. Read after pump-over: a cap is up to "
        "12 °C hotter."
    )
    clears: ClassVar[str] = N_("two readings a degree inside the limit, or the wine is dry")
    sources: ClassVar[str] = (
        "AWRI 2013 (reds over 32 °C); sawine.co.za (never over 30); whites are house defaults"
    )

    def __init__(self, parameters: Mapping[str, TemperatureLimits] = DEFAULTS) -> None:
        self.parameters = parameters

    def run(self, situation: Situation) -> Finding | None:
        """The heat that is open now: critical while one of the last two looks was critical."""
        ferment, curve = situation.ferment, situation.curve
        limits = self.parameters.get(ferment.style, _WHITE)
        looks = curve.temperature
        if not looks or curve.is_dry_at(looks[-1].hours):
            return None
        opened = _follow(
            [look.value for look in looks],
            beyond=lambda one, two: (
                min(one, two) >= limits.high_warning_c
                and (one + two) / 2 >= limits.high_warning_c + _ERROR_C
            ),
            clearly=lambda value: value >= limits.high_warning_c + limits.margin_c,
            safe=lambda value: value < limits.high_warning_c - limits.margin_c,
        )
        return None if opened is None else _describe_heat(looks, opened, limits)


class TemperatureLow(Check):
    """Finds a ferment that is too cold to go on."""

    id: ClassVar[str] = "temp_low"
    title: ClassVar[str] = N_("Cold")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "Yeast that gets cold settles and stops, and does not always come back. Under 10 °C "
        "fermentation is extremely slow; a red under 16 °C while sugar is fermenting is usually a "
        "valve stuck open. Only called while fermenting: a cold soak and the chilling of a finished "
        "wine are meant. Warm by 2 to 3 °C a day, no faster."
    )
    clears: ClassVar[str] = N_("two readings a degree inside the limit, or the wine is dry")
    sources: ClassVar[str] = (
        "University of California Bulletin 827 (under 10 °C); 16 and 14 °C are house defaults"
    )

    def __init__(self, parameters: Mapping[str, TemperatureLimits] = DEFAULTS) -> None:
        self.parameters = parameters

    def run(self, situation: Situation) -> Finding | None:
        """The cold that is open now, while sugar is fermenting."""
        ferment, curve = situation.ferment, situation.curve
        limits = self.parameters.get(ferment.style, _WHITE)
        looks = [look for look in curve.temperature if curve.is_fermenting_at(look.hours)]
        if not looks or looks[-1] is not curve.temperature[-1]:
            return None
        opened = _follow(
            [look.value for look in looks],
            beyond=lambda one, two: max(one, two) < limits.low_warning_c,
            clearly=lambda value: value < limits.low_warning_c - 2 * limits.margin_c,
            safe=lambda value: value >= limits.low_warning_c + limits.margin_c,
        )
        return None if opened is None else _describe_cold(looks, opened, limits)


def _follow(
    values: Sequence[float],
    *,
    beyond: Callable[[float, float], bool],
    clearly: Callable[[float], bool],
    safe: Callable[[float], bool],
) -> int | None:
    """Index of the value that opened the alarm which still stands, or None.

    It opens with one value clearly beyond the limit or two in a row that are beyond together, and
    clears with two in a row on the safe side.
    """
    opened = None
    for at, value in enumerate(values):
        before = values[at - 1] if at else None
        if opened is None:
            if clearly(value) or (before is not None and beyond(before, value)):
                opened = at
        elif safe(value) and before is not None and safe(before):
            opened = None
    return opened


def _describe_heat(looks: Sequence[Look], opened: int, limits: TemperatureLimits) -> Finding:
    hottest = max(look.value for look in looks[-2:])
    severity: Severity = "critical" if hottest >= limits.high_critical_c else "warning"
    limit = limits.high_critical_c if severity == "critical" else limits.high_warning_c
    safe = limits.high_warning_c - limits.margin_c
    return Finding(
        check=TemperatureHigh.id,
        severity=severity,
        since=looks[opened].measured_at,
        title=say(TemperatureHigh.title) if severity == "critical" else say("Warm"),
        explanation=_tell_heat(looks, limit),
        evidence=_cite(looks),
        threshold=Threshold(say("%(limit)s °C or more", limit=show_bare(limit)), limit, "°C"),
        clears_when=say(
            "under %(safe)s °C at two readings, or the wine is dry", safe=show_bare(safe)
        ),
        deviation_score=max(
            0.0,
            (hottest - limits.high_warning_c) / (limits.high_critical_c - limits.high_warning_c),
        ),
    )


def _tell_heat(looks: Sequence[Look], limit: float) -> str:
    now = looks[-1].value
    if now < limit and len(looks) > 1:
        return say(
            "The temperature is %(now)s °C, after %(before)s °C; the limit is %(limit)s °C.",
            now=show_number(now),
            before=show_number(looks[-2].value),
            limit=show_bare(limit),
        )
    text = say(
        "The temperature is %(now)s °C; the limit is %(limit)s °C.",
        now=show_number(now),
        limit=show_bare(limit),
    )
    rise = _measure_rise_per_h(looks)
    if now < limit or rise < 0.1:
        return text
    told = say("It rises by %(rise)s °C/h.", rise=show_number(rise))
    if now < DEADLY_C:
        told = say(
            "It rises by %(rise)s °C/h: %(deadly)s °C in about %(hours)s h.",
            rise=show_number(rise),
            deadly=show_bare(DEADLY_C),
            hours=f"{(DEADLY_C - now) / rise:.0f}",
        )
    return f"{text} {told}"


def _measure_rise_per_h(looks: Sequence[Look]) -> float:
    """°C per hour between the last two looks; 0 when they are too far apart to tell."""
    if len(looks) < 2:
        return 0.0
    hours = looks[-1].hours - looks[-2].hours
    return (looks[-1].value - looks[-2].value) / hours if 1.0 <= hours <= 18.0 else 0.0


def _describe_cold(looks: Sequence[Look], opened: int, limits: TemperatureLimits) -> Finding:
    now, low = looks[-1].value, limits.low_warning_c
    return Finding(
        check=TemperatureLow.id,
        severity="warning",
        since=looks[opened].measured_at,
        title=say(TemperatureLow.title),
        explanation=(
            say(
                "The temperature is %(now)s °C while sugar is fermenting; under %(low)s °C the yeast can fall asleep.",
                now=show_number(now),
                low=show_bare(low),
            )
        ),
        evidence=_cite(looks),
        threshold=Threshold(
            say("under %(low)s °C while fermenting", low=show_bare(low)), low, "°C"
        ),
        clears_when=say(
            "%(low)s °C or more at two readings, or the wine is dry",
            low=show_bare(low + limits.margin_c),
        ),
        deviation_score=max(0.0, (low - min(look.value for look in looks[-2:])) / 4.0),
    )


def _cite(looks: Sequence[Look]) -> tuple[int, ...]:
    return tuple(sample_id for look in looks[-3:] for sample_id in look.sample_ids)
