"""A figure with its base rate and a 95 % interval, beside what it must be; and the table they stand in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """One line of the table: the figure as it is read, its interval, its base rate, and what must be reached."""

    measure: str
    shown: str
    interval: str = ""
    base: str = ""
    must: str = ""
    reached: bool | None = None


def wilson(hits: int, of: int) -> str:
    """95 % interval of a share (Wilson 1927), in per cent."""
    if of == 0:
        return ""
    z, share = 1.96, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return f"{100 * max(middle - half, 0):.0f}–{100 * min(middle + half, 1):.0f}"


def bootstrap(values: Numbers, of: Callable[[Numbers], float] = lambda v: float(np.mean(v))) -> str:
    """95 % interval of a figure of `values` by resampling them 500 times."""
    if len(values) < 2:
        return ""
    rng = np.random.default_rng(0)
    drawn = [of(values[rng.integers(0, len(values), len(values))]) for _ in range(500)]
    return f"{np.nanquantile(drawn, 0.025):.2f}–{np.nanquantile(drawn, 0.975):.2f}"


def share_of(
    measure: str,
    hits: Sequence[bool],
    base: str = "",
    *,
    least: float | None = None,
    most: float | None = None,
) -> Figure:
    """A share of cases as a line of the table; `least` and `most` are what it must be, in per cent."""
    n, k = len(hits), sum(hits)
    percent = 100 * k / n if n else float("nan")
    reached = None
    if n and (least is not None or most is not None):
        reached = (least or 0) <= percent <= (100 if most is None else most)
    must = {
        (False, False): f"{least}–{most} %",
        (False, True): f"≥ {least} %",
        (True, False): f"≤ {most} %",
        (True, True): "",
    }[least is None, most is None]
    shown = f"{percent:.1f} %" if n else "–"
    return Figure(measure, shown, wilson(k, n), base or f"{k} of {n}", must, reached)


def at_most(measure: str, values: Numbers, most: float, base: str = "", unit: str = "") -> Figure:
    """The mean of `values` as a line of the table, which must not be more than `most`."""
    if not len(values):
        return Figure(measure, "–", must=f"≤ {most}{unit}")
    mean = float(values.mean())
    shown = f"{mean:.2f}{unit}"
    must = f"≤ {most}{unit}"
    return Figure(measure, shown, bootstrap(values), base or f"n={len(values)}", must, mean <= most)


def print_table(title: str, figures: Sequence[Figure]) -> None:
    """One table."""
    print(f"\n{title}")
    print(f"{'measure':<58}{'figure':>9}  {'95 %':<13}{'base':<42}{'must':<10}{'reached':<8}")
    for f in figures:
        reached = "" if f.reached is None else "yes" if f.reached else "NO"
        row = f"{f.measure:<58}{f.shown:>9}  {f.interval:<13}{f.base:<42}{f.must:<10}{reached:<8}"
        print(row.rstrip())
