"""Files that are whole or not there: whatever is written here survives the power being cut at any moment."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path


def write_whole(path: Path, content: str, mode: int = 0o644) -> None:
    """`content` in `path`, by writing beside it, syncing, and renaming."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    draft.replace(path)
    sync_folder(path.parent)


def point(link: Path, target: str) -> None:
    """Let the symbolic link `link` lead to `target`, from one moment to the next."""
    draft = link.with_name(f".{link.name}.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(link)
    sync_folder(link.parent)


def mirror(source: Path, target: Path, instead: Mapping[Path, str] | None = None) -> bool:
    """Make the text files below `target` those below `source`; whether anything changed.

    `target` itself stays the folder that containers have mounted; each file is replaced by renaming. `instead`: texts
    that take the place of files, by their path below `source`.
    """
    wanted = {
        path.relative_to(source): path.read_text("utf-8")
        for path in source.rglob("*")
        if path.is_file()
    } | dict(instead or {})
    changed = False
    for path, text in sorted(wanted.items()):
        there = target / path
        if not there.is_file() or there.read_text("utf-8") != text:
            write_whole(there, text)
            changed = True
    for path in [path for path in target.rglob("*") if path.is_file()]:
        if path.relative_to(target) not in wanted:
            path.unlink()
            changed = True
    for folder, _, _ in os.walk(target):
        Path(folder).chmod(0o755)
    return changed


def remove_tree(path: Path) -> None:
    """Remove a folder by first taking its name away: what is cut off half-way is never taken for whole."""
    if not path.exists():
        return
    doomed = path.with_name(f".{path.name}.removed")
    shutil.rmtree(doomed, ignore_errors=True)
    path.rename(doomed)
    shutil.rmtree(doomed)


def sync_folder(folder: Path) -> None:
    """See that names written in `folder` are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
