"""Which harvest lots a fermentation came from, and how much of it from each."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from winery_appliance.core.errors import refuse_field
from winery_appliance.core.many_rows import is_among, read_rows
from winery_appliance.core.words import say
from winery_appliance.fermentation.commands import LotSource
from winery_appliance.fermentation.models import FermentationLotSource
from winery_appliance.fruit_origin.queries import hold_living_lots, read_lots

# Shares are typed by people, who round: three thirds are 99.9 or 99.99. The trigger of the table allows the same.
SUM_TOLERANCE = Decimal("0.1")
# A wine may be called by a year of which at least this part of its fruit is: Regulation (EU) 2019/33, art. 49 (1), and
# 27 CFR 4.27 (a)(2).
VINTAGE_PERCENTAGE = 85


@dataclass(frozen=True)
class LotSourceView:
    """The share of one harvest lot: `percentage` of the fermentation, and its weight in kg where it is known."""

    harvest_lot_id: int
    harvest_lot_code: str
    variety: str
    vintage: str
    percentage: Decimal
    kg: Decimal | None


def add_lot_sources(
    session: Session, fermentation_id: int, sources: Sequence[LotSource], *, winery_id: int
) -> None:
    """Write where a fermentation came from; the lots cannot be deleted from here on.

    Raises Invalid when a lot is unknown or named twice, or when the shares do not sum to 100 % within 0.1.
    """
    rows = _read_rows(session, fermentation_id, sources, winery_id)
    if rows:
        session.execute(insert(FermentationLotSource), rows)


def change_lot_sources(
    session: Session, fermentation_id: int, sources: Sequence[LotSource], *, winery_id: int
) -> None:
    """Let a fermentation have these shares and no others; what stays as it is is not touched.

    Raises Invalid as `add_lot_sources`. The caller holds the fermentation.
    """
    wanted = {
        row["harvest_lot_id"]: row
        for row in _read_rows(session, fermentation_id, sources, winery_id)
    }
    of_this = FermentationLotSource.fermentation_id == fermentation_id
    for row in session.scalars(select(FermentationLotSource).where(of_this)).all():
        kept = wanted.pop(row.harvest_lot_id, None)
        if kept is None:
            session.delete(row)
        else:
            row.percentage, row.kg = kept["percentage"], kept["kg"]
    session.flush()
    if wanted:
        session.execute(insert(FermentationLotSource), list(wanted.values()))


def _read_rows(
    session: Session, fermentation_id: int, sources: Sequence[LotSource], winery_id: int
) -> list[dict[str, Any]]:
    if not sources:
        return []
    _refuse_wrong_sum(sources)
    lot_ids = hold_living_lots(session, [source.harvest_lot_code for source in sources])
    rows: list[dict[str, Any]] = []
    seen: set[int] = set()
    for place, (source, lot_id) in enumerate(zip(sources, lot_ids, strict=True)):
        path = f"lot_sources.{place}.harvest_lot_code"
        if lot_id is None:
            raise refuse_field(
                path,
                "unknown_lot",
                say(
                    "There is no harvest lot %(harvest_lot_code)s.",
                    harvest_lot_code=source.harvest_lot_code,
                ),
            )
        if lot_id in seen:
            raise refuse_field(
                path,
                "lot_twice",
                say(
                    "%(harvest_lot_code)s is named twice.", harvest_lot_code=source.harvest_lot_code
                ),
            )
        seen.add(lot_id)
        rows.append(
            {
                "winery_id": winery_id,
                "fermentation_id": fermentation_id,
                "harvest_lot_id": lot_id,
                "percentage": source.percentage,
                "kg": source.kg,
            }
        )
    return rows


def _refuse_wrong_sum(sources: Sequence[LotSource]) -> None:
    total = sum((source.percentage for source in sources), Decimal(0))
    if abs(total - 100) > SUM_TOLERANCE:
        raise refuse_field(
            "lot_sources",
            "sum_not_100",
            say(
                "The shares sum to %(normalize)s %%. Make them sum to 100 %%.",
                normalize=f"{total.normalize():f}",
            ),
        )


def read_lot_sources(
    session: Session, fermentation_ids: Sequence[int]
) -> dict[int, tuple[LotSourceView, ...]]:
    """The shares of several fermentations, the largest first; two queries for all."""
    rows = read_rows(
        session,
        select(
            FermentationLotSource.fermentation_id,
            FermentationLotSource.harvest_lot_id,
            FermentationLotSource.percentage,
            FermentationLotSource.kg,
        )
        .where(is_among(FermentationLotSource.fermentation_id, fermentation_ids))
        .order_by(FermentationLotSource.percentage.desc(), FermentationLotSource.id),
    )
    lots = read_lots(session, sorted({row.harvest_lot_id for row in rows}))
    found: dict[int, tuple[LotSourceView, ...]] = {}
    for row in rows:
        lot = lots[row.harvest_lot_id]
        view = LotSourceView(lot.id, lot.code, lot.variety, lot.vintage, row.percentage, row.kg)
        found[row.fermentation_id] = (*found.get(row.fermentation_id, ()), view)
    return found


def name_vintage(sources: Sequence[LotSourceView]) -> int | None:
    """The year that a wine of these lots is called by; None without lots, or when no year has enough of them.

    A lot's vintage is a label of its own; one that is no year counts for none.
    """
    total = sum((source.percentage for source in sources), Decimal(0))
    parts: dict[str, Decimal] = {}
    for source in sources:
        parts[source.vintage] = parts.get(source.vintage, Decimal(0)) + source.percentage
    for label, part in parts.items():
        if 100 * part >= VINTAGE_PERCENTAGE * total and re.fullmatch(
            "1[5-9][0-9]{2}|2[01][0-9]{2}", label
        ):
            return int(label)
    return None


def list_fermentation_ids(session: Session, harvest_lot_ids: Collection[int]) -> list[int]:
    """Ids of the fermentations that began with one of these lots."""
    return list(
        session.scalars(
            select(FermentationLotSource.fermentation_id).where(
                FermentationLotSource.harvest_lot_id.in_(harvest_lot_ids)
            )
        )
    )
