"""What a repository holds, read from its signed manifests alone, and what a restore to a moment would use."""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from backup.manifest import FIRST, Kind, fingerprint, read_signed
from backup.records import (
    MANIFEST,
    SIGNED,
    BaseFacts,
    DumpFacts,
    Place,
    RepositoryFacts,
    StretchFacts,
    WalFacts,
)
from backup.refusals import CouldNotRun, Damaged, NotReached
from backup.store import Store
from backup.wal_format import SEGMENT, SEGMENT_NAME, format_lsn

SITES = "v1/sites"
READINGS = 5  # of a stretch that changes while it is read


@dataclass
class Stretch:
    """A stretch of the log: its parts in order and the first fault in its chain, behind which nothing is trusted."""

    facts: StretchFacts
    parts: list[WalFacts] = field(default_factory=list)
    fault: str | None = None

    @property
    def start(self) -> int:
        """The position of its first byte; 0 while it is empty."""
        return self.parts[0].start if self.parts else 0

    @property
    def end(self) -> int:
        """The position behind its last byte; 0 while it is empty."""
        return self.parts[-1].end if self.parts else 0

    @property
    def last_record(self) -> int | None:
        """Where its last whole record starts."""
        return next((p.last_record for p in reversed(self.parts) if p.last_record), None)

    @property
    def last_commit(self) -> datetime | None:
        """The time of its last commit."""
        return next((p.last_commit for p in reversed(self.parts) if p.last_commit), None)


@dataclass
class Repository:
    """The copies of one cluster. `faults` names what is damaged, each with its place."""

    place: Place
    facts: RepositoryFacts
    bases: list[BaseFacts] = field(default_factory=list)
    dumps: list[DumpFacts] = field(default_factory=list)
    stretches: dict[int, Stretch] = field(default_factory=dict)
    unreadable: list[int] = field(default_factory=list)  # stretches whose own manifest is damaged
    faults: list[str] = field(default_factory=list)

    def chain_of(self, base: BaseFacts) -> list[BaseFacts]:
        """The base copies that make up `base`, the full one first. Raises Damaged when one is missing."""
        known = {other.id: other for other in self.bases}
        chain = [base]
        while chain[0].parent is not None:
            parent = known.get(chain[0].parent)
            if parent is None or parent in chain:
                raise Damaged(
                    f"base copy {chain[0].id} needs {chain[0].parent}, which is not there"
                )
            chain.insert(0, parent)
        return chain

    def is_usable(self, base: BaseFacts) -> bool:
        """Whether the copies it needs and the log of its making are all there."""
        stretch = self.stretches.get(base.stretch)
        if stretch is None or not stretch.start <= base.start <= base.stop <= stretch.end:
            return False
        with contextlib.suppress(Damaged):
            return bool(self.chain_of(base))
        return False

    @property
    def holds_anything(self) -> bool:
        """Whether anything was copied into it."""
        parts = any(stretch.parts for stretch in self.stretches.values())
        return parts or bool(self.bases) or bool(self.unreadable)

    def gaps(self) -> list[str]:
        """What is missing between the stretches, in words."""
        words = []
        numbers = sorted(self.stretches)
        for before, after in itertools.pairwise(numbers):
            old, new = self.stretches[before], self.stretches[after]
            words.append(
                f"from {format_lsn(old.end)} ({_moment(old.last_commit)}) to {format_lsn(new.start)}: {new.facts.reason}"
            )
        return words


@dataclass(frozen=True)
class Goal:
    """The moment to come back to: the newest, the last commit at or before `time`, or `lsn`."""

    time: datetime | None = None
    lsn: int | None = None


@dataclass(frozen=True)
class Plan:
    """What a restore uses: base copies, the full one first, and the parts of the log in order.

    `target` is the record it must reach.
    """

    repository: Repository
    chain: list[BaseFacts]
    parts: list[WalFacts]
    target: int
    goal: Goal
    last_commit: datetime | None

    @property
    def base(self) -> BaseFacts:
        """The newest of its base copies."""
        return self.chain[-1]

    @property
    def size(self) -> int:
        """Bytes to be read from the repository."""
        copies = sum(base.base.size for base in self.chain) + self.base.files.size
        return copies + sum(part.content.size for part in self.parts)

    @property
    def plain_size(self) -> int:
        """Bytes it unpacks to, the highest at any time."""
        copies = sum(base.base.plain_size for base in self.chain)
        if len(self.chain) > 1:  # put together into a further copy
            copies += self.chain[0].base.plain_size
        return copies + sum(part.content.plain_size for part in self.parts)

    @property
    def kits(self) -> set[int]:
        """The numbers of the kits it needs."""
        return {base.kit for base in self.chain} | {part.kit for part in self.parts}


