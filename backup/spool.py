"""The log as `pg_receivewal` lays it on this machine's own disk, until it is on the NAS."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from backup.keys import save_file, state_dir
from backup.wal_format import SEGMENT, SEGMENT_NAME, segment_start
from winery_appliance.core.settings import Settings

PARTIAL = ".partial"
CHUNK = 1 << 20


class StretchNote(BaseModel):
    """What this machine notes of a stretch: its number, a token of its own, and why it began."""

    number: int
    token: str
    reason: str


@dataclass(frozen=True)
class SpoolFile:
    """A segment in the spool, whole or still growing."""

    path: Path
    whole: bool

    @property
    def name(self) -> str:
        """The segment's name."""
        return self.path.name.removesuffix(PARTIAL)

    @property
    def start(self) -> int:
        """The position it begins at."""
        return segment_start(self.name)

    def read(self, start: int, end: int) -> bytes:
        """The bytes between two positions."""
        with self.path.open("rb") as file:
            file.seek(start - self.start)
            return file.read(end - start)

    def find_end(self, start: int) -> int:
        """The position behind the last byte that was written, from `start` on: the file is zeros from there on.

        Bytes are written in order: what lies before a byte seen here has been written, though it may have to be read again.
        """
        if self.whole:
            return self.start + SEGMENT
        end = start
        with self.path.open("rb") as file:
            file.seek(start - self.start)
            at = start
            while chunk := file.read(CHUNK):
                used = len(chunk.rstrip(b"\0"))
                if used:
                    end = at + used
                at += len(chunk)
        return end


class SpoolStretch:
    """The folder of one stretch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.note = StretchNote.model_validate_json((path / "stretch.json").read_text("utf-8"))

    def files(self) -> list[SpoolFile]:
        """Its segments in order; where one is there both growing and whole, the whole one."""
        found: dict[str, SpoolFile] = {}
        for path in sorted(self.path.iterdir(), reverse=True):
            name = path.name.removesuffix(PARTIAL)
            if SEGMENT_NAME.fullmatch(name):
                found[name] = SpoolFile(path, whole=path.name == name)
        return [found[name] for name in sorted(found)]

    def drop_truncated(self) -> list[str]:
        """Remove growing segments of a wrong size, which a full disk leaves behind and `pg_receivewal` chokes on for ever;
        it gets them again from the server. Their names.
        """
        dropped = []
        for path in self.path.glob(f"*{PARTIAL}"):
            if path.stat().st_size not in (0, SEGMENT):
                path.unlink()
                dropped.append(path.name)
        return dropped

    def remove(self) -> None:
        """Remove it with all it holds."""
        shutil.rmtree(self.path)


class Spool:
    """The stretches of one repository that are not wholly shipped yet; the last one is being written."""

    def __init__(self, settings: Settings, repository: str, top: Path | None = None) -> None:
        """In the folder `top` those for off-site; the NAS's by default."""
        self._top = top or state_dir(settings) / "spool"
        self.path = self._top / repository

    def stretches(self) -> list[SpoolStretch]:
        """All of them in order."""
        if not self.path.is_dir():
            return []
        return [
            SpoolStretch(path)
            for path in sorted(self.path.iterdir())
            if (path / "stretch.json").exists()
        ]

    def begin(self, note: StretchNote) -> SpoolStretch:
        """Make the folder of a new stretch."""
        folder = self.path / f"{note.number:04}"
        save_file(folder / "stretch.json", note.model_dump_json())
        return SpoolStretch(folder)

    def forget_others(self) -> None:
        """Remove what belongs to other repositories: the cluster they copied is not this one."""
        if self._top.is_dir():
            for path in self._top.iterdir():
                if path != self.path:
                    shutil.rmtree(path)

    def size(self) -> int:
        """Bytes on the disk."""
        total = 0
        for path in self.path.rglob("*"):
            try:
                total += path.stat().st_blocks * 512
            except FileNotFoundError:  # shipped meanwhile
                continue
        return total
