"""Takes the invented wineries out of the book again, and nothing else: a real winery's rows are never in sight."""

from collections.abc import Sequence
from graphlib import TopologicalSorter

from sqlalchemy import text
from sqlalchemy.orm import Session

from winery_appliance.core.db import Database, enter_winery
from winery_appliance.core.errors import Conflict
from winery_appliance.winery.queries import read_winery

# Every tenant table with the tables that its rows refer to; partitions go with what they are parts of.
REFERENCES = """
SELECT c.relname, coalesce(array_agg(DISTINCT f.confrelid::regclass::text) FILTER (
    WHERE f.confrelid IS NOT NULL AND f.confrelid <> c.oid), '{}')
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'winery_id' AND NOT a.attisdropped
LEFT JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f'
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY c.relname ORDER BY c.relname
"""
AUDITED = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'audit' AND NOT tgisinternal ORDER BY 1"


def remove_demo(owner: Database, winery_ids: Sequence[int]) -> None:
    """Remove these wineries with everything in them, in one transaction.

    `owner` connects as the role that owns the tables: nobody else may delete a reading. The row policies bind it too, so
    that only rows of the winery it entered can go. Raises Conflict for a winery that is not the demo's.
    """
    with owner.transaction() as session:
        # Each row is checked against what may refer to it; a busy machine takes longer than a page may.
        session.execute(text("SET LOCAL statement_timeout = 0"))
        tables = _list_tables(session)
        # Nobody writes meanwhile: a reading that comes in now would point at what is being removed.
        for table in tables:
            session.execute(text(f'LOCK TABLE "{table}" IN SHARE ROW EXCLUSIVE MODE'))
        # The log of an invented winery goes with it: there is no winery left to note its going in.
        audited = session.scalars(text(AUDITED)).all()
        _switch_audit(session, audited, "DISABLE")
        for winery_id in winery_ids:
            enter_winery(session, winery_id)
            winery = read_winery(session)
            if not winery.is_demo:
                raise Conflict(
                    f"{winery.code} is a real winery. Nothing was removed.", code="not_a_demo"
                )
            for table in tables:
                session.execute(text(f'DELETE FROM "{table}"'))  # noqa: S608 - from the catalogue
        # What is to be checked of the rows that went is checked now: no table can be altered while it waits.
        session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        _switch_audit(session, audited, "ENABLE")


def _switch_audit(session: Session, tables: Sequence[str], how: str) -> None:
    for table in tables:
        session.execute(text(f"ALTER TABLE {table} {how} TRIGGER audit"))


def _list_tables(session: Session) -> list[str]:
    """Tenant tables, `wineries` last, each before those it refers to."""
    referred = {name: set(others) for name, others in session.execute(text(REFERENCES))}
    ordered = TopologicalSorter(referred).static_order()
    return list(ordered)[::-1]
