"""Examples of the pages about fruit: vineyards, blocks and lots, and where a wine comes from."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from tests.unit.templates.page_harness import NOW
from winery_appliance.fermentation.lineage import Origin, Share, Use
from winery_appliance.fermentation.trace_drawing import draw_lot, draw_wine
from winery_appliance.fruit_origin.queries import BlockView, LotOrigin, LotView, VineyardView
from winery_appliance.fruit_origin.routes import SORTS

thing = SimpleNamespace
VINEYARD = VineyardView(1, "LA-CUESTA", "La Cuesta", None, NOW, None)
BLOCK = BlockView(1, 1, "LA-CUESTA", "C-1", Decimal("1.8"), "Garnacha", None, 1974, NOW, None)
LOTS = [
    LotView(
        *(
            number,
            f"26-LA-CUESTA-{number}",
            "Garnacha",
            "2026",
            NOW.date() - timedelta(days=number),
        ),
        *(Decimal("6400.5"), Decimal("24.1") if number > 1 else None, 1, "LA-CUESTA"),
        *((1, "C-1") if number % 2 else (None, None)),
        *(NOW, None),
    )
    for number in range(1, 5)
]
ROWS: dict[str, list[Any]] = {"vineyards": [VINEYARD], "vineyard-blocks": [BLOCK], "harvest-lots": LOTS}  # fmt: skip
WINE: Any = thing(id=7, code="G26-07", vessel_code="T-07")
SHARES = [
    Share(None, LotOrigin(lot, VINEYARD, BLOCK if lot.block_id else None), Decimal(part), None)
    for lot, part in zip(LOTS, (40, 30, 20, 5), strict=True)
]
USES = [
    Use(WINE, None, Decimal(100), Decimal(4200)),
    Use(thing(id=8, code="BLEND-OF-THE-HOUSE-2026", vessel_code=None), None, Decimal("12.5"), None),  # type: ignore[arg-type]
]
ORIGIN = Origin(WINE, None, Decimal(4200), SHARES, Decimal(5))
NOWHERE = Origin(WINE, None, None, [], Decimal(100))


def rows(sort: str, found: list[Any], **more: Any) -> tuple[str, dict[str, Any]]:
    """A list of a sort."""
    told = {"next_cursor": None, "deleted": False, "may_change": True}
    return "fruit_origin/rows.html", {"sort": sort, "rows": found, **told, **more}


def row(
    sort: str, found: Any, values: dict[str, str], errors: dict[str, str]
) -> tuple[str, dict[str, Any]]:
    """The form of a sort."""
    kind = SORTS[sort].change if found else SORTS[sort].create
    return "fruit_origin/row.html", {
        "sort": sort,
        "row": found,
        "form": {"values": values, "errors": errors, "error": None},
        "fields": list(kind.model_fields),
        "needed": {"code", "name", "vineyard_code"},
        "lists": {"vineyard_code": ["LA-CUESTA"], "block_code": [], "variety": ["Garnacha"]},
    }


FRUIT_PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"fruit-{sort}": rows(sort, found, next_cursor="abc") for sort, found in ROWS.items()},
    **{f"fruit-{sort}-none": rows(sort, [], may_change=False) for sort in ROWS},
    **{f"fruit-{sort}-deleted": rows(sort, found, deleted=True) for sort, found in ROWS.items()},
    **{f"fruit-{sort}-new": row(sort, None, {}, {"code": "Already in use."}) for sort in ROWS},
    **{f"fruit-{sort}-one": row(sort, found[0], {"code": "X"}, {}) for sort, found in ROWS.items()},
    "trace-wine": (
        "fermentation/trace_wine.html",
        {"wine": WINE, "origin": ORIGIN, "uses": USES, "picture": draw_wine(ORIGIN, USES)},
    ),
    "trace-wine-unrecorded": (
        "fermentation/trace_wine.html",
        {"wine": WINE, "origin": NOWHERE, "uses": [], "picture": draw_wine(NOWHERE, [])},
    ),
    "trace-lot": (
        "fermentation/trace_lot.html",
        {"lot": LOTS[0], "uses": USES, "picture": draw_lot(SHARES[0], USES)},
    ),
    "trace-lot-unused": (
        "fermentation/trace_lot.html",
        {"lot": LOTS[0], "uses": [], "picture": draw_lot(SHARES[0], [])},
    ),
}
