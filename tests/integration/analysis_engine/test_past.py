"""The winery's own finished ferments teach its forecasts, and nobody waits for the lesson."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.analysis_engine.test_analysis import analysis, record
from tests.integration.conftest import Tank
from tests.integration.fermentation.test_batch import item, send, start
from winery_appliance.analysis_engine import past
from winery_appliance.analysis_engine.past import LEAST_PAST, learn_from_past
from winery_appliance.core import clock
from winery_appliance.entrypoints.periodic import JOBS

# Slower than the bank expects: 1.6 °Bx a day, dry on the sixteenth.
SLOW = [24.0, 23.6, 22.3, 20.7, 19.0, 17.4, 15.8, 14.2, 12.6, 11.0, 9.4, 7.8, 6.2, 4.6, 3.0, 1.4]
SLOW += [-0.2, -1.2, -1.8, -2.0]


def finish(tank: Tank, number: int) -> None:
    """A wine of the past, from its first reading to its last."""
    wine = start(tank, f"OLD-{number}", f"OLD-{number}")
    readings = [
        item(wine, f"{brix + number % 3 / 10:.1f}", hours=1 + 12 * at, confirm=True)
        for at, brix in enumerate(SLOW)
    ]
    assert {told["status"] for told in send(tank.api, readings)} == {"created"}
    at = (wine.started_at + timedelta(hours=12 * len(SLOW))).isoformat()
    ended = tank.api.post(f"/fermentations/{wine.id}/complete", {"at": at})
    assert ended.status_code == 200, ended.text


def test_what_was_finished_teaches_the_next_outside_of_every_transaction(
    tank: Tank,
    book: Winery,
    cast: Cast,
    work_off: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    winery_id, now = cast.ana.winery_id, clock.now()
    learned: list[int] = []

    def watch(ferments: Any) -> Any:
        with psycopg.connect(book.url("owner")) as owner:
            held = owner.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
            ).fetchone()
        assert held == (0,)
        learned.append(len(ferments))
        return taught(ferments)

    taught = past.learn
    monkeypatch.setattr(past, "learn", watch)
    record(tank, [(1 + 12 * at, brix) for at, brix in enumerate(SLOW[:7])])
    work_off()
    before = analysis(tank)["forecast"]
    for number in range(LEAST_PAST - 1):
        finish(tank, number)
    assert not learn_from_past(book.worker, winery_id, now=now), "too few to tell anything"
    finish(tank, LEAST_PAST)
    JOBS["learn_from_finished"].run(book.worker)
    assert learned == [LEAST_PAST]
    JOBS["learn_from_finished"].run(book.worker)
    assert learned == [LEAST_PAST], "not twice from the same"
    record(tank, [(85, SLOW[7])])
    work_off()
    after = analysis(tank)["forecast"]
    assert after["dry_at"] is not None
    assert after["dry_at"] != before["dry_at"]
    finish(tank, LEAST_PAST + 1)
    assert learn_from_past(book.worker, winery_id, now=now)
    assert learned == [LEAST_PAST, LEAST_PAST + 1]
    with book.worker.transaction(cast.carla.winery_id) as session:
        assert session.scalar(text("SELECT count(*) FROM lessons")) == 0
