"""Secrets of the appliance: one small file each, readable by its owner only, made when first asked for."""

import os
import secrets
from pathlib import Path
from typing import TextIO

from winery_appliance.core.settings import Settings


def read_or_make_secret(settings: Settings, name: str) -> str:
    """The secret called `name`; made at random (256 bits, URL-safe) and kept 0600 where there is none yet.

    Two processes that ask at once get the same secret: the file appears whole, by a hard link that only one can make.
    """
    path = settings.secrets_dir / name
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return keep_secret(settings, name, secrets.token_urlsafe(32))


def keep_secret(settings: Settings, name: str, value: str) -> str:
    """Store `value` under `name` unless a value is there already; the value that stands is returned."""
    settings.secrets_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.secrets_dir / name
    draft = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
    with _open_private(draft) as file:
        file.write(value + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    finally:
        draft.unlink()
    return value


def _open_private(path: Path) -> TextIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "w", encoding="ascii")
