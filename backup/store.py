"""Where copies lie: a flat space of keys (`v1/sites/...`) whose objects never change once they are published."""

import contextlib
import os
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from backup.refusals import CouldNotRun

DRAFTS = ".drafts"


class Draft(ABC):
    """An object that is being written; nobody sees it before `publish`."""

    @abstractmethod
    def write(self, data: bytes, /) -> object:
        """Append `data`."""

    @abstractmethod
    def publish(self) -> None:
        """Make it appear under its key, whole and kept through a power cut."""


class Store(ABC):
    """A repository's objects. A NAS is one kind; another may follow."""

    @abstractmethod
    def create(self, key: str) -> contextlib.AbstractContextManager[Draft]:
        """Write a new object; left without `publish`, nothing remains of it."""

    @abstractmethod
    def open(self, key: str, *, keep: Path | None = None) -> BinaryIO:
        """Read an object; FileNotFoundError when there is none.

        A store far away may keep in the file `keep` what it has read, and goes on from there another time.
        """

    @abstractmethod
    def names(self, prefix: str) -> list[str]:
        """The names right below the folder `prefix`, sorted; none where there is no such folder."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove an object or a folder with all below it; no fault when there is none."""

    def put(self, key: str, data: bytes) -> None:
        """Publish a small object."""
        with self.create(key) as draft:
            draft.write(data)
            draft.publish()

    def read(self, key: str) -> bytes:
        """A small object; FileNotFoundError when there is none."""
        with self.open(key) as file:
            return file.read()

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Whether an object lies under `key`."""


class DirectoryStore(Store):
    """Objects as files below a directory that must be there; it is never made.

    `writer` names the one process that writes here by it, so that it may clear away its own drafts.
    """

    def __init__(self, root: Path, writer: str = "") -> None:
        self._root = root
        self._writer = writer

    @contextlib.contextmanager
    def create(self, key: str) -> Iterator[Draft]:
        """See Store. Raises CouldNotRun when the key is taken."""
        drafts = PurePosixPath(DRAFTS, self._writer or "any")
        self._make_folder(drafts)
        path = self._root / drafts / secrets.token_hex(8)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb", buffering=1 << 20) as file:
            try:
                yield _FileDraft(self, key, path, file)
            finally:
                path.unlink(missing_ok=True)

    def open(self, key: str, *, keep: Path | None = None) -> BinaryIO:
        """See Store."""
        return self._path(key).open("rb")

    def exists(self, key: str) -> bool:
        """See Store."""
        return self._path(key).exists()

    def names(self, prefix: str) -> list[str]:
        """See Store."""
        try:
            return sorted(entry.name for entry in self._path(prefix).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def remove(self, key: str) -> None:
        """See Store."""
        path = self._path(key)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync_folder(path.parent)

    def clear_drafts(self) -> None:
        """Remove what this writer left when it was cut off."""
        shutil.rmtree(self._root / DRAFTS / self._writer, ignore_errors=True)

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key)
        if parts.is_absolute() or ".." in parts.parts:
            raise CouldNotRun(f"{key} is no name of a copy. Nothing was done.")
        return self._root / parts

    def _make_folder(self, folder: PurePosixPath) -> None:
        path = self._root
        for part in folder.parts:
            parent, path = path, path / part
            if not path.is_dir():
                with contextlib.suppress(FileExistsError):
                    path.mkdir(mode=0o700)
                _sync_folder(parent)

    def _publish(self, draft: Path, key: str) -> None:
        target = self._path(key)
        self._make_folder(PurePosixPath(key).parent)
        if target.exists():
            raise CouldNotRun(f"A copy {key} is there already; it was left as it is.")
        draft.rename(target)
        _sync_folder(target.parent)


class _FileDraft(Draft):
    def __init__(self, store: DirectoryStore, key: str, path: Path, file: BinaryIO) -> None:
        self._store = store
        self._key = key
        self._path = path
        self._file = file

    def write(self, data: bytes, /) -> object:
        return self._file.write(data)

    def publish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._store._publish(self._path, self._key)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
