"""What may go: the copies that no moment of the promised window needs, and never on the word of a clock alone."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backup.catalogue import Repository, find_repositories, read_repository
from backup.dumps import choose_expired_dumps
from backup.keys import Site, need_site, open_site_nas
from backup.proofs import load_success
from backup.records import MANIFEST, SEALED, SIGNED
from backup.shipping import load_repository
from backup.store import Store
from backup.wal_format import SEGMENT, segment_start
from winery_appliance.core.clock import now
from winery_appliance.core.settings import Settings

CLOCK_SLACK = timedelta(hours=1)


@dataclass(frozen=True)
class Kept:
    """A base copy as retention sees it."""

    id: str
    parent: str | None
    at: datetime


def choose_expired(
    copies: Sequence[Kept],
    moment: datetime,
    *,
    window: timedelta,
    every: timedelta,
    proven: Iterable[str] = (),
) -> list[str]:
    """The ids of the copies that may be removed; `copies` in the order they were made in.

    Kept are: all inside the window and the one before it, so that every moment of the window is reached; as many of the
    newest as a window holds, whatever the clock says, so that no jump of it removes anything that is young by count; the
    proven ones; and whatever a kept one was made against. A clock behind the newest copy removes nothing.
    """
    if not copies or moment < copies[-1].at - CLOCK_SLACK:
        return []
    fewest = -(-window // every) + 1
    outside = [place for place, copy in enumerate(copies) if copy.at <= moment - window]
    first_by_time = outside[-1] if outside else 0
    first = min(first_by_time, max(0, len(copies) - fewest))
    known = {copy.id: copy for copy in copies}
    kept = {copy.id for copy in copies[first:]} | (set(proven) & set(known))
    for wanted in list(kept):
        parent = known[wanted].parent
        while parent in known and parent not in kept:
            kept.add(parent)
            parent = known[parent].parent
    return [copy.id for copy in copies if copy.id not in kept]


@dataclass(frozen=True)
class Removal:
    """One thing to be removed: its key, and why a person need not miss it."""

    key: str
    words: str


def plan_removals(repositories: Sequence[Repository], expired: set[str]) -> list[Removal]:
    """What goes when the base copies and dumps `expired` go, in an order that leaves a sound repository wherever cut off.

    `repositories` oldest first; the last one is being written to. The log is kept from the first base copy that stays.
    """
    removals = []
    for repository in repositories:
        bases = [base for base in repository.bases if base.id not in expired]
        dumps = [dump for dump in repository.dumps if dump.id not in expired]
        is_current = repository is repositories[-1]
        held_any = repository.bases or repository.dumps
        if held_any and not bases and not dumps and not is_current:
            removals.append(
                Removal(repository.place.facts, "a repository whose copies all expired")
            )
            removals.append(Removal(repository.place.root, "its objects"))
            continue
        for base in repository.bases:
            if base.id in expired:
                key = repository.place.base(base.id, MANIFEST)
                removals.append(Removal(key, f"base copy of {base.finished_at:%Y-%m-%d %H:%M}"))
                removals.append(Removal(key.rpartition("/")[0], "its objects"))
        for dump in repository.dumps:
            if dump.id in expired:
                removals.append(Removal(dump.place, f"{dump.tier} dump of {dump.made_at:%Y-%m-%d}"))
                removals.append(Removal(dump.place.rpartition("/")[0], "its objects"))
        is_log_useless = not bases and not is_current
        if is_log_useless or len(bases) < len(repository.bases):
            removals += _removable_log(
                repository, {base.stretch: base.start for base in reversed(bases)}
            )
    return removals


def _removable_log(repository: Repository, first_needed: dict[int, int]) -> list[Removal]:
    """The log before the first base copy that stays; `first_needed` is that position for each stretch with one."""
    place, removals = repository.place, []
    oldest = min(first_needed, default=sys.maxsize)
    for number, stretch in sorted(repository.stretches.items()):
        for name in sorted({part.segment for part in stretch.parts}):
            is_behind = segment_start(name) + SEGMENT > first_needed.get(number, 0)
            if number > oldest or (number == oldest and is_behind):
                continue
            stem = place.segment(number, name)
            removals += [Removal(stem + end, "log before it") for end in (SIGNED, "", SEALED)]
        if number < oldest:
            removals.append(Removal(place.stretch(number), "the stretch they were of"))
    return removals


def prune(
    store: Store,
    site: Site,
    current: str,
    moment: datetime,
    *,
    window: timedelta,
    every: timedelta,
    proven: Iterable[str],
    dry_run: bool,
) -> list[Removal]:
    """Remove what expired; what that was, or with `dry_run` would be. Nothing is touched while any manifest is damaged."""
    names = [name for name in find_repositories(store, site.site) if name != current]
    repositories = [
        read_repository(store, site.site, name, site.verify_key) for name in [*names, current]
    ]
    if any(repository.faults for repository in repositories):
        return []
    copies = [
        Kept(base.id, base.parent, base.finished_at)
        for repository in repositories
        for base in repository.bases
    ]
    proven = list(proven)
    expired = set(choose_expired(copies, moment, window=window, every=every, proven=proven))
    dumps = [dump for repository in repositories for dump in repository.dumps]
    dumps.sort(key=lambda dump: dump.number)
    expired |= set(choose_expired_dumps([(dump.id, dump.made_at) for dump in dumps], proven))
    removals = plan_removals(repositories, expired)
    if not dry_run:
        for removal in removals:
            store.remove(removal.key)
    return removals


def find_proven(settings: Settings) -> list[str]:
    """The ids of the base copy and the dump that the last trial restore which succeeded came back from."""
    proof = load_success(settings)
    return [one for one in (proof.base, proof.dump) if one] if proof else []


def prune_nas(settings: Settings, *, dry_run: bool) -> list[Removal]:
    """As `prune`, for the NAS of this appliance, with its settings and what it proved."""
    site, repository = need_site(settings), load_repository(settings)
    if repository is None:
        return []
    with open_site_nas(settings, site, "prune") as store:
        return prune(
            store,
            site,
            repository.repository,
            now(),
            window=timedelta(days=settings.backup_window_days),
            every=timedelta(hours=settings.backup_base_hours),
            proven=find_proven(settings),
            dry_run=dry_run,
        )
