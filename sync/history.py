"""The history of samples as a lake: Parquet files, each with a signed manifest that counts its rows.

    v1/history/table=samples/site=SITE/year=2026/month=11/part-PERIOD-SHA8-VERSION.parquet.age and .json

PERIOD is a day that is over (2026-11-03) or, once it is over, the whole month (2026-11), which then counts in place of its
days. What was corrected later, or got late samples, is written once more as its next version; the newest version counts.
Schema 1 is `COLUMNS`. The days are UTC's, by when a sample was measured.
"""

import hashlib
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyrage

from backup.keys import Site
from backup.manifest import Body, ObjectFacts, sign
from sync.configuration import scratch
from sync.journal import Journal
from sync.pushing import Pusher
from winery_appliance.core.clock import now
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings

TABLE = "samples"
SCHEMA = 1
# Name, and the type in Parquet. `value` is in the book's own unit of that type (sugar: density at 20 °C, kg/m³).
# client_uuid and who recorded it stay in the database.
COLUMNS = {
    "winery": "VARCHAR",
    "fermentation": "VARCHAR",
    "style": "VARCHAR",
    "sample": "BIGINT",
    "sample_type": "VARCHAR",
    "value": "DOUBLE",
    "value_typed": "VARCHAR",
    "unit_typed": "VARCHAR",
    "qualifier": "VARCHAR",
    "sample_temperature_c": "DOUBLE",
    "measured_at": "TIMESTAMPTZ",
    "received_at": "TIMESTAMPTZ",
    "supersedes": "BIGINT",
    "voids": "BOOLEAN",
}
ROWS = """
SELECT w.code AS winery, f.code AS fermentation, f.style, s.id AS sample, s.sample_type, s.value, s.value_typed,
    s.unit AS unit_typed,
    s.qualifier, s.sample_temperature_c, s.measured_at, s.received_at, s.supersedes_id AS supersedes, s.voids
FROM samples s
JOIN fermentations f ON (f.winery_id, f.id) = (s.winery_id, s.fermentation_id)
JOIN wineries w ON w.id = s.winery_id
"""
# Order and whether anything of it changed: samples are only added, but what they belong to can be corrected.
DAYS = f"""
SELECT (measured_at AT TIME ZONE 'UTC')::date AS day, count(*), sum(hashtextextended(r::text, 0))::text
FROM ({ROWS}) r WHERE measured_at < %s GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - made of constants
PERIOD = f"""
COPY (SELECT * FROM ({ROWS}) r WHERE measured_at >= %s AND measured_at < %s ORDER BY 1, 2, 5, measured_at, 4)
TO STDOUT (FORMAT csv)
"""  # noqa: S608


class PartFacts(Body):
    """What the manifest of a part says. `content` names the file as it lies in the bucket and as it is when opened."""

    table: str
    site: str
    period: str
    version: int
    schema_version: int
    rows: int
    fingerprint: str
    written_at: datetime
    content: ObjectFacts


@dataclass(frozen=True)
class Part:
    """Samples of one file, from the day `first` until before `end`."""

    period: str
    first: date
    end: date
    rows: int
    fingerprint: str
    days: tuple[date, ...]


class HistoryExport:
    """Brings the closed days and months of this appliance into the lake by `pusher`."""

    def __init__(
        self, settings: Settings, site: Site, signing_key: str, journal: Journal, pusher: Pusher
    ) -> None:
        self._settings, self._site, self._key = settings, site, signing_key
        self._journal, self._pusher = journal, pusher

    def export(self, tell: Callable[[str, int], None] = lambda *_: None) -> list[str]:
        """Bring every closed day or month that changed since it was brought; which these were."""
        done = []
        with psycopg.connect(role_url(self._settings, "backup"), connect_timeout=5) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            connection.execute("SET LOCAL timezone = 'UTC'")
            for part in self._find_changed(connection):
                tell(f"history of {part.period}", 0)
                self._export_part(connection, part)
                done.append(part.period)
        return done

    def _find_changed(self, connection: psycopg.Connection[Any]) -> Iterator[Part]:
        today = now().replace(hour=0, minute=0, second=0, microsecond=0)
        days = connection.execute(DAYS, (today,)).fetchall()
        for part in divide(days, today.date(), self._is_whole):
            known = self._journal.note(_note(part.period))
            if known is None or known[1] != part.fingerprint:
                yield part

    def _is_whole(self, month: str) -> bool:
        """Whether a month was brought as one already: then it stays one, though the clock went back."""
        return self._journal.note(_note(month)) is not None

    def _export_part(self, connection: psycopg.Connection[Any], part: Part) -> None:
        with tempfile.TemporaryDirectory(dir=scratch(self._settings)) as name:
            plain = Path(name) / "part.parquet"
            self._write_parquet(connection, part, plain)
            data = plain.read_bytes()
        sealed = data
        if self._settings.offsite_history == "age":
            keys = [pyrage.x25519.Recipient.from_str(one) for one in self._site.recipients]
            sealed = pyrage.encrypt(data, keys)
        end = ".parquet.age" if sealed is not data else ".parquet"
        plain_sha256, sha256 = hashlib.sha256(data).hexdigest(), hashlib.sha256(sealed).hexdigest()
        # Seconds: a machine that was restored and knows of no earlier version writes a newer one.
        known = int((self._journal.note(_note(part.period)) or [0])[0])
        version = max(known + 1, int(now().timestamp()))
        folder = month_folder(self._site.site, part.first)
        stem = f"{folder}/part-{part.period}-{plain_sha256[:8]}-{version}"
        facts = PartFacts(
            place=f"{stem}.json",
            table=TABLE,
            site=self._site.site,
            period=part.period,
            version=version,
            schema_version=SCHEMA,
            rows=part.rows,
            fingerprint=part.fingerprint,
            written_at=now(),
            content=ObjectFacts(
                name=stem.rpartition("/")[2] + end,
                size=len(sealed),
                sha256=sha256,
                plain_size=len(data),
                plain_sha256=plain_sha256,
            ),
        )
        kept = "day" if part.period == f"{part.first}" else None
        # Cut off before its manifest, it is sealed anew: hence `replace`.
        self._pusher.put(stem + end, sealed, replace=True, kept=kept)
        self._pusher.put(facts.place, sign(facts, self._key), replace=True, kept=kept)
        self._journal.forget_sent(stem)
        self._journal.set_note(_note(part.period), [version, part.fingerprint])
        if kept is None:
            for day in part.days:
                self._journal.set_note(_note(f"{day}"), None)

    def _write_parquet(self, connection: psycopg.Connection[Any], part: Part, target: Path) -> None:
        source = target.with_suffix(".csv")
        limits = [datetime.combine(day, time.min, now().tzinfo) for day in (part.first, part.end)]
        with (
            source.open("wb") as file,
            connection.cursor() as cursor,
            cursor.copy(PERIOD, limits) as copy,
        ):
            for block in copy:
                file.write(block)
        written = write_parquet(source, target)
        assert written == part.rows, f"{part.period}: {written} rows of {part.rows}"


def divide(
    days: Sequence[tuple[date, int, str]], today: date, is_whole: Callable[[str], bool]
) -> Iterator[Part]:
    """The parts for `days` (day, rows, fingerprint) in their order: a closed month is one, else each day is.

    `is_whole` tells of a month whether it must be one though it is not over.
    """
    for month, grouped in itertools.groupby(days, key=lambda day: day[0].replace(day=1)):
        found = list(grouped)
        following = (month + timedelta(days=31)).replace(day=1)
        if following <= today or is_whole(f"{month:%Y-%m}"):
            text = "".join(f"{day} {rows} {fingerprint}\n" for day, rows, fingerprint in found)
            yield Part(
                f"{month:%Y-%m}",
                month,
                following,
                sum(rows for _, rows, _ in found),
                hashlib.sha256(text.encode()).hexdigest(),
                tuple(day for day, _, _ in found),
            )
            continue
        for day, rows, fingerprint in found:
            yield Part(f"{day}", day, day + timedelta(days=1), rows, fingerprint, (day,))


def write_parquet(source: Path, target: Path) -> int:
    """Make the Parquet file `target` of the CSV `source` with our columns; its rows."""
    with duckdb.connect(config={"threads": 1, "memory_limit": "256MB"}) as lake:
        lake.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
        lake.execute(
            f"COPY (SELECT * FROM read_csv(?, header = false, nullstr = '', columns = {{{columns}}})) "  # noqa: S608
            f"TO '{target}' (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 19)",
            [str(source)],
        )
        row = lake.execute(f"SELECT count(*) FROM '{target}'").fetchone()  # noqa: S608
    assert row is not None
    return int(row[0])


def month_folder(site: str, day: date) -> str:
    """Where the files of a day's month lie."""
    return f"v1/history/table={TABLE}/site={site}/year={day.year}/month={day.month:02}"


def _note(period: str) -> str:
    return f"history {period}"
