"""Bytes on their way from one thread to the next, so that waiting for the processor and waiting for a disk go on at once.

Hashing, compressing, reading and writing leave Python to others meanwhile; only the encryption does not.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator

DEPTH = 4  # blocks on the way: memory stays the same however large an object is


class Abandoned(Exception):
    """Nobody takes from the belt any more; whoever did knows why."""


class Belt:
    """Blocks from the one thread that writes to the one that reads."""

    def __init__(self) -> None:
        self._blocks: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._is_abandoned = False

    def write(self, data: bytes, /) -> int:
        """Hand on `data`; waits while too much is on the way. Raises Abandoned."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._blocks) < DEPTH or self._is_abandoned)
            if self._is_abandoned:
                raise Abandoned
            if data:
                self._blocks.append(data)
                self._changed.notify_all()
        return len(data)

    def read(self, _size: int = -1, /) -> bytes:
        """The next block as it was written, whatever size is asked for; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._is_closed)
            block = self._blocks.popleft() if self._blocks else b""
            self._changed.notify_all()
            return block

    def emptied_by(self, work: Callable[[], object]) -> contextlib.AbstractContextManager[None]:
        """Let another thread take by `work` what the block writes. Of what the two raise, the first is raised."""
        return _beside(work, self._abandon, self._close)

    def filled_by(self, work: Callable[[], object]) -> contextlib.AbstractContextManager[None]:
        """Let another thread write by `work` what the block reads. Of what the two raise, the first is raised: until the
        block has ended well, what was read may be a part.
        """

        def fill() -> None:
            with contextlib.suppress(Abandoned):
                work()

        return _beside(fill, self._close, self._abandon)

    def _close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _abandon(self) -> None:
        with self._changed:
            self._is_abandoned = True
            self._changed.notify_all()


@contextlib.contextmanager
def _beside(
    work: Callable[[], object], worked: Callable[[], None], ended: Callable[[], None]
) -> Iterator[None]:
    """Do `work` in a thread beside the block. `worked` is called when it is over, `ended` when the block is."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            faults.append(error)
        finally:
            worked()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        first = faults[:1]
        ended()
        thread.join()
        if first:
            raise first[0] from None
        raise
    ended()
    thread.join()
    if faults:
        raise faults[0]
