"""The book of a winery as one table: a row a reading, with the facts of its wine. Our own import reads it back."""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from typing import IO, Any

from sqlalchemy.orm import Session

from winery_appliance.core.csv_text import disarm
from winery_appliance.fermentation.queries import (
    FermentationView,
    SampleView,
    list_fermentations,
    read_samples,
)
from winery_appliance.fruit_origin.queries import LotView, read_lots
from winery_appliance.historical_data.readers.own_export import COLUMNS

FORMATS = ("csv", "json")
_NUMBER = re.compile(r"-[0-9]+([.,][0-9]+)?")
WINES_AT_ONCE = 200


def export_rows(session: Session) -> Iterator[Sequence[object]]:
    """Every living wine that was not cancelled with its current readings, in the order of COLUMNS, wine by wine.

    A wine without readings has one row. Of several lots the largest stands for the fruit.
    """
    cursor = None
    while True:
        page = list_fermentations(session, cursor=cursor, limit=WINES_AT_ONCE)
        lots = read_lots(
            session, [w.lot_sources[0].harvest_lot_id for w in page.items if w.lot_sources]
        )
        for wine in page.items:
            if wine.status != "cancelled":
                lot = lots[wine.lot_sources[0].harvest_lot_id] if wine.lot_sources else None
                facts = _tell_wine(wine, lot)
                readings = read_samples(session, wine.id)
                yield from ((*facts, *_tell_reading(reading)) for reading in readings)
                if not readings:
                    yield (*facts, *[None] * (len(COLUMNS) - len(facts)))
        cursor = page.next_cursor
        if cursor is None:
            return


def _tell_wine(wine: FermentationView, lot: LotView | None) -> Sequence[object]:
    return (
        wine.code,
        wine.style,
        wine.yeast_strain,
        wine.started_at.isoformat(),
        None if wine.ended_at is None else wine.ended_at.isoformat(),
        wine.start_volume_l,
        None if lot is None else lot.vineyard_code,
        None if lot is None else lot.variety,
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


def write_csv(file: IO[str], rows: Iterator[Sequence[object]]) -> int:
    """Write `rows` as CSV that a spreadsheet opens as data and never runs; how many."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - told at the end
        writer.writerow([_write_cell(cell) for cell in row])
    return count


def _write_cell(cell: object) -> str:
    """As `rearm` reads it back; a negative number is no formula."""
    text = "" if cell is None else str(cell)
    if _NUMBER.fullmatch(text):
        return text
    return f"'{text}" if text.startswith("'") else disarm(text)


def write_json(file: IO[str], rows: Iterator[Sequence[Any]]) -> int:
    """Write `rows` as a list of objects in one object; how many."""
    file.write('{"readings": [')
    count = 0
    for count, row in enumerate(rows, start=1):
        told = {n: None if v is None else str(v) for n, v in zip(COLUMNS, row, strict=True)}
        file.write(("," if count > 1 else "") + "\n" + json.dumps(told, ensure_ascii=False))
    file.write("\n]}\n")
    return count