def find_sites(store: Store) -> list[str]:
    """The sites that have copies in this store."""
    return [name for name in store.names(SITES) if store.names(f"{SITES}/{name}/repos")]


def find_repositories(store: Store, site: str) -> list[str]:
    """The repositories of a site, the newest last."""
    found = store.names(f"{SITES}/{site}/repos")
    return [name for name in found if store.exists(Place(site=site, repository=name).facts)]


def read_repository(store: Store, site: str, repository: str, verify_key: str | None) -> Repository:
    """Read every manifest. Raises Damaged only when the repository's own is."""
    place = Place(site=site, repository=repository)
    try:
        data = store.read(place.facts)
    except FileNotFoundError:
        raise CouldNotRun(f"There is no repository {repository} of {site} here.") from None
    facts = read_signed(data, RepositoryFacts, place.facts, verify_key)
    found = Repository(place, facts)
    for base_id in store.names(place.bases):
        key = place.base(base_id, MANIFEST)
        if store.exists(key):  # without it the copy was cut off: it does not exist
            with _noting(found.faults):
                found.bases.append(_read(store, key, BaseFacts, verify_key)[0])
    found.bases.sort(key=lambda base: (base.stop, base.id))
    for tier in store.names(place.dumps):
        for dump_id in store.names(f"{place.dumps}/{tier}"):
            key = place.dump(tier, dump_id, MANIFEST)
            if store.exists(key):
                with _noting(found.faults):
                    found.dumps.append(_read(store, key, DumpFacts, verify_key)[0])
    found.dumps.sort(key=lambda dump: (dump.number, dump.id))
    previous = fingerprint(data)
    for name in store.names(place.wal):
        previous = _read_stretch(store, found, int(name), previous, verify_key)
    return found


def _read_stretch(
    store: Store, found: Repository, number: int, previous: str, verify_key: str | None
) -> str:
    """Read one stretch into `found`; the fingerprint of its last manifest."""
    key = found.place.stretch_facts(number)
    try:
        facts, newest = _read(store, key, StretchFacts, verify_key)
    except Damaged as error:
        found.faults.append(str(error))
        found.unreadable.append(number)
        return previous
    if facts.previous not in (FIRST, previous) and number - 1 in found.stretches:
        found.faults.append(f"{key}: what stood before it was changed or removed")
    for left in reversed(range(READINGS)):
        stretch, names = Stretch(facts), store.names(found.place.stretch(number))
        found.stretches[number] = stretch
        try:
            return _read_parts(store, found.place, stretch, names, newest, verify_key)
        except Damaged as error:
            if left and store.names(found.place.stretch(number)) != names:
                continue  # a segment was closed meanwhile, which replaces its pieces
            stretch.fault = str(error)
            found.faults.append(str(error))
            break
    return newest


def _read_parts(
    store: Store,
    place: Place,
    stretch: Stretch,
    names: list[str],
    newest: str,
    verify_key: str | None,
) -> str:
    number = stretch.facts.number
    closed = newest
    stems = sorted({name.partition(".")[0] for name in names})
    for stem in [stem for stem in stems if SEGMENT_NAME.fullmatch(stem)]:
        key = place.segment(number, stem)
        if stem + SIGNED in names:
            closed = newest = _append(store, stretch, key + SIGNED, closed, verify_key)
            continue
        for piece in store.names(key):
            if piece.endswith(SIGNED):
                newest = _append(store, stretch, f"{key}/{piece}", newest, verify_key)
    return newest


def _append(store: Store, stretch: Stretch, key: str, previous: str, verify_key: str | None) -> str:
    part, newest = _read(store, key, WalFacts, verify_key)
    if part.previous != previous and stretch.parts:  # what stood before the first may have expired
        raise Damaged(f"{key}: what stood before it was changed or removed")
    if stretch.parts and part.start != stretch.end:
        raise Damaged(f"{key}: the log from {format_lsn(stretch.end)} on is missing")
    stretch.parts.append(part)
    return newest


