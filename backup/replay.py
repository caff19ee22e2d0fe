"""What a replay of the log told, and what is then found in the database."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from backup.refusals import CouldNotRun, NotReached
from winery_appliance.core import postgres

UNREACHED = "recovery ended before configured recovery target was reached"
LAST_COMMIT = re.compile(r"last completed transaction was at log time (\S+ \S+?)\+00")
REDO_DONE = re.compile(r"redo done at ([0-9A-F]+/[0-9A-F]+)")


@dataclass(frozen=True)
class Restored:
    """What a restore came to."""

    to: datetime | None
    lsn: str
    behind_s: float
    tables: int
    rows: int
    took_s: float

    def write(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**vars(self), "to": self.to.isoformat() if self.to else None}

    @classmethod
    def read(cls, facts: dict[str, Any]) -> "Restored":
        """Back from what `write` gave."""
        return cls(**{**facts, "to": datetime.fromisoformat(facts["to"]) if facts["to"] else None})

    def sentence(self) -> str:
        """The last line a person reads."""
        moment = f"{self.to:%Y-%m-%d %H:%M:%S} UTC" if self.to else self.lsn
        return (
            f"RESTORED to {moment}, {self.behind_s:.1f} s before last known commit; "
            f"{self.tables}/{self.tables} tables, {self.rows} rows read; took {self.took_s:.1f} s"
        )


def explain_replay(told: str) -> CouldNotRun:
    """Why PostgreSQL ended, by what it said."""
    if UNREACHED in told:
        return NotReached(
            "The log ends before the moment that had to be reached. No database was left."
        )
    faults = [line for line in told.splitlines() if "FATAL:" in line or "PANIC:" in line]
    return CouldNotRun(f"PostgreSQL did not start: {(faults or ['no reason given'])[-1]}")


def read_tables(password: str, port: int) -> tuple[int, int]:
    """Read every table of every database to its end; how many tables and rows there are."""
    tables = rows = 0
    where = {
        "host": postgres.LOOPBACK,
        "port": port,
        "user": postgres.SUPERUSER,
        "password": password,
    }
    with psycopg.connect(**where, dbname="postgres") as connection:  # type: ignore[arg-type]
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
        )
        databases = [str(row[0]) for row in found]
    for database in databases:
        with psycopg.connect(**where, dbname=database) as connection:  # type: ignore[arg-type]
            names = connection.execute(
                "SELECT schemaname, tablename FROM pg_tables "
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
            ).fetchall()
            for schema, table in names:
                query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
                row = connection.execute(query).fetchone()
                assert row is not None
                rows += int(row[0])
            tables += len(names)
    return tables, rows
