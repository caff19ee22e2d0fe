"""The one place that asks the wall clock, so that a test can set the time and a reader can find every use."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def monotonic_s() -> float:
    """Seconds on a clock that no administrator and no time server can set back."""
    return time.monotonic()
