"""Passwords: argon2id, with the library's parameters (RFC 9106, the low-memory profile)."""

import hashlib
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()
# No letters or digits that are mistaken for each other when read from a screen and typed on a phone: 5 bits each.
_READABLE = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def hash_password(password: str | None) -> str:
    """The hash to keep; without a password, of one that nobody knows."""
    return _hasher.hash(secrets.token_urlsafe(32) if password is None else password)


def verify_password(hashed: str | None, password: str) -> bool:
    """Whether `password` belongs to `hashed`. Without a hash the same work is done, so that time tells nothing."""
    try:
        return _hasher.verify(hashed or _nobody(), password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def make_readable_secret(length: int) -> str:
    """A random secret of so many letters and digits (5 bits each), in groups of four: to be read and typed by people."""
    letters = "".join(secrets.choice(_READABLE) for _ in range(length))
    return "-".join(letters[i : i + 4] for i in range(0, length, 4))


def hash_secret(secret: str) -> bytes:
    """The hash to look a long random secret up by; it is too long to be guessed, so that a quick hash will do."""
    return hashlib.sha256(secret.encode()).digest()


def hash_code(code: str) -> bytes:
    """The hash to look a readable secret up by; how it was typed, in what case and groups, does not count."""
    return hash_secret(code.upper().replace("-", "").replace(" ", ""))


def is_outdated(hashed: str) -> bool:
    """Whether the hash was made with older parameters than today's."""
    return _hasher.check_needs_rehash(hashed)


@cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")
