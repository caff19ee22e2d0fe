"""Measures one judgement of a busy probe: ./.venv/bin/python -m tests.bench.judging

Readings every six minutes, from a day to months of them. The exponent says how the cost grows: 1 is in step with them.
"""

import math
import random
import statistics
from collections.abc import Callable
from time import process_time

from tests.unit.analysis_engine.readings import judge, read_at
from winery_appliance.analysis_engine.measurements import Reading

COUNTS, REPEATS = (250, 1_000, 5_000, 20_000), 5
SHAPES: dict[str, Callable[[float, random.Random], float]] = {
    "falling": lambda hour, _: 24 - hour / 20 if hour < 500 else -1.0,
    "flat": lambda hour, _: max(8.0, 24 - hour / 8),
    "nonsense": lambda _, dice: dice.uniform(-5, 45),
}


def draw_readings(kind: str, count: int) -> list[Reading]:
    """`count` readings of sugar, six minutes apart, with the noise of a probe."""
    dice = random.Random(7)
    return [
        read_at(0.1 * n, SHAPES[kind](0.1 * n, dice) + dice.uniform(-0.1, 0.1), sample_id=n)
        for n in range(count)
    ]


def measure_ms(readings: list[Reading]) -> float:
    """The median of the processor's time for one judgement, in milliseconds."""
    taken = []
    for _ in range(REPEATS):
        begun = process_time()
        judge(readings)
        taken.append((process_time() - begun) * 1000)
    return statistics.median(taken)


def main() -> None:
    """Print the table."""
    print("shape     " + "".join(f"{count:>12,}" for count in COUNTS) + "    exponent")
    for kind in SHAPES:
        taken = [measure_ms(draw_readings(kind, count)) for count in COUNTS]
        exponent = math.log(taken[-1] / taken[0]) / math.log(COUNTS[-1] / COUNTS[0])
        print(f"{kind:10}" + "".join(f"{ms:>9.1f} ms" for ms in taken) + f"{exponent:>12.2f}")


if __name__ == "__main__":
    main()
