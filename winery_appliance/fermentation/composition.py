"""What wines consist of, replayed from what each began with and the flows between them. Pure: all comes in as plain data.

A wine is one wine in all its vessels, so a share is a share of the whole of it. Shares are exact fractions; they become
decimals only where they are shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from math import gcd, lcm

from winery_appliance.fermentation.flows import Contents, Flow, follow_contents, sum_volumes

# How much of a wine came from each source, 1 together; None is what nobody recorded.
Shares = Mapping[int | None, Fraction]
UNRECORDED: Shares = {None: Fraction(1)}
# The same while wines are mixed: whole numbers in the same ratios. One reduction a mixture, instead of several a source,
# is what makes wines that were blended a thousand times traceable in a moment.
Parts = dict[int | None, int]
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
    contents = {wine_id: wine.contents for wine_id, wine in wines.items()}
    parts = {wine_id: _count_parts(wine.shares) for wine_id, wine in wines.items()}
    mixed: set[int] = set()
    for _, streams in groupby(flows, key=lambda flow: (flow.moved_at, flow.transfer_id)):
        together = list(streams)
        touched = {
            wine_id
            for flow in together
            for wine_id in (flow.from_fermentation_id, flow.to_fermentation_id)
            if wine_id in parts
        }
        before = {wine_id: parts[wine_id] for wine_id in touched}
        if traced is not None:
            before[traced] = {traced: 1}
        for wine_id in touched:
            came: dict[int, Decimal] = {}
            for flow in together:
                if flow.to_fermentation_id == wine_id != flow.from_fermentation_id:
                    giver = flow.from_fermentation_id
                    came[giver] = came.get(giver, Decimal(0)) + (flow.volume_l or 0)
            if came:
                there = sum_volumes(contents[wine_id].values())
                ingredients = [
                    (volume, before.get(giver, {None: 1})) for giver, volume in came.items()
                ]
                parts[wine_id] = _mix(there, parts[wine_id], ingredients)
                mixed.add(wine_id)
            contents[wine_id] = follow_contents(contents[wine_id], together, wine_id)
    return {
        wine_id: Wine(
            contents[wine_id], _share(parts[wine_id]) if wine_id in mixed else wine.shares
        )
        for wine_id, wine in wines.items()
    }


def _count_parts(shares: Shares) -> Parts:
    whole = lcm(*(share.denominator for share in shares.values()))
    return {
        source: share.numerator * (whole // share.denominator) for source, share in shares.items()
    }


def _share(parts: Parts) -> Shares:
    whole = sum(parts.values())
    return {source: Fraction(part, whole) for source, part in parts.items()}


def _mix(there: Decimal | None, own: Parts, came: Iterable[tuple[Decimal, Parts]]) -> Parts:
    """What `there` litres of `own` become when other litres of other parts come to them."""
    if there is None:
        return {None: 1}
    poured = [(litres, parts) for litres, parts in [(there, own), *came] if litres]
    # A litre of each ingredient has as many parts as it has; on a common denominator they can be added.
    weights = [Fraction(litres) / sum(parts.values()) for litres, parts in poured]
    common = lcm(*(weight.denominator for weight in weights))
    amounts: Parts = {}
    for weight, (_, parts) in zip(weights, poured, strict=True):
        factor = weight.numerator * (common // weight.denominator)
        for source, part in parts.items():
            amounts[source] = amounts.get(source, 0) + part * factor
    if not amounts:
        return own
    divisor = gcd(*amounts.values())
    return {source: amount // divisor for source, amount in amounts.items()}


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
