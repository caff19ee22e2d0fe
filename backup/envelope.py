"""The envelope of every object: zstd inside age, so that `age -d | zstd -d` opens it without us.

Everything streams, each step in a thread of its own: memory does not grow with the object. age tells only at the end of a
file whether all of it was whole, and releases what came before: what `unseal` writes may be used only after it has
returned.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyrage

from backup.belt import Belt
from backup.refusals import Damaged, KeyRefused

try:
    from compression import zstd  # type: ignore[import-not-found,unused-ignore]
except ImportError:  # Python before 3.14
    from backports import zstd

CHUNK = 1 << 20
GATHERED = 1 << 18
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

    def fill(self, source: Source, belt: Belt) -> None:
        while data := source.read(CHUNK):
            belt.write(self.take(data))

    def empty(self, belt: Belt, sink: Sink) -> None:
        while data := belt.read():
            sink.write(self.take(data))


class _Deflating:
    """Compresses `source` onto a belt, and measures it."""

    def __init__(self, source: Source) -> None:
        self.plain = _Measure()
        self._source = source
        options = {
            zstd.CompressionParameter.compression_level: LEVEL,
            zstd.CompressionParameter.checksum_flag: 1,
        }
        self._compressor = zstd.ZstdCompressor(options=options)

    def fill(self, belt: Belt) -> None:
        while chunk := self._source.read(CHUNK):
            belt.write(self._compressor.compress(self.plain.take(chunk)))
        belt.write(self._compressor.flush())


class _Parcels:
    """Reads a belt in the small pieces that age asks for."""

    def __init__(self, belt: Belt) -> None:
        self._belt = belt
        self._block = io.BytesIO()

    def read(self, size: int) -> bytes:
        data = self._block.read(size)
        if not data:
            self._block = io.BytesIO(self._belt.read())
            data = self._block.read(size)
        return data


class _Gathering:
    """Hands the small pieces that age writes on to a belt, many at a time."""

    def __init__(self, belt: Belt) -> None:
        self._belt = belt
        self._pieces = bytearray()

    def write(self, data: bytes) -> int:
        self._pieces += data
        if len(self._pieces) >= GATHERED:
            self.hand_on()
        return len(data)

    def flush(self) -> None:
        pass

    def hand_on(self) -> None:
        data = bytes(self._pieces)
        self._pieces.clear()
        self._belt.write(data)


class _Inflating:
    """Writes what comes by a belt to `sink` decompressed, and measures it."""

    def __init__(self, sink: Sink) -> None:
        self.plain = _Measure()
        self._sink = sink
        self._decompressor = zstd.ZstdDecompressor()

    def empty(self, belt: Belt) -> None:
        while data := belt.read():
            if self._decompressor.eof:
                raise Damaged("more follows the end of its content")
            while data or not self._decompressor.needs_input:
                plain = self._decompressor.decompress(data, CHUNK)
                data = b""
                self._sink.write(self.plain.take(plain))
                if self._decompressor.eof:
                    break

    @property
    def ended(self) -> bool:
        """Whether the compressed data came to its end and nothing stood behind it."""
        return self._decompressor.eof and not self._decompressor.unused_data


def seal(source: Source, sink: Sink, recipients: Sequence[str]) -> Sealed:
    """Compress and encrypt `source` to the end into `sink`, for every one of `recipients` (`age1...`).

    That the source came to its end says nothing about its producer: ask that before publishing.
    Raises what `source` and `sink` raise.
    """
    keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    coming, going, sealed, deflating = Belt(), Belt(), _Measure(), _Deflating(source)
    writer = _Gathering(going)
    with (
        going.emptied_by(lambda: sealed.empty(going, sink)),
        coming.filled_by(lambda: deflating.fill(coming)),
    ):
        pyrage.encrypt_io(_Parcels(coming), writer, keys)
        writer.hand_on()
    plain = deflating.plain
    return Sealed(sealed.size, sealed.sha256, plain.size, plain.sha256)


def unseal(
    source: Source, sink: Sink, identities: Sequence[str], *, expected: Sealed | None = None
) -> Sealed:
    """Decrypt and decompress `source` into `sink`; what was found, equal to `expected` where that is given.

    Raises KeyRefused when none of `identities` (`AGE-SECRET-KEY-1...`) opens it, Damaged when it is not whole or
    not what was expected, and what `source` and `sink` raise.
    """
    keys = [read_identity(identity) for identity in identities]
    coming, going, sealed, inflating = Belt(), Belt(), _Measure(), _Inflating(sink)
    writer = _Gathering(going)
    try:
        with (
            going.emptied_by(lambda: inflating.empty(going)),
            coming.filled_by(lambda: sealed.fill(source, coming)),
        ):
            pyrage.decrypt_io(_Parcels(coming), writer, keys)
            writer.hand_on()
            while coming.read():
                pass
    except (pyrage.DecryptError, OSError, zstd.ZstdError) as error:
        _explain(error)
    if not inflating.ended:
        raise Damaged("its compressed content is cut off")
    plain = inflating.plain
    found = Sealed(sealed.size, sealed.sha256, plain.size, plain.sha256)
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
