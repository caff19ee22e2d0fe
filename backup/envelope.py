"""The envelope of every object: zstd inside age, so that `age -d | zstd -d` opens it without us.

Everything streams: memory does not grow with the object. age tells only at the end of a file whether all of it was whole,
and releases what came before: what `unseal` writes may be used only after it has returned.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyrage

from backup.refusals import Damaged, KeyRefused

try:
    from compression import zstd  # type: ignore[import-not-found,unused-ignore]
except ImportError:  # Python before 3.14
    from backports import zstd

CHUNK = 1 << 20
LEVEL = 3
NO_KEY = "No matching keys"


class Source(Protocol):
    """Something to read bytes from."""

    def read(self, size: int = ..., /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class Sink(Protocol):
    """Something to write bytes to."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""
        ...


@dataclass(frozen=True)
class Sealed:
    """What went into an object and what came out: sizes in bytes, SHA-256 in hex."""

    size: int
    sha256: str
    plain_size: int
    plain_sha256: str


class _Measure:
    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()

    def take(self, data: bytes) -> bytes:
        self.size += len(data)
        self._hash.update(data)
        return data

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class _Deflating:
    """Reads `source` compressed. What `source` raises is kept in `error`: age hides it."""

    def __init__(self, source: Source) -> None:
        self.plain = _Measure()
        self.error: Exception | None = None
        self._source = source
        options = {
            zstd.CompressionParameter.compression_level: LEVEL,
            zstd.CompressionParameter.checksum_flag: 1,
        }
        self._compressor = zstd.ZstdCompressor(options=options)
        self._ready = io.BytesIO()
        self._ended = False

    def read(self, size: int) -> bytes:
        while not (data := self._ready.read(size)) and not self._ended:
            try:
                chunk = self._source.read(CHUNK)
            except Exception as error:
                self.error = error
                raise
            if chunk:
                self._ready = io.BytesIO(self._compressor.compress(self.plain.take(chunk)))
            else:
                self._ready = io.BytesIO(self._compressor.flush())
                self._ended = True
        return data


class _Inflating:
    """Writes what comes to `sink` decompressed. What goes wrong is kept in `error`: age hides it."""

    def __init__(self, sink: Sink) -> None:
        self.plain = _Measure()
        self.error: Exception | None = None
        self._sink = sink
        self._decompressor = zstd.ZstdDecompressor()

    def write(self, data: bytes) -> int:
        if self.error is not None:  # age writes what it still holds although we told it to stop
            raise self.error
        try:
            if self._decompressor.eof and data:
                raise Damaged("more follows the end of its content")
            pending = data
            while pending or not self._decompressor.needs_input:
                plain = self._decompressor.decompress(pending, CHUNK)
                pending = b""
                self._sink.write(self.plain.take(plain))
                if self._decompressor.eof:
                    break
        except Exception as error:
            self.error = error
            raise
        return len(data)

    def flush(self) -> None:
        pass

    @property
    def ended(self) -> bool:
        """Whether the compressed data came to its end and nothing stood behind it."""
        return self._decompressor.eof and not self._decompressor.unused_data


class _MeasuredSink:
    def __init__(self, sink: Sink) -> None:
        self.measure = _Measure()
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink.write(self.measure.take(data))
        return len(data)

    def flush(self) -> None:
        pass


class _MeasuredSource:
    def __init__(self, source: Source) -> None:
        self.measure = _Measure()
        self._source = io.BufferedReader(_Raw(source), CHUNK)

    def read(self, size: int) -> bytes:
        return self.measure.take(self._source.read(size))

    def read_rest(self) -> None:
        while self.read(CHUNK):
            pass


class _Raw(io.RawIOBase):
    def __init__(self, source: Source) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def seal(source: Source, sink: Sink, recipients: Sequence[str]) -> Sealed:
    """Compress and encrypt `source` to the end into `sink`, for every one of `recipients` (`age1...`).

    That the source came to its end says nothing about its producer: ask that before publishing.
    Raises what `source` and `sink` raise.
    """
    keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    reader, writer = _Deflating(source), _MeasuredSink(sink)
    try:
        pyrage.encrypt_io(reader, writer, keys)
    except pyrage.EncryptError as error:
        raise reader.error or error from None
    return Sealed(
        writer.measure.size, writer.measure.sha256, reader.plain.size, reader.plain.sha256
    )


def unseal(
    source: Source, sink: Sink, identities: Sequence[str], *, expected: Sealed | None = None
) -> Sealed:
    """Decrypt and decompress `source` into `sink`; what was found, equal to `expected` where that is given.

    Raises KeyRefused when none of `identities` (`AGE-SECRET-KEY-1...`) opens it, Damaged when it is not whole or
    not what was expected, and what `source` and `sink` raise.
    """
    keys = [read_identity(identity) for identity in identities]
    reader, writer = _MeasuredSource(source), _Inflating(sink)
    try:
        pyrage.decrypt_io(reader, writer, keys)
        reader.read_rest()
    except (pyrage.DecryptError, OSError, zstd.ZstdError) as error:
        _explain(writer.error or error)
    if not writer.ended:
        raise Damaged("its compressed content is cut off")
    found = Sealed(
        reader.measure.size, reader.measure.sha256, writer.plain.size, writer.plain.sha256
    )
    if expected is not None and found != expected:
        raise Damaged("its size or hash is not the one in the signed manifest")
    return found


def _explain(error: Exception) -> None:
    if NO_KEY in str(error):
        raise KeyRefused("no given key opens it") from None
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    if isinstance(error, pyrage.DecryptError | OSError | zstd.ZstdError):
        raise Damaged(f"it cannot be decrypted or decompressed ({error})") from None
    raise error


def measure(source: Source) -> tuple[int, str]:
    """Size in bytes and SHA-256 in hex of what `source` holds."""
    found = _Measure()
    while data := source.read(CHUNK):
        found.take(data)
    return found.size, found.sha256


def read_identity(text: str) -> pyrage.x25519.Identity:
    """An age identity; KeyRefused when its checksum shows a mistyped character."""
    try:
        return pyrage.x25519.Identity.from_str(text.strip())
    except pyrage.IdentityError as error:
        raise KeyRefused(
            "The key is mistyped: its checksum does not fit. Compare each group of characters with the kit."
        ) from error
