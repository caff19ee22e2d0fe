"""What lies where and how much of it, replayed from the flows of transfers. Pure: flows come in as plain data.

Volumes are litres; None is "nobody knows". Nothing of this is kept: it is computed whenever it is asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from itertools import groupby

# The litres in each vessel of one wine, by the vessel's id.
Contents = dict[int, Decimal | None]
MILLILITRE = Decimal("0.001")


@dataclass(frozen=True)
class Flow:
    """One stream from a wine in a vessel to a wine in a vessel; `empties` says that nothing stayed behind."""

    transfer_id: int
    moved_at: datetime
    from_fermentation_id: int
    from_vessel_id: int
    to_fermentation_id: int
    to_vessel_id: int
    volume_l: Decimal | None
    empties: bool


def follow_contents(start: Contents, flows: Iterable[Flow], fermentation_id: int) -> Contents:
    """Where a wine lies after `flows`, which are in the order of time, if it lay in `start` before them."""
    contents = dict(start)
    for _, streams in groupby(flows, key=lambda flow: (flow.moved_at, flow.transfer_id)):
        together = list(streams)
        for flow in together:
            if flow.from_fermentation_id == fermentation_id:
                contents[flow.from_vessel_id] = minus(
                    contents.get(flow.from_vessel_id, Decimal(0)), flow.volume_l
                )
        for flow in together:
            if flow.from_fermentation_id == fermentation_id and flow.empties:
                contents.pop(flow.from_vessel_id, None)
        for flow in together:
            if flow.to_fermentation_id == fermentation_id:
                contents[flow.to_vessel_id] = plus(
                    contents.get(flow.to_vessel_id, Decimal(0)), flow.volume_l
                )
    return contents


def plus(first: Decimal | None, second: Decimal | None) -> Decimal | None:
    """The sum, unknown when a part is."""
    return None if first is None or second is None else first + second


def minus(first: Decimal | None, second: Decimal | None) -> Decimal | None:
    """The difference, unknown when a part is."""
    return None if first is None or second is None else first - second


def sum_volumes(volumes: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of volumes, unknown when one is."""
    total: Decimal | None = Decimal(0)
    for volume in volumes:
        total = plus(total, volume)
    return total


def spread(total: Decimal, contents: Mapping[int, Decimal | None]) -> dict[int, Decimal]:
    """How much of `total` came from each vessel: by what was in them, and evenly where that is not known.

    The parts are whole millilitres and sum to `total`.
    """
    whole = sum_volumes(contents.values())
    weights = {
        vessel_id: volume if whole and volume is not None else Decimal(1)
        for vessel_id, volume in contents.items()
    }
    parts = {
        vessel_id: (total * weight / sum(weights.values())).quantize(MILLILITRE, ROUND_DOWN)
        for vessel_id, weight in weights.items()
    }
    # What rounding left over still fits: whoever gave less than all rounded down has room for it.
    for vessel_id in parts:
        rest = total - sum(parts.values())
        room = rest if not whole else min(rest, weights[vessel_id] - parts[vessel_id])
        parts[vessel_id] += room
    return parts
