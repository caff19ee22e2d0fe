"""The one door to object storage: nothing else knows boto3.

Every request is tried once here: who asks decides when to ask again. What is sent bears a SHA-256 that the store checks.
"""

import base64
import configparser
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from backup.refusals import CouldNotRun
from sync.location import Location
from sync.troubles import (
    AccessRefused,
    ClockWrong,
    StoreFull,
    Taken,
    Unreachable,
    UploadGone,
)
from winery_appliance.core.clock import now
from winery_appliance.core.words import N_

CONNECT_S, READ_S = 20, 120
SHA = "sha256"  # user metadata of every object: its whole hash, which a multipart upload's ETag is not
FULL = {
    "QuotaExceeded",
    "ServiceQuotaExceeded",
    "InsufficientStorage",
    "XMinioStorageFull",
    "TooMuchData",
}
REFUSED = {
    "NoSuchBucket",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "AuthorizationHeaderMalformed",
}

# What the line does: nothing was said by the store.
BROKEN: tuple[type[Exception], ...] = (BotoCoreError, OSError)


@dataclass(frozen=True)
class Found:
    """An object that is there. `sha256` is what its writer noted."""

    size: int
    etag: str
    sha256: str | None
    version: str | None
    modified: datetime


@dataclass(frozen=True)
class Version:
    """A version of a key, or the mark of its deletion."""

    key: str
    version: str
    modified: datetime
    size: int
    is_deletion: bool


