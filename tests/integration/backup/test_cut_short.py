"""Whatever makes or carries copies is killed at each of its steps: what is not finished is not there, and the next run
succeeds unaided.
"""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backup.shipping import load_repository
from backup.spool import Spool
from tests.integration.backup.conftest import Cellar
from tests.integration.backup.test_restore import read_control, restore
from winery_appliance.core.settings import child_environment

MOST = 60  # steps; a run has fewer


def run_cut(cellar: Cellar, step: int, *arguments: str) -> int:
    """Run until that step; the exit code."""
    command = [sys.executable, "-m", "tests.integration.backup.cut_short", str(step), *arguments]
    done = subprocess.run(command, env=child_environment(cellar.settings), capture_output=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


def cuts(cellar: Cellar, *arguments: str) -> Iterator[int]:
    """Each step at which it was killed, until a run came to its end."""
    for step in range(1, MOST):
        if run_cut(cellar, step, *arguments) == 0:
            assert step > 5, "it was killed nowhere"
            return
        yield step
    pytest.fail(f"{MOST} steps were not enough")


def listed(cellar: Cellar, kind: str) -> list[dict[str, Any]]:
    rows = json.loads(cellar.run("list", "--json").stdout)
    return [row for row in rows if row["kind"] == kind]


@pytest.mark.parametrize(
    ("arguments", "kind"), [(("base", "--full"), "base"), (("dump",), "dump")], ids=["base", "dump"]
)
def test_a_job_killed_at_any_step_leaves_whole_copies_only(
    cellar: Cellar, tmp_path: Path, arguments: tuple[str, ...], kind: str
) -> None:
    cellar.start_stream()
    cellar.write(0, 10)
    cellar.await_shipped()
    before = len(listed(cellar, kind))

    for step in cuts(cellar, *arguments):
        checked = cellar.run("check")
        assert checked.returncode == 0, (step, checked.stderr)

    rows = listed(cellar, kind)
    assert len(rows) > before
    assert all(row.get("usable", True) for row in rows)
    assert list((cellar.nas / ".drafts" / kind).rglob("*")) == []
    cellar.await_shipped()
    cellar.kill_stream()
    assert cellar.run("verify").returncode == 0
    done = restore(cellar, tmp_path / "new", "--set", rows[0]["id"])
    assert done.returncode == 0, done.stderr
    assert len(read_control(tmp_path / "new")) == 10


def test_shipping_killed_at_any_step_goes_on_without_a_gap(copied: Cellar, tmp_path: Path) -> None:
    """Nothing of the log is on the NAS; its pieces are carried there, then the whole segment that takes their place."""
    repository = load_repository(copied.settings)
    assert repository is not None
    kept = Spool(copied.settings, repository.repository).stretches()[-1].path
    (stretch,) = (copied.repository / "wal").iterdir()
    growing = next(kept.glob("*.partial")).with_suffix("").name
    for place in (stretch / growing, *stretch.glob(f"{growing}.*")):
        if place.is_dir():
            shutil.rmtree(place)
    for step in range(1, MOST):
        nas = copied.with_nas_of_its_own(tmp_path / f"nas{step}")
        spool = tmp_path / f"spool{step}"
        shutil.copytree(kept, spool)
        is_over = run_cut(nas, step, "ship", str(spool)) == 0

        assert run_cut(nas, MOST, "ship", str(spool)) == 0

        checked = nas.run("check", "--json")
        assert (checked.returncode, json.loads(checked.stdout)["gaps"]) == (0, []), checked.stderr
        assert nas.run("verify").returncode == 0
        if is_over:
            break
        shutil.rmtree(nas.nas)
    assert step > 5, "it was killed nowhere"
    done = restore(nas, tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert len(read_control(tmp_path / "new")) == 20
