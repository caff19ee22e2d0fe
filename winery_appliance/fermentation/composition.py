"""What wines consist of, replayed from what each began with and the flows between them. Pure: all comes in as plain data.

A wine is one wine in all its vessels, so a share is a share of the whole of it. Shares are exact fractions; they become
decimals only where they are shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from winery_appliance.fermentation.flows import Contents, Flow, follow_contents, sum_volumes

# How much of a wine came from each source, 1 together; None is what nobody recorded.
Shares = Mapping[int | None, Fraction]
UNRECORDED: Shares = {None: Fraction(1)}
# As fine as shares are kept in the database.
PERCENT_STEP = Decimal("0.0001")


@dataclass(frozen=True)
class Wine:
    """A wine at a moment: the litres in each of its vessels, and what it consists of."""

    contents: Contents
    shares: Shares

    @property
    def volume_l(self) -> Decimal | None:
        """Its litres; None when nobody knows."""
        return sum_volumes(self.contents.values())


def read_shares(percentages: Mapping[int, Decimal]) -> Shares:
    """Percentages by lot as fractions; those that people rounded to 99.9 are one whole, too."""
    total = sum(percentages.values(), Decimal(0))
    if not total:
        return UNRECORDED
    return {lot_id: Fraction(part) / Fraction(total) for lot_id, part in percentages.items()}


def follow_wines(
    wines: Mapping[int, Wine], flows: Iterable[Flow], *, traced: int | None = None
) -> dict[int, Wine]:
    """`wines`, by id, after `flows`, which are in the order of time; flows of other wines are passed over.

    All that leaves the wine `traced` counts as its own, whatever it was before.
    """
    after = dict(wines)
    for _, streams in groupby(flows, key=lambda flow: (flow.moved_at, flow.transfer_id)):
        together = list(streams)
        before = {
            wine_id: after[wine_id]
            for flow in together
            for wine_id in (flow.from_fermentation_id, flow.to_fermentation_id)
            if wine_id in after
        }
        for wine_id, wine in before.items():
            came = [
                flow
                for flow in together
                if flow.to_fermentation_id == wine_id != flow.from_fermentation_id
            ]
            shares = _mix(wine, came, before, traced) if came else wine.shares
            after[wine_id] = Wine(follow_contents(wine.contents, together, wine_id), shares)
    return after


def _mix(
    wine: Wine, came: Iterable[Flow], before: Mapping[int, Wine], traced: int | None
) -> Shares:
    there = wine.volume_l
    if there is None:
        return UNRECORDED
    amounts = {source: share * Fraction(there) for source, share in wine.shares.items()}
    for flow in came:
        giver = before.get(flow.from_fermentation_id)
        shares = giver.shares if giver else UNRECORDED
        if flow.from_fermentation_id == traced:
            shares = {traced: Fraction(1)}
        for source, share in shares.items():
            amounts[source] = amounts.get(source, Fraction(0)) + share * Fraction(
                flow.volume_l or 0
            )
    total = sum(amounts.values(), Fraction(0))
    if not total:
        return wine.shares
    return {source: amount / total for source, amount in amounts.items() if amount}


def apportion(total: Decimal, shares: Shares, step: Decimal) -> dict[int | None, Decimal]:
    """`total` by `shares` in whole steps that sum to it: what rounding down left goes to the largest remainders."""
    steps = {source: share * Fraction(total) / Fraction(step) for source, share in shares.items()}
    whole = {source: int(amount) for source, amount in steps.items()}
    short = int(total / step) - sum(whole.values())
    largest_rest = sorted(
        steps, key=lambda source: (whole[source] - steps[source], source is None, source or 0)
    )
    for source in largest_rest[:short]:
        whole[source] += 1
    return {source: count * step for source, count in whole.items()}
