"""The machine: settings, data directory, secrets, disk."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from winery_appliance.core.data_directory import MIB, DataDirectory
from winery_appliance.core.settings import Settings, find_unknown_variables
from winery_appliance.entrypoints.checkup.finding import Finding, failed, passed, warned

# PostgreSQL stops writing on a full disk; a harvest of readings is small, its log and its WAL are not.
SPACE_FAILS_BYTES = 300 * MIB
SPACE_WARNS_BYTES = 1024 * MIB
OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Handed secrets may be readable by the group that a container runs in.
OTHERS_OF_HANDED = stat.S_IWGRP | stat.S_IRWXO
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Settings that are readable but hardly meant so."""
    unknown = find_unknown_variables()
    if unknown:
        yield warned(
            "settings",
            f"Nobody reads {', '.join(unknown)}.",
            "Correct the spelling or remove it.",
        )
    if settings.host not in LOOPBACK and not settings.secure_cookies:
        yield warned(
            "settings",
            f"The web server listens on {settings.host} and its cookies also travel unencrypted.",
            "Put a server with HTTPS in front and set WINERY_SECURE_COOKIES=true.",
        )
    if not unknown and (settings.host in LOOPBACK or settings.secure_cookies):
        yield passed("settings", "All settings are readable and make sense.")


def check_data_directory(settings: Settings) -> Iterator[Finding]:
    """The data directory is there and nobody else's business."""
    path = settings.data
    try:
        mode = path.stat().st_mode
        owner = path.stat().st_uid
    except OSError as error:
        yield failed(
            "data_directory",
            f"{path} cannot be read ({error.strerror}).",
            "Name the appliance's data directory with --data or WINERY_DATA.",
        )
        return
    if owner != os.geteuid() and os.geteuid() != 0:
        yield failed(
            "data_directory",
            f"{path} belongs to another user.",
            "Run this as the user who runs the appliance.",
        )
    elif mode & OTHERS:
        yield warned(
            "data_directory",
            f"Other users of this machine can look into {path}.",
            _chmod(700, path),
        )
    elif settings.database_url is None and not DataDirectory(path).has_data():
        yield failed(
            "data_directory",
            f"{path} holds no appliance.",
            "Name the appliance's data directory with --data or WINERY_DATA.",
        )
    else:
        yield passed("data_directory", f"{path} is there and closed to others.")


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """Only their owner can read the secrets."""
    folder = settings.secrets_dir
    # A folder that others handed over is theirs to close; what lies in it is checked file by file.
    ours, mask = ([folder], OTHERS) if settings.secrets is None else ([], OTHERS_OF_HANDED)
    try:
        opened = [p for p in (*ours, *sorted(folder.iterdir())) if p.stat().st_mode & mask]
        for file in folder.iterdir():
            with file.open("rb"):
                pass
    except OSError as error:
        yield failed(
            "secrets",
            f"{error.filename} cannot be read ({error.strerror}).",
            "Run this as the user who runs the appliance, or start the appliance once.",
        )
        return
    for path in opened:
        yield failed(
            "secrets",
            f"Other users of this machine can reach {path}.",
            _chmod(700 if path == folder else 600, path),
        )
    if not opened:
        yield passed("secrets", "Only their owner can read the secrets.")


def check_disk(settings: Settings) -> Iterator[Finding]:
    """There is room for what comes next."""
    try:
        facts = os.statvfs(settings.data)
    except OSError:
        return  # the data directory's own check tells why
    free = facts.f_bavail * facts.f_frsize
    told = f"The disk of {settings.data} has {free // MIB} MB free"
    if free < SPACE_FAILS_BYTES:
        yield failed("disk", f"{told}; readings may soon be refused.", "Free some space now.")
    elif free < SPACE_WARNS_BYTES:
        yield warned("disk", f"{told}.", "Free some space in the next days.")
    else:
        yield passed("disk", f"{told}.")


def _chmod(mode: int, path: Path) -> str:
    return f"Run: chmod {mode} {path}"
