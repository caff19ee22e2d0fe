"""Secrets of the appliance: one small file each, readable by its owner only, made when first asked for."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from winery_appliance.core.settings import Settings, SettingsError


class SecretMissing(SettingsError):
    """A secret that somebody else should have handed over is not there, or cannot be read."""


def read_or_make_secret(settings: Settings, name: str) -> str:
    """The secret called `name`; made at random (256 bits, URL-safe) and kept 0600 where there is none yet.

    Two processes that ask at once get the same secret: the file appears whole, by a hard link that only one can make.
    Raises SecretMissing where secrets are handed over and this one is not.
    """
    path = settings.secrets_dir / name
    try:
        value = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        value = ""
        if settings.secrets is None:
            return keep_secret(settings, name, secrets.token_urlsafe(32))
    except OSError as error:
        raise SecretMissing(f"The secret {path} cannot be read: {error.strerror}.") from error
    if not value:
        raise SecretMissing(
            f"The secret {name} is not in {settings.secrets_dir} (WINERY_SECRETS), or it is empty. "
            "Hand it to this process, or make the missing ones with `winery secrets`."
        )
    return value


def keep_secret(settings: Settings, name: str, value: str) -> str:
    """Store `value` under `name` unless a value is there already; the value that stands is returned.

    Raises SecretMissing where secrets are handed over and this one is not.
    """
    if settings.secrets is not None:
        return read_or_make_secret(settings, name)
    return _keep(settings.secrets_dir, name, value)


def forget_secret(settings: Settings, name: str) -> None:
    """Remove a secret of ours if it is there; what was handed over stays."""
    if settings.secrets is None:
        (settings.secrets_dir / name).unlink(missing_ok=True)


def make_handed_secrets(directory: Path, names: Iterable[str]) -> list[str]:
    """Make those of the secrets `names` that `directory` lacks; which ones they were.

    Readable by this process's group and writable by nobody: containers get them one by one, each by its own name.
    """
    made = [name for name in names if not (directory / name).exists()]
    for name in made:
        _keep(directory, name, secrets.token_urlsafe(32), mode=0o440)
    return made


def _keep(directory: Path, name: str, value: str, *, mode: int = 0o600) -> str:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / name
    draft = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
    with _open_private(draft) as file:
        file.write(value + "\n")
        file.flush()
        os.fchmod(file.fileno(), mode)
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
