"""Questions to the history in the bucket: its files are fetched, checked and opened into a bounded private cache."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyrage

from backup.envelope import read_identity
from backup.manifest import read_signed
from backup.refusals import CouldNotRun, Damaged, KeyRefused
from sync.history import TABLE, PartFacts
from sync.repository import BucketStore

SEALED = ".age"
SISTERS = "sister_patterns"
# A manifest's name: year and month, the day where it is of one, the hash, the version.
NAME = re.compile(r"part-(\d{4}-\d\d)(-\d\d)?-[0-9a-f]{8}-(\d+)\.json")


@dataclass(frozen=True)
class Reader:
    """Who reads a site: the keys that open its files (age), and the key that must have signed them."""

    site: str
    identities: tuple[str, ...]
    verify_key: str


class Cache:
    """Opened files in `folder`, readable by us alone; the ones longest unused go when it holds more than `limit` bytes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read_facts(
        self, store: BucketStore, keys: Sequence[str], reader: Reader
    ) -> list[PartFacts]:
        """The manifests under `keys`. One is never changed, so it is asked for once. Raises Damaged."""
        store.read_ahead(key for key in keys if not (self._folder / key).exists())
        found = []
        for key in keys:
            path = self._folder / key
            data = path.read_bytes() if path.exists() else store.read(key)
            found.append(read_signed(data, PartFacts, key, reader.verify_key))
            if not path.exists():
                _keep(path, data)
        return found

    def fetch(self, store: BucketStore, facts: PartFacts, reader: Reader) -> Path:
        """The opened file of a part. Raises Damaged, KeyRefused."""
        folder = facts.place.rpartition("/")[0]
        path = self._folder / folder / f"{facts.content.plain_sha256}.parquet"
        if path.exists():
            path.touch()
            return path
        key = f"{folder}/{facts.content.name}"
        data = store.read(key)
        if hashlib.sha256(data).hexdigest() != facts.content.sha256:
            raise Damaged(f"{key}: its hash is not the one in the signed manifest")
        if key.endswith(SEALED):
            try:
                data = pyrage.decrypt(data, [read_identity(one) for one in reader.identities])
            except pyrage.DecryptError as error:
                raise KeyRefused(f"{key}: no given key opens it") from error
        _keep(path, data)
        return path

    def shrink(self, kept: Sequence[Path]) -> None:
        """Remove what was not used for longest, never `kept`, until the rest fits."""
        files = sorted(self._folder.rglob("*.parquet"), key=lambda path: path.stat().st_mtime)
        total = sum(path.stat().st_size for path in files)
        for path in files:
            if total <= self._limit:
                return
            if path not in set(kept):
                total -= path.stat().st_size
                path.unlink()


def choose_newest(keys: Iterable[str]) -> list[str]:
    """Of the manifests among `keys` those that count: of a month the newest that is whole, else of each day the newest."""
    months: dict[str, dict[str, tuple[int, str]]] = {}
    for key in keys:
        name = NAME.fullmatch(key.rpartition("/")[2])
        if name is not None:
            newest = months.setdefault(name[1], {})
            day = name[2] or ""
            newest[day] = max(newest.get(day, (0, "")), (int(name[3]), key))
    counting = ([of[""]] if "" in of else [of[day] for day in sorted(of)] for of in months.values())
    return [key for month in counting for _, key in month]


def find_parts(store: BucketStore, reader: Reader, cache: Cache) -> list[PartFacts]:
    """The parts of a site that count. Raises Damaged."""
    keys = store.keys(f"v1/history/table={TABLE}/site={reader.site}")
    return cache.read_facts(store, choose_newest(keys), reader)


def ask(
    store: BucketStore,
    readers: Sequence[Reader],
    cache: Cache,
    question: str,
    sisters: Sequence[Path] = (),
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns and rows of a SQL `question` to the view `samples`, which also has site, year and month; and, where
    opened files of sister wineries are given, to `sister_patterns`, which also has site and told_on.

    Raises CouldNotRun with DuckDB's word, Damaged, KeyRefused.
    """
    paths = [
        cache.fetch(store, facts, reader)
        for reader in readers
        for facts in find_parts(store, reader, cache)
    ]
    if not paths and not sisters:
        raise CouldNotRun("There is no history of these sites in the bucket yet.")
    try:
        return ask_files(paths, question, sisters)
    finally:
        cache.shrink(paths)


def ask_files(
    paths: Sequence[Path], question: str, sisters: Sequence[Path] = ()
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """As `ask`, of opened files. The question may read nothing but them."""
    files = {TABLE: paths, SISTERS: sisters}
    views = {name: _list(found) for name, found in files.items() if found}
    with duckdb.connect(config={"memory_limit": "512MB", "threads": 2}) as lake:
        lake.execute("SET TimeZone = 'UTC'")
        lake.execute(f"SET allowed_paths = [{', '.join(views.values())}]")
        lake.execute("SET enable_external_access = false")
        lake.execute("SET lock_configuration = true")
        for name, listed in views.items():
            # Each sister chooses her columns; to look into every file for that would be dear with the many of history.
            by_name = "true" if name == SISTERS else "false"
            lake.execute(
                f"CREATE VIEW {name} AS SELECT * FROM "  # noqa: S608
                f"read_parquet([{listed}], hive_partitioning = true, union_by_name = {by_name})"
            )
        try:
            answer = lake.execute(question)
            return [column[0] for column in answer.description or []], answer.fetchall()
        except duckdb.Error as error:
            raise CouldNotRun(f"The question was refused: {error}") from error


def _list(paths: Sequence[Path]) -> str:
    return ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_bytes(data)
    draft.replace(path)
