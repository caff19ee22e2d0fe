"""What a database holds, in figures that can be compared: rows and hashes of every table."""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

from backup.records import TableFacts

# The text of a row must not depend on who asks.
PLAIN_WORDS = """
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
SET extra_float_digits = 1; SET bytea_output = 'hex'; SET max_parallel_workers_per_gather = 0
"""
# Ordinary tables; a parent holds what its partitions hold.
TABLES = """
SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND relpersistence = 'p' AND nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2
"""

Connection = psycopg.Connection[tuple[Any, ...]]


def prepare_comparison(connection: Connection) -> None:
    """Let every row be told in the same words here as anywhere."""
    connection.execute(PLAIN_WORDS)


def list_tables(connection: Connection) -> list[tuple[str, str]]:
    """Schema and name of every table that holds rows that are kept."""
    return [(str(schema), str(name)) for schema, name in connection.execute(TABLES)]


def count_rows(connection: Connection, largest: int | None) -> tuple[int, int, list[str]]:
    """How many tables and rows there are, and the names of the tables above `largest` bytes, whose rows are not among them.

    Every other table is read to its end.
    """
    rows, uncounted, tables = 0, list[str](), list_tables(connection)
    for table in tables:
        name = sql.Identifier(*table)
        size = "SELECT pg_relation_size(%s::regclass)"
        row = connection.execute(size, [name.as_string(connection)]).fetchone()
        assert row is not None
        if largest is not None and int(row[0]) > largest:
            uncounted.append(".".join(table))
            continue
        row = connection.execute(sql.SQL("SELECT count(*) FROM ONLY {}").format(name)).fetchone()
        assert row is not None
        rows += int(row[0])
    return len(tables), rows, uncounted


def hash_tables(connection: Connection) -> list[TableFacts]:
    """Rows and hash of every table, as the connection's transaction sees them; after `prepare_comparison`."""
    query = sql.SQL(
        'SELECT count(*), coalesce(sum(hashtextextended("whole row"::text, 0)), 0)::text '
        'FROM ONLY {} AS "whole row"'
    )
    found = []
    for schema, name in list_tables(connection):
        row = connection.execute(query.format(sql.Identifier(schema, name))).fetchone()
        assert row is not None
        found.append(TableFacts(name=f"{schema}.{name}", rows=int(row[0]), hash=str(row[1])))
    return found


def find_differences(expected: Iterable[TableFacts], found: Iterable[TableFacts]) -> list[str]:
    """What `found` holds otherwise than `expected`, a sentence for each table."""
    wanted, held = ({table.name: table for table in tables} for tables in (expected, found))
    words = []
    for name in sorted(wanted.keys() | held.keys()):
        one, other = wanted.get(name), held.get(name)
        if one is None or other is None:
            words.append(f"table {name} is {'missing' if other is None else 'not of this copy'}")
        elif one != other:
            words.append(f"table {name} holds {other.rows} rows of {one.rows}, or other ones")
    return words
