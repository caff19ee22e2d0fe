"""The keys of the copies: who can open them, who wrote them, and that the printed one was proven to work.

The recovery key's private half is written into the kit once and never kept here. The operational key lies beside the
state, so that drills need nobody; with `custody: strict` there is none. The signing key says that copies are ours.
"""

import io
import os
import secrets
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

import pyrage
from pydantic import BaseModel, ConfigDict, ValidationError

from backup.envelope import measure, read_identity, seal, unseal
from backup.manifest import make_signing_key, read_verify_key
from backup.nas import adopt_nas, open_nas
from backup.refusals import CouldNotRun, Damaged, KeyRefused
from backup.store import DirectoryStore, Store
from winery_appliance.core.clock import now
from winery_appliance.core.settings import Settings

SIGNING = "signing"
OPERATIONAL = "operational"
PROOF_LASTS = timedelta(days=90)
CANARY_BYTES = 32

Custody = Literal["operational", "strict"]
Note = TypeVar("Note", bound=BaseModel)


class KitFacts(BaseModel):
    """One recovery kit: everything of it but its secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    recipient: str
    made_at: datetime
    canary_sha256: str
    proven_at: datetime | None = None

    def is_proven(self, moment: datetime) -> bool:
        """Whether somebody opened the canary with it lately; a proof from the future is none."""
        return self.proven_at is not None and timedelta(0) <= moment - self.proven_at <= PROOF_LASTS


class Site(BaseModel):
    """What this appliance knows of its copies' keys and place; it holds no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: str
    nas: str
    mounted: bool
    custody: Custody
    verify_key: str
    operational: str | None
    kits: tuple[KitFacts, ...]

    @property
    def kit(self) -> KitFacts:
        """The kit that new copies are made for."""
        return self.kits[-1]

    @property
    def recipients(self) -> list[str]:
        """Who can open new copies."""
        return [self.kit.recipient, *([self.operational] if self.operational else [])]

    @property
    def prefix(self) -> str:
        """The folder of this site in a store."""
        return f"v1/sites/{self.site}"


def state_dir(settings: Settings) -> Path:
    """Where the appliance keeps what it knows of its copies."""
    return settings.data / "backup"


def load_site(settings: Settings) -> Site | None:
    """The site that `keys init` set up; None before. Raises CouldNotRun when its file is unreadable."""
    path = state_dir(settings) / "site.json"
    try:
        return Site.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise CouldNotRun(f"{path} cannot be read ({error}). Nothing was changed.") from error


def load_note(settings: Settings, name: str, kind: type[Note]) -> Note | None:
    """What this machine noted of its copies under `name`; None where there is no such note, or no readable one."""
    try:
        text = (state_dir(settings) / name).read_text(encoding="utf-8")
        return kind.model_validate_json(text)
    except (OSError, ValueError):
        return None


def need_site(settings: Settings) -> Site:
    """As `load_site`; KeyRefused before `keys init`."""
    site = load_site(settings)
    if site is None:
        raise KeyRefused(
            "There are no keys yet, so nothing is copied. Run: winery-backup keys init --kit FILE"
        )
    return site


