"""What was done to a wine, as the engine takes it: additions, cap work and transfers that are written in the book."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.measurements import Addition
from winery_appliance.cellar_work.dosing import AdditionKind
from winery_appliance.cellar_work.queries import AdditionView, list_additions, list_cap_work
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.fermentation.transfer_queries import read_flows

# What else is added changes neither sugar nor nitrogen.
KINDS: Mapping[AdditionKind, str] = {
    AdditionKind.sugar: "addition_sugar",
    AdditionKind.water: "addition_water",
    AdditionKind.dap: "addition_dap",
    AdditionKind.complex_nutrient: "addition_nutrient",
}


def read_logged_work(session: Session, fermentation_id: int) -> tuple[Addition, ...]:
    """Everything that was done to this wine and counts now; amounts in g or mL in each litre."""
    return (
        *_read_additions(list_additions(session, fermentation_id, limit=MAX_LIMIT).items),
        *(
            Addition("cap", work.started_at)
            for work in list_cap_work(session, fermentation_id, limit=MAX_LIMIT).items
        ),
        *_read_transfers(session, fermentation_id),
    )


def _read_additions(views: Sequence[AdditionView]) -> Iterator[Addition]:
    for view in views:
        kind = KINDS.get(view.kind)
        if kind is not None:
            yield Addition(kind, view.done_at, view.per_litre, f"{view.counts}/L")


def _read_transfers(session: Session, fermentation_id: int) -> Iterator[Addition]:
    """What came into the wine, or moved within it: what only leaves changes nothing of what stays."""
    moments = {
        flow.transfer_id: flow.moved_at
        for flow in read_flows(session, [fermentation_id])
        if flow.to_fermentation_id == fermentation_id
    }
    for moved_at in moments.values():
        yield Addition("transfer", moved_at)
