"""Measures the comparison on this machine: ./.venv/bin/python -m tests.bench.similar

One running ferment against 5 000 past ones. Beside it, in the same run: reading its samples alone, and scikit-learn's
nearest neighbours over the same curves as they are, neither stretched nor put off.
"""

import time
from datetime import timedelta

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.bench.book import running_server
from tests.bench.search import REPEATS, measure_ms
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.density import density_from_brix
from winery_appliance.core.roles import role_url
from winery_appliance.fermentation.queries import read_samples
from winery_appliance.historical_data import similar
from winery_appliance.historical_data.courses import trace_course
from winery_appliance.historical_data.past_ferments import pack_course
from winery_appliance.winery.service import create_winery

PAST, K, LIMIT_MS = 5_000, 10, 50
FERMENTS = """
WITH u AS (INSERT INTO users (winery_id, username, display_name, role, hashed_password)
           VALUES (:w, 'bench', 'Bench', 'owner', '-') RETURNING id)
INSERT INTO fermentations (winery_id, code, style, yeast_strain, started_at, ended_at, status, created_by)
SELECT :w, to_char(n, 'FM00000'), 'red', 'QA23', now() - interval '100 days', CASE WHEN n > 0 THEN now() END,
    CASE WHEN n > 0 THEN 'completed' ELSE 'active' END, u.id FROM u, generate_series(0, :n) n
"""
PAST_FERMENT = """
INSERT INTO past_ferments (winery_id, fermentation_id, code, varietal, style, vessel_size, source, started_at,
    start_density, share_gone, last_h, lag_h, dry_h, by_share, by_time)
SELECT :w, id, code, :varietal, 'red', 'unknown', 'live', started_at, :start, :gone, :last, :lag, :dry, :by_share, :by_time
FROM fermentations WHERE code = :code
"""
SAMPLES = """
INSERT INTO samples (winery_id, fermentation_id, client_uuid, sample_type, value_typed, unit, value, measured_at,
    recorded_by, body_hash)
SELECT :w, f.id, gen_random_uuid(), kind.type, '1', kind.unit, kind.value, f.started_at + n * interval '12 hours',
    f.created_by, 'x'
FROM fermentations f, generate_series(0, 12) n,
    LATERAL (VALUES ('sugar', 'brix', 1100 - 5.5 * n), ('temperature', 'celsius', 24)) kind (type, unit, value)
WHERE f.code = '00000'
"""


def fill(session: Session, winery_id: int) -> None:
    """The ferments: one that runs, and the past ones with curves of many kinds."""
    session.execute(text(FERMENTS), {"w": winery_id, "n": PAST})
    session.execute(text(SAMPLES), {"w": winery_id})
    chance = np.random.default_rng(4)
    for n in range(1, PAST + 1):
        start, lag, pace = chance.uniform(20, 27), chance.uniform(5, 50), chance.uniform(6, 30)
        hours = np.arange(0.0, 480.0, 12.0)
        brix = start - (start + 1.8) / (1 + np.exp(-(hours - lag - 4 * pace) / pace))
        sugar = [(h, density_from_brix(b)) for h, b in zip(hours, brix, strict=True)]
        course = trace_course(sugar, [(h, chance.uniform(18, 28)) for h in hours[::2]])
        assert course is not None
        by_share, by_time = pack_course(course)
        session.execute(
            text(PAST_FERMENT),
            {
                "w": winery_id, "code": f"{n:05d}", "varietal": "Tempranillo", "start": course.start_density,
                "gone": course.share_gone, "last": course.last_h, "lag": course.lag_h, "dry": course.dry_h,
                "by_share": by_share, "by_time": by_time,
            },
        )  # fmt: skip


def main() -> None:
    """Print what it took."""
    with running_server() as settings:
        owner = Database(role_url(settings, "owner"), pool_size=1)
        app = Database(role_url(settings, "app"), pool_size=1)
        with app.transaction() as session:
            winery_id = create_winery(session, code="W", name="W")
        with owner.transaction(winery_id) as session:
            session.execute(text("SET LOCAL statement_timeout = 0"))
            fill(session, winery_id)
        as_of = clock.now() + timedelta(days=1)
        with app.transaction(winery_id) as session:
            wine = session.scalar(text("SELECT id FROM fermentations WHERE code = '00000'"))
            assert wine is not None

            def compare() -> similar.Similar:
                return similar.find_similar(session, winery_id, wine, as_of=as_of, k=K)

            started = time.perf_counter()
            found = compare()
            first_ms = (time.perf_counter() - started) * 1000
            assert (found.compared, len(found.items)) == (PAST, K)
            ms = measure_ms(compare)
            began_s = time.process_time()
            for _ in range(REPEATS):
                compare()
            own_ms = (time.process_time() - began_s) * 1000 / REPEATS
            read_ms = measure_ms(lambda: read_samples(session, wine))
            field = similar.read_past(session, winery_id)
        known = np.nan_to_num(field.hours, nan=999.0)
        plain = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(known)
        plain_ms = measure_ms(lambda: plain.kneighbors(known[:1]))
        print(
            f"similar ferments out of {PAST}: {ms:.1f} ms (limit {LIMIT_MS}), {own_ms:.1f} of this processor"
        )
        print(f"  the first time in a process {first_ms:.0f} ms")
        print(f"  reading the samples alone {read_ms:.1f} ms: {ms / read_ms:.1f}x")
        print(f"  scikit-learn without warping {plain_ms:.1f} ms: {ms / plain_ms:.1f}x")
        owner.dispose()
        app.dispose()


if __name__ == "__main__":
    main()