def save_file(path: Path, text: str) -> None:
    """Put `text` in place of the file's content, kept through a power cut."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def make_site(
    settings: Settings, name: str, *, custody: Custody, plain_folder: bool
) -> tuple[Site, str]:
    """Make every key and mark the NAS; the site and the recovery key's secret, to be written into the kit.

    Nothing counts until `save_site`. Raises CouldNotRun when there are keys already, NasAbsent.
    """
    if load_site(settings) is not None:
        raise CouldNotRun(
            "There are keys already; they stay as they are. A new kit is made by: winery-backup keys rotate"
        )
    if settings.nas is None and plain_folder:  # our own folder; a NAS that was named is never made
        settings.nas_root.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = adopt_nas(settings.nas_root, plain_folder=plain_folder)
    signing = _read_or_make_key(settings, SIGNING, make_signing_key())
    operational = None
    if custody == "operational":
        identity = _read_or_make_key(settings, OPERATIONAL, str(pyrage.x25519.Identity.generate()))
        operational = str(read_identity(identity).to_public())
    site = Site(
        site=name,
        nas=number,
        mounted=not plain_folder,
        custody=custody,
        verify_key=read_verify_key(signing),
        operational=operational,
        kits=(),
    )
    return _add_kit(settings, site)


def rotate_kit(settings: Settings, site: Site) -> tuple[Site, str]:
    """`site` with a further kit, for which copies are made from now on, and its secret; older copies keep the older kit."""
    return _add_kit(settings, site)


def save_site(settings: Settings, site: Site) -> None:
    """Let `site` count from now on."""
    save_file(state_dir(settings) / "site.json", site.model_dump_json(indent=1))


def prove_kit(settings: Settings, site: Site, identity: str) -> Site:
    """Open the canary on the NAS with the typed key and note the proof; the site as it is now.

    Raises KeyRefused when it is mistyped or another key, Damaged when the canary is not whole, NasAbsent.
    """
    recipient = str(read_identity(identity).to_public())
    if recipient != site.kit.recipient:
        raise KeyRefused(_explain_other_key(site, recipient))
    opened = io.BytesIO()
    with open_site_nas(settings, site, "prove") as store, store.open(_canary(site)) as file:
        unseal(file, opened, [identity])
    if measure(io.BytesIO(opened.getvalue()))[1] != site.kit.canary_sha256:
        raise Damaged("The trial object on the NAS is not the one that was written there.")
    kit = site.kit.model_copy(update={"proven_at": now()})
    site = site.model_copy(update={"kits": (*site.kits[:-1], kit)})
    save_site(settings, site)
    return site


def open_site_nas(
    settings: Settings, site: Site, writer: str
) -> AbstractContextManager[DirectoryStore]:
    """The site's NAS for one piece of work (see nas.open_nas)."""
    name = f"{site.site}-{writer}"
    return open_nas(settings.nas_root, site.nas, mounted=site.mounted, writer=name)


def read_signing_key(settings: Settings) -> str:
    """The key that signs manifests; KeyRefused when it is gone."""
    value = _read_key(settings, SIGNING)
    if value is None:
        raise KeyRefused(f"The signing key {_key_path(settings, SIGNING)} is gone.")
    return value


def read_operational(settings: Settings) -> str | None:
    """The operational key's secret; None under strict custody."""
    return _read_key(settings, OPERATIONAL)


def _key_path(settings: Settings, name: str) -> Path:
    return state_dir(settings) / "keys" / name


def _read_key(settings: Settings, name: str) -> str | None:
    try:
        return _key_path(settings, name).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def _read_or_make_key(settings: Settings, name: str, value: str) -> str:
    found = _read_key(settings, name)
    if found is None:
        save_file(_key_path(settings, name), value + "\n")
    return found or value


def _add_kit(settings: Settings, site: Site) -> tuple[Site, str]:
    key = pyrage.x25519.Identity.generate()
    canary = secrets.token_bytes(CANARY_BYTES)
    kit = KitFacts(
        number=len(site.kits) + 1,
        recipient=str(key.to_public()),
        made_at=now().replace(microsecond=0),
        canary_sha256=measure(io.BytesIO(canary))[1],
    )
    site = site.model_copy(update={"kits": (*site.kits, kit)})
    with open_site_nas(settings, site, "keys") as store:
        _write_canary(store, site, canary)
    return site, str(key)


def _write_canary(store: Store, site: Site, canary: bytes) -> None:
    store.remove(_canary(site))  # of an attempt that was cut off before its kit counted
    with store.create(_canary(site)) as draft:
        seal(io.BytesIO(canary), draft, [site.kit.recipient])
        draft.publish()


def _canary(site: Site) -> str:
    return f"{site.prefix}/canary-{site.kit.number}.age"


def _explain_other_key(site: Site, recipient: str) -> str:
    for kit in site.kits:
        if kit.recipient == recipient:
            return (
                f"This is the key of kit {kit.number}; kit {site.kit.number}, made on "
                f"{site.kit.made_at:%Y-%m-%d}, is the one to prove."
            )
    return (
        f"This key ({recipient[:12]}...) is of no kit of this site; kit {site.kit.number} "
        f"({site.kit.recipient[:12]}...), made on {site.kit.made_at:%Y-%m-%d}, is needed."
    )
