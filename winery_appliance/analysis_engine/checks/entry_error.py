"""A reading that cannot be right beside its neighbours: a slip, or a unit or tank mixed up.

Which readings are doubted is decided in `plausibility` and `series`, because every other check
needs them out of the way. Here they become one question to a person, with the value that would fit.
What a person confirmed is not asked again. Limits: no must falls by 12 °Bx in a day, or rises by
itself by more than 0.8 °Bx (1.3 on skins, more in the first two days); temperature rises by 1.5
°C/h at most. All are house defaults.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check
from winery_appliance.analysis_engine.cleaning import propose_for
from winery_appliance.analysis_engine.corrections import show_in, show_typed
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.series import Doubt, typed_unit
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_bare
from winery_appliance.core.units import (
    UNIT_SYMBOLS,
    SampleType,
    Unit,
    from_canonical,
    to_canonical,
)
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class EntryErrorLimits:
    """A rise up to this (°Bx) may be an addition or a blend; above it is a slip."""

    possible_addition_brix: float = 4.0


DEFAULTS: Mapping[str, EntryErrorLimits] = MappingProxyType(
    {style: EntryErrorLimits() for style in ("red", "white", "rose", "orange")}
)


class EntryError(Check):
    """Asks about the newest doubtful reading, and names the others."""

    id: ClassVar[str] = "entry_error"
    title: ClassVar[str] = N_("Reading does not fit")
    severity: ClassVar[Severity] = "warning"
    other_unit: ClassVar[bool] = False
    about: ClassVar[str] = N_(
        "Readings are compared with the curve through their neighbours and with the pace a must can "
        "have. One that cannot be right is asked about, with the value that a usual slip would "
        "explain: decimal mark, swapped digits, one digit wrong. Until somebody answers it draws no "
        "curve; what was typed is kept."
    )
    clears: ClassVar[str] = N_(
        "the reading is corrected or confirmed, or the next one agrees with it"
    )
    sources: ClassVar[str] = (
        "fastest fall measured in laboratory reds 8 °Bx a day; the limits are house defaults"
    )

    def __init__(self, parameters: Mapping[str, EntryErrorLimits] = DEFAULTS) -> None:
        self.parameters = parameters

    def run(self, situation: Situation) -> Finding | None:
        """One question for all doubtful readings; its evidence is their ids."""
        ferment, curve = situation.ferment, situation.curve
        limits = self.parameters.get(ferment.style, EntryErrorLimits())
        mixed_up = {flag.reading.sample_id for flag in situation.flags if flag.fault == "unit"}
        doubts = [
            doubt
            for doubt in curve.doubts
            if not doubt.reading.confirmed
            and (doubt.reading.sample_id in mixed_up) is self.other_unit
        ]
        doubts.sort(key=lambda doubt: (doubt.reading.measured_at, doubt.reading.sample_id))
        return self._describe(doubts, limits) if doubts else None

    def _describe(self, doubts: Sequence[Doubt], limits: EntryErrorLimits) -> Finding:
        newest = doubts[-1]
        series_unit = "°Bx" if newest.reading.sample_type is SampleType.sugar else "°C"
        low, high = newest.expected
        return self.find(
            since=doubts[0].reading.measured_at,
            title=_name(newest, limits),
            explanation=_explain(newest, limits) + _count_others(len(doubts) - 1),
            evidence=(doubt.reading.sample_id for doubt in doubts),
            threshold=Threshold(
                say(
                    "over %(tolerance)s %(series_unit)s away from its neighbours",
                    tolerance=show_bare(newest.tolerance),
                    series_unit=series_unit,
                ),
                newest.tolerance,
                series_unit,
            ),
            score=max(low - newest.value, newest.value - high, 0.0) / newest.tolerance,
        )


def _may_be_addition(doubt: Doubt, limits: EntryErrorLimits) -> bool:
    rise = doubt.value - doubt.expected.high
    sugar = doubt.reading.sample_type is SampleType.sugar
    return sugar and 0 < rise <= limits.possible_addition_brix


def _name(doubt: Doubt, limits: EntryErrorLimits) -> str:
    if _may_be_addition(doubt, limits):
        return say("Sugar rose")
    unit = typed_unit(doubt.reading)
    return say(
        "%(typed)s %(unit)s does not fit",
        typed=_show(doubt.reading.value, doubt, unit),
        unit=UNIT_SYMBOLS[unit],
    )


def _explain(doubt: Doubt, limits: EntryErrorLimits) -> str:
    kind, unit = doubt.reading.sample_type, typed_unit(doubt.reading)
    low, high = (_from_series(kind, value, unit) for value in doubt.expected)
    told = [
        say(
            "The reading is %(typed)s %(unit)s, expected was %(low)s to %(high)s.",
            typed=_show(doubt.reading.value, doubt, unit),
            unit=UNIT_SYMBOLS[unit],
            low=show_in(low, unit),
            high=show_in(high, unit),
        )
    ]
    correction = propose_for(doubt)
    if correction is not None:
        value = show_in(correction.value, unit)
        told.append(say("%(value)s fits, %(slip)s.", value=value, slip=correction.slip))
    if _may_be_addition(doubt, limits):
        told.append(say("Or was it an addition, a blend, or another tank?"))
    return " ".join(told)


def _show(canonical: float, doubt: Doubt, unit: Unit) -> str:
    return show_typed(from_canonical(doubt.reading.sample_type, canonical, unit), unit)


def _from_series(kind: SampleType, value: float, unit: Unit) -> float:
    shown = Unit.brix if kind is SampleType.sugar else Unit.celsius
    return from_canonical(kind, to_canonical(kind, value, shown), unit)


def _count_others(others: int) -> str:
    if others == 0:
        return ""
    if others == 1:
        return " " + say("One other does not fit either.")
    return " " + say("%(others)s others do not fit either.", others=others)
