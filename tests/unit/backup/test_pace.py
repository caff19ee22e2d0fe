"""A copy that reads evenly: the same bytes, no faster than told, and without haste after a delay."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup import pace
from backup.pace import LATE_S, REST_EVERY_BYTES, STEP_BYTES, PacedReader


class Clock:
    """A time that passes only by sleeping, and by what a slow source costs."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds


class Rests:
    """Nobody waits for a processor; how often it was asked."""

    def __init__(self) -> None:
        self.taken = 0

    def take(self) -> float:
        self.taken += 1
        return 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "monotonic_s", lambda: clock.now_s)
    monkeypatch.setattr(pace.time, "sleep", clock.sleep)
    monkeypatch.setattr(pace, "Rest", Rests)
    return clock


def drain(reader: PacedReader, size: int) -> bytes:
    pieces = iter(lambda: reader.read(size), b"")
    return b"".join(pieces)


@given(length=st.integers(0, 3_000_000), size=st.integers(1, 1 << 20), mb_s=st.floats(0.5, 500))
def test_the_same_bytes_in_no_less_time(length: int, size: int, mb_s: float) -> None:
    size = max(size, length // 500)
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(pace, "monotonic_s", lambda: clock.now_s)
        patch.setattr(pace.time, "sleep", clock.sleep)
        rests = Rests()
        patch.setattr(pace, "Rest", lambda: rests)
        begun_s = clock.now_s
        data = bytes(range(256)) * (length // 256 + 1)
        assert drain(PacedReader(io.BytesIO(data), mb_s), size) == data
        assert clock.now_s - begun_s == pytest.approx(len(data) / (mb_s * 1e6), abs=1e-6)
        most = len(data) // REST_EVERY_BYTES
        assert len(data) // (REST_EVERY_BYTES + STEP_BYTES) <= rests.taken <= most


def test_what_a_slow_disk_has_cost_is_not_made_up_for(clock: Clock) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() == 0:
                clock.now_s += 60
            return super().read(size)

    reader = PacedReader(Slow(bytes(40 * STEP_BYTES)), 1.0)
    reader.read()
    after_s = clock.now_s
    drain(reader, STEP_BYTES)
    assert clock.now_s - after_s >= 40 * STEP_BYTES / 1e6 - LATE_S
