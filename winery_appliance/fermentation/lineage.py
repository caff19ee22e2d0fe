"""From a wine back to its ground, and from fruit forward to the wines it went into; as data and as lines for a sheet.

Shares follow the wine through splits and blends, at any moment. Percentages are shown to four places, litres to the
millilitre, and the parts of a whole sum to it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy.orm import Session

from winery_appliance.core.errors import FieldFault, Invalid
from winery_appliance.core.words import say
from winery_appliance.fermentation.ancestry import find_related, read_wines
from winery_appliance.fermentation.composition import PERCENT_STEP, Wine, apportion
from winery_appliance.fermentation.flows import MILLILITRE
from winery_appliance.fermentation.lot_sources import (
    LotSourceView,
    list_fermentation_ids,
)
from winery_appliance.fermentation.queries import FermentationView, read_fermentations
from winery_appliance.fermentation.whereabouts import find_occupant
from winery_appliance.fruit_origin.queries import LotOrigin, list_lot_ids, read_origins
from winery_appliance.winery.queries import VesselView

ORIGIN_HEADER = (
    *("fermentation_code", "harvest_lot_code", "percentage", "kg", "variety", "vintage"),
    *("harvested_on", "kg_harvested", "brix_at_intake", "block_code", "block_hectares"),
    *("block_clone", "block_planted_year", "vineyard_code", "vineyard_name"),
    *("share_percentage", "share_l"),
)
USE_HEADER = (
    *("harvest_lot_code", "fermentation_code", "vessel_code", "style", "status"),
    *("started_at", "ended_at", "percentage", "kg", "share_percentage", "share_l"),
)
DESTINATION_HEADER = (
    *("from_fermentation_code", "fermentation_code", "vessel_code", "style", "status"),
    *("started_at", "ended_at", "share_percentage", "share_l"),
)


@dataclass(frozen=True)
class Share:
    """A lot's share of a fermentation at a moment and all that is known of the lot's ground.

    `source` is what was said at the start, None for a lot that came in with another wine. Litres are None where nobody
    knows them.
    """

    source: LotSourceView | None
    origin: LotOrigin
    percentage: Decimal
    volume_l: Decimal | None


@dataclass(frozen=True)
class Origin:
    """A fermentation at a moment: where it came from, the largest share first, and what nobody recorded of it."""

    fermentation: FermentationView
    at: datetime | None
    volume_l: Decimal | None
    shares: Sequence[Share]
    unrecorded_percentage: Decimal


@dataclass(frozen=True)
class Use:
    """A fermentation that came from lots or from another wine, and how much of it that is at a moment.

    `source` is what was said at the start, None when it came in with another wine or from more lots than one.
    """

    fermentation: FermentationView
    source: LotSourceView | None
    percentage: Decimal
    volume_l: Decimal | None


def trace_back(session: Session, fermentation: FermentationView, at: datetime | None) -> Origin:
    """Where a fermentation came from, at a moment or after all that is recorded. Raises Invalid for one before it began."""
    if at is not None and at < fermentation.started_at:
        detail = say(
            "%(code)s began only at %(when)s UTC.",
            code=fermentation.code,
            when=f"{fermentation.started_at:%Y-%m-%d %H:%M}",
        )
        raise Invalid(
            detail, code="before_start", fields=[FieldFault("at", "before_start", detail)]
        )
    wines, _ = read_wines(session, [fermentation.id], at)
    wine = wines[fermentation.id]
    percent, litres = _measure(wine)
    said = {source.harvest_lot_id: source for source in fermentation.lot_sources}
    known = [lot_id for lot_id in percent if lot_id is not None]
    origins = read_origins(session, known)
    # As the winemaker ordered them at the start, and what came in later behind.
    places = {lot_id: place for place, lot_id in enumerate(said)}
    known.sort(key=lambda lot_id: (-percent[lot_id], places.get(lot_id, len(places)), lot_id))
    shares = [
        Share(said.get(lot_id), origins[lot_id], percent[lot_id], litres.get(lot_id))
        for lot_id in known
    ]
    return Origin(fermentation, at, wine.volume_l, shares, percent.get(None, Decimal(0)))


def find_wine_in(session: Session, vessel: VesselView, at: datetime) -> FermentationView | None:
    """The wine that lay in a vessel at a moment."""
    occupant = find_occupant(session, vessel.id, at)
    found = read_fermentations(session, [occupant]) if occupant is not None else []
    return found[0] if found else None


def list_uses(session: Session, lot_ids: Collection[int], at: datetime | None) -> list[Use]:
    """Every fermentation that came from one of these lots, also through other wines, the youngest first."""
    direct = set(list_fermentation_ids(session, lot_ids))
    reached = find_related(session, direct, "forward")
    wines, sources = read_wines(session, reached, at)
    wanted = set(lot_ids)
    parts = {
        wine_id: sum(
            (part for lot_id, part in wines[wine_id].shares.items() if lot_id in wanted),
            Fraction(0),
        )
        for wine_id in reached
    }
    uses = []
    for view in read_fermentations(session, [n for n in reached if parts[n] or n in direct]):
        if at is not None and at < view.started_at:
            continue
        mine = [s for s in sources.get(view.id, ()) if s.harvest_lot_id in wanted]
        uses.append(_use(view, wines[view.id], parts[view.id], mine[0] if len(mine) == 1 else None))
    return uses


def list_block_uses(session: Session, block_id: int, at: datetime | None) -> list[Use]:
    """Every fermentation that came from fruit of a block, the youngest first."""
    return list_uses(session, list_lot_ids(session, block_id), at)


def list_destinations(
    session: Session, fermentation: FermentationView, at: datetime | None
) -> list[Use]:
    """Every wine that some of this one came into, itself first while there is any left, then the youngest first."""
    reached = find_related(session, [fermentation.id], "forward") - {fermentation.id}
    wines, _ = read_wines(session, {fermentation.id, *reached}, at, traced=fermentation.id)
    marks = {n: wines[n].shares.get(fermentation.id, Fraction(0)) for n in reached}
    views = read_fermentations(session, [n for n in reached if marks[n]])
    rest = wines[fermentation.id]
    here = [_use(fermentation, rest, Fraction(1), None)] if rest.contents else []
    return here + [_use(view, wines[view.id], marks[view.id], None) for view in views]


def _use(view: FermentationView, wine: Wine, part: Fraction, source: LotSourceView | None) -> Use:
    whole = {0: part, None: 1 - part}
    litres = None if wine.volume_l is None else apportion(wine.volume_l, whole, MILLILITRE)[0]
    return Use(view, source, apportion(Decimal(100), whole, PERCENT_STEP)[0], litres)


def _measure(wine: Wine) -> tuple[dict[int | None, Decimal], dict[int | None, Decimal]]:
    percent = apportion(Decimal(100), wine.shares, PERCENT_STEP)
    litres = {} if wine.volume_l is None else apportion(wine.volume_l, wine.shares, MILLILITRE)
    return percent, litres


def list_origin_lines(origin: Origin) -> list[tuple[Any, ...]]:
    """One line a lot, under ORIGIN_HEADER, and one without for what nobody recorded."""
    lines = []
    for share in origin.shares:
        source, lot, block = share.source, share.origin.lot, share.origin.block
        lines.append(
            (
                *(origin.fermentation.code, lot.code),
                *((source.percentage, source.kg) if source else (None, None)),
                *(lot.variety, lot.vintage, lot.harvested_on, lot.kg_harvested, lot.brix_at_intake),
                *(
                    (block.code, block.hectares, block.clone, block.planted_year)
                    if block
                    else [None] * 4
                ),
                *(share.origin.vineyard.code, share.origin.vineyard.name),
                *(share.percentage, share.volume_l),
            )
        )
    if origin.unrecorded_percentage:
        nothing = [None] * (len(ORIGIN_HEADER) - 3)
        lines.append((origin.fermentation.code, *nothing, origin.unrecorded_percentage, None))
    return lines


def list_use_lines(code: str, uses: Sequence[Use]) -> list[tuple[Any, ...]]:
    """One line a fermentation, under USE_HEADER; `code` is what was asked for."""
    return [
        (
            *_name_use(code, use),
            *((use.source.percentage, use.source.kg) if use.source else (None, None)),
            *(use.percentage, use.volume_l),
        )
        for use in uses
    ]


def list_destination_lines(code: str, uses: Sequence[Use]) -> list[tuple[Any, ...]]:
    """One line a wine, under DESTINATION_HEADER."""
    return [(*_name_use(code, use), use.percentage, use.volume_l) for use in uses]


def _name_use(code: str, use: Use) -> tuple[Any, ...]:
    wine = use.fermentation
    return (
        *(code, wine.code, wine.vessel_code, wine.style, wine.status),
        wine.started_at.isoformat(),
        wine.ended_at.isoformat() if wine.ended_at else None,
    )
