"""Classes of vessels by what they hold: a barrel is warmer in the middle than a bin, and a large tank than both. Pure."""

from decimal import Decimal
from typing import Literal

VesselSize = Literal["up_to_600_l", "up_to_5000_l", "up_to_20000_l", "over_20000_l", "unknown"]

# House default: barrels and bins, small tanks, tanks, and those in which the cooling decides everything.
_LIMITS: tuple[tuple[int, VesselSize], ...] = (
    (600, "up_to_600_l"),
    (5_000, "up_to_5000_l"),
    (20_000, "up_to_20000_l"),
)


def name_vessel_size(litres: int | Decimal | None) -> VesselSize:
    """The class of a vessel that holds so much, or of a wine of so much where nobody knows its vessel."""
    if litres is None or litres <= 0:
        return "unknown"
    return next((name for most, name in _LIMITS if litres <= most), "over_20000_l")
