"""The readings of a winery as one table: a row a reading, with the facts of its wine. Our own import reads it back."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from winery_appliance.core.csv_text import disarm
from winery_appliance.fermentation.queries import (
    FermentationView,
    SampleView,
    list_fermentations,
    read_samples_of,
)
from winery_appliance.fruit_origin.queries import LotView, read_lots
from winery_appliance.historical_data.readers.own_export import COLUMNS
from winery_appliance.historical_data.varietal_queries import SaidFruit, read_said_fruit

_NUMBER = re.compile(r"-[0-9]+([.,][0-9]+)?")
# As many as are in memory at once, with their readings.
WINES_AT_ONCE = 100


@dataclass(frozen=True)
class Table:
    """A table of an export: its name, its columns, and the rows of the winery that a transaction is in."""

    name: str
    columns: Sequence[str]
    rows: Callable[[Session], Iterator[Sequence[object]]]


def export_rows(session: Session) -> Iterator[Sequence[object]]:
    """Every living wine that was not cancelled with its current readings, in the order of COLUMNS, wine by wine.

    A wine without readings has one row. Of several lots the largest stands for the fruit; where none is known, what the
    file said that the wine came with.
    """
    cursor = None
    while True:
        page = list_fermentations(session, cursor=cursor, limit=WINES_AT_ONCE)
        lots = read_lots(
            session, [w.lot_sources[0].harvest_lot_id for w in page.items if w.lot_sources]
        )
        said = read_said_fruit(session, [w.id for w in page.items if not w.lot_sources])
        readings = read_samples_of(session, [w.id for w in page.items])
        for wine in page.items:
            if wine.status != "cancelled":
                lot = lots[wine.lot_sources[0].harvest_lot_id] if wine.lot_sources else None
                facts = _tell_wine(wine, lot, said.get(wine.id))
                told = readings.get(wine.id, ())
                yield from ((*facts, *_tell_reading(reading)) for reading in told)
                if not told:
                    yield (*facts, *[None] * (len(COLUMNS) - len(facts)))
        cursor = page.next_cursor
        if cursor is None:
            return


READINGS = Table("readings", list(COLUMNS), export_rows)


def _tell_wine(
    wine: FermentationView, lot: LotView | None, said: SaidFruit | None
) -> Sequence[object]:
    vineyard, variety = (said.vineyard, said.variety) if said else (None, None)
    if lot is not None:
        vineyard, variety = lot.vineyard_code, lot.variety
    return (
        wine.code,
        wine.style,
        wine.yeast_strain,
        wine.started_at.isoformat(),
        None if wine.ended_at is None else wine.ended_at.isoformat(),
        wine.start_volume_l,
        vineyard,
        variety,
        None if lot is None else lot.harvested_on.isoformat(),
        None if lot is None else lot.kg_harvested,
    )


def _tell_reading(reading: SampleView) -> Sequence[object]:
    return (
        reading.measured_at.isoformat(),
        str(reading.sample_type),
        reading.value,
        str(reading.unit),
        reading.qualifier,
        reading.sample_temperature,
    )


def mark_cell(text: str) -> str:
    """As `rearm` reads it back where no spreadsheet runs anything: only an apostrophe in front is doubled."""
    return f"'{text}" if text.startswith("'") else text


def write_cell(text: str) -> str:
    """As `rearm` reads it back from CSV, which a spreadsheet opens; a negative number is no formula."""
    if _NUMBER.fullmatch(text):
        return text
    return mark_cell(text) if text.startswith("'") else disarm(text)
