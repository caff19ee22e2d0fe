"""Measures search on this machine: ./.venv/bin/python -m tests.bench.search

Five wineries with 20 000 ferments each. The door's search stands beside the same search under the row policy, and
beside a bare SELECT of the rows it finds, in the same run.
"""

import statistics
import time
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.bench.book import running_server
from winery_appliance.core.db import Database
from winery_appliance.core.roles import role_url
from winery_appliance.search.queries import find
from winery_appliance.winery.service import create_winery

WINERIES, FERMENTS, REPEATS = 5, 20_000, 30

FILL = """
WITH u AS (INSERT INTO users (winery_id, username, display_name, role, hashed_password)
           VALUES (:w, 'bench' || :w, 'Bench', 'owner', '-') RETURNING id)
INSERT INTO fermentations (winery_id, code, style, yeast_strain, started_at, created_by)
SELECT :w, to_char(n, 'FM00000') || '-LOT', 'red', 'QA23', now(), u.id FROM u, generate_series(1, :n) n
"""
PLAIN = """
SELECT id, code FROM fermentations WHERE deleted_at IS NULL AND code ILIKE '%' || :wanted || '%'
ORDER BY length(code), code LIMIT 20
"""


def measure_ms(act: Callable[[], object]) -> float:
    """The median of several runs, in milliseconds."""
    act()
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        act()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def main() -> None:
    """Print the table."""
    with running_server() as settings:
        db = Database(role_url(settings, "app"), pool_size=1)
        for n in range(WINERIES):
            with db.transaction() as session:
                winery = create_winery(session, code=f"W{n}", name=f"W{n}")
                session.execute(text(FILL), {"w": winery, "n": FERMENTS})
        owner = Database(role_url(settings, "owner"), pool_size=1)
        with owner.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE fermentations"))
        owner.dispose()
        print(f"{'typed':8} {'found':>5} {'door':>9} {'policy':>9} {'bare':>9} {'door/bare':>10}")
        with db.transaction(winery) as session:
            for wanted in ("4321-", "4321", "19999", "00", "lot"):
                show(session, wanted)
        db.dispose()


def show(session: Session, wanted: str) -> None:
    """One line of the table."""
    hits = find(session, wanted, limit=20)
    ids = {"ids": [hit.id for hit in hits]}
    bare = text("SELECT id, code FROM fermentations WHERE id = ANY(:ids)")
    door_ms = measure_ms(lambda: find(session, wanted, limit=20))
    policy_ms = measure_ms(lambda: session.execute(text(PLAIN), {"wanted": wanted}).all())
    bare_ms = measure_ms(lambda: session.execute(bare, ids).all())
    print(
        f"{wanted:8} {len(hits):5d} {door_ms:6.2f} ms {policy_ms:6.2f} ms {bare_ms:6.2f} ms"
        f" {door_ms / bare_ms:9.1f}x"
    )


if __name__ == "__main__":
    main()
