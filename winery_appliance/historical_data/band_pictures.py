"""The picture of a pattern as points of an SVG, so that it is there without a script and on paper. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

WIDTH, HEIGHT = 1000, 400
_MOST_TICKS = 6

Rows = Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class BandPicture:
    """Two bands and the middle as points in a field of WIDTH × HEIGHT; ticks in even steps, y from the top down."""

    unit: str
    outer: str
    inner: str
    middle: str
    x_ticks: Sequence[float]
    y_ticks: Sequence[float]

    @property
    def lines(self) -> Sequence[int]:
        """Where the ticks of y stand in the field."""
        last = len(self.y_ticks) - 1
        return [round(HEIGHT * at / last) for at in range(last + 1)]


def draw_picture(unit: str, x: Sequence[float], rows: Rows) -> BandPicture | None:
    """The quantiles `rows` (10, 25, 50, 75, 90 %) over `x`; None where there are fewer than two points."""
    known = [at for at in range(len(x)) if rows[2][at] is not None]
    if len(known) < 2:
        return None
    values = [value for row in rows for at in known if (value := row[at]) is not None]
    x_ticks = even_ticks(0.0, x[known[-1]])
    y_ticks = even_ticks(min(values), max(values))

    def place(row: Sequence[float | None], points: Sequence[int]) -> list[str]:
        high, span = y_ticks[-1], y_ticks[-1] - y_ticks[0]
        return [
            f"{WIDTH * x[at] / x_ticks[-1]:.0f},{HEIGHT * (high - (row[at] or 0.0)) / span:.0f}"
            for at in points
        ]

    def band(low: int, high: int) -> str:
        return " ".join([*place(rows[low], known), *place(rows[high], known[::-1])])

    middle = " ".join(place(rows[2], known))
    return BandPicture(unit, band(0, 4), band(1, 3), middle, x_ticks, y_ticks[::-1])


def even_ticks(low: float, high: float) -> list[float]:
    """A few round numbers in even steps of ones, twos or fives that take `low` and `high` between them."""
    span = max(high - low, 1e-6 * max(abs(high), 1.0))
    size = 10.0 ** floor(log10(span / _MOST_TICKS))
    step = next(
        step
        for step in (size * factor for factor in (1, 2, 5, 10, 20, 50))
        if ceil(high / step - 1e-9) - floor(low / step + 1e-9) < _MOST_TICKS
    )
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(at * step, 10) for at in range(first, max(last, first + 1) + 1)]
