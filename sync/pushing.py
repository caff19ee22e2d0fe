"""Brings one object into the bucket, whole and once, whatever dies on the way.

Small ones go at once, large ones in parts that are noted one by one. The key is never overwritten: where something lies
already it must be the same.
"""

import hashlib
from collections.abc import Callable
from typing import BinaryIO

from backup.envelope import measure
from backup.refusals import Damaged
from sync.bucket_setup import TAG
from sync.journal import Journal, Upload
from sync.patience import Pace, PacedBody
from sync.storage import Bucket
from sync.troubles import Taken, UploadGone

MIB = 1 << 20
PART = 5 * MIB  # the least that S3 takes; 8.4 s at 5 Mbit/s
MOST_PARTS = 9000  # S3's limit is 10,000


class Pusher:
    """Pushes through `bucket` at `pace`. `between` is asked between parts, and may raise to do something else first."""

    def __init__(
        self,
        bucket: Bucket,
        journal: Journal,
        pace: Pace,
        between: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self._bucket, self._journal, self._pace, self._between = bucket, journal, pace, between
        self._reconciled: set[str] = set()
        self.sent_bytes = 0

    def push(
        self,
        key: str,
        source: Callable[[], BinaryIO],
        size: int,
        sha256: str,
        *,
        kept: str | None = None,
    ) -> None:
        """Bring `source` of that size and hash under `key`. Raises StoreTrouble; Damaged when the source or what lies there
        already is not that.
        """
        if self._journal.sent_hash(key) == sha256:
            return
        if size <= PART:
            with source() as file:
                data = file.read()
            self.put(key, data, sha256=sha256, kept=kept)
            return
        try:
            self._push_parts(key, source, size, sha256, kept)
        except Taken:
            self._compare(key, size, sha256)
        except UploadGone:
            self._journal.forget_upload(key)
            raise
        self._journal.add_sent(key, sha256)

    def put(
        self,
        key: str,
        data: bytes,
        *,
        sha256: str | None = None,
        kept: str | None = None,
        replace: bool = False,
    ) -> None:
        """Bring a small object under `key`, as `push`; with `replace` in place of what lies there."""
        found = hashlib.sha256(data).hexdigest()
        if sha256 not in (None, found):
            raise Damaged(f"{key}: what waits to be sent is damaged")
        self._pace.take(len(data))
        try:
            self._bucket.put(key, data, replace=replace, **_tagging(kept))
        except Taken:
            self._compare(key, len(data), found)
        self.sent_bytes += len(data)
        self._journal.add_sent(key, found)

    def _push_parts(
        self, key: str, source: Callable[[], BinaryIO], size: int, sha256: str, kept: str | None
    ) -> None:
        with source() as file:
            upload = self._find_upload(key, file, size, sha256, kept)
            have = self._journal.parts(key)
            count = -(-size // upload.part_size)
            for number in range(1, count + 1):
                if number in have:
                    continue
                self._between((number - 1) * upload.part_size, size)
                file.seek((number - 1) * upload.part_size)
                data = file.read(upload.part_size)
                digest = hashlib.sha256(data).digest()
                body = PacedBody(data, self._pace)
                etag = self._bucket.send_part(key, upload.upload, number, body, digest)
                self.sent_bytes += len(data)
                self._journal.add_part(key, number, etag, digest)
        listed = [
            (n, etag, digest) for n, (etag, digest) in sorted(self._journal.parts(key).items())
        ]
        self._bucket.finish_parts(key, upload.upload, listed)

    def _find_upload(
        self, key: str, file: BinaryIO, size: int, sha256: str, kept: str | None
    ) -> Upload:
        upload = self._journal.upload(key)
        if upload is not None and (upload.sha256, upload.size) == (sha256, size):
            if key not in self._reconciled:
                self._reconcile(upload, file)
            return upload
        if measure(file) != (size, sha256):
            raise Damaged(f"{key}: what waits to be sent is damaged")
        part_size = max(PART, -(-size // MOST_PARTS // MIB) * MIB)
        upload = Upload(
            key, sha256, size, part_size, self._bucket.begin_parts(key, sha256, **_tagging(kept))
        )
        self._journal.begin_upload(upload)
        self._reconciled.add(key)
        return upload

    def _reconcile(self, upload: Upload, file: BinaryIO) -> None:
        """After a restart: the store says which parts it has; one that was sent and not noted is known by its MD5."""
        there = self._bucket.parts(upload.key, upload.upload)
        noted = self._journal.parts(upload.key)
        kept = [n for n, (etag, _) in noted.items() if n in there and there[n][0] == etag]
        self._journal.keep_parts(upload.key, kept)
        for number, (etag, size) in there.items():
            if number in kept:
                continue
            file.seek((number - 1) * upload.part_size)
            data = file.read(upload.part_size)
            if len(data) == size and hashlib.md5(
                data, usedforsecurity=False
            ).hexdigest() == etag.strip('"'):
                self._journal.add_part(upload.key, number, etag, hashlib.sha256(data).digest())
        self._reconciled.add(upload.key)

    def _compare(self, key: str, size: int, sha256: str) -> None:
        """What lies under a taken key must be what we bring: an answer to an earlier attempt was lost."""
        found = self._bucket.head(key)
        if found is None or (found.size, found.sha256) != (size, sha256):
            raise Damaged(f"{key}: another object lies there already; it was left as it is")


def _tagging(kept: str | None) -> dict[str, str]:
    return {"Tagging": f"{TAG}={kept}"} if kept else {}
