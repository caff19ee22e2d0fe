"""The one writer of past readings: what the book has of completed fermentations, written out anew when it changes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Text, delete, func, insert, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from winery_appliance.core.db import Database
from winery_appliance.core.many_rows import is_among
from winery_appliance.fermentation.ancestry import find_related
from winery_appliance.fermentation.imported import current_readings
from winery_appliance.fermentation.queries import (
    FermentationView,
    list_fermentations,
    read_fermentations,
    read_samples_of,
)
from winery_appliance.historical_data.models import HistoricalSample
from winery_appliance.historical_data.past_ferments import forget_ferments, write_ferments
from winery_appliance.historical_data.patterns import outdate_patterns, rebuild_patterns
from winery_appliance.historical_data.varietal_queries import name_varietals

# So many fermentations are rebuilt in one transaction.
BATCH = 50


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuilding wrote: readings of completed fermentations, and the patterns drawn from them."""

    fermentations: int
    samples: int
    patterns: int = 0


def write_history(
    session: Session, winery_id: int, fermentation_ids: Collection[int], *, descendants: bool
) -> Rebuilt:
    """Make the past readings and the curves of these fermentations what the book says now: of completed ones all that
    count, else none. Patterns that they were or are behind will be drawn anew.

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
    groups = forget_ferments(session, ids)
    completed = [
        view for view in read_fermentations(session, sorted(ids)) if view.status == "completed"
    ]
    varietals = name_varietals(session, [view.id for view in completed])
    samples = read_samples_of(session, [view.id for view in completed])
    told = [(view, varietals[view.id], samples.get(view.id, ())) for view in completed]
    groups |= write_ferments(session, winery_id, told)
    outdate_patterns(session, winery_id, groups)
    done = _write(session, winery_id, [(view, varietal) for view, varietal, _ in told])
    return Rebuilt(len(completed), done)


def rebuild_history(db: Database, winery_id: int) -> Rebuilt:
    """Make every past reading, curve and pattern of a winery anew, as the role that writes history, batch by batch.

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
    with db.transaction(winery_id) as session:
        return Rebuilt(fermentations, samples, rebuild_patterns(session, winery_id))


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


def _write(
    session: Session, winery_id: int, told: Sequence[tuple[FermentationView, str | None]]
) -> int:
    """Copy the readings of these wines, within the database; how many."""
    if not told:
        return 0
    wines, varietals, sources = zip(*((v.id, name, v.data_source) for v, name in told), strict=True)
    given = (
        func.unnest(
            literal(list(wines), ARRAY(BigInteger)),
            literal(list(varietals), ARRAY(Text)),
            literal(list(sources), ARRAY(Text)),
        )
        .table_valued("wine", "varietal", "source", name="given")
        .render_derived()
    )
    reading = current_readings().subquery()
    copied = select(
        reading.c.id,
        literal(winery_id, BigInteger),
        reading.c.fermentation_id,
        given.c.varietal,
        reading.c.sample_type,
        reading.c.measured_at,
        reading.c.value,
        reading.c.qualifier,
        given.c.source,
        reading.c.import_id,
        reading.c.import_line,
    ).join(given, given.c.wine == reading.c.fermentation_id)
    columns = [column.name for column in HistoricalSample.__table__.c]
    done = session.execute(
        insert(HistoricalSample).from_select(columns, copied),
        execution_options={"preserve_rowcount": True},
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
