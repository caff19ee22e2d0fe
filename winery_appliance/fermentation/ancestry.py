"""Wines that others came from or went into, and what each consists of at a moment; a constant number of queries."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from winery_appliance.fermentation.composition import (
    UNRECORDED,
    Shares,
    Wine,
    follow_wines,
    read_shares,
)
from winery_appliance.fermentation.lot_sources import LotSourceView, read_lot_sources
from winery_appliance.fermentation.models import Fermentation, Transfer, TransferFlow
from winery_appliance.fermentation.transfer_queries import read_first_contents, read_flows


def find_related(
    session: Session, fermentation_ids: Collection[int], way: Literal["back", "forward"]
) -> set[int]:
    """These wines and all that they came from (`back`) or went into (`forward`), over any number of transfers."""
    here, there = TransferFlow.to_fermentation_id, TransferFlow.from_fermentation_id
    if way == "forward":
        here, there = there, here
    found = (
        select(Fermentation.id)
        .where(Fermentation.id.in_(fermentation_ids))
        .cte("related", recursive=True)
    )
    further = (
        select(there)
        .join(found, here == found.c.id)
        .join(Transfer, Transfer.id == TransferFlow.transfer_id)
        .where(here != there, Transfer.voided_at.is_(None))
    )
    return set(session.scalars(select(found.union(further).c.id)))


def read_whole_shares(session: Session, fermentation_ids: Collection[int]) -> dict[int, Shares]:
    """What each of these wines consists of after all that is recorded; a wine alone that none went into costs least."""
    if len(fermentation_ids) == 1 and find_related(session, fermentation_ids, "back") == set(
        fermentation_ids
    ):
        sources = read_lot_sources(session, list(fermentation_ids))
        return {of: _share_out(sources.get(of, ())) for of in fermentation_ids}
    wines, _ = read_wines(session, fermentation_ids, None)
    return {of: wines[of].shares for of in fermentation_ids}


def _share_out(sources: Iterable[LotSourceView]) -> Shares:
    return read_shares({source.harvest_lot_id: source.percentage for source in sources})


def read_wines(
    session: Session,
    fermentation_ids: Collection[int],
    at: datetime | None,
    *,
    traced: int | None = None,
) -> tuple[dict[int, Wine], Mapping[int, tuple[LotSourceView, ...]]]:
    """These wines and their forebears at a moment, or after all that is recorded, and the lots that each began with.

    With `traced` the shares tell only what came from that wine, under its own id.
    """
    related = sorted(find_related(session, fermentation_ids, "back"))
    sources = read_lot_sources(session, related)
    starts = read_first_contents(session, related)
    beginnings = {
        wine_id: Wine(
            starts[wine_id],
            _share_out(sources.get(wine_id, ())) if traced is None else UNRECORDED,
        )
        for wine_id in related
    }
    flows = [flow for flow in read_flows(session, related) if at is None or flow.moved_at <= at]
    return follow_wines(beginnings, flows, traced=traced), sources
