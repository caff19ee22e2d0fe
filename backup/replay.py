"""What a replay of the log told, and what is then found in the database."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import psycopg
from pydantic import BaseModel, ConfigDict

from backup.records import TableFacts
from backup.refusals import CouldNotRun, NotReached
from backup.tables import Connection, count_rows, hash_tables, prepare_comparison
from winery_appliance.core import postgres

UNREACHED = "recovery ended before configured recovery target was reached"
LAST_COMMIT = re.compile(r"last completed transaction was at log time (\S+ \S+?)\+00")
# Larger tables are not counted where checksums tell that their pages are whole. The first reader of a page marks its rows,
# which is logged and written: to count them all would double the time of a restore in need.
COUNTED_BYTES = 64 << 20
REDO_DONE = re.compile(r"redo done at ([0-9A-F]+/[0-9A-F]+)")


class Restored(BaseModel):
    """What a restore came to. `held` are the tables one by one where they were hashed; `dump` names the dump it was
    of, `uncounted` names the tables that were too large to be counted, `pages_whole` tells whether the checksum of every
    page was found right, `witness` the dump that was passed on the way and agreed,
    `follows` the server that it is a standby of.
    """

    model_config = ConfigDict(frozen=True)

    to: datetime | None
    lsn: str | None
    behind_s: float
    tables: int
    rows: int
    took_s: float
    uncounted: list[str] = []
    pages_whole: bool = False
    held: list[TableFacts] = []
    dump: str | None = None
    witness: str | None = None
    follows: str | None = None

    def sentence(self) -> str:
        """The last line a person reads."""
        moment = f"{self.to:%Y-%m-%d %H:%M:%S} UTC" if self.to else self.lsn
        if self.follows is not None:
            return (
                f"RESTORED as a standby that holds the records up to {moment or 'its base copy'}; "
                f"it follows {self.follows} once it is started; took {self.took_s:.1f} s"
            )
        which = f"{self.behind_s:.1f} s before last known commit"
        read = "read"
        if self.uncounted:
            read += f", {len(self.uncounted)} large tables not counted"
        read += ", every page whole" if self.pages_whole else ", pages not checked"
        if self.dump is not None:
            which, read = f"from dump {self.dump}", "equal to it"
        return (
            f"RESTORED to {moment}, {which}; "
            f"{self.tables}/{self.tables} tables, {self.rows} rows {read}; took {self.took_s:.1f} s"
        )


def explain_replay(told: str) -> CouldNotRun:
    """Why PostgreSQL ended, by what it said."""
    if UNREACHED in told:
        return NotReached(
            "The log ends before the moment that had to be reached. No database was left."
        )
    faults = [line for line in told.splitlines() if "FATAL:" in line or "PANIC:" in line]
    return CouldNotRun(f"PostgreSQL did not start: {(faults or ['no reason given'])[-1]}")


@contextlib.contextmanager
def connect_restored(password: str, port: int, database: str) -> Iterator[Connection]:
    """The restored server's `database`, as its administrator, ready for `hash_tables`."""
    with psycopg.connect(
        host=postgres.LOOPBACK,
        port=port,
        user=postgres.SUPERUSER,
        password=password,
        dbname=database,
        autocommit=True,
    ) as connection:
        prepare_comparison(connection)
        yield connection


@dataclass(frozen=True)
class Reading:
    """What was found in the databases; `held` by a thorough look, `uncounted` by any other. `has_checksums` tells whether
    their pages bear some.
    """

    tables: int
    rows: int
    uncounted: list[str]
    held: list[TableFacts]
    has_checksums: bool


def read_databases(password: str, port: int, *, thorough: bool) -> Reading:
    """Read every table of every database to its end, but for large ones whose pages can be checked otherwise; if
    `thorough` all of them, and each one's hash.
    """
    with connect_restored(password, port, "postgres") as connection:
        row = connection.execute("SELECT current_setting('data_checksums') = 'on'").fetchone()
        has_checksums = row is not None and bool(row[0])
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
        )
        databases = [str(row[0]) for row in found]
    tables, rows, uncounted, held = 0, 0, list[str](), list[TableFacts]()
    for database in databases:
        with connect_restored(password, port, database) as connection:
            if thorough:
                here = hash_tables(connection)
                counts = len(here), sum(table.rows for table in here), list[str]()
                held += here
            else:
                counts = count_rows(connection, COUNTED_BYTES if has_checksums else None)
        tables, rows = tables + counts[0], rows + counts[1]
        uncounted += counts[2]
    return Reading(tables, rows, uncounted, held, has_checksums)
