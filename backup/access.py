"""Which repository a command works on, and with which keys."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path

import click

from backup.catalogue import (
    SITES,
    Goal,
    Plan,
    Repository,
    find_repositories,
    find_sites,
    plan_restore,
    read_repository,
)
from backup.keys import load_site, open_site_nas, read_operational
from backup.kit import Kit, load_kit
from backup.nas import SENTINEL
from backup.records import BaseFacts, DumpFacts, Place
from backup.refusals import CouldNotRun, KeyRefused, NotReached
from backup.store import DirectoryStore, Store
from winery_appliance.core.settings import Settings

REPOSITORIES = "winery.repositories"  # the entry points of stores that are no folders
BUCKET = "s3"


@dataclass(frozen=True)
class Access:
    """The keys at hand: those that open copies, and the one that must have signed them (None: any)."""

    identities: list[str]
    verify_key: str | None
    recipients: list[str]
    site: str | None = None  # the kit's


def find_access(settings: Settings, identity: str | None, *, allow_unsigned: bool) -> Access:
    """The keys of the kit given (`-`: typed), else the appliance's own.

    Raises KeyRefused when there are none, or when nothing tells who must have signed and that is not allowed.
    """
    site = load_site(settings)
    own = read_operational(settings)
    kit: Kit | None = None
    if identity is not None:
        kit = load_kit(identity, sys.stdin.read() if identity == "-" else "")
    elif own is None:
        raise KeyRefused("A key is needed: give the kit with --identity FILE, or - to type it.")
    verify_key = (kit.verify_key if kit else None) or (site.verify_key if site else None)
    if verify_key is None and not allow_unsigned:
        raise KeyRefused(
            "Nothing tells who must have signed these copies: give the whole kit file, or add --allow-unsigned."
        )
    keys = [kit] if kit else [Kit(own or "")]
    return Access(
        [key.identity for key in keys],
        None if allow_unsigned else verify_key,
        [key.recipient for key in keys],
        kit.site if kit else None,
    )


def find_public_access(settings: Settings, identity: str | None = None) -> Access:
    """What reading manifests takes: no secret, but who must have signed them, which the kit and the appliance know."""
    if identity is not None:
        return find_access(settings, identity, allow_unsigned=False)
    site = load_site(settings)
    if site is None:
        click.echo("Signatures are not checked: this machine does not know the signer.", err=True)
    return Access([], site.verify_key if site else None, [])


@dataclass(frozen=True)
class Way:
    """How to get to a repository: what `--repo` names, and for a bucket its endpoint, the file of credentials, and the
    moment whose state is wanted.
    """

    repo: str = "nas"
    endpoint: str | None = None
    credentials: Path | None = None
    as_of: datetime | None = None

    @property
    def is_bucket(self) -> bool:
        """Whether it leads out of the house."""
        return self.repo == BUCKET or self.repo.startswith("s3://")


@contextlib.contextmanager
def open_repository(settings: Settings, way: Way) -> Iterator[Store]:
    """The store that `--repo` names: `nas` or `s3` for the one set up, a bucket, else a folder; read only.

    Raises CouldNotRun, NasAbsent, click.UsageError.
    """
    repo = way.repo
    if way.is_bucket:
        with _open_bucket(settings, way) as store:
            yield store
        return
    if way.endpoint or way.credentials or way.as_of:
        raise click.UsageError(
            "--endpoint, --credentials and --as-of are for a bucket: --repo s3://BUCKET/FOLDER"
        )
    own = load_site(settings)
    if repo == "nas" and own is not None:
        with open_site_nas(settings, own, "") as store:
            yield store
        return
    path = (
        settings.nas_root if repo == "nas" else Path(repo)
    )  # on a new machine it is named, no more
    if not (path / SENTINEL).is_file() or not (path / "v1").is_dir():
        raise CouldNotRun(f"{path} holds no copies of ours. Nothing was done. Is the NAS mounted?")
    yield DirectoryStore(path)


def _open_bucket(settings: Settings, way: Way) -> contextlib.AbstractContextManager[Store]:
    """By whoever knows buckets: this package does not."""
    found = entry_points(group=REPOSITORIES, name=BUCKET)
    if not found:
        raise CouldNotRun(
            "This installation reads no buckets. Install it with: 'winery-appliance[s3]'"
        )
    try:
        open_bucket = found[BUCKET].load()
    except ImportError as error:
        raise CouldNotRun(
            f"This installation reads no buckets: {error.name} is not installed."
        ) from error
    opened: contextlib.AbstractContextManager[Store] = open_bucket(settings, way)
    return opened


def choose_site(store: Store, settings: Settings, site: str | None, kit: str | None = None) -> str:
    """The site asked for, else the kit's, else this appliance's, else the only one there is. Raises CouldNotRun.

    A store may hold many sites, and we may be allowed to see one: they are listed only when nothing names it.
    """
    named, own = site or kit, load_site(settings)
    likely = named or (own.site if own else None)
    if likely is not None and store.names(f"{SITES}/{likely}/repos"):
        return likely
    sites = find_sites(store)
    wanted = named
    if wanted is None and len(sites) == 1:
        wanted = sites[0]
    if wanted not in sites:
        there = ", ".join(sites) or "none"
        raise CouldNotRun(f"Which site? Give --site NAME. There are: {there}.")
    return wanted


def read_repositories(store: Store, site: str, access: Access) -> list[Repository]:
    """Every repository of a site, the newest first."""
    names = find_repositories(store, site)
    if not names:
        raise CouldNotRun(f"There are no copies of {site} here.")
    return [read_repository(store, site, name, access.verify_key) for name in reversed(names)]


def choose_plan(repositories: list[Repository], goal: Goal, base_id: str | None) -> Plan:
    """The plan from the newest repository that holds the moment.

    For the newest state only the newest repository that has any base copy will do. Raises NotReached.
    """
    if base_id is not None:
        repositories = [
            repository
            for repository in repositories
            if any(base.id == base_id for base in repository.bases)
        ]
        if not repositories:
            raise NotReached(f"There is no base copy {base_id}. Nothing was written.")
    refusals = []
    for repository in repositories:
        try:
            return plan_restore(repository, goal, base_id)
        except NotReached as refusal:
            refusals.append(refusal)
            if goal == Goal() and repository.holds_anything:
                break  # an older state must be asked for by name
    if not refusals:
        raise NotReached("There are no copies. Nothing was written.")
    older = [
        base.id
        for repository in repositories[len(refusals) :]
        for base in repository.bases
        if repository.is_usable(base)
    ]
    hint = f" The state before the last restore can be reached: --set {older[-1]}" if older else ""
    raise NotReached(f"{refusals[0]}{hint}")


def find_dump(
    repositories: Sequence[Repository], dump_id: str | None
) -> tuple[Place, DumpFacts] | None:
    """The dump of that id and where it lies; None when there is none."""
    for repository in repositories:
        for dump in repository.dumps:
            if dump.id == dump_id:
                return repository.place, dump
    return None


def check_keys(copies: Sequence[BaseFacts | DumpFacts], access: Access) -> None:
    """Raise KeyRefused, naming the kit that is needed, unless a key at hand opens every one of `copies`."""
    for copy in copies:
        if not set(copy.recipients) & set(access.recipients):
            raise KeyRefused(
                f"These copies need kit {copy.kit} ({copy.recipients[0][:12]}...), made on {copy.kit_made_at:%Y-%m-%d}; "
                f"the key given is {access.recipients[0][:12]}... Nothing was written."
            )
