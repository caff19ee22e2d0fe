"""The way beyond one machine: the same question, to the same files, is answered alike by DuckDB here and by Spark."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.lake import Cache, ask, find_parts
from sync.repository import BucketStore
from sync.storage import Bucket
from tests.integration.conftest import Tank
from tests.integration.sync.object_store import ObjectStore
from tests.integration.sync.test_history import MONTH, READER, at_day, export, old_tank

__all__ = ["at_day", "export", "old_tank"]
SPARK = pytest.mark.skipif(
    "WINERY_TEST_SPARK" not in os.environ, reason="./scripts/test-system offsite runs this"
)
SCRIPT = Path(__file__).with_name("spark_question.py")
TABLE = "v1/history/table=samples"
QUESTION = """
SELECT site, CAST(year AS INT) AS year, CAST(month AS INT) AS month, winery, fermentation, style, sample_type,
    CAST(measured_at AS DATE) AS day, count(*) AS readings, count(DISTINCT unit_typed) AS units,
    sum(CAST(value_typed AS DECIMAL(9, 2))) AS typed, min(value) AS least, max(value) AS most, max(received_at) AS last,
    count(supersedes) AS corrections, bool_or(voids) AS voids
FROM samples s
WHERE NOT EXISTS (SELECT 1 FROM samples t WHERE t.supersedes = s.sample)
GROUP BY ALL ORDER BY sample_type, day
"""


def answer_by_spark(folder: Path, files: list[Path]) -> list[list[object]]:
    """The answer, by Spark in a process of its own."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TZ": "UTC",
        "PYTHONPATH": os.environ["WINERY_TEST_SPARK"],
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
    }
    command = [sys.executable, str(SCRIPT), str(folder / TABLE), QUESTION, *map(str, files)]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answer: list[list[object]] = json.loads(done.stdout)
    return answer


@SPARK
@pytest.mark.parametrize("kind", ["age", "sse"])
def test_spark_answers_as_the_command_does(
    kind: str,
    export: Callable[..., list[str]],
    old_tank: Tank,
    at_day: Callable[[int], None],
    object_store: ObjectStore,
    bucket: str,
    tmp_path: Path,
) -> None:
    """Days, one of them corrected and so written twice; of sealed files those that the command opened, of open ones those
    of the bucket themselves.
    """
    made = []
    for number in range(40):
        answer = old_tank.record(f"{24 - number / 2:.2f}", hours=1 + 3 * number, confirm=True)
        assert answer.status_code == 201, answer.text
        made.append(answer.json["id"])
    at_day(6)
    assert export(kind) == [f"{MONTH:%Y-%m}-{day:02}" for day in range(1, 6)]
    fix = {"client_uuid": "0198f7a2-0000-7000-8000-000000000001", "value": "23.25", "unit": "brix"}
    fixed = old_tank.api.post(f"/samples/{made[0]}/correct", fix | {"reason": "typing_error"})
    assert fixed.status_code == 201, fixed.text
    assert export(kind) == [f"{MONTH:%Y-%m}-01"]

    store = BucketStore(Bucket(object_store.place(bucket, "home")))
    cache = Cache(tmp_path / "lake", 1 << 30)
    parts = find_parts(store, READER, cache)
    ours = json.loads(json.dumps(ask(store, [READER], cache, QUESTION)[1], default=str))
    files = [cache.fetch(store, facts, READER) for facts in parts]
    if kind == "sse":
        for number, facts in enumerate(parts):
            files[number] = tmp_path / "lake" / facts.place.rpartition("/")[0] / facts.content.name
            files[number].write_bytes(
                store.read(f"{facts.place.rpartition('/')[0]}/{facts.content.name}")
            )
    theirs = answer_by_spark(tmp_path / "lake", files)

    assert len(ours) == 5
    assert sum(int(row[8]) for row in ours) == sum(facts.rows for facts in parts) - 1
    assert [_without_zone(row) for row in ours] == theirs


def _without_zone(row: list[object]) -> list[object]:
    """Moments as Spark tells them, of UTC by the session's zone."""
    return [
        cell.removesuffix("+00:00") if isinstance(cell, str) and cell.endswith("+00:00") else cell
        for cell in row
    ]
