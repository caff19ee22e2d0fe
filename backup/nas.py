"""The NAS: a directory that must prove, each time before anything is written, that it is the right disk and is there.

An unmounted disk leaves an empty folder of the machine's own disk behind; copies written there would be none. Three marks
must hold: the folder is a mount point, its device differs from its parent's, and a file on it bears the number we know.
"""

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from backup.refusals import CouldNotRun
from backup.store import DirectoryStore
from winery_appliance.core.words import N_

SENTINEL = "winery-backup.json"


class NasAbsent(CouldNotRun):
    """The NAS is not there, or another disk is in its place."""


def is_other_disk(root: Path) -> bool:
    """Whether `root` is a mount point on a device other than its parent's."""
    return os.path.ismount(root) and root.stat().st_dev != root.parent.stat().st_dev


def adopt_nas(root: Path, *, plain_folder: bool) -> str:
    """Mark the directory `root` as a NAS of ours and return its number; one that is marked keeps its number.

    With `plain_folder` it need not be a disk of its own, which is then no protection against this machine's loss. Raises
    NasAbsent when `root` is missing or no mounted disk.
    """
    if not root.is_dir():
        raise NasAbsent(f"{root} is no directory. Nothing was written. Mount the NAS there first.")
    if not plain_folder and not is_other_disk(root):
        raise NasAbsent(
            f"{root} is a folder of this machine's own disk, no mounted NAS. Nothing was written. "
            "Mount the NAS there first, or add --plain-folder if copies on this disk are what you want."
        )
    with contextlib.suppress(NasAbsent):
        return _read_number(root)
    number = secrets.token_hex(8)
    store = DirectoryStore(root, "adopting")
    if store.exists(SENTINEL):
        raise NasAbsent(f"{root / SENTINEL} cannot be read. Nothing was written.")
    store.put(SENTINEL, json.dumps({"nas": number}).encode() + b"\n")
    return number


@contextlib.contextmanager
def open_nas(root: Path, number: str, *, mounted: bool, writer: str) -> Iterator[DirectoryStore]:
    """The NAS `number` at `root` for one piece of work; NasAbsent unless all its marks hold.

    The work goes through the directory as it was opened: should the disk be unmounted meanwhile, nothing can land below
    its mount point.
    """
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise NasAbsent(
            N_(
                "The NAS at %(root)s is not there (%(why)s). Nothing was written there; new records wait on this machine."
            ),
            root=str(root),
            why=str(error.strerror),
        ) from error
    try:
        opened = Path(f"/proc/self/fd/{descriptor}")
        if mounted and not _is_same(root, descriptor):
            raise NasAbsent(
                N_(
                    "The NAS is not mounted at %(root)s. Nothing was written there; new records wait on this machine."
                ),
                root=str(root),
            )
        found = _read_number(opened, root)
        if found != number:
            raise NasAbsent(
                N_(
                    "Another disk is mounted at %(root)s than the one set up. Nothing was written there; new records wait "
                    "on this machine."
                ),
                root=str(root),
            )
        yield DirectoryStore(opened, writer)
    finally:
        os.close(descriptor)


def explain_io(error: OSError, root: Path) -> CouldNotRun:
    """The sentence for an input or output error on the NAS."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CouldNotRun(
            N_("The NAS at %(root)s is full. New records wait on this machine."), root=str(root)
        )
    return NasAbsent(
        N_(
            "The NAS at %(root)s failed (%(why)s). Nothing was written there; new records wait on this machine."
        ),
        root=str(root),
        why=str(error.strerror or error),
    )


def _is_same(root: Path, descriptor: int) -> bool:
    try:
        return is_other_disk(root) and os.path.samestat(root.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _read_number(root: Path, shown: Path | None = None) -> str:
    try:
        return str(json.loads((root / SENTINEL).read_text(encoding="utf-8"))["nas"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NasAbsent(
            N_(
                "%(root)s bears no readable mark of ours (%(mark)s): it is not the NAS that was set up. "
                "Nothing was written "
                "there; new records wait on this machine."
            ),
            root=str(shown or root),
            mark=SENTINEL,
        ) from error
