"""What wines of the book are called by their fruit."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from winery_appliance.core.many_rows import is_among
from winery_appliance.fermentation.ancestry import read_whole_shares
from winery_appliance.fruit_origin.queries import read_lots
from winery_appliance.historical_data.import_models import ImportedWine
from winery_appliance.historical_data.varietals import name_varietal, spell_varietal


@dataclass(frozen=True)
class SaidFruit:
    """What a file said of a wine's fruit."""

    variety: str | None
    vineyard: str | None


def name_varietals(session: Session, fermentation_ids: Sequence[int]) -> dict[int, str | None]:
    """By fermentation what it is called by its fruit, after all that is recorded of it; a constant number of queries.

    A wine of which no lot is recorded is called what the file said that it came with.
    """
    shares = read_whole_shares(session, fermentation_ids)
    lots = read_lots(
        session, sorted({lot for parts in shares.values() for lot in parts if lot is not None})
    )
    without = [wine_id for wine_id, parts in shares.items() if not any(parts)]
    said = {wine_id: fruit.variety for wine_id, fruit in read_said_fruit(session, without).items()}
    named = {
        wine_id: name_varietal(
            (None if lot is None else lots[lot].variety, part) for lot, part in parts.items()
        )
        or said.get(wine_id)
        for wine_id, parts in shares.items()
    }
    return {wine_id: name and spell_varietal(name) for wine_id, name in named.items()}


def read_said_fruit(session: Session, fermentation_ids: Sequence[int]) -> dict[int, SaidFruit]:
    """What files said of the fruit of these wines, the last one of each; without those of which none said anything."""
    if not fermentation_ids:
        return {}
    rows = session.execute(
        select(ImportedWine.fermentation_id, ImportedWine.variety, ImportedWine.vineyard)
        .where(
            is_among(ImportedWine.fermentation_id, fermentation_ids),
            or_(ImportedWine.variety.is_not(None), ImportedWine.vineyard.is_not(None)),
        )
        .order_by(ImportedWine.import_id)
    )
    return {row.fermentation_id: SaidFruit(row.variety, row.vineyard) for row in rows}
