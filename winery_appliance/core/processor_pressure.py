"""Work that can wait rests while others wait for a processor.

A low priority alone is not enough: what the work asks of the database is done there at the database's own priority, and two
busy processors are slower than two of which one rests.
"""

import re
import time
from pathlib import Path

from winery_appliance.core import clock

PRESSURE = Path("/proc/pressure/cpu")
# Of the time in which somebody waited this many times as long is rested, up to so many times the work (house defaults).
EAGERNESS = 10.0
LONGEST = 4.0
LONGEST_S = 2.0


class Rest:
    """Between two pieces of work: sleeps the longer, the more of the last piece's time somebody on this machine had to wait
    for a processor (pressure stall information of Linux, proc_pressure(5)). Where that is not told, it never sleeps.
    """

    def __init__(self, pressure: Path = PRESSURE) -> None:
        self._pressure = pressure
        self._seen = self._look()

    def take(self) -> float:
        """Rest now; how long, in seconds."""
        (at_s, waited_s), (now_s, now_waited_s) = self._seen, self._look()
        rest_s = find_rest_s(now_s - at_s, now_waited_s - waited_s)
        if rest_s > 0:
            time.sleep(rest_s)
        self._seen = self._look()
        return rest_s

    def _look(self) -> tuple[float, float]:
        try:
            told = re.search(r"^some .* total=(\d+)", self._pressure.read_text(), re.MULTILINE)
        except OSError:
            told = None
        return clock.monotonic_s(), int(told[1]) / 1e6 if told else 0.0


def find_rest_s(worked_s: float, waited_s: float) -> float:
    """How long to rest after a piece of work that took `worked_s`, in which somebody waited for `waited_s`."""
    return min(EAGERNESS * max(waited_s, 0.0), LONGEST * worked_s, LONGEST_S)