class Body(Protocol):
    """What comes back when an object is read."""

    def read(self, size: int = ..., /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class Paced(Protocol):
    """A body that is sent no faster than it should; `go` is called when the sending begins."""

    def go(self) -> None:
        """From here on what is read goes onto the line."""
        ...


class Bucket:
    """One bucket's folder, by the credentials given. Raises StoreTrouble in its kinds, FileNotFoundError."""

    def __init__(self, place: Location, *, read_s: float = READ_S) -> None:
        self.place = place
        self.clock_offset: timedelta | None = None  # the store's clock minus ours
        keys = _read_credentials(place.credentials) if place.credentials else {}
        config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=read_s,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,
            s3={"addressing_style": "path" if place.endpoint else "auto"},
        )
        self._client: Any = boto3.session.Session(**_session_keys(keys)).client(
            "s3",
            endpoint_url=place.endpoint or keys.get("endpoint_url"),
            region_name=place.region or keys.get("region"),
            config=config,
        )
        events = self._client.meta.events
        events.register("response-received.s3", self._note_clock)
        events.register("before-send.s3", _begin_pacing)

    def call(self, operation: str, **arguments: Any) -> Any:
        """One request, by the name of boto3's method; its answer."""
        try:
            return getattr(self._client, operation)(Bucket=self.place.bucket, **arguments)
        except ClientError as error:
            raise self._explain(error) from error
        except NoCredentialsError as error:
            raise AccessRefused(
                N_("No credentials for the bucket were given: the AWS variables, or a file.")
            ) from error
        except BROKEN as error:
            raise Unreachable(
                N_(
                    "%(where)s does not answer (%(why)s). Nothing is lost: new records wait on this machine."
                ),
                where=self.where,
                why=_short(error),
            ) from error

    @property
    def where(self) -> str:
        """The store, for people."""
        return self.place.endpoint or str(self.place)

    def put(
        self,
        key: str,
        data: bytes,
        *,
        instead_of: str | None = None,
        replace: bool = False,
        **more: Any,
    ) -> str:
        """Write a small object and return its ETag; Taken when there is one, unless it has the ETag `instead_of` or may
        be replaced.
        """
        if instead_of is not None:
            more["IfMatch"] = instead_of
        elif not replace:
            more["IfNoneMatch"] = "*"
        digest = hashlib.sha256(data)
        answer = self.call(
            "put_object",
            Key=self.place.key(key),
            Body=data,
            ChecksumSHA256=encode(digest.digest()),
            Metadata={SHA: digest.hexdigest()},
            **more,
        )
        return str(answer["ETag"])

    def head(self, key: str) -> Found | None:
        """What lies under the key; None when nothing does."""
        try:
            answer = self.call("head_object", Key=self.place.key(key))
        except FileNotFoundError:
            return None
        return Found(
            int(answer["ContentLength"]),
            answer["ETag"],
            answer["Metadata"].get(SHA),
            answer.get("VersionId"),
            answer["LastModified"],
        )

    def open(self, key: str, *, start: int = 0, version: str | None = None) -> tuple[Body, str]:
        """Read an object from byte `start` on; its body and ETag."""
        more: dict[str, Any] = {"VersionId": version} if version else {}
        if start:
            more["Range"] = f"bytes={start}-"
        answer = self.call("get_object", Key=self.place.key(key), **more)
        return answer["Body"], answer["ETag"]

    def read(self, key: str, *, version: str | None = None) -> tuple[bytes, str]:
        """A small object whole, and its ETag."""
        body, etag = self.open(key, version=version)
        try:
            return body.read(), etag
        except BROKEN as error:
            raise Unreachable(
                N_("%(where)s broke off (%(why)s)."), where=self.where, why=_short(error)
            ) from error
        finally:
            body.close()

    def names(self, prefix: str) -> list[str]:
        """The names right below the folder, sorted."""
        folder = self.place.key(prefix.rstrip("/") + "/")
        found: set[str] = set()
        for answer in self._list(folder, Delimiter="/"):
            keys = [entry["Key"] for entry in answer.get("Contents", [])]
            keys += [entry["Prefix"] for entry in answer.get("CommonPrefixes", [])]
            found |= {key.removeprefix(folder).rstrip("/") for key in keys}
        return sorted(found - {""})

    def keys(self, prefix: str) -> list[str]:
        """Every key below the folder however deep, sorted; without our folder."""
        cut = len(self.place.key(""))
        folder = self.place.key(prefix.rstrip("/") + "/")
        entries = (e for answer in self._list(folder) for e in answer.get("Contents", []))
        return sorted(entry["Key"][cut:] for entry in entries)

    def _list(self, folder: str, **more: Any) -> Iterator[Any]:
        while True:
            answer = self.call("list_objects_v2", Prefix=folder, **more)
            yield answer
            if not answer.get("IsTruncated"):
                return
            more["ContinuationToken"] = answer["NextContinuationToken"]

    def versions(self, prefix: str) -> Iterator[Version]:
        """Every version of every object whose key begins so, and the marks of deletion; keys without our folder."""
        more: dict[str, Any] = {}
        cut = len(self.place.key(""))
        while True:
            answer = self.call("list_object_versions", Prefix=self.place.key(prefix), **more)
            for kind in ("Versions", "DeleteMarkers"):
                for entry in answer.get(kind, []):
                    yield Version(
                        entry["Key"][cut:],
                        entry["VersionId"],
                        entry["LastModified"],
                        entry.get("Size", 0),
                        kind == "DeleteMarkers",
                    )
            if not answer.get("IsTruncated"):
                return
            more = {
                "KeyMarker": answer["NextKeyMarker"],
                "VersionIdMarker": answer.get("NextVersionIdMarker", ""),
            }

    def begin_parts(self, key: str, sha256: str, **more: Any) -> str:
        """Begin a multipart upload; its id."""
        answer = self.call(
            "create_multipart_upload",
            Key=self.place.key(key),
            ChecksumAlgorithm="SHA256",
            Metadata={SHA: sha256},
            **more,
        )
        return str(answer["UploadId"])

    def send_part(self, key: str, upload: str, number: int, body: Any, digest: bytes) -> str:
        """Send one part; its ETag."""
        answer = self.call(
            "upload_part",
            Key=self.place.key(key),
            UploadId=upload,
            PartNumber=number,
            Body=body,
            ChecksumSHA256=encode(digest),
        )
        return str(answer["ETag"])

    def parts(self, key: str, upload: str) -> dict[int, tuple[str, int]]:
        """The parts that the store has: ETag and size by number. Raises UploadGone."""
        found: dict[int, tuple[str, int]] = {}
        marker = 0
        while True:
            answer = self.call(
                "list_parts", Key=self.place.key(key), UploadId=upload, PartNumberMarker=marker
            )
            for part in answer.get("Parts", []):
                found[part["PartNumber"]] = (part["ETag"], part["Size"])
            if not answer.get("IsTruncated"):
                return found
            marker = answer["NextPartNumberMarker"]

    def finish_parts(self, key: str, upload: str, parts: list[tuple[int, str, bytes]]) -> None:
        """Put the parts (number, ETag, SHA-256) together; Taken when there is an object already."""
        listed = [
            {"PartNumber": number, "ETag": etag, "ChecksumSHA256": encode(digest)}
            for number, etag, digest in parts
        ]
        self.call(
            "complete_multipart_upload",
            Key=self.place.key(key),
            UploadId=upload,
            MultipartUpload={"Parts": listed},
            IfNoneMatch="*",
        )

    def _note_clock(self, response_dict: Any = None, **_: Any) -> None:
        date = ((response_dict or {}).get("headers") or {}).get("date")
        if date:
            self.clock_offset = parsedate_to_datetime(date) - now()

    def _explain(self, error: ClientError) -> Exception:
        facts = error.response.get("Error", {})
        code, words = str(facts.get("Code", "")), str(facts.get("Message", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        kind = _classify(code, status)
        if kind is FileNotFoundError:
            return FileNotFoundError(code)
        if kind is ClockWrong:
            return ClockWrong(
                N_(
                    "This machine's clock is %(minutes)s minutes away from the bucket's, which refuses that. "
                    "Set it. Nothing "
                    "is lost: new records wait on this machine."
                ),
                minutes=round(abs((self.clock_offset or timedelta()).total_seconds()) / 60),
            )
        told: Exception = kind(
            SENTENCES.get(kind, ANSWERS),
            **{"where": self.where, "code": code, "status": status, "words": words},
        )
        return told


SENTENCES: dict[Any, str] = {
    AccessRefused: N_(
        "%(where)s refuses these credentials (%(code)s). See that they are right. Nothing is lost: new records wait "
        "on this machine."
    ),
    StoreFull: N_(
        "%(where)s takes no more (%(code)s). Make room or raise its limit. Nothing is lost: new records wait "
        "on this machine."
    ),
    Taken: N_("There is another object already (%(code)s)."),
    UploadGone: N_("The store has forgotten an upload; it begins anew."),
}
ANSWERS = N_(
    "%(where)s answers %(status)s %(code)s %(words)s. Nothing is lost: new records wait on this machine."
)


def encode(digest: bytes) -> str:
    """A digest as the store wants it."""
    return base64.b64encode(digest).decode()


def _classify(code: str, status: int) -> Any:
    if code == "NoSuchUpload":
        return UploadGone
    if code == "RequestTimeTooSkewed":
        return ClockWrong
    if code in FULL or status == 507:
        return StoreFull
    if code in REFUSED:
        return AccessRefused
    kinds: dict[int, type[Exception]] = {
        401: AccessRefused,
        403: AccessRefused,
        404: FileNotFoundError,
        409: Unreachable,  # somebody writes the same key at this moment
        412: Taken,
    }
    return kinds.get(status, Unreachable)


def _read_credentials(path: Path) -> dict[str, str]:
    """A file as AWS's own programs read it: [default], aws_access_key_id, aws_secret_access_key, region ..."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        section = parser["default"] if "default" in parser else parser[parser.sections()[0]]
        found = dict(section)
        found["aws_access_key_id"], found["aws_secret_access_key"]
    except (OSError, ValueError, KeyError, IndexError, configparser.Error) as error:
        raise CouldNotRun(
            f"{path} is no readable file of credentials ([default], aws_access_key_id, aws_secret_access_key)."
        ) from error
    return found


def _session_keys(keys: dict[str, str]) -> dict[str, str]:
    wanted = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return {name: keys[name] for name in wanted if name in keys}


def _begin_pacing(request: Any, **_: Any) -> None:
    go = getattr(request.body, "go", None)
    if go is not None:
        go()


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
