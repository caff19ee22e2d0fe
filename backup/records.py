"""What stands in the manifests of a repository, and where each thing lies in it.

    v1/sites/SITE/repos/REPO/repo.json
      base/ID/{base.tar,files.tar}.zst.age and manifest.json, the last
      snap/TIER/ID/{db.dump,files.tar}.zst.age and manifest.json, the last
      wal/STRETCH/stretch.json
      wal/STRETCH/SEGMENT.zst.age and SEGMENT.json                  a whole segment of the log
      wal/STRETCH/SEGMENT/START-END.zst.age and START-END.json      pieces of the one still open

A stretch is the log without a gap. Its manifests form a chain: stretch.json, the segments, the pieces of the open one.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from backup.manifest import Body, ObjectFacts
from backup.wal_format import SEGMENT

MANIFEST = "manifest.json"
SEALED = ".zst.age"
SIGNED = ".json"
TABLES = "backup/tables.json"  # in a dump's files: its manifest's tables once more, for a manifest that is silent


class RepositoryFacts(Body):
    """A repository: the copies of one PostgreSQL cluster, from its first day or its last restore on."""

    repository: str
    site: str
    system_identifier: str
    timeline: int
    major: int
    made_at: datetime


class StretchFacts(Body):
    """A stretch of the log. `token` tells who writes it; `reason` why it began: what is missing before it, if anything."""

    number: int
    token: str
    reason: str


class WalFacts(Body):
    """A piece or a whole segment of the log: positions as numbers, `last_record` and `last_commit` up to its end."""

    segment: str
    start: int
    end: int
    last_record: int | None
    last_commit: datetime | None
    written_at: datetime
    kit: int
    content: ObjectFacts

    @property
    def content_place(self) -> str:
        """The key of the object."""
        return f"{self.place.rpartition('/')[0]}/{self.content.name}"


class BaseFacts(Body):
    """A base copy: what a restore starts from. `parent` is the copy an incremental one was made against; `recipients` the
    public keys it is sealed for, the kit's first.
    """

    id: str
    parent: str | None
    stretch: int
    timeline: int
    start: int
    stop: int
    begun_at: datetime
    finished_at: datetime
    kit: int
    kit_made_at: datetime
    recipients: list[str]
    version: str
    base: ObjectFacts
    files: ObjectFacts


class TableFacts(BaseModel):
    """What one table held: its rows, and the sum of their hashes, which no order of them changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rows: int
    hash: str


class DumpFacts(Body):
    """A portable dump: the winery's database as `pg_dump` tells it, and what lies beside.

    `number` counts the dumps of a site. `tables` is what the dumped snapshot held; `lsn` the position of the log at which
    the database held exactly that, where there was one. A manifest outside the house is silent about the tables.
    """

    id: str
    number: int
    tier: str
    made_at: datetime
    finished_at: datetime
    database: str
    lsn: int | None
    kit: int
    kit_made_at: datetime
    recipients: list[str]
    version: str
    major: int
    dump: ObjectFacts
    files: ObjectFacts
    tables: list[TableFacts]


class Place(BaseModel):
    """The keys of one repository in a store."""

    model_config = ConfigDict(frozen=True)

    site: str
    repository: str

    @property
    def root(self) -> str:
        """The folder of the repository."""
        return f"v1/sites/{self.site}/repos/{self.repository}"

    @property
    def facts(self) -> str:
        """The manifest of the repository itself."""
        return f"{self.root}/repo.json"

    @property
    def wal(self) -> str:
        """The folder of all stretches."""
        return f"{self.root}/wal"

    def stretch(self, number: int) -> str:
        """The folder of a stretch."""
        return f"{self.wal}/{number:04}"

    def stretch_facts(self, number: int) -> str:
        """The manifest of a stretch."""
        return f"{self.stretch(number)}/stretch.json"

    def segment(self, stretch: int, name: str) -> str:
        """A segment: its folder of pieces, and the stem of the whole one."""
        return f"{self.stretch(stretch)}/{name}"

    def piece(self, stretch: int, name: str, start: int, end: int) -> str:
        """The stem of a piece, named by its offsets in the segment, so that names sort by position."""
        first = start % SEGMENT
        return f"{self.segment(stretch, name)}/{first:08x}-{first + end - start:08x}"

    @property
    def dumps(self) -> str:
        """The folder of all portable dumps."""
        return f"{self.root}/snap"

    def dump(self, tier: str, dump_id: str, name: str) -> str:
        """An object of a dump."""
        return f"{self.dumps}/{tier}/{dump_id}/{name}"

    @property
    def bases(self) -> str:
        """The folder of all base copies."""
        return f"{self.root}/base"

    def base(self, base_id: str, name: str) -> str:
        """An object of a base copy."""
        return f"{self.bases}/{base_id}/{name}"
