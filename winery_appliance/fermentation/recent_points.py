"""The last readings of many wines at once, as points of curves; each is read once a connection."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, BigInteger, Select, bindparam, func, literal_column, select
from sqlalchemy.orm import Session

from winery_appliance.core.many_rows import is_among, list_ids, read_rows
from winery_appliance.core.units import SampleType
from winery_appliance.fermentation.models import Sample
from winery_appliance.fermentation.queries import is_current

# At some 250 bytes each; the board of 200 tanks shows 5,000.
MOST_KNOWN = 20_000


class Point(NamedTuple):
    """A reading as a point of a curve; `value` is canonical. Points sort by time."""

    measured_at: datetime
    sample_id: int
    value: float


def read_recent_points(
    session: Session, fermentation_ids: Sequence[int], sample_type: SampleType, *, each: int
) -> dict[int, tuple[Point, ...]]:
    """The last `each` readings of one kind of several fermentations as points, oldest first; at most two queries for all.

    Which they are is asked anew, and what they say is kept with the connection: a reading stays as it was written.
    """
    given = {"kind": sample_type.value, "each": each}
    recent = read_rows(session, _find_recent(fermentation_ids), given)
    known = _know_points(session, [row for _, rows in recent for row in rows])
    found = {
        of: tuple([known[row] for row in reversed(rows) if row in known]) for of, rows in recent
    }
    return {of: points for of, points in found.items() if points}


def _find_recent(fermentation_ids: Sequence[int]) -> Select[int, list[int]]:
    """By fermentation its rows, the newest first, each as its id (upper half) and the transaction that wrote it."""
    wanted = func.unnest(list_ids(fermentation_ids)).column_valued("wanted")
    latest = (
        select(literal_column("samples.id << 32 | samples.xmin::text::bigint"))
        .where(
            Sample.sample_type == bindparam("kind"), Sample.fermentation_id == wanted, is_current()
        )
        .order_by(Sample.measured_at.desc(), Sample.id.desc())
        .limit(bindparam("each"))
        .scalar_subquery()
    )
    return select(wanted, func.array(latest, type_=ARRAY(BigInteger)))


def _know_points(session: Session, rows: Sequence[int]) -> dict[int, Point]:
    known: dict[int, Point] = session.connection().info.setdefault("points", {})
    if len(known) > MOST_KNOWN:
        known.clear()
    unknown = {row >> 32 & 0xFFFFFFFF: row for row in rows if row not in known}
    if unknown:
        wanted = select(Sample.measured_at, Sample.id, Sample.value)
        for point in read_rows(session, wanted.where(is_among(Sample.id, unknown))):
            known[unknown[point[1]]] = Point(*point)
    return known
