"""What a bucket really enforces, found out by trying it with the credentials of the box."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sync.storage import Bucket, encode
from sync.troubles import AccessRefused, StoreTrouble, Taken
from winery_appliance.core.clock import now

LEAST_DAYS = 30
MOST_OFFSET_S = 60


@dataclass(frozen=True)
class Finding:
    """One thing that was tried: whether it is as it should be, and what is so in words."""

    name: str
    ok: bool
    words: str


def check_bucket(bucket: Bucket, site: str) -> list[Finding]:
    """Try everything, on new small objects in the folder of `site`. Raises StoreTrouble when nothing can be written."""
    key = f"v1/sites/{site}/checks/{now():%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    bucket.put(key, b"one", Tagging="kept=extra")
    found = bucket.head(key)
    version = found.version if found else None
    return [
        _try_versions(bucket, key),
        _try_lock(bucket, key),
        _refused(
            "delete",
            "Copies cannot be hidden by deleting them.",
            "The box's credentials may delete: a thief of them can hide copies. Take s3:DeleteObject from them.",
            lambda: bucket.call("delete_object", Key=bucket.place.key(key)),
        ),
        _refused(
            "delete-version",
            "Versions cannot be deleted.",
            "Versions can be deleted: the lock does not hold. Make a new bucket: winery-sync bucket make",
            lambda: bucket.call(
                "delete_object",
                Key=bucket.place.key(key),
                VersionId=version or "null",
                BypassGovernanceRetention=True,
            ),
        ),
        _try_shortening(bucket, key, version),
        _try_conditions(bucket, key),
        _try_checksums(bucket, key),
        _refused(
            "suspend",
            "Versions cannot be switched off with the box's credentials.",
            "The box's credentials may switch versions off. Take s3:PutBucketVersioning from them.",
            lambda: bucket.call(
                "put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}
            ),
        ),
        _refused(
            "neighbours",
            "Other sites' folders are closed to these credentials.",
            "These credentials may write into other sites' folders. Narrow them: winery-sync bucket policy",
            lambda: bucket.put(f"v1/sites/no-{site}/checks/{key.rpartition('/')[2]}", b"trespass"),
        ),
        _tell_clock(bucket),
    ]


def _refused(name: str, good: str, bad: str, attempt: Callable[[], Any]) -> Finding:
    try:
        attempt()
    except StoreTrouble:
        return Finding(name, True, good)
    return Finding(name, False, bad)


def _try_versions(bucket: Bucket, key: str) -> Finding:
    bucket.put(key, b"two", replace=True, Tagging="kept=extra")
    kept = {bucket.read(key, version=one.version)[0] for one in bucket.versions(key)}
    if b"one" in kept:
        return Finding("versions", True, "What is written over stays as a version.")
    return Finding("versions", False, "What is written over is lost: the bucket keeps no versions.")


def _try_lock(bucket: Bucket, key: str) -> Finding:
    answer = bucket.call("head_object", Key=bucket.place.key(key))
    mode, until = answer.get("ObjectLockMode"), answer.get("ObjectLockRetainUntilDate")
    if mode == "COMPLIANCE" and until and until - now() > timedelta(days=LEAST_DAYS):
        days = (until - now()).days + 1
        return Finding("lock", True, f"Each object is locked for {days} days, by COMPLIANCE.")
    words = (
        f"{mode} until {until:%Y-%m-%d}" if mode and until else "no lock that these credentials see"
    )
    return Finding("lock", False, f"New objects are not locked as they should be: {words}.")


def _try_shortening(bucket: Bucket, key: str, version: str | None) -> Finding:
    until = now() + timedelta(hours=1)
    return _refused(
        "shorten",
        "A lock cannot be shortened.",
        "A lock can be shortened. Make a new bucket with COMPLIANCE: winery-sync bucket make",
        lambda: bucket.call(
            "put_object_retention",
            Key=bucket.place.key(key),
            VersionId=version or "null",
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
        ),
    )


def _try_conditions(bucket: Bucket, key: str) -> Finding:
    name, bad = "conditions", []
    key += "-twice"
    bucket.put(key, b"one", Tagging="kept=extra")
    try:
        bucket.put(key, b"three", Tagging="kept=extra")
        bad.append("If-None-Match")
    except Taken:
        pass
    try:
        bucket.put(key, b"four", instead_of='"00000000000000000000000000000000"')
        bad.append("If-Match")
    except (Taken, FileNotFoundError):
        pass
    if bad:
        words = (
            f"The store does not heed {' and '.join(bad)}: two machines could overwrite each other."
        )
        return Finding(name, False, words)
    return Finding(name, True, "A key that is taken cannot be overwritten unawares.")


def _try_checksums(bucket: Bucket, key: str) -> Finding:
    name = bucket.place.key(f"{key}-damaged")
    try:
        bucket.call("put_object", Key=name, Body=b"content", ChecksumSHA256=encode(bytes(32)))
    except AccessRefused:
        raise
    except StoreTrouble:
        return Finding("checksums", True, "What was damaged on the way is refused.")
    return Finding("checksums", False, "The store takes what was damaged on the way.")


def _tell_clock(bucket: Bucket) -> Finding:
    offset = bucket.clock_offset
    seconds = abs(offset.total_seconds()) if offset is not None else 0.0
    words = f"This machine's clock and the store's differ by {seconds:.0f} s."
    return Finding("clock", seconds <= MOST_OFFSET_S, words)
