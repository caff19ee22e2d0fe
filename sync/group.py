"""A group of sister wineries: one file that all of them hold, with the key that opens what they share.

    # Group of sister wineries. Whoever holds this file can read what they share.
    # group: valley
    # member: home ed25519:...
    AGE-SECRET-KEY-1...

It is a valid age identity file, like a kit. A member is a site and the key that its patterns must be signed by, so that
somebody who may write into the bucket cannot speak for another.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pyrage
from pydantic import BaseModel, ConfigDict, ValidationError

from backup.envelope import read_identity
from backup.keys import save_file
from backup.kit import KEY_PREFIX
from backup.manifest import PREFIX, is_verify_key
from backup.refusals import CouldNotRun, KeyRefused
from sync.configuration import sync_dir
from winery_appliance.core.settings import Settings

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
FILE, SHARING = "group.txt", "sharing.json"
MOST_MEMBERS = 500


@dataclass(frozen=True)
class Group:
    """A group's name, the secret of its key, and the key of each member's signature by site."""

    name: str
    identity: str
    members: dict[str, str]

    @property
    def recipient(self) -> str:
        """The public half of its key."""
        return str(read_identity(self.identity).to_public())

    def without(self, site: str) -> dict[str, str]:
        """The others."""
        return {name: key for name, key in self.members.items() if name != site}


class Sharing(BaseModel):
    """Which winery of this appliance is in the group, by its code, and which fields of its patterns it shares."""

    model_config = ConfigDict(frozen=True)

    winery: str
    fields: tuple[str, ...] = ()


def found_group(name: str, site: str, verify_key: str) -> str:
    """The file of a new group whose first member is `site`. Raises CouldNotRun for a name that cannot be one."""
    if not NAME.fullmatch(name):
        raise CouldNotRun(f"{name} cannot be a group's name: small letters, digits and hyphens.")
    identity = pyrage.x25519.Identity.generate()
    return (
        "# Group of sister wineries. Whoever holds this file can read what they share.\n"
        f"# group: {name}\n# {tell_member(site, verify_key)}\n{identity}\n"
    )


def tell_member(site: str, verify_key: str) -> str:
    """The line by which a group's file names a member."""
    return f"member: {site} {verify_key}"


def read_group(text: str) -> Group:
    """A group's file. Raises CouldNotRun when a line cannot be understood, KeyRefused without a whole key."""
    name, identity = "", ""
    members: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            identity += line.strip()
            continue
        word, _, rest = line.lstrip("# ").partition(":")
        if word == "group":
            name = rest.strip()
        elif word == "member":
            site, _, key = rest.strip().partition(" ")
            if not NAME.fullmatch(site) or not is_verify_key(key) or site in members:
                raise CouldNotRun(
                    f"The group's file was not taken: this line names no member, or one twice: {line}. "
                    f"It should be like: # member: SITE {PREFIX}..."
                )
            members[site] = key
    if not NAME.fullmatch(name) or not members or len(members) > MOST_MEMBERS:
        raise CouldNotRun(
            "The group's file was not taken: it names no group, or no member. Nothing was changed."
        )
    if not identity.startswith(KEY_PREFIX):
        raise KeyRefused(f"The group's file holds no key: it begins with {KEY_PREFIX}.")
    read_identity(identity)
    return Group(name, identity, members)


def join_group(settings: Settings, text: str, site: str, winery: str) -> Group:
    """Let this appliance be in the group of that file, for the winery of that code. What it shares stays chosen while the
    winery stays. Raises CouldNotRun, KeyRefused.
    """
    group = read_group(text)
    if site not in group.members:
        raise CouldNotRun(
            f"The group {group.name} does not name {site} yet, so the others would not believe it. Nothing was changed. "
            "Add the line that `winery-sync group line` tells, and join again."
        )
    known = load_sharing(settings)
    if known is None or known.winery != winery:
        save_sharing(settings, Sharing(winery=winery))
    save_file(sync_dir(settings) / FILE, text)
    return group


def leave_group(settings: Settings) -> None:
    """Share nothing from now on and forget the group."""
    for name in (FILE, SHARING):
        (sync_dir(settings) / name).unlink(missing_ok=True)


def load_group(settings: Settings) -> Group | None:
    """The group this appliance is in; None where there is none. Raises CouldNotRun when its file was spoiled."""
    try:
        text = (sync_dir(settings) / FILE).read_text("utf-8")
    except FileNotFoundError:
        return None
    return read_group(text)


def need_group(settings: Settings) -> tuple[Group, Sharing]:
    """As `load_group`, with what is shared; CouldNotRun where there is none."""
    group, sharing = load_group(settings), load_sharing(settings)
    if group is None or sharing is None:
        raise CouldNotRun(
            "This appliance is in no group of sister wineries. Join one: winery-sync group join FILE"
        )
    return group, sharing


def load_sharing(settings: Settings) -> Sharing | None:
    """What this appliance chose to share; None before it joined."""
    try:
        return Sharing.model_validate_json((sync_dir(settings) / SHARING).read_text("utf-8"))
    except (OSError, ValidationError):
        return None


def save_sharing(settings: Settings, sharing: Sharing) -> None:
    """Keep what is shared."""
    save_file(sync_dir(settings) / SHARING, sharing.model_dump_json(indent=1))


def read_group_file(path: Path) -> str:
    """The text of a group's file. Raises CouldNotRun."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CouldNotRun(f"{path} cannot be read ({error}). Nothing was changed.") from error
