"""When to ask again after a failure, and how fast to send."""

import io
import random
import time
from collections.abc import Callable
from datetime import datetime

from sync.troubles import StoreTrouble
from winery_appliance.core.clock import monotonic_s

FIRST_S, LONGEST_S = 2.0, 15 * 60.0
# These are mended by a person or by the month's end: asking often helps nobody and may lock an account.
SELDOM_S = {"auth": 3600.0, "quota": 3600.0, "lease": 3600.0, "clock": 300.0}


class Backoff:
    """Full jitter (Brooker, "Exponential Backoff and Jitter", 2015): between nothing and a limit that doubles; for ever."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()  # noqa: S311 - no secret
        self.failures = 0

    def fail(self, trouble: StoreTrouble) -> float:
        """Note a failure; the seconds to wait."""
        self.failures += 1
        seldom = SELDOM_S.get(trouble.kind)
        if seldom is not None:
            return seldom
        limit = min(LONGEST_S, FIRST_S * 2.0 ** min(self.failures - 1, 20))
        return self._chance.uniform(0, limit)

    def succeed(self) -> None:
        """Note that the store answered."""
        self.failures = 0


class Pace:
    """A token bucket of bytes: at most `rate` bytes a second over a while, at most a second's worth at once."""

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = monotonic_s,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._clock, self._pause = rate, clock, pause
        self._tokens, self._at = rate, clock()

    def take(self, count: int) -> None:
        """Wait until `count` bytes may go."""
        if not self._rate:
            return
        moment = self._clock()
        self._tokens = min(self._rate, self._tokens + (moment - self._at) * self._rate)
        self._at = moment
        self._tokens -= count
        if self._tokens < 0:
            self._pause(-self._tokens / self._rate)


class PacedBody(io.BytesIO):
    """Bytes that are sent at a pace. Before `go` they are read for their hash, at once."""

    def __init__(self, data: bytes, pace: Pace) -> None:
        super().__init__(data)
        self._pace = pace
        self._is_going = False

    def go(self) -> None:
        """What is read from here on goes onto the line."""
        self._is_going = True

    def read(self, size: int | None = -1, /) -> bytes:
        """As BytesIO's."""
        data = super().read(size)
        if self._is_going:
            self._pace.take(len(data))
        return data


def is_open(hours: str | None, moment: datetime) -> bool:
    """Whether copies may go out at `moment`, by hours (UTC) like `20-06`; None is always."""
    if hours is None:
        return True
    begin, _, end = hours.partition("-")
    first, last, hour = int(begin) % 24, int(end) % 24, moment.hour
    if first == last:
        return True
    return first <= hour < last if first < last else hour >= first or hour < last
