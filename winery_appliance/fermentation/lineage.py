"""From a wine back to its ground, and from fruit forward to the wines it went into; as data and as lines for a sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from winery_appliance.fermentation.lot_sources import (
    LotSourceView,
    list_fermentation_ids,
)
from winery_appliance.fermentation.queries import FermentationView, read_fermentations
from winery_appliance.fruit_origin.queries import LotOrigin, LotView, read_origins

ORIGIN_HEADER = (
    *("fermentation_code", "harvest_lot_code", "percentage", "kg", "variety", "vintage"),
    *("harvested_on", "kg_harvested", "brix_at_intake", "block_code", "block_hectares"),
    *("block_clone", "block_planted_year", "vineyard_code", "vineyard_name"),
)
USE_HEADER = (
    *("harvest_lot_code", "fermentation_code", "vessel_code", "style", "status"),
    *("started_at", "ended_at", "percentage", "kg"),
)


@dataclass(frozen=True)
class Share:
    """A lot's share of a fermentation and all that is known of the lot's ground."""

    source: LotSourceView
    origin: LotOrigin


@dataclass(frozen=True)
class Use:
    """A fermentation that came from a lot, and the lot's share of it."""

    fermentation: FermentationView
    source: LotSourceView


def read_shares(session: Session, fermentation: FermentationView) -> list[Share]:
    """Where a fermentation came from, the largest share first."""
    sources = fermentation.lot_sources
    origins = read_origins(session, [source.harvest_lot_id for source in sources])
    return [Share(source, origins[source.harvest_lot_id]) for source in sources]


def list_uses(session: Session, harvest_lot_id: int) -> list[Use]:
    """Every fermentation that came from a lot, the youngest first."""
    uses = []
    for fermentation in read_fermentations(session, list_fermentation_ids(session, harvest_lot_id)):
        sources = fermentation.lot_sources
        mine = next(source for source in sources if source.harvest_lot_id == harvest_lot_id)
        uses.append(Use(fermentation, mine))
    return uses


def list_origin_lines(
    fermentation: FermentationView, shares: Sequence[Share]
) -> list[tuple[Any, ...]]:
    """One line a lot, under ORIGIN_HEADER."""
    lines = []
    for share in shares:
        source, lot, block = share.source, share.origin.lot, share.origin.block
        lines.append(
            (
                *(fermentation.code, source.harvest_lot_code, source.percentage, source.kg),
                *(lot.variety, lot.vintage, lot.harvested_on, lot.kg_harvested, lot.brix_at_intake),
                *(
                    (block.code, block.hectares, block.clone, block.planted_year)
                    if block
                    else [None] * 4
                ),
                *(share.origin.vineyard.code, share.origin.vineyard.name),
            )
        )
    return lines


def list_use_lines(lot: LotView, uses: Sequence[Use]) -> list[tuple[Any, ...]]:
    """One line a fermentation, under USE_HEADER."""
    return [
        (
            *(lot.code, use.fermentation.code, use.fermentation.vessel_code),
            *(use.fermentation.style, use.fermentation.status),
            use.fermentation.started_at.isoformat(),
            use.fermentation.ended_at.isoformat() if use.fermentation.ended_at else None,
            *(use.source.percentage, use.source.kg),
        )
        for use in uses
    ]
