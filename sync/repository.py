"""A bucket as a repository that `winery-backup` reads: over a bad line, with credentials that may only read.

Read objects are checked by whoever reads them, against signed hashes; here the way is made to hold.
"""

import contextlib
import io
import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from backup.access import Way
from backup.refusals import CouldNotRun, Damaged
from backup.store import Draft, Store
from sync.configuration import find_location
from sync.storage import BROKEN, Body, Bucket, Version
from sync.troubles import Unreachable
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import N_

TRIES = 10
LONGEST_PAUSE_S = 30.0
AHEAD = 8  # manifests read at once: there are thousands, and each costs a way there and back
CHUNK = 1 << 16

Answer = TypeVar("Answer")


@contextlib.contextmanager
def open_repository(settings: Settings, way: Way) -> Iterator["BucketStore"]:
    """The bucket that `way` names; the entry point `s3` of `winery.repositories`. Raises CouldNotRun."""
    store = BucketStore(Bucket(find_location(settings, way)), as_of=way.as_of)
    try:
        yield store
    finally:
        store.close()


class BucketStore(Store):
    """The objects of a bucket, read only; with `as_of` as they were then, whatever came or was deleted later."""

    def __init__(
        self,
        bucket: Bucket,
        *,
        as_of: datetime | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bucket = bucket
        self._as_of = as_of
        self._pause = pause
        self._then: dict[str, str] = {}  # the version of each key at `as_of`
        self._listed: set[str] = set()
        self._readers = ThreadPoolExecutor(AHEAD)
        self._ahead: dict[str, Future[bytes]] = {}

    def close(self) -> None:
        """Give up what is being read ahead."""
        self._readers.shutdown(cancel_futures=True)

    def create(self, key: str) -> contextlib.AbstractContextManager[Draft]:
        """Refused: see Store."""
        raise CouldNotRun(f"{key} was not written: this bucket is only read here.")

    def remove(self, key: str) -> None:
        """Refused: see Store."""
        raise CouldNotRun(f"{key} was not removed: nothing in a bucket ever is.")

    def open(self, key: str, *, keep: Path | None = None) -> BinaryIO:
        """See Store."""
        reading = _Reading(self._bucket, key, self._version(key), self._pause, keep)
        return io.BufferedReader(reading, CHUNK)

    def read(self, key: str) -> bytes:
        """See Store."""
        ahead = self._ahead.pop(key, None)
        return ahead.result() if ahead is not None else self._read(key)

    def exists(self, key: str) -> bool:
        """See Store."""
        if self._as_of is not None:
            self._look_back(key.rpartition("/")[0])
            return key in self._then
        return self._patiently(lambda: self._bucket.head(key)) is not None

    def names(self, prefix: str) -> list[str]:
        """See Store."""
        if self._as_of is not None:
            self._look_back(prefix)
            folder = prefix.rstrip("/") + "/"
            below = (key.removeprefix(folder) for key in self._then if key.startswith(folder))
            names = sorted({name.partition("/")[0] for name in below})
        else:
            names = self._patiently(lambda: self._bucket.names(prefix))
        self.read_ahead(f"{prefix}/{name}" for name in names if name.endswith(".json"))
        return names

    def keys(self, prefix: str) -> list[str]:
        """Every key below the folder however deep, sorted."""
        if self._as_of is None:
            return self._patiently(lambda: self._bucket.keys(prefix))
        self._look_back(prefix)
        folder = prefix.rstrip("/") + "/"
        return sorted(key for key in self._then if key.startswith(folder))

    def read_ahead(self, keys: Iterable[str]) -> None:
        """Begin to read what will soon be asked for."""
        for key in keys:
            if key not in self._ahead:
                self._ahead[key] = self._readers.submit(self._read, key)

    def _read(self, key: str) -> bytes:
        version = self._version(key)
        return self._patiently(lambda: self._bucket.read(key, version=version)[0])

    def _version(self, key: str) -> str | None:
        if self._as_of is None:
            return None
        self._look_back(key.rpartition("/")[0])
        try:
            return self._then[key]
        except KeyError:
            raise FileNotFoundError(key) from None

    def _look_back(self, prefix: str) -> None:
        """Learn what lay below the folder at `as_of`."""
        folder = prefix.rstrip("/") + "/"
        if any(folder.startswith(listed) for listed in self._listed):
            return
        assert self._as_of is not None
        newest: dict[str, Version] = {}
        for version in self._patiently(lambda: list(self._bucket.versions(folder))):
            known = newest.get(version.key)  # those of a key come newest first
            if version.modified <= self._as_of and (
                known is None or version.modified > known.modified
            ):
                newest[version.key] = version
        self._then |= {key: one.version for key, one in newest.items() if not one.is_deletion}
        self._listed.add(folder)

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        return _try_again(ask, self._pause)


class _Reading(io.RawIOBase):
    """An object as a stream that goes on where the line broke; from a file what an earlier process had read of it."""

    def __init__(
        self,
        bucket: Bucket,
        key: str,
        version: str | None,
        pause: Callable[[float], None],
        keep: Path | None,
    ) -> None:
        self._bucket, self._key, self._version, self._pause = bucket, key, version, pause
        self._kept = keep.open("a+b") if keep is not None else None
        self._have = self._kept.tell() if self._kept is not None else 0
        if self._kept is not None:
            self._kept.seek(0)
        self._at = 0
        self._body: Body | None = None
        self._etag: str | None = None
        if self._have == 0:
            self._begin()  # that it is missing is said at once

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._kept is not None and self._at < self._have:
            data = self._kept.read(min(len(buffer), self._have - self._at))
        else:
            data = _try_again(lambda: self._receive(len(buffer)), self._pause)
            if self._kept is not None:
                self._kept.write(data)
        self._at += len(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if self._body is not None:
            self._body.close()
        if self._kept is not None:
            self._kept.close()
        super().close()

    def _receive(self, size: int) -> bytes:
        if self._body is None:
            self._begin()
        assert self._body is not None
        try:
            return self._body.read(size)
        except BROKEN as error:
            self._body = None
            raise Unreachable(
                N_("%(where)s broke off (%(why)s)."),
                where=self._bucket.where,
                why=type(error).__name__,
            ) from error

    def _begin(self) -> None:
        if self._at and self._at == self._size():
            self._body = io.BytesIO()
            return
        self._body, etag = _try_again(
            lambda: self._bucket.open(self._key, start=self._at, version=self._version), self._pause
        )
        if self._etag not in (None, etag):
            raise Damaged(f"{self._key}: it was changed while it was read")
        self._etag = etag

    def _size(self) -> int:
        found = _try_again(lambda: self._bucket.head(self._key), self._pause)
        return found.size if found is not None else 0


def _try_again(ask: Callable[[], Answer], pause: Callable[[float], None]) -> Answer:
    """Ask until there is an answer; after so many tries in a row that failed, Unreachable."""
    for number in range(TRIES - 1):
        try:
            return ask()
        except Unreachable:
            pause(random.uniform(0, min(LONGEST_PAUSE_S, 2.0**number)))  # noqa: S311 - no secret
    return ask()
