"""Short ways to write down a ferment: what was read, every so many hours."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from winery_appliance.analysis_engine.assessment import Assessment, assess
from winery_appliance.analysis_engine.measurements import Ferment, Finding, Reading
from winery_appliance.core.units import SampleType, Unit, to_canonical

START = datetime(2026, 9, 10, 7, tzinfo=UTC)

# A red from 24 °Bx, read twice a day: lag, peak near 4.5 °Bx a day, dry on day 9.
HEALTHY_RED = [
    *[24.0, 24.2, 24.1, 23.5, 22.0, 19.9, 17.6, 15.4, 13.2, 11.1, 9.0],
    *[7.1, 5.3, 3.6, 2.1, 0.8, -0.3, -1.1, -1.6, -1.9, -2.1, -2.2],
]
HEALTHY_WHITE = [
    *[21.5, 21.5, 21.4, 21.3, 21.0, 20.4, 19.6, 18.6, 17.6, 16.5, 15.4, 14.3],
    *[13.2, 12.1, 11.0, 9.9, 8.9, 7.9, 6.9, 5.9, 5.0, 4.1, 3.2, 2.4, 1.6, 0.9],
]


def at(hours: float) -> datetime:
    """The moment so many hours after the start."""
    return START + timedelta(hours=hours)


def read_at(
    hours: float,
    typed: float,
    *,
    kind: SampleType = SampleType.sugar,
    unit: Unit | None = None,
    sample_id: int | None = None,
    confirmed: bool = False,
    qualifier: str | None = None,
) -> Reading:
    """One reading; its id is the minute it was taken in, odd for temperatures."""
    usual = Unit.brix if kind is SampleType.sugar else Unit.celsius
    number = 2 * round(hours * 60) + (kind is SampleType.temperature)
    return Reading(
        sample_id=number if sample_id is None else sample_id,
        sample_type=kind,
        value=to_canonical(kind, typed, unit or usual),
        qualifier=qualifier,
        measured_at=at(hours),
        recorded_at=at(hours + 0.1),
        confirmed=confirmed,
        unit=unit,
    )


def sugar(
    values: Sequence[float], *, every_h: float = 12, from_h: float = 1, unit: Unit | None = None
) -> list[Reading]:
    """Sugar readings at an even pace."""
    return [read_at(from_h + n * every_h, value, unit=unit) for n, value in enumerate(values)]


def warmth(values: Sequence[float], *, every_h: float = 12, from_h: float = 1) -> list[Reading]:
    """Temperatures at an even pace."""
    kind = SampleType.temperature
    return [read_at(from_h + n * every_h, value, kind=kind) for n, value in enumerate(values)]


def judge(
    readings: Sequence[Reading], *, style: str = "red", hours: float | None = None
) -> Assessment:
    """What the engine says so many hours after the start, or half an hour after the last reading."""
    if hours is None:
        last = max((r.measured_at for r in readings), default=START)
        hours = (last - START).total_seconds() / 3600 + 0.5
    return assess(Ferment(style, START, "EC1118"), readings, as_of=at(hours))


def alarms(outcome: Assessment) -> list[str]:
    """The checks that ring; what is only worth knowing is left out."""
    return [finding.check for finding in outcome.findings if finding.severity != "info"]


def find(check: str, readings: Sequence[Reading], *, style: str = "red") -> Finding | None:
    """The finding of one check, if it is open when all `readings` are in."""
    found = {finding.check: finding for finding in judge(readings, style=style).findings}
    return found.get(check)


def replay(check: str, readings: Sequence[Reading], *, style: str = "red") -> list[float]:
    """Hours of the moments at which the check was open, reading by reading."""
    moments = sorted({reading.measured_at for reading in readings})
    hours = [(moment - START).total_seconds() / 3600 for moment in moments]
    return [
        hour
        for hour in hours
        if any(f.check == check for f in judge(readings, style=style, hours=hour).findings)
    ]
