"""Files of a watched folder: which of them nobody writes to any more, and where they go afterwards. No database here.

The folder is local: another process brings files from a NAS or a stick and may hang without harm. So what lies on a network
is never touched, not even to look whether it is there, and no link is followed.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

DONE, QUARANTINE, NOTES = "done", "quarantine", ".seen.json"
REASON = ".reason.txt"
# A file in the making, as browsers, copiers and editors name it.
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", ".partial", "~")
_NETWORKS = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "davfs", "ncpfs", "lustre", "fuse.sshfs",
    "fuse.rclone", "fuse.glusterfs", "fuse.s3fs", "fuse.davfs2", "fuse.cephfs",
})  # fmt: skip
Signature = tuple[int, int, int]


@dataclass
class Note:
    """What is known of a file: how it looked the last time, and the import it became."""

    signature: Signature
    import_id: int | None = None


@dataclass(frozen=True)
class Quarantined:
    """A file that was not imported, or not all of it, and why."""

    path: Path
    reason: str


def find_network(path: Path, mounts: str | None = None) -> str | None:
    """The kind of network file system that `path` lies on, by the table of mounts alone; None for a local one."""
    if mounts is None:
        table = Path("/proc/self/mountinfo")
        mounts = table.read_text(encoding="utf-8") if table.exists() else ""
    best, kind = "", None
    for line in mounts.splitlines():
        told, _, behind = line.partition(" - ")
        point = told.split()[4].replace("\\040", " ")
        inside = str(path) == point or str(path).startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, behind.split()[0]
    return kind if kind in _NETWORKS else None


def prepare_folder(folder: Path) -> None:
    """Make the folder and its two rooms. Raises OSError, also where it is a link or lies on a network."""
    folder = folder.absolute()
    kind = find_network(folder)
    if kind is not None:
        raise OSError(
            f"{folder} lies on a network ({kind}). Watch a local folder, and let files be brought there."
        )
    for room in (folder, folder / DONE, folder / QUARANTINE):
        room.mkdir(mode=0o770, parents=True, exist_ok=True)
        if room.is_symlink():
            raise OSError(f"{room} is a link. Watch a folder itself.")


def look(folder: Path) -> dict[str, Signature]:
    """The files that lie in the folder, each with size, moment of change and number; no links, nothing half there."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith(".") or name.lower().endswith(_UNFINISHED):
                continue
            if entry.is_file(follow_symlinks=False):
                seen = entry.stat(follow_symlinks=False)
                found[name] = (seen.st_size, seen.st_mtime_ns, seen.st_ino)
    return dict(sorted(found.items()))


def read_notes(folder: Path) -> dict[str, Note]:
    """What was noted at the last look; nothing where the note is lost, which only makes the next look a first one."""
    try:
        told = json.loads((folder / NOTES).read_text(encoding="utf-8"))
        return {name: Note((s[0], s[1], s[2]), import_id) for name, (s, import_id) in told.items()}
    except (OSError, ValueError, TypeError, IndexError):
        return {}


def write_notes(folder: Path, notes: Mapping[str, Note]) -> None:
    """Note how the files looked, for the next look."""
    told = {name: [note.signature, note.import_id] for name, note in notes.items()}
    write_whole(folder / NOTES, json.dumps(told))


def move_to_done(folder: Path, name: str) -> Path:
    """Put an imported file away."""
    target = _find_free(folder / DONE, name)
    (folder / name).rename(target)
    return target


def quarantine(folder: Path, name: str, reason: str) -> Path:
    """Put a file apart that cannot be imported by itself, with the reason in a file beside it."""
    target = _find_free(folder / QUARANTINE, name)
    write_whole(target.with_name(target.name + REASON), reason + "\n")
    (folder / name).rename(target)
    return target


def leave_in_quarantine(folder: Path, name: str, content: BinaryIO, reason: str) -> Path:
    """Put a file there that was made of another one, with the reason beside it."""
    target = _find_free(folder / QUARANTINE, name)
    write_whole(target.with_name(target.name + REASON), reason + "\n")
    with target.open("wb") as file:
        shutil.copyfileobj(content, file)
    return target


def list_quarantined(folder: Path) -> list[Quarantined]:
    """What is in quarantine, each with its reason."""
    room = folder / QUARANTINE
    found = []
    for path in sorted(room.iterdir()) if room.is_dir() else ():
        if not path.name.endswith(REASON) and path.is_file():
            reason = path.with_name(path.name + REASON)
            told = reason.read_text(encoding="utf-8").strip() if reason.exists() else "unknown"
            found.append(Quarantined(path, told))
    return found


def _find_free(room: Path, name: str) -> Path:
    target, number = room / name, 1
    while target.exists():
        number += 1
        target = room / f"{Path(name).stem}-{number}{Path(name).suffix}"
    return target


def write_whole(path: Path, text: str) -> None:
    """`text` in `path`, or what was there before."""
    unfinished = path.with_name(f".{path.name}.new")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
