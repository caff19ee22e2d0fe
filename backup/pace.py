"""A copy that leaves the processors to the winery at work: it reads evenly, no faster than it is told to, and rests while
somebody waits for a processor.
"""

import time

from backup.envelope import Source
from winery_appliance.core.clock import monotonic_s
from winery_appliance.core.processor_pressure import Rest

# So small that the work a piece makes (to read, to pack, to encrypt: half a millisecond) holds up no page by itself: giving
# way alone does not help where two programs at work on two processors slow each other down.
STEP_BYTES = 64 << 10
REST_EVERY_BYTES = 1 << 20
LATE_S = 0.05  # what a slow disk has cost beyond this is not made up for by haste


class PacedReader:
    """Reads `source` at `mb_s` MB a second at most, in steps of `STEP_BYTES`; whoever fills the pipe waits meanwhile."""

    def __init__(self, source: Source, mb_s: float) -> None:
        self._source = source
        self._bytes_s = mb_s * 1e6
        self._due_s = monotonic_s()
        self._rest, self._since_rest = Rest(), 0

    def read(self, size: int = STEP_BYTES, /) -> bytes:
        """As the source's, but `STEP_BYTES` at most; empty at the end alone."""
        data = self._source.read(min(size, STEP_BYTES))
        early_s = self._due_s - monotonic_s()
        if early_s > 0:
            time.sleep(early_s)
        self._since_rest += len(data)
        if self._since_rest >= REST_EVERY_BYTES:
            self._rest.take()
            self._since_rest = 0
        self._due_s = max(self._due_s, monotonic_s() - LATE_S) + len(data) / self._bytes_s
        return data
