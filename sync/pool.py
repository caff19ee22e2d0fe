"""Patterns of sister wineries: ours go into the group's pool, the others' come back to be compared with ours.

    v1/pool/GROUP/SITE/patterns-DATE.parquet.age and .json

The file is sealed for the group's key and holds the fields that the winery chose, and no others; the signed manifest beside
it counts and hashes it, and names no winery's words. At most one a day, and only when something changed.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyrage
from pydantic import ValidationError

from backup.envelope import read_identity
from backup.keys import Site, save_file
from backup.manifest import Body, ObjectFacts, read_signed, sign
from backup.refusals import Damaged, KeyRefused
from sync.configuration import scratch, sync_dir
from sync.group import Group, Sharing
from sync.journal import Journal
from sync.pushing import Pusher
from sync.repository import BucketStore
from winery_appliance.core.clock import now
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings
from winery_appliance.historical_data.sister_patterns import (
    MOST_PATTERNS,
    SisterPattern,
    SisterPatterns,
    find_material,
)

SCHEMA = 1
# What may be chosen, and its type in Parquet. Lists are the quantiles 10, 25, 50, 75 and 90 %; the two curves have such a
# row each, with a value every 12 hours since the start: sugar as density at 20 °C (kg/m³), temperature in °C.
FIELDS = {
    "varietal": "VARCHAR",
    "style": "VARCHAR",
    "vessel_size": "VARCHAR",
    "ferments": "INTEGER",
    "came_dry": "INTEGER",
    "lag_hours": "DOUBLE[]",
    "days_to_dry": "DOUBLE[]",
    "fastest": "DOUBLE[]",
    "temperature": "DOUBLE[]",
    "sugar_by_time": "DOUBLE[][]",
    "temperature_by_time": "DOUBLE[][]",
}
LEAST_FERMENTS = 5  # a pattern of fewer would tell of single wines
RENEWED = timedelta(days=200)  # before the bucket's lifecycle takes the newest
LARGEST_BYTES = 16 << 20
PATTERNS = """
SELECT p.varietal, p.style, p.vessel_size, p.ferments, p.content
FROM patterns p JOIN wineries w ON w.id = p.winery_id
WHERE w.code = %s AND p.ferments >= %s ORDER BY 1, 2, 3
"""
_MANIFEST = re.compile(r"patterns-(\d{4}-\d\d-\d\d)\.json")
_NOTE = "pool"


class PoolFacts(Body):
    """What the manifest of shared patterns says."""

    group: str
    site: str
    day: date
    schema_version: int
    rows: int
    written_at: datetime
    content: ObjectFacts


@dataclass(frozen=True)
class Pulled:
    """What came of one sister winery: how many patterns of which day, or why none."""

    site: str
    day: date | None = None
    patterns: int = 0
    trouble: str | None = None


def list_wineries(settings: Settings) -> list[str]:
    """The codes of the wineries on this appliance."""
    with _connect(settings) as connection:
        return [str(row[0]) for row in connection.execute("SELECT code FROM wineries ORDER BY id")]


def read_shared(settings: Settings, sharing: Sharing) -> list[dict[str, Any]]:
    """Exactly what would be shared now: a row for each pattern, with the chosen fields and no others."""
    if not sharing.fields:
        return []
    with _connect(settings) as connection:
        rows = connection.execute(PATTERNS, (sharing.winery, LEAST_FERMENTS)).fetchall()
    return [choose_fields(row, sharing.fields) for row in rows]


def choose_fields(row: Sequence[Any], fields: Sequence[str]) -> dict[str, Any]:
    """The chosen `fields` of a pattern: variety, style, size, number of ferments, content as `draw_bands` makes it."""
    varietal, style, vessel_size, ferments, content = row
    known = {
        "varietal": varietal or None,
        "style": style,
        "vessel_size": vessel_size,
        "ferments": ferments,
        "sugar_by_time": content["by_time"]["sugar"],
        "temperature_by_time": content["by_time"]["temperature"],
    }
    return {
        name: known[name] if name in known else content[name] for name in FIELDS if name in fields
    }


def share(
    settings: Settings,
    site: Site,
    signing_key: str,
    group: Group,
    sharing: Sharing,
    journal: Journal,
    pusher: Pusher,
) -> date | None:
    """Bring our patterns into the pool when they changed since; of which day they are, None where nothing went.

    Raises StoreTrouble, psycopg.Error.
    """
    rows = read_shared(settings, sharing)
    if not rows:
        return None
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    told = [group.name, group.recipient, hashlib.sha256(lines.encode()).hexdigest()]
    today = now().date()
    known = journal.note(_NOTE)
    if known is not None and known[1:3] == told[:2]:
        last = date.fromisoformat(known[0])
        if today <= last or (known[3] == told[2] and today - last < RENEWED):
            return None
    data = write_patterns(settings, lines, sharing.fields)
    sealed = pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(group.recipient)])
    stem = f"v1/pool/{group.name}/{site.site}/patterns-{today}"
    facts = PoolFacts(
        place=f"{stem}.json",
        group=group.name,
        site=site.site,
        day=today,
        schema_version=SCHEMA,
        rows=len(rows),
        written_at=now(),
        content=ObjectFacts(
            name=f"patterns-{today}.parquet.age",
            size=len(sealed),
            sha256=hashlib.sha256(sealed).hexdigest(),
            plain_size=len(data),
            plain_sha256=hashlib.sha256(data).hexdigest(),
        ),
    )
    # Cut off before its manifest, it is sealed anew: hence `replace`.
    pusher.put(f"{stem}.parquet.age", sealed, replace=True, kept="pattern")
    pusher.put(facts.place, sign(facts, signing_key), replace=True, kept="pattern")
    journal.forget_sent(stem)
    journal.set_note(_NOTE, [f"{today}", *told])
    return today


def write_patterns(settings: Settings, lines: str, fields: Sequence[str]) -> bytes:
    """The Parquet file of `lines` (JSON, one a pattern) with those columns."""
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in FIELDS.items() if name in fields)
    with tempfile.TemporaryDirectory(dir=scratch(settings)) as name:
        source, target = Path(name) / "patterns.json", Path(name) / "patterns.parquet"
        source.write_text(lines, "utf-8")
        with duckdb.connect(config={"threads": 1, "memory_limit": "256MB"}) as lake:
            lake.execute(
                f"COPY (SELECT * FROM read_json(?, format = 'newline_delimited', columns = {{{columns}}})) "  # noqa: S608
                f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)",
                [str(source)],
            )
        return target.read_bytes()


def pull(
    settings: Settings, site: str, group: Group, sharing: Sharing, store: BucketStore
) -> list[Pulled]:
    """Fetch the newest patterns of every other member and leave them for pages and questions; what came of each.

    One that is damaged, or not signed by its member, is told and left out; what came of that member before stays. Raises
    StoreTrouble.
    """
    found = [
        _pull_member(settings, group, member, key, store)
        for member, key in sorted(group.without(site).items())
    ]
    _forget_former(settings, group)
    patterns = [one for path in sister_files(settings) for one in read_patterns(path, *_told(path))]
    material = SisterPatterns(
        winery=sharing.winery,
        group=group.name,
        fetched_at=now(),
        patterns=patterns[:MOST_PATTERNS],
    )
    save_file(find_material(settings), material.model_dump_json())
    return found


def forget_sisters(settings: Settings) -> None:
    """Forget what came of others."""
    shutil.rmtree(_folder(settings), ignore_errors=True)
    find_material(settings).unlink(missing_ok=True)


def sister_files(settings: Settings) -> list[Path]:
    """The opened files of the others, `…/site=SITE/told_on=DATE/patterns.parquet`."""
    return sorted(_folder(settings).glob("site=*/told_on=*/patterns.parquet"))


def read_patterns(path: Path, site: str, told_on: str) -> list[SisterPattern]:
    """What an opened file tells. Raises Damaged where it is not of our kind."""
    file = str(path).replace("'", "''")
    try:
        with duckdb.connect(config={"threads": 1, "memory_limit": "256MB"}) as lake:
            lake.execute(f"SET allowed_paths = ['{file}']")
            lake.execute("SET enable_external_access = false")
            answer = lake.execute(f"SELECT * FROM read_parquet('{file}', hive_partitioning = false)")  # noqa: S608  # fmt: skip
            names = [column[0] for column in answer.description or []]
            rows = answer.fetchmany(MOST_PATTERNS + 1)
        if len(rows) > MOST_PATTERNS:
            raise Damaged(f"{site}: more than {MOST_PATTERNS} patterns")
        whence = {"site": site, "told_on": told_on}
        return [SisterPattern.model_validate(dict(zip(names, row, strict=True)) | whence) for row in rows]  # fmt: skip
    except (duckdb.Error, ValidationError) as error:
        raise Damaged(f"{site}: its patterns of {told_on} cannot be read") from error


def _pull_member(
    settings: Settings, group: Group, member: str, verify_key: str, store: BucketStore
) -> Pulled:
    keys = store.keys(f"v1/pool/{group.name}/{member}")
    days = [(match[1], key) for key in keys if (match := _MANIFEST.fullmatch(key.rpartition("/")[2]))]  # fmt: skip
    if not days:
        return Pulled(member)
    key = max(days)[1]
    try:
        facts = read_signed(store.read(key), PoolFacts, key, verify_key)
        if (facts.group, facts.site) != (group.name, member) or facts.schema_version != SCHEMA:
            raise Damaged(f"{key}: this is of another group, another site or a later version")
        path = _folder(settings) / f"site={member}" / f"told_on={facts.day}" / "patterns.parquet"
        if not _is_same(path, facts.content.plain_sha256):
            _take_in(settings, path, _open(store, facts, key, group), facts)
    except (Damaged, KeyRefused, FileNotFoundError) as error:
        return Pulled(member, trouble=str(error))
    for other in path.parent.parent.iterdir():
        if other != path.parent:
            shutil.rmtree(other)
    return Pulled(member, facts.day, facts.rows)


def _take_in(settings: Settings, path: Path, data: bytes, facts: PoolFacts) -> None:
    """Put an opened file to the others when it holds what its manifest says. Raises Damaged."""
    with tempfile.TemporaryDirectory(dir=scratch(settings)) as name:
        draft = Path(name) / "patterns.parquet"
        draft.write_bytes(data)
        draft.chmod(0o600)
        count = len(read_patterns(draft, facts.site, f"{facts.day}"))
        if count != facts.rows:
            raise Damaged(
                f"{facts.place}: it tells of {facts.rows} patterns, and there are {count}"
            )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.replace(path)


def _open(store: BucketStore, facts: PoolFacts, place: str, group: Group) -> bytes:
    key = f"{place.rpartition('/')[0]}/{facts.content.name}"
    if facts.content.size > LARGEST_BYTES or facts.content.plain_size > LARGEST_BYTES:
        raise Damaged(f"{key}: larger than patterns are")
    data = store.read(key)
    if hashlib.sha256(data).hexdigest() != facts.content.sha256:
        raise Damaged(f"{key}: its hash is not the one in the signed manifest")
    try:
        return bytes(pyrage.decrypt(data, [read_identity(group.identity)]))
    except pyrage.DecryptError as error:
        raise KeyRefused(f"{key}: the key of group {group.name} does not open it") from error


def _forget_former(settings: Settings, group: Group) -> None:
    for folder in _folder(settings).glob("site=*"):
        if folder.name[5:] not in group.members:
            shutil.rmtree(folder)


def _told(path: Path) -> tuple[str, str]:
    """Site and day of an opened file."""
    return path.parent.parent.name[5:], path.parent.name[8:]


def _is_same(path: Path, sha256: str) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _folder(settings: Settings) -> Path:
    return sync_dir(settings) / "pool"


def _connect(settings: Settings) -> psycopg.Connection[Any]:
    connection = psycopg.connect(role_url(settings, "backup"), connect_timeout=5)
    connection.read_only = True
    return connection
