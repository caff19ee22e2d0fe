"""The past ferments that a running one resembles: reads the one from the book, and keeps the others at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from winery_appliance.core.errors import NotFound
from winery_appliance.fermentation.queries import find_fermentation, read_samples
from winery_appliance.historical_data.comparison import Asked, Field, Part, Words, find_nearest
from winery_appliance.historical_data.courses import SHARES
from winery_appliance.historical_data.models import PastFerment
from winery_appliance.historical_data.past_ferments import (
    mark_of_past,
    size_vessels,
    trace_samples,
)
from winery_appliance.historical_data.pattern_queries import PastFermentView, find_past_ferments
from winery_appliance.historical_data.varietal_queries import name_varietals

# By winery the past that this process read last, and its mark.
_READ: dict[int, tuple[object, Field]] = {}


@dataclass(frozen=True)
class SimilarFerment:
    """A past ferment, how far it is from the running one, and why; see `comparison.Likeness`."""

    ferment: PastFermentView
    distance: float
    pace: float
    delay_hours: float
    days_left: float | None
    parts: Sequence[Part]


@dataclass(frozen=True)
class Similar:
    """The nearest past ferments as of a moment, the nearest first, out of `compared`.

    `share_gone` is the share of its sugar that the ferment had used; None, and nothing is found, where it was read too
    seldom.
    """

    as_of: datetime
    share_gone: float | None
    compared: int
    items: Sequence[SimilarFerment]


def find_similar(
    session: Session, winery_id: int, fermentation_id: int, *, as_of: datetime, k: int
) -> Similar:
    """The `k` past ferments most like this one by its readings until `as_of`, among those that were over by then.

    What was corrected since counts as corrected. Raises NotFound, also for a fermentation of another winery.
    """
    ferment = find_fermentation(session, fermentation_id)
    if ferment is None:
        raise NotFound("There is no such fermentation in this winery.")
    samples = [s for s in read_samples(session, fermentation_id) if s.measured_at <= as_of]
    varietal = name_varietals(session, [fermentation_id])[fermentation_id] or ""
    size = size_vessels(session, [ferment])[fermentation_id]
    past = read_past(session, winery_id)
    among = (past.ids != fermentation_id) & (past.end_s <= as_of.timestamp())
    course = trace_samples(ferment, samples)
    found = []
    if course is not None:
        found = find_nearest(Asked(course, varietal, ferment.style, size), past, k, among=among)
    views = find_past_ferments(session, [int(past.ids[one.row]) for one in found])
    return Similar(
        as_of,
        None if course is None else round(course.share_gone, 4),
        0 if course is None else int(among.sum()),
        [
            SimilarFerment(views[int(past.ids[one.row])], one.distance, one.pace, one.delay_h, one.days_left, one.parts)
            for one in found
        ],
    )  # fmt: skip


def read_past(session: Session, winery_id: int) -> Field:
    """Every past ferment of this transaction's winery; read anew when there are others than last time."""
    mark = mark_of_past(session)
    known = _READ.get(winery_id)
    if known is None or known[0] != mark:
        known = _READ[winery_id] = (mark, _load(session))
    return known[1]


def _load(session: Session) -> Field:
    rows = session.execute(
        select(
            PastFerment.fermentation_id,
            PastFerment.by_share,
            PastFerment.start_density,
            PastFerment.dry_h,
            PastFerment.share_gone,
            PastFerment.started_at,
            PastFerment.last_h,
            PastFerment.varietal,
            PastFerment.style,
            PastFerment.vessel_size,
        ).order_by(PastFerment.fermentation_id)
    ).all()
    curves = np.frombuffer(b"".join(row.by_share for row in rows), dtype="<f4")
    curves = curves.reshape(len(rows), 2, len(SHARES)).astype(np.float64)

    def numbers(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([getattr(row, name) for row in rows], dtype=np.float64)

    def words(name: str) -> Words:
        return Words.gather([getattr(row, name) for row in rows])

    return Field(
        ids=np.array([row.fermentation_id for row in rows], dtype=np.int64),
        hours=curves[:, 0],
        warmth=curves[:, 1],
        start_density=numbers("start_density"),
        dry_h=numbers("dry_h"),
        share_gone=numbers("share_gone"),
        end_s=np.array([row.started_at.timestamp() for row in rows]) + 3600 * numbers("last_h"),
        varietal=words("varietal"),
        style=words("style"),
        vessel_size=words("vessel_size"),
    )
