"""What many wines had so far: sums of additions and the last cap work, in one query each."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from winery_appliance.cellar_work.models import Addition, CapWork
from winery_appliance.cellar_work.queries import CapWorkView, is_current_entry, view_cap_work
from winery_appliance.core.many_rows import is_among


@dataclass(frozen=True)
class Given:
    """What a wine had of one kind in each litre, in g or mL as `counts` says."""

    kind: str
    counts: str
    per_litre: float


def read_given(session: Session, fermentation_ids: Sequence[int]) -> dict[int, list[Given]]:
    """What each of these wines had; additions of which only the whole quantity is known are not in it."""
    rows = session.execute(
        select(
            Addition.fermentation_id, Addition.kind, Addition.counts, func.sum(Addition.per_litre)
        )
        .where(
            is_among(Addition.fermentation_id, fermentation_ids),
            is_current_entry(Addition),
            Addition.per_litre.is_not(None),
        )
        .group_by(Addition.fermentation_id, Addition.kind, Addition.counts)
        .order_by(Addition.fermentation_id, Addition.kind)
    )
    found: dict[int, list[Given]] = {}
    for fermentation_id, kind, counts, per_litre in rows:
        found.setdefault(fermentation_id, []).append(Given(kind, counts, per_litre or 0.0))
    return found


def read_last_cap_work(session: Session, fermentation_ids: Sequence[int]) -> dict[int, CapWorkView]:
    """The last cap work of each of these wines."""
    rows = session.scalars(
        select(CapWork)
        .where(is_among(CapWork.fermentation_id, fermentation_ids), is_current_entry(CapWork))
        .ext(distinct_on(CapWork.fermentation_id))
        .order_by(CapWork.fermentation_id, CapWork.started_at.desc(), CapWork.id.desc())
    )
    return {row.fermentation_id: view_cap_work(row) for row in rows}
