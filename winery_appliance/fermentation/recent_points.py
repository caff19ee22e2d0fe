"""The last readings of many wines at once, as points of curves; each is read once a connection."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import reduce
from itertools import groupby
from operator import itemgetter, xor
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Select,
    TableValuedAlias,
    bindparam,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.selectable import LateralFromClause

from winery_appliance.core.many_rows import list_ids, read_rows
from winery_appliance.core.units import SampleType
from winery_appliance.fermentation.models import Sample

# Wines times kinds of reading, of up to 25 points at some 250 bytes; the board of 200 tanks keeps 400.
MOST_KEPT = 2_000


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
    marks = read_rows(session, _mark_recent(fermentation_ids), given)
    others = [of for of, mark in marks if kept.get(of, _NONE).mark != mark]
    if others:
        rows = read_rows(session, _find_recent(others), given)
        found = {of: _gather(its) for of, its in groupby(rows, key=itemgetter(0))}
        kept |= {of: found.get(of, _NONE) for of in others}
    return {of: kept[of].points for of, _ in marks if of in kept and kept[of].points}


def _gather(rows: Iterable[Any]) -> _Kept:
    """Of rows of one wine, the newest first; the mark is of these, which may be others than those that were asked for."""
    newest_first = list(rows)
    points = tuple(
        Point(at, sample_id, value) for _, _, at, sample_id, value in reversed(newest_first)
    )
    return _Kept(reduce(xor, (mark for _, mark, *_ in newest_first)), points)


def _mark_recent(fermentation_ids: Sequence[int]) -> Select[int, int | None]:
    """By fermentation a mark of which its last readings are; None where there is none."""
    wanted = _list_wanted(fermentation_ids)
    recent = _list_recent(wanted)
    mark = select(func.bit_xor(recent.c.mark)).select_from(recent).scalar_subquery()
    return select(wanted.c.id, mark)


def _find_recent(fermentation_ids: Sequence[int]) -> Select[int, int, datetime, int, float]:
    """By fermentation its last readings, the newest first, each with what it adds to the mark."""
    wanted = _list_wanted(fermentation_ids)
    recent = _list_recent(wanted)
    return (
        select(wanted.c.id, recent.c.mark, recent.c.measured_at, recent.c.id, recent.c.value)
        .join(recent, true())
        .order_by(wanted.c.id, recent.c.measured_at.desc(), recent.c.id.desc())
    )


def _list_wanted(fermentation_ids: Sequence[int]) -> TableValuedAlias:
    of = column("id", BigInteger)
    return func.unnest(list_ids(fermentation_ids)).table_valued(of).render_derived(name="wanted")


def _list_recent(wanted: TableValuedAlias) -> LateralFromClause:
    # As a set that is made once: asked for each reading, corrections cost as much as the readings do.
    newer = aliased(Sample)
    replaced = select(newer.supersedes_id).where(newer.supersedes_id.is_not(None))
    return (
        select(
            # Of the row and of the transaction that wrote it: what was rolled back is not what came after.
            literal_column(
                "hashint8extended(samples.id << 32 | samples.xmin::text::bigint, 0)"
            ).label("mark"),
            Sample.measured_at,
            Sample.id,
            Sample.value,
        )
        .where(
            Sample.sample_type == bindparam("kind"),
            Sample.fermentation_id == wanted.c.id,
            Sample.voids.is_(False),
            Sample.id.not_in(replaced),
        )
        .order_by(Sample.measured_at.desc(), Sample.id.desc())
        .limit(bindparam("each"))
        .correlate(wanted)
        .lateral("recent")
    )
