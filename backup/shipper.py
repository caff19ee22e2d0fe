"""Ships the log from the spool to the store: pieces while a segment grows, then the whole segment in their place.

The store itself tells how far it is, so a shipper that was killed anywhere goes on from there. Before anything is added,
what was shipped of the open segment is compared with the spool, and the log is walked from record to record.
"""

import contextlib
import hashlib
import io
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from backup.envelope import seal
from backup.keys import Site
from backup.manifest import FIRST, ObjectFacts, fingerprint, read_signed, sign
from backup.records import SEALED, SIGNED, Place, RepositoryFacts, StretchFacts, WalFacts
from backup.refusals import Damaged
from backup.spool import SpoolFile, SpoolStretch
from backup.store import DirectoryStore
from backup.wal_format import SEGMENT, SEGMENT_NAME, WalWalker, format_lsn, segment_start
from winery_appliance.core.clock import now


class StretchBroken(Exception):
    """The log in the spool does not continue what was shipped; a new stretch must begin."""


@dataclass
class Progress:
    """How far a stretch is in the store."""

    end: int | None = None
    last_record: int | None = None
    last_commit: datetime | None = None
    closed: str = ""  # fingerprint of the manifest the open segment's chain hangs on
    newest: str = ""  # fingerprint of the newest manifest
    pieces: list[WalFacts] = field(default_factory=list)


