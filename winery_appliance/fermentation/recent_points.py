"""The last readings of many wines at once, as points of curves; each is read once a connection."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import reduce
from itertools import groupby
from operator import itemgetter, xor
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from winery_appliance.core.many_rows import read_rows, write_ids
from winery_appliance.core.units import SampleType

# Wines times kinds of reading, of up to 25 points at some 250 bytes: 12 MB a connection at most. The board of 200 tanks
# keeps 400, of 5,200 points.
MOST_KEPT = 2_000
# A mark is of a row and of the transaction that wrote it: what was rolled back is not what came after. What is current is
# what `queries.is_current` calls so, with corrections found once, as a set: asked for each reading, they cost as much as
# the readings do.
_RECENT = """
    SELECT hashint8extended(id << 32 | xmin::text::bigint, 0) AS mark, measured_at, id, value FROM samples
    WHERE fermentation_id = wanted.id AND sample_type = :kind AND NOT voids
        AND id NOT IN (SELECT newer.supersedes_id FROM samples AS newer WHERE newer.supersedes_id IS NOT NULL)
    ORDER BY measured_at DESC, id DESC LIMIT :each
"""
_WANTED = "unnest(CAST(:wanted AS bigint[])) AS wanted (id)"
# By fermentation a mark of which its last readings are; NULL where there is none.
_MARKS = text(
    f"SELECT id, (SELECT bit_xor(mark) FROM ({_RECENT}) AS recent) FROM {_WANTED}"  # noqa: S608 - words of ours
)
# By fermentation its last readings, the newest first, each with what it adds to the mark.
_POINTS = text(
    f"SELECT wanted.id, mark, measured_at, recent.id, value FROM {_WANTED}, LATERAL ({_RECENT}) AS recent"  # noqa: S608 - words of ours
    " ORDER BY wanted.id, measured_at DESC, recent.id DESC"
)


class Point(NamedTuple):
    """A reading as a point of a curve; `value` is canonical. Points sort by time."""

    measured_at: datetime
    sample_id: int
    value: float


class _Kept(NamedTuple):
    """The points of a wine, and the mark by which it is seen that there are others."""

    mark: int | None
    points: tuple[Point, ...]


_NONE = _Kept(None, ())


def read_recent_points(
    session: Session, fermentation_ids: Sequence[int], sample_type: SampleType, *, each: int
) -> dict[int, tuple[Point, ...]]:
    """The last `each` readings of one kind of several fermentations as points, oldest first; at most two queries for all.

    Whether they are others than last time is asked anew, and what they say is kept with the connection: a reading stays as
    it was written.
    """
    given = {"kind": sample_type.value, "each": each}
    everything = session.connection().info.setdefault("points", {})
    if sum(map(len, everything.values())) > MOST_KEPT:
        everything.clear()
    kept: dict[int, _Kept] = everything.setdefault((sample_type, each), {})
    marks = read_rows(session, _MARKS, given | {"wanted": write_ids(fermentation_ids)})
    others = [of for of, mark in marks if kept.get(of, _NONE).mark != mark]
    if others:
        rows = read_rows(session, _POINTS, given | {"wanted": write_ids(others)})
        found = {of: _gather(its) for of, its in groupby(rows, key=itemgetter(0))}
        kept |= {of: found.get(of, _NONE) for of in others}
    return {of: points for of, _ in marks if (points := kept.get(of, _NONE).points)}


def _gather(rows: Iterable[Any]) -> _Kept:
    """Of rows of one wine, the newest first; the mark is of these, which may be others than those that were asked for."""
    newest_first = list(rows)
    points = tuple(
        Point(at, sample_id, value) for _, _, at, sample_id, value in reversed(newest_first)
    )
    return _Kept(reduce(xor, (mark for _, mark, *_ in newest_first)), points)
