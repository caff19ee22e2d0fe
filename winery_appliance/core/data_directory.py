"""The data directory: whose it is, whether there is room, and that only one appliance works in it
at a time.
"""

import contextlib
import fcntl
import json
import os
import pwd
import shutil
from pathlib import Path

from winery_appliance.core.clock import now

MARKER = "winery-appliance.json"
PRODUCT = "winery-appliance"
# Found in a directory that is otherwise empty: a file system's own folder, and our marker if we
# were cut off writing it.
NOTHING = frozenset({"lost+found", MARKER + ".new"})
MIB = 1024 * 1024


class DataRefused(Exception):
    """The data directory cannot be used; the text says why, what is safe and what to do."""


class DataDirectory:
    """The data directory of one appliance. `claim` makes and locks it; the lock ends with the
    process, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path / "run"
        self.log = path / "log"
        self._lock: int | None = None

    def check_owner(self) -> None:
        """Raise DataRefused when something lies at this path that is not an appliance's data.
        Changes nothing.
        """
        try:
            names = {entry.name for entry in self.path.iterdir()}
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unusable(error) from error
        if names - NOTHING and not self._is_ours():
            raise DataRefused(
                f"{self.path} holds files that are not an appliance's. Nothing was changed. "
                "Choose another directory with --data."
            )

    def has_data(self) -> bool:
        """Whether an appliance's data lies here."""
        return self._is_ours()

    def lock_if_there(self) -> None:
        """Lock a directory that an earlier start made, without making anything; DataRefused when it
        is in use.
        """
        if self._is_ours() and self.run.is_dir():
            self._take_lock()

    def check_space(self, wanted_bytes: int) -> None:
        """Raise DataRefused unless the disk has `wanted_bytes` free. Changes nothing."""
        place = self.path
        while not place.exists():
            place = place.parent
        facts = os.statvfs(place)
        free = facts.f_bavail * facts.f_frsize
        if free < wanted_bytes:
            raise DataRefused(
                f"The disk of {self.path} has {free // MIB} MB free; {wanted_bytes // MIB} MB are "
                "needed. Nothing was changed. Free some space, or choose another disk with --data."
            )

    def claim(self) -> None:
        """Make the directory if it is missing, mark it as ours and lock it. Raises DataRefused."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours():
                self._write_marker()
            self.run.mkdir(mode=0o700, exist_ok=True)
            self.log.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        self._take_lock()

    def release(self) -> None:
        """Give up the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def empty(self) -> None:
        """Remove all data, keeping the marker and the lock, so that an interrupted removal can be
        taken up again.

        Only for the holder of the lock of a directory that is ours.
        """
        if self._lock is None or not self._is_ours():
            raise DataRefused(f"{self.path} is not held by this process. Nothing was removed.")
        try:
            self._remove_all()
        except OSError as error:
            raise DataRefused(
                f"Not all of {self.path} could be removed ({error.filename}: {error.strerror}). "
                "Remove that by hand and start again with --reset."
            ) from error

    def _remove_all(self) -> None:
        database = self.path / "postgresql"
        if database.exists():
            # First and by one step: what is left without the database is rubbish, not half an
            # appliance.
            doomed = database.with_name(f"{database.name}.removed-{os.getpid()}")
            database.rename(doomed)
        kept = {self.path / MARKER, self.run, self.run / "lock"}
        for entry in (*self.path.iterdir(), *self.run.iterdir()):
            if entry in kept:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        self.log.mkdir(mode=0o700, exist_ok=True)

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        try:
            descriptor = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise DataRefused(
                f"An appliance is already running with the data in {self.path} (process {holder}). "
                "It is not disturbed. Stop it first, or choose another directory with --data."
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._lock = descriptor

    def _is_ours(self) -> bool:
        try:
            facts = json.loads((self.path / MARKER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(facts, dict) and facts.get("product") == PRODUCT

    def _write_marker(self) -> None:
        facts = {"product": PRODUCT, "made_at": now().isoformat(timespec="seconds")}
        draft = self.path / (MARKER + ".new")
        draft.write_text(json.dumps(facts) + "\n", encoding="utf-8")
        draft.replace(self.path / MARKER)

    def _unusable(self, error: OSError) -> DataRefused:
        owner = ""
        if isinstance(error, PermissionError):
            with contextlib.suppress(OSError, KeyError):
                owner = (
                    f" by this user; it belongs to {pwd.getpwuid(self.path.stat().st_uid).pw_name}"
                )
        return DataRefused(
            f"The data directory {self.path} cannot be used{owner} ({error.strerror or error}). "
            "Nothing was changed. Choose another directory with --data."
        )
