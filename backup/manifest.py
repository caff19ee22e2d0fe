"""Signed manifests: what a copy consists of, said by the appliance that wrote it.

age keeps content secret but tells nothing about who wrote it, so every manifest bears an Ed25519 signature. The file has
two lines: the body (JSON) and the signature over exactly the first line's bytes. A body names its own place, so that no
manifest can stand for another, and the hash of the manifest before it, so that none can be taken out unseen.
"""

import base64
import hashlib
import json
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError

from backup.envelope import Sealed
from backup.refusals import Damaged

PREFIX = "ed25519:"
FIRST = ""  # the hash before the first manifest of a chain


class Body(BaseModel):
    """What every manifest says: its own key in the store and the SHA-256 of the file before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: str
    previous: str = FIRST


class ObjectFacts(BaseModel):
    """One object: where it lies and what `Sealed` says of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    size: int
    sha256: str
    plain_size: int
    plain_sha256: str

    @classmethod
    def of(cls, name: str, sealed: Sealed) -> "ObjectFacts":
        """The facts of an object just sealed."""
        return cls(name=name, **vars(sealed))

    @property
    def sealed(self) -> Sealed:
        """What must be found when it is opened."""
        return Sealed(self.size, self.sha256, self.plain_size, self.plain_sha256)


Kind = TypeVar("Kind", bound=Body)


def make_signing_key() -> str:
    """A new private signing key as text."""
    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def read_verify_key(signing_key: str) -> str:
    """The public half of a signing key, as `ed25519:...`."""
    public = _private(signing_key).public_key().public_bytes_raw()
    return PREFIX + base64.b64encode(public).decode()


def is_verify_key(text: str) -> bool:
    """Whether a text is a public key as `read_verify_key` writes it."""
    try:
        _public(text)
    except ValueError:  # binascii.Error, too
        return False
    return text.startswith(PREFIX)


def sign(body: Body, signing_key: str) -> bytes:
    """The manifest file for `body`."""
    text = body.model_dump_json().encode()
    signature = base64.b64encode(_private(signing_key).sign(text)).decode()
    line = json.dumps({"signature": signature, "key": read_verify_key(signing_key)})
    return text + b"\n" + line.encode() + b"\n"


def sign_bytes(data: bytes, signing_key: str) -> bytes:
    """The plain Ed25519 signature over `data`, 64 bytes, for programs that know nothing of us."""
    return _private(signing_key).sign(data)


def check_bytes(data: bytes, signature: bytes, verify_key: str, place: str) -> None:
    """Raises Damaged unless `signature` is that key's over `data`; `place` is what to name it by."""
    try:
        _public(verify_key).verify(signature, data)
    except InvalidSignature as error:
        raise Damaged(f"{place}: not signed by this appliance ({verify_key})") from error


def render_pem(verify_key: str) -> str:
    """The line of base64 between the marks of a PEM file with the public key (RFC 8410), as openssl reads it."""
    der = bytes.fromhex("302a300506032b6570032100") + _public(verify_key).public_bytes_raw()
    return base64.b64encode(der).decode()


def read_signed(data: bytes, kind: type[Kind], place: str, verify_key: str | None) -> Kind:
    """The body of a manifest found at `place`; `verify_key` None takes unsigned ones too.

    Raises Damaged when it is not whole, not signed by that key, or belongs elsewhere.
    """
    text, _, rest = data.partition(b"\n")
    if verify_key is not None:
        _check_signature(text, rest, verify_key, place)
    try:
        body = kind.model_validate_json(text)
    except ValidationError as error:
        raise Damaged(f"{place}: this manifest cannot be read") from error
    if body.place != place:
        raise Damaged(f"{place}: this manifest belongs to {body.place}")
    return body


def fingerprint(data: bytes) -> str:
    """What the next manifest names this one by."""
    return hashlib.sha256(data).hexdigest()


def _check_signature(text: bytes, rest: bytes, verify_key: str, place: str) -> None:
    try:
        line: Any = json.loads(rest)
        signature = base64.b64decode(line["signature"], validate=True)
        _public(verify_key).verify(signature, text)
    except (ValueError, KeyError, TypeError, InvalidSignature) as error:
        raise Damaged(f"{place}: not signed by this appliance ({verify_key})") from error


def _private(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text))


def _public(text: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix(PREFIX)))
