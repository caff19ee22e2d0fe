"""What a round needs to know of every running fermentation, in a handful of queries for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from winery_appliance.auth.queries import find_names
from winery_appliance.cellar_work.skips import read_last_skips
from winery_appliance.core.density import density_from_brix
from winery_appliance.core.units import (
    UNIT_SYMBOLS,
    Range,
    SampleType,
    Unit,
    from_canonical,
    hard_range,
    soft_range,
)
from winery_appliance.fermentation.queries import (
    FermentationView,
    list_fermentations,
)
from winery_appliance.fermentation.recent_points import Point, read_recent_points
from winery_appliance.rounds.expectation import Expectation, expect_sugar
from winery_appliance.winery.queries import list_vessels, read_winery

MOST_TANKS = 500
# A week of two readings a day is more than any pace is taken from.
READINGS_FOR_PACE = 8
# A dry wine ends near −2 °Bx; a hydrometer and a hand spread by a fifth of a degree (core.units, house defaults).
DRIEST_BRIX = -2.0
NOISE_BRIX = 0.2


@dataclass(frozen=True)
class Reading:
    """A value in the unit of the round, and when it was measured."""

    value: float
    measured_at: datetime


@dataclass(frozen=True)
class Skip:
    """A tank was passed by."""

    reason: str
    skipped_at: datetime
    by: str


@dataclass(frozen=True)
class RoundTank:
    """One stop of the round: what lies there, its last readings (oldest first), and what is expected of the next.

    A wine that lies in many vessels is one stop, at the first of `vessel_codes` in walking order.
    """

    fermentation_id: int
    vessel_code: str
    vessel_codes: tuple[str, ...]
    code: str
    style: str
    origin: str
    day: int
    sugar: list[Reading]
    temperature: list[Reading]
    expected: Expectation | None
    read_at: datetime | None
    skipped: Skip | None


@dataclass(frozen=True)
class Limits:
    """Beyond `hard` a value is impossible, beyond `soft` it is worth a question."""

    hard: Range
    soft: Range


@dataclass(frozen=True)
class RoundView:
    """Every tank that is to be read, in walking order; sugar and temperature in the winery's units."""

    as_of: datetime
    winery_name: str
    sugar_unit: Unit
    sugar_symbol: str
    sugar_limits: Limits
    temperature_limits: Limits
    tanks: list[RoundTank]


def read_round(session: Session, *, now: datetime) -> RoundView:
    """The round as of `now`; the same number of queries whatever the number of tanks."""
    winery = read_winery(session)
    ferments = list_fermentations(session, status="active", limit=MOST_TANKS).items
    ids = [ferment.id for ferment in ferments]
    sugars = read_recent_points(session, ids, SampleType.sugar, each=READINGS_FOR_PACE)
    warmth = read_recent_points(session, ids, SampleType.temperature, each=2)
    skips = _read_skips(session, ids)
    tanks = [
        _view_tank(
            f,
            sugars.get(f.id, []),
            warmth.get(f.id, []),
            skips.get(f.id),
            winery.sugar_unit,
            now,
        )
        for f in place_in_walking_order(session, ferments)
    ]
    return RoundView(
        now,
        winery.name,
        winery.sugar_unit,
        UNIT_SYMBOLS[winery.sugar_unit],
        _limits(SampleType.sugar, winery.sugar_unit),
        _limits(SampleType.temperature, Unit.celsius),
        tanks,
    )


def place_in_walking_order(
    session: Session, ferments: Sequence[FermentationView]
) -> list[FermentationView]:
    """Fermentations in the order in which somebody passes their first vessels."""
    places = {vessel.code: place for place, vessel in enumerate(list_vessels(session))}
    return sorted(ferments, key=lambda ferment: places.get(ferment.vessel_code, len(places)))


def _read_skips(session: Session, ids: Sequence[int]) -> dict[int, Skip]:
    found = read_last_skips(session, ids)
    names = find_names(session, {skip.recorded_by for skip in found.values()})
    return {
        of: Skip(skip.reason, skip.skipped_at, names.get(skip.recorded_by, "?"))
        for of, skip in found.items()
    }


def _limits(sample_type: SampleType, unit: Unit) -> Limits:
    """For every style together: what is odd for one style only is for the server to ask."""
    soft = [soft_range(sample_type, unit, style=style) for style in ("red", "white")]
    return Limits(
        hard_range(sample_type, unit),
        Range(min(low for low, _ in soft), max(high for _, high in soft)),
    )


def _view_tank(
    ferment: FermentationView,
    sugars: Sequence[Point],
    warmth: Sequence[Point],
    skipped: Skip | None,
    unit: Unit,
    now: datetime,
) -> RoundTank:
    sugar = [
        Reading(from_canonical(SampleType.sugar, point.value, unit), point.measured_at)
        for point in sugars
    ]
    temperature = [Reading(point.value, point.measured_at) for point in warmth]
    dry, drier = (
        from_canonical(SampleType.sugar, density_from_brix(brix), unit)
        for brix in (DRIEST_BRIX + NOISE_BRIX, DRIEST_BRIX)
    )
    return RoundTank(
        ferment.id,
        ferment.vessel_code,
        ferment.vessel_codes,
        ferment.code,
        ferment.style,
        ", ".join(dict.fromkeys(source.variety for source in ferment.lot_sources)),
        max(1, (now - ferment.started_at).days + 1),
        sugar[-2:],
        temperature,
        expect_sugar(
            [(reading.measured_at, reading.value) for reading in sugar],
            now,
            noise=dry - drier,
            driest=drier,
        ),
        max((reading.measured_at for reading in [*sugar, *temperature]), default=None),
        skipped,
    )
