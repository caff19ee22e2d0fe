"""The sealed log that waits for the line: what of it goes next, and what may be forgotten.

It lies as in a repository, in a folder of this machine. An object goes before its manifest, a part of the log before the
next one. A segment that became whole while its pieces waited goes in their place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from backup.manifest import read_signed
from backup.records import SEALED, SIGNED, Place, WalFacts
from backup.store import DirectoryStore
from backup.wal_format import SEGMENT_NAME
from sync.journal import Journal

# After so long, and when the backlog takes so long, a new base copy goes first: who needs it shall not wait for days.
LONG_ABSENCE = timedelta(hours=6)
LONG_SENDING_S = 600.0


@dataclass(frozen=True)
class Waiting:
    """An object that waits; `segment` is the one it is of, `whole` that it is the whole of it."""

    key: str
    stretch: int
    segment: str | None = None
    whole: bool = False

    @property
    def is_manifest(self) -> bool:
        """Whether it is a manifest, which goes after its object."""
        return self.key.endswith(SIGNED)


class WaitingLog:
    """The sealed log of one repository in `store`, with what `journal` knows of it."""

    def __init__(
        self, store: DirectoryStore, journal: Journal, place: Place, verify_key: str
    ) -> None:
        self._store, self._journal, self._place, self._key = store, journal, place, verify_key

    def stretches(self) -> list[int]:
        """The stretches that lie here, in the order they go in: the newest first, then what is left of older ones."""
        numbers = [int(name) for name in self._store.names(self._place.wal)]
        return numbers[-1:] + numbers[:-1]

    def find(self) -> Iterator[Waiting]:
        """What waits, in the order it goes in."""
        for number in self.stretches():
            yield from self._list_stretch(number)

    def facts(self, waiting: Waiting) -> WalFacts:
        """What the manifest of a part of the log says. Raises FileNotFoundError when it was superseded."""
        key = waiting.key.removesuffix(SEALED) + SIGNED if not waiting.is_manifest else waiting.key
        return read_signed(self._store.read(key), WalFacts, key, self._key)

    def note_sent(self, waiting: Waiting) -> None:
        """Note that a manifest is in the bucket, and drop what nobody needs here any more."""
        if waiting.segment is None:
            return
        facts = self.facts(waiting)
        self._journal.reach(self._place.repository, waiting.stretch, facts.start, facts.end)
        if waiting.whole:
            stem = self._place.segment(waiting.stretch, waiting.segment)
            self._store.remove(stem + SEALED)
            self._journal.forget_sent(stem + "/")
            self._forget_older(waiting)

    def drop_stretch(self, number: int) -> None:
        """Forget a stretch, sent or not."""
        self._store.remove(self._place.stretch(number))
        self._journal.forget_sent(self._place.stretch(number) + "/")

    def is_empty(self, number: int) -> bool:
        """Whether all of a stretch is in the bucket."""
        return next(self._list_stretch(number), None) is None

    def measure(self) -> tuple[int, int, datetime | None]:
        """Bytes and objects that wait, and when the oldest of them was sealed."""
        size = count = 0
        oldest: datetime | None = None
        for waiting in self.find():
            if waiting.segment is None or not waiting.is_manifest:
                continue
            try:
                facts = self.facts(waiting)
            except FileNotFoundError:
                continue
            size, count = size + facts.content.size, count + 1
            oldest = min(oldest, facts.written_at) if oldest else facts.written_at
        return size, count, oldest

    def _list_stretch(self, number: int) -> Iterator[Waiting]:
        keys = [
            Waiting(self._place.facts, number),
            Waiting(self._place.stretch_facts(number), number),
        ]
        names = self._store.names(self._place.stretch(number))
        stems = sorted({name.partition(".")[0] for name in names})
        for segment in [stem for stem in stems if SEGMENT_NAME.fullmatch(stem)]:
            stem = self._place.segment(number, segment)
            if segment + SIGNED in names:
                keys += [
                    Waiting(stem + end, number, segment, whole=True) for end in (SEALED, SIGNED)
                ]
                continue
            for piece in self._store.names(stem):
                if piece.endswith(SIGNED):
                    start = f"{stem}/{piece.removesuffix(SIGNED)}"
                    keys += [Waiting(start + end, number, segment) for end in (SEALED, SIGNED)]
        yield from (one for one in keys if not self._journal.is_sent(one.key))

    def _forget_older(self, waiting: Waiting) -> None:
        """The newest whole segment's manifest stays: the next one names its hash."""
        folder = self._place.stretch(waiting.stretch)
        for name in self._store.names(folder):
            stem = name.removesuffix(SIGNED)
            is_older = bool(SEGMENT_NAME.fullmatch(stem)) and stem < (waiting.segment or "")
            if is_older and name != stem and self._journal.is_sent(f"{folder}/{name}"):
                self._store.remove(f"{folder}/{name}")
                self._journal.forget_sent(f"{folder}/{stem}")


def is_long_absence(
    oldest: datetime | None, waiting_bytes: int, rate: float, moment: datetime
) -> bool:
    """Whether a new base copy should go before the log that waits: it is old, and sending it takes long."""
    if oldest is None or abs(moment - oldest) < LONG_ABSENCE:
        return False
    return waiting_bytes / rate > LONG_SENDING_S
