"""Secrets that must come back in clear (a mail server's password, a webhook's key), sealed in the database.

A dump, a replica or the audit log holds only what this makes; the key lies with the other secrets, outside the database.
"""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken

from winery_appliance.core.errors import Unavailable
from winery_appliance.core.secret_files import read_or_make_secret
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import say

SECRET = "sealing_key"  # noqa: S105 - the name of a file


def seal(settings: Settings, text: str) -> bytes:
    """`text` as only this appliance can read it (AES-128-CBC with HMAC, as Fernet has it)."""
    return _fernet(settings).encrypt(text.encode())


def unseal(settings: Settings, sealed: bytes) -> str:
    """What was sealed. Raises Unavailable where it was sealed with another key: after a restore without the secrets."""
    try:
        return _fernet(settings).decrypt(bytes(sealed)).decode()
    except InvalidToken as error:
        raise Unavailable(
            say(
                "A stored password cannot be read with this appliance's key. Type it anew in the settings."
            )
        ) from error


def _fernet(settings: Settings) -> Fernet:
    secret = read_or_make_secret(settings, SECRET)
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()))
