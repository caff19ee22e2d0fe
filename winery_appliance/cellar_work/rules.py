"""The rules that work in the cellar must pass, in one place. Pure: what is in the book comes in as plain data.

Hard rules refuse; soft rules ask once. Limits of doses stand in `dosing`, with their sources.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from winery_appliance.cellar_work.commands import RecordAddition, RecordCapWork
from winery_appliance.cellar_work.dosing import (
    KIND_NAMES,
    UNITS,
    Dose,
    find_limit,
    reckon,
)
from winery_appliance.core.errors import FieldFault, NeedsConfirmation, refuse_field
from winery_appliance.core.figures import show_bare
from winery_appliance.core.units import parse_measurement
from winery_appliance.core.words import say
from winery_appliance.fermentation.rules import FUTURE_TOLERANCE

# SO2 and enzymes go onto the grapes, and a cold soak may last ten days before the yeast starts.
BEFORE_START = timedelta(days=14)
# A rack-and-return takes an afternoon; a pump that ran longer was forgotten, or the minutes are a slip. House default.
LONG_CAP_WORK_MIN = 180
# A tank is never so much fuller than it holds; foam and a cap may need some room above.
FULLER = 1.1
# Of sums of floating numbers nobody shall be asked about the last digit.
ROUNDING = 1 + 1e-9


@dataclass(frozen=True)
class WineState:
    """What the book knows of the wine that somebody works on; `capacity_l` of all the vessels it lies in, where known."""

    started_at: datetime
    ended_at: datetime | None
    vessels: str
    capacity_l: int | None


@dataclass(frozen=True)
class JudgedAddition:
    """An addition that passed: what the dose comes to, and whether something odd was confirmed."""

    dose: Dose
    confirmed: bool


def judge_addition(
    command: RecordAddition, wine: WineState, *, earlier: float, now: datetime
) -> JudgedAddition:
    """Judge an addition; `earlier` is what the wine had of the same kind before, in g/L or mL/L as the dose counts.

    Raises Invalid for what cannot be and NeedsConfirmation for what is unusual and was not confirmed.
    """
    _refuse_wrong_time("done_at", command.done_at, wine, now)
    volume = None if command.volume_l is None else float(command.volume_l)
    dose = reckon(_read_dose(command), command.unit, volume)
    doubts = [
        *_doubt_end("done_at", command.done_at, wine),
        *_doubt_volume(volume, wine),
        *_doubt_dose(command, dose, wine, earlier),
    ]
    _ask(doubts, command.confirm)
    return JudgedAddition(dose, bool(doubts))


def judge_cap_work(command: RecordCapWork, wine: WineState, *, now: datetime) -> bool:
    """Judge cap work: whether something odd about it was confirmed.

    Raises Invalid for what cannot be and NeedsConfirmation for what is unusual and was not confirmed.
    """
    _refuse_wrong_time("started_at", command.started_at, wine, now)
    doubts = list(_doubt_end("started_at", command.started_at, wine))
    if command.duration_min is not None and command.duration_min > LONG_CAP_WORK_MIN:
        doubts.append(
            FieldFault(
                "duration_min",
                "unusual_duration",
                say(
                    "%(duration_min)s minutes? Usual is up to %(LONG_CAP_WORK_MIN)s.",
                    duration_min=command.duration_min,
                    LONG_CAP_WORK_MIN=LONG_CAP_WORK_MIN,
                ),
            )
        )
    _ask(doubts, command.confirm)
    return bool(doubts)


def _read_dose(command: RecordAddition) -> float:
    try:
        parsed = parse_measurement(command.dose)
    except ValueError as error:
        raise refuse_field("dose", "unreadable_number", str(error)) from error
    if parsed.qualifier is not None:
        raise refuse_field("dose", "unreadable_number", say("A dose is a number, without < or >."))
    if parsed.value <= 0:
        raise refuse_field("dose", "out_of_range", say("A dose is more than nothing."))
    return parsed.value


def _doubt_dose(
    command: RecordAddition, dose: Dose, wine: WineState, earlier: float
) -> Iterator[FieldFault]:
    limit = find_limit(command.kind, dose.counts)
    per_litre = _least_per_litre(dose, wine)
    if per_litre is None:
        return
    name = say(KIND_NAMES[command.kind])
    symbol = "mL/L" if dose.counts == "ml" else "g/L"
    typed = f"{command.dose} {UNITS[command.unit].symbol}"
    if per_litre > limit.possible * ROUNDING:
        raise refuse_field(
            "dose",
            "out_of_range",
            say(
                "%(typed)s is impossible for %(name)s: it comes to %(per_litre)s %(symbol)s. "
                "Check the number, its unit and the volume.",
                typed=typed,
                name=name,
                per_litre=f"{per_litre:.3g}",
                symbol=symbol,
            ),
        )
    total = earlier + per_litre
    if total > limit.usual * ROUNDING:
        so_far = ""
        if earlier:
            so_far = " " + say("with the %(amount)s before", amount=f"{earlier:.3g}")
        yield FieldFault(
            "dose",
            "unusual_dose",
            say(
                "%(typed)s of %(name)s? It comes to %(total)s %(symbol)s%(so_far)s. Usual is "
                "up to %(usual)s %(symbol)s (%(source)s).",
                typed=typed,
                name=name,
                total=f"{total:.3g}",
                symbol=symbol,
                so_far=so_far,
                usual=show_bare(limit.usual),
                source=say(limit.source),
            ),
        )


def _least_per_litre(dose: Dose, wine: WineState) -> float | None:
    """How much in each litre at the least: where no volume was said, the vessel holds no more than it holds."""
    if dose.per_litre is not None or wine.capacity_l is None or dose.amount is None:
        return dose.per_litre
    return dose.amount / (wine.capacity_l * FULLER)


def _doubt_volume(volume_l: float | None, wine: WineState) -> Iterator[FieldFault]:
    if volume_l is None or wine.capacity_l is None or volume_l <= wine.capacity_l * FULLER:
        return
    yield FieldFault(
        "volume_l",
        "more_than_vessel_holds",
        say(
            "%(volume_l)s L of wine? No more than %(capacity_l)s L go into %(vessels)s.",
            volume_l=show_bare(volume_l),
            capacity_l=wine.capacity_l,
            vessels=wine.vessels,
        ),
    )


def _doubt_end(path: str, at: datetime, wine: WineState) -> Iterator[FieldFault]:
    if wine.ended_at is not None and at > wine.ended_at:
        yield FieldFault(
            path,
            "after_end",
            say(
                "The fermentation ended at %(ended_at)s UTC.",
                ended_at=f"{wine.ended_at:%Y-%m-%d %H:%M}",
            ),
        )


def _refuse_wrong_time(path: str, at: datetime, wine: WineState, now: datetime) -> None:
    if at > now + FUTURE_TOLERANCE:
        raise refuse_field(
            path,
            "in_future",
            say("This time has not come yet. Check the date and the clock of this device."),
        )
    if at < wine.started_at - BEFORE_START:
        raise refuse_field(
            path,
            "before_start",
            say(
                "The fermentation began only at %(started_at)s UTC. Check the date.",
                started_at=f"{wine.started_at:%Y-%m-%d %H:%M}",
            ),
        )


def _ask(doubts: list[FieldFault], confirm: bool) -> None:
    if doubts and not confirm:
        raise NeedsConfirmation(
            " ".join(doubt.detail for doubt in doubts)
            + " "
            + say("Not saved yet. Type it again, or keep it if you are sure."),
            fields=doubts,
        )
