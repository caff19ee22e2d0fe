"""The rules a reading must pass, in one place. Pure: what is in the book comes in as plain data.

Hard rules refuse; soft rules ask once. Sources are named at each number; the ranges themselves stand in core.units.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from winery_appliance.core.errors import FieldFault, NeedsConfirmation, refuse_field
from winery_appliance.core.figures import show_number
from winery_appliance.core.units import (
    KIND_WORDS,
    UNIT_SYMBOLS,
    SampleType,
    Unit,
    UnitMismatch,
    from_canonical,
    hard_range,
    parse_measurement,
    soft_range,
    to_canonical,
)
from winery_appliance.core.words import say
from winery_appliance.fermentation.commands import RecordSample

# A clock that runs a little fast is no reason to refuse a reading.
FUTURE_TOLERANCE = timedelta(minutes=10)
# What ends the moment it begins lasts the shortest time that the database can tell from none.
SHORTEST = timedelta(microseconds=1)
# Forms give whole minutes, starts have seconds.
START_TOLERANCE = timedelta(minutes=1)
# A barrel of 225 L takes 228 when it is filled to the bung.
OVERFILL = Decimal("1.05")
# House defaults after the chronology rules of the design: sugar does not rise by itself, except that the skins and
# raisins of a red may still give 1 to 2 °Bx in its first two days.
RISE_BRIX = 0.5
RISE_RED_BRIX = 1.0
RISE_RED_YOUNG_BRIX = 2.0
YOUNG = timedelta(hours=48)
# The fastest real ferment known here lost about 8 °Bx a day; 12 is out of reach.
FALL_BRIX_PER_DAY = 12.0
# A tank of wine cannot warm by more than 1.5 °C an hour; 2 °C are given for two thermometers that disagree.
WARMING_C_PER_HOUR = 1.5
THERMOMETERS_C = 2.0


@dataclass(frozen=True)
class Neighbour:
    """The reading of the same kind before or after, by the time it was measured; `value` is canonical."""

    value: float
    measured_at: datetime


@dataclass(frozen=True)
class Surroundings:
    """What the book knows around a new reading."""

    style: str
    started_at: datetime
    ended_at: datetime | None
    earlier: Neighbour | None
    later: Neighbour | None


@dataclass(frozen=True)
class JudgedValue:
    """A reading that passed: its canonical value, its qualifier, and what was odd about it but confirmed."""

    value: float
    qualifier: str | None
    doubts: tuple[FieldFault, ...]


def judge(command: RecordSample, around: Surroundings, *, now: datetime) -> JudgedValue:
    """Judge a reading.

    Raises Invalid for what cannot be (each fault with its code) and NeedsConfirmation for what is unusual and was not
    confirmed.
    """
    _refuse_wrong_time(command, around, now)
    typed, qualifier = _read_value(command)
    low, high = hard_range(command.sample_type, command.unit)
    if not low <= typed <= high:
        symbol = UNIT_SYMBOLS[command.unit]
        raise refuse_field(
            "value",
            "out_of_range",
            say(
                "%(value)s %(symbol)s is impossible for %(sample_type)s. Possible is %(low)s to %(high)s.",
                value=command.value,
                symbol=symbol,
                sample_type=say(KIND_WORDS[command.sample_type]),
                low=_short(low),
                high=_short(high),
            ),
        )
    value = to_canonical(
        command.sample_type, typed, command.unit, sample_temperature_c=command.sample_temperature
    )
    doubts = tuple(_doubts(command, typed, value, around))
    if doubts and not command.confirm:
        raise NeedsConfirmation(
            " ".join(doubt.detail for doubt in doubts)
            + " "
            + say("Not saved yet. Type it again, or keep it if you are sure."),
            fields=doubts,
        )
    return JudgedValue(value, qualifier, doubts)


def _read_value(command: RecordSample) -> tuple[float, str | None]:
    try:
        parsed = parse_measurement(command.value)
        hard_range(command.sample_type, command.unit)
    except UnitMismatch as error:
        raise refuse_field("unit", "wrong_unit", str(error)) from error
    except ValueError as error:
        raise refuse_field("value", "unreadable_number", str(error)) from error
    if parsed.qualifier and command.qualifier and parsed.qualifier != command.qualifier:
        raise refuse_field(
            "qualifier", "contradiction", say("The value and its qualifier disagree.")
        )
    return parsed.value, parsed.qualifier or command.qualifier


def _refuse_wrong_time(command: RecordSample, around: Surroundings, now: datetime) -> None:
    if command.measured_at > now + FUTURE_TOLERANCE:
        raise refuse_field(
            "measured_at",
            "in_future",
            say("This time has not come yet. Check the date and the clock of this device."),
        )
    if command.measured_at < around.started_at - START_TOLERANCE:
        raise refuse_field(
            "measured_at",
            "before_start",
            say(
                "The fermentation began only at %(started_at)s UTC. Check the date of the reading.",
                started_at=f"{around.started_at:%Y-%m-%d %H:%M}",
            ),
        )
    if around.ended_at is not None and command.measured_at > around.ended_at:
        raise refuse_field(
            "measured_at",
            "after_end",
            say(
                "The fermentation ended at %(ended_at)s UTC.",
                ended_at=f"{around.ended_at:%Y-%m-%d %H:%M}",
            ),
        )


def _doubts(
    command: RecordSample, typed: float, value: float, around: Surroundings
) -> Iterator[FieldFault]:
    low, high = soft_range(command.sample_type, command.unit, style=around.style)
    symbol = UNIT_SYMBOLS[command.unit]
    if not low <= typed <= high:
        yield FieldFault(
            "value",
            "unusual_value",
            say(
                "%(value)s %(symbol)s? Usual is %(low)s to %(high)s.",
                value=command.value,
                symbol=symbol,
                low=_short(low),
                high=_short(high),
            ),
        )
    if command.sample_type is SampleType.sugar:
        yield from _doubt_sugar(command.measured_at, value, around)
    if command.sample_type is SampleType.temperature:
        yield from _doubt_temperature(command.measured_at, value, around)


def _doubt_sugar(measured_at: datetime, value: float, around: Surroundings) -> Iterator[FieldFault]:
    for first, second in _pairs(measured_at, value, around):
        change = _brix(second.value) - _brix(first.value)
        days = (second.measured_at - first.measured_at) / timedelta(days=1)
        if change > _allowed_rise(around, second.measured_at):
            yield FieldFault(
                "value",
                "sugar_rose",
                say(
                    "Sugar would have risen by %(change)s °Bx. It does not rise by itself.",
                    change=show_number(change),
                ),
            )
        elif -change > FALL_BRIX_PER_DAY * days + RISE_BRIX:
            yield FieldFault(
                "value",
                "sugar_fell_too_fast",
                say(
                    "Sugar would have fallen by %(what)s °Bx in %(days)s h. No ferment is that fast.",
                    what=show_number(-change),
                    days=f"{days * 24:.0f}",
                ),
            )


def _doubt_temperature(
    measured_at: datetime, value: float, around: Surroundings
) -> Iterator[FieldFault]:
    for first, second in _pairs(measured_at, value, around):
        hours = (second.measured_at - first.measured_at) / timedelta(hours=1)
        if second.value - first.value > WARMING_C_PER_HOUR * hours + THERMOMETERS_C:
            yield FieldFault(
                "value",
                "warmed_too_fast",
                say(
                    "It would have warmed from %(value)s to %(value_2)s °C in %(hours)s h. A tank cannot.",
                    value=show_number(first.value),
                    value_2=show_number(second.value),
                    hours=show_number(hours),
                ),
            )


def _pairs(
    measured_at: datetime, value: float, around: Surroundings
) -> Sequence[tuple[Neighbour, Neighbour]]:
    new = Neighbour(value, measured_at)
    before = [(around.earlier, new)] if around.earlier else []
    after = [(new, around.later)] if around.later else []
    return [*before, *after]


def _allowed_rise(around: Surroundings, at: datetime) -> float:
    if around.style != "red":
        return RISE_BRIX
    return RISE_RED_YOUNG_BRIX if at - around.started_at <= YOUNG else RISE_RED_BRIX


def _brix(density_kg_m3: float) -> float:
    return from_canonical(SampleType.sugar, density_kg_m3, Unit.brix)


def _short(number: float) -> str:
    _, _, decimals = f"{number:.3f}".rstrip("0").partition(".")
    return show_number(number, len(decimals))
