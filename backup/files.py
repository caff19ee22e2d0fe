"""What lies beside the database: secrets, keys, certificates, settings and files, as one archive."""

import io
import os
import shlex
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from backup.envelope import seal
from backup.keys import state_dir
from backup.manifest import ObjectFacts
from backup.records import SEALED
from backup.refusals import CouldNotRun
from backup.store import Store
from winery_appliance.core.settings import PREFIX, Settings

FILES = "files.tar" + SEALED
SECRETS = "secrets"
SETTINGS = "backup/settings.env"
# In the copy of the database itself, of this run or machine, or the copies themselves.
LEFT_OUT = frozenset(
    {"postgresql", "log", "run", "nas", "sync", "restore", SECRETS, "winery-appliance.json"}
)
STATE_FILES = ("site.json", "keys")


def copy_files(
    settings: Settings,
    store: Store,
    folder: str,
    recipients: Sequence[str],
    more: Mapping[str, bytes] | None = None,
) -> ObjectFacts:
    """Publish all files of the appliance, and `more` (content by name), as one archive in `folder` of the store.

    Secrets that somebody else handed over are among them, and the settings in force. Raises CouldNotRun when a file cannot
    be read; then nothing was published.
    """
    made = {SETTINGS: describe_settings(settings).encode(), **(more or {})}
    reading, writing = os.pipe()
    faults: list[BaseException] = []

    def produce() -> None:
        try:
            with os.fdopen(writing, "wb") as file, tarfile.open(mode="w|", fileobj=file) as tar:
                for path, name in _list_files(settings):
                    tar.add(path, name)
                for name, content in made.items():
                    entry = tarfile.TarInfo(name)
                    entry.size, entry.mode = len(content), 0o600
                    tar.addfile(entry, io.BytesIO(content))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that publishes
            faults.append(error)

    producer = threading.Thread(target=produce, daemon=True)
    with store.create(f"{folder}/{FILES}") as draft:
        producer.start()
        with os.fdopen(reading, "rb") as source:
            sealed = seal(source, draft, recipients)
        producer.join()
        if faults:
            raise CouldNotRun(f"The files could not be copied: {faults[0]}. Nothing was published.")
        draft.publish()
    return ObjectFacts.of(FILES, sealed)


def describe_settings(settings: Settings) -> str:
    """What is set otherwise than by default, as variables of a shell."""
    lines = []
    for name, value in settings.model_dump(exclude_defaults=True, exclude_none=True).items():
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        lines.append(f"{PREFIX}{name.upper()}={shlex.quote(text)}\n")
    return "".join(lines)


def _list_files(settings: Settings) -> Iterator[tuple[Path, str]]:
    """What is copied, and its name in the archive."""
    for path in sorted(settings.data.iterdir()):
        is_elsewhere = path in (state_dir(settings), settings.nas_root)
        if (
            path.name not in LEFT_OUT
            and not is_elsewhere
            and not path.name.startswith("postgresql.")
        ):
            yield path, path.name
    if settings.secrets_dir.is_dir():
        yield settings.secrets_dir, SECRETS
    for name in STATE_FILES:
        path = state_dir(settings) / name
        if path.exists():
            yield path, f"{state_dir(settings).name}/{name}"
