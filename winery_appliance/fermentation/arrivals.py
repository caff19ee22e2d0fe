"""Fruit comes in: a harvest lot is weighed and split to the wines that it goes into, in one step."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core.errors import Conflict, FieldFault, refuse_field
from winery_appliance.core.words import say
from winery_appliance.fermentation.changing import set_lot_sources
from winery_appliance.fermentation.commands import LotSource, SetLotSources, TakeInFruit
from winery_appliance.fermentation.lot_sources import LotSourceView
from winery_appliance.fermentation.queries import FermentationView, hold_fermentation
from winery_appliance.fermentation.service import get_fermentation
from winery_appliance.fruit_origin.queries import LotView
from winery_appliance.fruit_origin.service import create_lot

# As the columns hold them: thousandths of a kg, and ten-thousandths of a per cent.
KG, PERCENT = Decimal("0.001"), Decimal("0.0001")


@dataclass(frozen=True)
class Arrival:
    """A lot that came in, the wines as they are with it, and whether this call brought it in or an earlier one did."""

    lot: LotView
    fermentations: list[FermentationView]
    created: bool


def take_in_fruit(
    session: Session, command: TakeInFruit, *, actor: Actor, now: datetime
) -> Arrival:
    """Add a lot and let it be a part of the wines it was split to; said again, nothing changes.

    What a wine is made of follows from kilograms: each share is its weight over the weight of all. Raises NotAllowed,
    NotFound, Invalid for parts that are not 100 % together, and Conflict for a wine whose other fruit was never weighed.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    parts = {part.fermentation_id: part.percentage for part in command.split}
    if len(parts) < len(command.split):
        raise refuse_field("split", "named_twice", say("A wine is named twice. Add its parts."))
    whole = sum(parts.values(), Decimal(0))
    if parts and whole != 100:
        raise refuse_field(
            "split",
            "sum_not_100",
            say(
                "The parts sum to %(sum)s %%. Make them sum to 100 %%.",
                sum=f"{whole.normalize():f}",
            ),
        )
    made = create_lot(session, command.lot(), actor=actor, now=now)
    for fermentation_id in sorted(parts):
        hold_fermentation(session, fermentation_id, alone=True)
    wines = [
        _add_to(session, get_fermentation(session, each), made.view, percentage, actor)
        for each, percentage in parts.items()
    ]
    return Arrival(made.view, wines, made.created)


def _add_to(
    session: Session, wine: FermentationView, lot: LotView, percentage: Decimal, actor: Actor
) -> FermentationView:
    others = [source for source in wine.lot_sources if source.harvest_lot_id != lot.id]
    weights = _weigh(wine, others)
    weights[lot.code] = (lot.kg_harvested * percentage / 100).quantize(KG)
    command = SetLotSources(lot_sources=share_out(weights))
    return set_lot_sources(session, wine.id, command, actor=actor, seen=None)


def _weigh(wine: FermentationView, others: list[LotSourceView]) -> dict[str, Decimal]:
    weights = {}
    for source in others:
        if source.kg is None:
            detail = say(
                "Nobody weighed %(lot)s in %(wine)s, so no shares can be reckoned. Say its kilograms first.",
                lot=source.harvest_lot_code,
                wine=wine.code,
            )
            raise Conflict(
                say("%(detail)s Nothing was saved.", detail=detail),
                code="weight_needed",
                fields=[FieldFault("split", "weight_needed", detail)],
            )
        weights[source.harvest_lot_code] = source.kg
    return weights


def share_out(weights: Mapping[str, Decimal]) -> tuple[LotSource, ...]:
    """Shares in % by weight (kg), which sum to 100 to the last digit: the heaviest takes what rounding leaves."""
    total = sum(weights.values(), Decimal(0))
    shares = {code: (100 * kg / total).quantize(PERCENT) for code, kg in weights.items()}
    heaviest = max(weights, key=lambda code: weights[code])
    shares[heaviest] += 100 - sum(shares.values(), Decimal(0))
    return tuple(
        LotSource(harvest_lot_code=code, percentage=shares[code], kg=weights[code])
        for code in weights
    )
