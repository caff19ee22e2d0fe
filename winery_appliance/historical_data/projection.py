"""The one writer of past readings: what the book has of completed fermentations, written out anew when it changes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from winery_appliance.core.db import Database
from winery_appliance.core.many_rows import insert_rows, is_among
from winery_appliance.fermentation.ancestry import find_related, read_wines
from winery_appliance.fermentation.queries import (
    FermentationView,
    list_fermentations,
    read_fermentations,
    read_samples,
)
from winery_appliance.fruit_origin.queries import read_lots
from winery_appliance.historical_data.models import HistoricalSample
from winery_appliance.historical_data.varietals import name_varietal

# So many fermentations are rebuilt in one transaction.
BATCH = 50


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuilding wrote: readings of completed fermentations."""

    fermentations: int
    samples: int


def write_history(
    session: Session, winery_id: int, fermentation_ids: Collection[int], *, descendants: bool
) -> Rebuilt:
    """Make the past readings of these fermentations what the book says now: of completed ones all that count, else none.

    With `descendants` also of the wines they went into, whose fruit is theirs. Who else writes history of this winery
    waits, and then reads what this one left.
    """
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"history/{winery_id}"},
    )
    ids = set(fermentation_ids)
    if descendants:
        ids |= find_related(session, ids, "forward")
    session.execute(delete(HistoricalSample).where(is_among(HistoricalSample.fermentation_id, ids)))
    completed = [
        view for view in read_fermentations(session, sorted(ids)) if view.status == "completed"
    ]
    varietals = _name_varietals(session, [view.id for view in completed])
    written = sum(_write(session, winery_id, view, varietals[view.id]) for view in completed)
    return Rebuilt(len(completed), written)


def rebuild_history(db: Database, winery_id: int) -> Rebuilt:
    """Make every past reading of a winery anew, as the role that writes history, a batch of fermentations at a time.

    What is there meanwhile can be read; cut off in the middle, it is done again from the start.
    """
    fermentations = samples = 0
    ids = sorted(_list_all(db, winery_id))
    for start in range(0, len(ids), BATCH):
        with db.transaction(winery_id) as session:
            part = ids[start : start + BATCH]
            done = write_history(session, winery_id, part, descendants=False)
        fermentations += done.fermentations
        samples += done.samples
    return Rebuilt(fermentations, samples)


def _list_all(db: Database, winery_id: int) -> set[int]:
    """Every living fermentation, and whatever has a past reading."""
    with db.transaction(winery_id) as session:
        found = set(session.scalars(select(HistoricalSample.fermentation_id).distinct()))
        cursor: str | None = None
        while True:
            page = list_fermentations(session, cursor=cursor, limit=1000)
            found |= {view.id for view in page.items}
            cursor = page.next_cursor
            if cursor is None:
                return found


def _name_varietals(session: Session, fermentation_ids: Sequence[int]) -> dict[int, str | None]:
    # A completed wine takes nothing in, so that all that is recorded is what it was at its end.
    wines, _ = read_wines(session, fermentation_ids, None)
    shares = {wine_id: wines[wine_id].shares for wine_id in fermentation_ids}
    lots = read_lots(
        session, sorted({lot for parts in shares.values() for lot in parts if lot is not None})
    )
    return {
        wine_id: name_varietal(
            (None if lot is None else lots[lot].variety, part) for lot, part in parts.items()
        )
        for wine_id, parts in shares.items()
    }


def _write(
    session: Session, winery_id: int, fermentation: FermentationView, varietal: str | None
) -> int:
    rows = [
        {
            "id": sample.id,
            "winery_id": winery_id,
            "fermentation_id": fermentation.id,
            "varietal": varietal,
            "sample_type": str(sample.sample_type),
            "measured_at": sample.measured_at,
            "value": sample.canonical,
            "qualifier": sample.qualifier,
            "source": fermentation.data_source,
        }
        for sample in read_samples(session, fermentation.id)
    ]
    if rows:
        session.execute(insert_rows(HistoricalSample, rows))
    return len(rows)