class StretchShipper:
    """Ships one stretch. Made anew after any failure, since it learns from the store where it stands."""

    def __init__(
        self,
        store: DirectoryStore,
        site: Site,
        signing_key: str,
        repository: RepositoryFacts,
        spool: SpoolStretch,
        *,
        detached: bool = False,
    ) -> None:
        """A `detached` stretch hangs on nothing before it: that may come to the store later, or never."""
        self._detached = detached
        self._store = store
        self._site = site
        self._key = signing_key
        self._place = Place(site=site.site, repository=repository.repository)
        self._spool = spool
        self._number = spool.note.number
        self._walker: WalWalker | None = None
        self._begin_stretch(repository)
        self.progress = self._load()

    def use(self, store: DirectoryStore, site: Site) -> None:
        """Go on through this opening of the same store, for the newest kit."""
        self._store, self._site = store, site

    def ship(self) -> bool:
        """Ship whatever the spool holds beyond the store; whether anything was.

        Raises StretchBroken, and what the store raises.
        """
        shipped = False
        for file in self._spool.files():
            try:
                shipped = self._ship_file(file) or shipped
            except Damaged as error:
                raise StretchBroken(str(error)) from error
            except FileNotFoundError as error:
                if error.filename is None or Path(error.filename) != file.path:
                    raise
                break  # it was renamed, being whole now: next time
        return shipped

    def _begin_stretch(self, repository: RepositoryFacts) -> None:
        if not self._store.exists(self._place.facts):
            self._store.put(self._place.facts, sign(repository, self._key))
        key, note = self._place.stretch_facts(self._number), self._spool.note
        if not self._store.exists(key):
            facts = StretchFacts(
                place=key,
                previous=FIRST if self._detached else self._last_of(self._number - 1),
                number=note.number,
                token=note.token,
                reason=note.reason,
            )
            self._store.put(key, sign(facts, self._key))
        found = read_signed(self._store.read(key), StretchFacts, key, self._site.verify_key)
        if found.token != note.token:
            raise StretchBroken("another machine writes this stretch")

    def _last_of(self, number: int) -> str:
        """The fingerprint of the newest manifest before this stretch."""
        while number > 0:
            if self._store.exists(self._place.stretch_facts(number)):
                with contextlib.suppress(Damaged):  # it may be why this stretch began
                    return self._read_progress(number).newest
            number -= 1
        return fingerprint(self._store.read(self._place.facts))

    def _load(self) -> Progress:
        self._clear_orphans()
        progress = self._read_progress(self._number)
        first = self._spool.files()[:1]
        if (
            progress.pieces
            and first
            and first[0].start == segment_start(progress.pieces[0].segment)
        ):
            self._compare(first[0], progress)
        return progress

    def _read_progress(self, number: int) -> Progress:
        read = self._store.read
        progress = Progress(closed=fingerprint(read(self._place.stretch_facts(number))))
        names = self._store.names(self._place.stretch(number))
        whole = [name for name in names if SEGMENT_NAME.fullmatch(name.removesuffix(SIGNED))]
        closed = [name.removesuffix(SIGNED) for name in whole if name.endswith(SIGNED)]
        if closed:
            data = self._take(progress, self._place.segment(number, closed[-1]) + SIGNED)
            progress.closed = fingerprint(data)
        progress.newest = progress.closed
        open_names = [name for name in names if SEGMENT_NAME.fullmatch(name) and name not in closed]
        for name in open_names[:1]:
            folder = self._place.segment(number, name)
            for piece in self._store.names(folder):
                if piece.endswith(SIGNED):
                    data = self._take(progress, f"{folder}/{piece}")
                    progress.newest = fingerprint(data)
        return progress

    def _take(self, progress: Progress, key: str) -> bytes:
        data = self._store.read(key)
        facts = read_signed(data, WalFacts, key, self._site.verify_key)
        progress.end = facts.end
        progress.last_record = facts.last_record or progress.last_record
        progress.last_commit = facts.last_commit or progress.last_commit
        if facts.end - facts.start < SEGMENT:
            progress.pieces.append(facts)
        return data

    def _clear_orphans(self) -> None:
        """Remove objects whose manifest was never written, and pieces of a segment that is whole by now."""
        folder = self._place.stretch(self._number)
        self._clear_unsigned(folder)
        names = self._store.names(folder)
        for name in names:
            if SEGMENT_NAME.fullmatch(name):
                if name + SIGNED in names:
                    self._store.remove(f"{folder}/{name}")
                else:
                    self._clear_unsigned(f"{folder}/{name}")

    def _clear_unsigned(self, folder: str) -> None:
        names = set(self._store.names(folder))
        for name in names:
            if name.endswith(SEALED) and name.removesuffix(SEALED) + SIGNED not in names:
                self._store.remove(f"{folder}/{name}")

    def _compare(self, file: SpoolFile, progress: Progress) -> None:
        for piece in progress.pieces:
            found = hashlib.sha256(file.read(piece.start, piece.end)).hexdigest()
            if found != piece.content.plain_sha256:
                raise StretchBroken(
                    f"the log from {format_lsn(piece.start)} on is another one than was shipped"
                )

    def _ship_file(self, file: SpoolFile) -> bool:
        progress = self.progress
        if progress.end is None:
            progress.end = file.start
        if file.start + SEGMENT <= progress.end:  # shipped, and cut off before it was removed here
            if file.whole:
                file.path.unlink()
            return False
        if not file.start <= progress.end < file.start + SEGMENT:
            raise StretchBroken(
                f"the log from {format_lsn(progress.end)} to {format_lsn(file.start)} is missing"
            )
        return self._ship_whole(file) if file.whole else self._ship_piece(file, progress.end)

    def _ship_piece(self, file: SpoolFile, start: int) -> bool:
        end = file.find_end(start)
        walker = self._walk(file, end)
        zeros = walker.missing_zeros(file.start + SEGMENT - end)
        walker.feed(bytes(zeros))
        end += zeros
        if end <= start:
            return False
        stem = self._place.piece(self._number, file.name, start, end)
        facts = self._write(stem, file, start, end, self.progress.newest)
        self.progress.pieces.append(facts)
        return True

    def _ship_whole(self, file: SpoolFile) -> bool:
        start, end = file.start, file.start + SEGMENT
        self._compare(file, self.progress)
        self._walk(file, end)
        stem = self._place.segment(self._number, file.name)
        self._write(stem, file, start, end, self.progress.closed)
        self.progress.closed = self.progress.newest
        self.progress.pieces.clear()
        self._store.remove(stem)
        file.path.unlink()
        return True

    def _walk(self, file: SpoolFile, end: int) -> WalWalker:
        """The walker, having walked this segment up to `end`."""
        walker = self._walker
        if walker is None or not file.start <= walker.position <= end:
            walker = self._walker = WalWalker(file.start)
        walker.feed(file.read(walker.position, end))
        return walker

    def _write(self, stem: str, file: SpoolFile, start: int, end: int, previous: str) -> WalFacts:
        assert self._walker is not None
        progress = self.progress
        progress.last_record = self._walker.last_record or progress.last_record
        progress.last_commit = self._walker.last_commit or progress.last_commit
        with self._store.create(stem + SEALED) as draft:
            content = io.BytesIO(file.read(start, end))
            sealed = seal(content, draft, self._site.recipients)
            draft.publish()
        facts = WalFacts(
            place=stem + SIGNED,
            previous=previous,
            segment=file.name,
            start=start,
            end=end,
            last_record=progress.last_record,
            last_commit=progress.last_commit,
            written_at=now(),
            kit=self._site.kit.number,
            content=ObjectFacts.of(stem.rpartition("/")[2] + SEALED, sealed),
        )
        data = sign(facts, self._key)
        self._store.put(stem + SIGNED, data)
        progress.newest = fingerprint(data)
        progress.end = end
        return facts
