"""Which copies on the NAS are not off-site yet, and in which order they go.

A base copy is of use off-site where the off-site log covers its making. Its manifest names the stretch of the NAS's log, so
it is written anew for the off-site one and signed again.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from backup.manifest import ObjectFacts, read_signed, sign
from backup.records import MANIFEST, BaseFacts, DumpFacts, Place
from backup.refusals import Damaged
from backup.store import Store
from sync.journal import Journal

PASSING = (
    "daily",
    "extra",
)  # of these tiers only the newest dump goes: the next one is made tomorrow
LONG_TIERS = ("yearly", "monthly", "weekly")


@dataclass(frozen=True)
class Copy:
    """A copy to be carried: its objects, and the manifest that goes last. `waits_for` is the position of the log that must
    be off-site before the manifest is.
    """

    id: str
    kind: str
    kept: str
    key: str
    manifest: bytes
    objects: list[tuple[str, ObjectFacts]]
    waits_for: tuple[int, int] | None = None
    at: str = ""

    @property
    def size(self) -> int:
        """Bytes to be carried."""
        return sum(facts.size for _, facts in self.objects)


@dataclass
class CopiesWaiting:
    """The copies of one repository on the NAS (`store`), with what `journal` knows of those off-site."""

    store: Store
    journal: Journal
    place: Place
    verify_key: str
    signing_key: str
    needs_base: bool = False  # no base copy of the newest stretch is made yet
    _is_first: bool = False

    def find(self) -> list[Copy]:
        """What waits, in the order it goes in: a base copy for a stretch that has none, dumps, further base copies."""
        bases, dumps = self._list_bases(), self._list_dumps()
        return bases + dumps if self._is_first else dumps + bases

    def _list_bases(self) -> list[Copy]:
        """The newest base copy whose making the off-site log covers, behind those it was made against."""
        stretches = self.journal.stretches(self.place.repository)
        self._is_first = False
        self.needs_base = False
        if not stretches:
            return []
        newest = max(stretches)
        first, _ = stretches[newest]
        known = {base.id: base for base in self._read_bases()}
        usable = [base for base in known.values() if base.start >= first]
        self.needs_base = not usable
        if not usable:
            return []
        chosen = max(usable, key=lambda base: (base.stop, base.id))
        sent = [base for base in usable if self._is_sent(base)]
        self._is_first = not sent
        chain = [chosen]
        while (parent := chain[0].parent) is not None:
            if parent not in known:
                return []  # it expired on the NAS; the next full one will do
            chain.insert(0, known[parent])
        return [self._tell_base(base, stretches) for base in chain if not self._is_sent(base)]

    def _is_sent(self, base: BaseFacts) -> bool:
        return self.journal.is_sent(base.place)

    def _tell_base(self, base: BaseFacts, stretches: dict[int, tuple[int, int]]) -> Copy:
        covering = [number for number, (first, _) in stretches.items() if first <= base.start]
        number = max(covering, default=0)  # of none: it serves those made against it
        moved = base.model_copy(update={"stretch": number})
        return Copy(
            base.id,
            "base copy",
            "base",
            base.place,
            sign(moved, self.signing_key),
            [(self.place.base(base.id, facts.name), facts) for facts in (base.base, base.files)],
            (number, base.stop) if number else None,
            base.begun_at.isoformat(),
        )

    def _read_bases(self) -> Iterator[BaseFacts]:
        for base_id in self.store.names(self.place.bases):
            key = self.place.base(base_id, MANIFEST)
            try:
                yield read_signed(self.store.read(key), BaseFacts, key, self.verify_key)
            except (FileNotFoundError, Damaged):
                continue  # it is being made, or `winery-backup check` tells

    def _list_dumps(self) -> list[Copy]:
        found = []
        for tier in self.store.names(self.place.dumps):
            for dump_id in self.store.names(f"{self.place.dumps}/{tier}"):
                found.append((dump_id, tier))
        found.sort(reverse=True)
        newest = found[:1]
        wanted = newest + [one for tier in LONG_TIERS for one in found[1:] if one[1] == tier]
        keys = [self.place.dump(tier, dump_id, MANIFEST) for dump_id, tier in wanted]
        return [
            copy for key in keys if not self.journal.is_sent(key) for copy in self._read_dump(key)
        ]

    def _read_dump(self, key: str) -> Iterator[Copy]:
        try:
            data = self.store.read(key)
            dump = read_signed(data, DumpFacts, key, self.verify_key)
        except (FileNotFoundError, Damaged):
            return
        folder = key.rpartition("/")[0]
        objects = [(f"{folder}/{facts.name}", facts) for facts in (dump.dump, dump.files)]
        # What each table held is nothing for the eyes of a provider; the sealed files tell it again.
        silent = sign(dump.model_copy(update={"tables": []}), self.signing_key)
        yield Copy(dump.id, "dump", dump.tier, key, silent, objects, at=dump.made_at.isoformat())