def _read(store: Store, key: str, kind: type[Kind], verify_key: str | None) -> tuple[Kind, str]:
    try:
        data = store.read(key)
    except FileNotFoundError:
        raise Damaged(f"{key}: it is missing") from None
    return read_signed(data, kind, key, verify_key), fingerprint(data)


@contextlib.contextmanager
def _noting(faults: list[str]) -> Iterator[None]:
    try:
        yield
    except Damaged as error:
        faults.append(str(error))


def plan_restore(repository: Repository, goal: Goal, base_id: str | None = None) -> Plan:
    """What to use to come back to `goal`, from the newest base copy before it or the one named.

    Raises NotReached when the copies do not hold that moment: it lies before the first base, behind the end, or in a gap.
    """
    candidates = [base for base in repository.bases if repository.is_usable(base)]
    if base_id is not None:
        candidates = [base for base in candidates if base.id == base_id]
    reachable = [base for base in candidates if _reaches(repository, base, goal)]
    if not reachable:
        raise NotReached(_explain_unreached(repository, candidates, goal))
    base = reachable[-1]
    stretch = repository.stretches[base.stretch]
    if goal == Goal() and base_id is None:
        _refuse_shortened(repository, stretch, base)
    target = stretch.last_record if goal.lsn is None else goal.lsn
    assert target is not None
    return Plan(
        repository,
        repository.chain_of(base),
        _needed_parts(stretch, base, goal),
        target,
        goal,
        stretch.last_commit,
    )


def _refuse_shortened(repository: Repository, stretch: Stretch, base: BaseFacts) -> None:
    """The newest state asked for must not quietly become an older one: then that must be asked for by name."""
    number = stretch.facts.number
    newer = [n for n, other in repository.stretches.items() if n > number and other.parts]
    reason = stretch.fault or ""
    if newer or any(n > number for n in repository.unreadable):
        reason = "the newest records have no whole base copy to begin from"
    if any(other.stretch == number and other.stop > stretch.end for other in repository.bases):
        reason = f"the log ends at {format_lsn(stretch.end)}, before a base copy that was finished"
    if reason:
        raise NotReached(
            f"The newest records cannot be reached: {reason}. Nothing was written. "
            f"The state of {_moment(stretch.last_commit)} can: --set {base.id}"
        )


def _needed_parts(stretch: Stretch, base: BaseFacts, goal: Goal) -> list[WalFacts]:
    """From the start of the segment the base copy begins in to where the goal is surely passed, and one part more."""
    first = base.start - base.start % SEGMENT
    parts = [part for part in stretch.parts if part.end > first]
    for number, part in enumerate(parts):
        is_behind = part.start > max(goal.lsn or 0, base.stop)
        if goal.time is not None:
            is_behind = part.start > base.stop and (
                part.last_commit is not None and part.last_commit > goal.time
            )
        if goal != Goal() and is_behind:
            return parts[: number + 2]
    return parts


def _reaches(repository: Repository, base: BaseFacts, goal: Goal) -> bool:
    stretch = repository.stretches[base.stretch]
    last = stretch.last_record
    if last is None:
        return False
    if goal.lsn is not None:
        return base.stop <= goal.lsn <= last
    if goal.time is not None:
        return base.finished_at <= goal.time <= stretch.parts[-1].written_at
    return True


def _explain_unreached(repository: Repository, usable: list[BaseFacts], goal: Goal) -> str:
    if not usable:
        return "There is no whole base copy to begin from. Nothing was written."
    spans = []
    for number in sorted({base.stretch for base in usable}):
        first = next(base for base in usable if base.stretch == number)
        stretch = repository.stretches[number]
        spans.append(
            f"{first.finished_at:%Y-%m-%d %H:%M:%S} ({format_lsn(first.stop)}) to "
            f"{_moment(stretch.parts[-1].written_at)} ({format_lsn(stretch.last_record or 0)})"
        )
    wanted = f"{goal.time:%Y-%m-%d %H:%M:%S} UTC" if goal.time else format_lsn(goal.lsn or 0)
    return (
        f"The copies do not hold {wanted}. They hold: {'; '.join(spans)} UTC. Nothing was written."
    )


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "no commit"
