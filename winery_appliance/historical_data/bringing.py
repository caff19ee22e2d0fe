"""Brings the files of instruments from a NAS or a stick into the watched folder, and leaves them where they lie.

A process of its own does this, since whoever asks a network folder may hang in the kernel: then this one hangs, and nobody
else. A file is brought once nobody writes to it any more; when it has grown since, it is brought again, and what of it is
in the book already is known there. Killed at any moment, it leaves a hidden piece that the next look removes.
"""

import json
import os
import shutil
import signal
import stat
import threading
from pathlib import Path

import structlog

from winery_appliance.core.log import set_up_logging
from winery_appliance.core.settings import Settings
from winery_appliance.historical_data.files import MOST_BYTES
from winery_appliance.historical_data.folder_files import (
    DONE,
    Signature,
    look,
    prepare_folder,
    write_whole,
)

log = structlog.get_logger("winery.mover")

LOOK_EVERY_S = 30.0
SPARE_BYTES = 2 * 2**30  # the book lies on the same disk, and comes first
BROUGHT, PIECE = ".brought.json", ".part"
Look = dict[Path, Signature]


def bring_files(settings: Settings) -> None:
    """Look every half minute, until SIGTERM or SIGINT. Raises OSError for a watched folder that cannot be used."""
    set_up_logging("mover")
    source, watched = settings.instruments, settings.watched_dir
    if source is None:
        raise FileNotFoundError("WINERY_INSTRUMENTS does not name the folder of the instruments.")
    prepare_folder(watched)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    log.info("mover started", source=str(source))
    mover, trouble = Mover(source, watched), ""
    while not stopping.is_set():
        try:
            mover.look()
            told = ""
        except OSError as error:  # away, or full: the files wait where they lie
            told = error.strerror or str(error)
        if told and told != trouble:
            log.warning("instruments not reached", error=told)
        elif trouble and not told:
            log.info("instruments reached again")
        trouble = told
        if settings.heartbeat is not None:
            settings.heartbeat.touch()
        stopping.wait(LOOK_EVERY_S)


class Mover:
    """What was seen at the last look, and what was brought before.

    With one winery, files lie in `source` itself; with several, each winery's in a folder by its code, as in `watched`.
    """

    def __init__(self, source: Path, watched: Path) -> None:
        self.source, self.watched = source, watched
        self._seen: Look = {}
        self._brought = self._read_brought()

    def look(self) -> int:
        """Bring what looks as it did at the last look; how many files were brought. Raises OSError."""
        rooms = sorted(each.parent for each in self.watched.glob(f"*/{DONE}")) or [self.watched]
        seen: Look = {}
        count = 0
        for room in rooms:
            _clear_pieces(room)
            inside = room.relative_to(self.watched)
            for name, found in self._list(self.source / inside, is_only=room == self.watched):
                path = inside / name
                seen[path] = found
                # A NAS may number a file anew each time it is mounted: size and time tell whether it is the same.
                if self._brought.get(str(path)) == list(found[:2]) or self._seen.get(path) != found:
                    continue
                count += self._bring(path, found)
        self._seen = seen
        return count

    def _list(self, folder: Path, *, is_only: bool) -> list[tuple[str, Signature]]:
        if not is_only and not folder.is_dir():
            return []  # this winery has no instruments
        return list(look(folder).items())

    def _bring(self, path: Path, found: Signature) -> bool:
        target = self.watched / path
        if target.exists():
            return False  # an earlier state of it waits there to be read
        size = found[0]
        if size > MOST_BYTES or shutil.disk_usage(self.watched).free < size + SPARE_BYTES:
            log.warning("file left where it lies: too large, or the disk too full", file=str(path))
            return False
        piece = target.with_name(f".{target.name}{PIECE}")
        descriptor = os.open(self.source / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as taken, piece.open("wb") as given:
            shutil.copyfileobj(taken, given)
            given.flush()
            os.fsync(given.fileno())
            now = os.fstat(taken.fileno())
            is_same = (now.st_size, now.st_mtime_ns) == found[:2] and stat.S_ISREG(now.st_mode)
            is_same = is_same and given.tell() == size
        if not is_same:
            piece.unlink()
            return False
        piece.replace(target)
        self._brought[str(path)] = list(found[:2])
        write_whole(self.watched / BROUGHT, json.dumps(self._brought))
        log.info("file brought", file=str(path), bytes=size)
        return True

    def _read_brought(self) -> dict[str, list[int]]:
        """What was brought before; nothing where the note is lost, as the book knows what it holds already."""
        try:
            told = json.loads((self.watched / BROUGHT).read_text("utf-8"))
            return {str(name): [int(size), int(at)] for name, (size, at) in told.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def _clear_pieces(room: Path) -> None:
    for piece in room.glob(f".*{PIECE}"):
        piece.unlink()
