"""What a deployment is looked at with says yes to an appliance that works, and no to one that does not."""

import os
import subprocess
import sys
from pathlib import Path

from tests.system.appliance import RealAppliance
from winery_appliance.core.postgres import find_free_port

SMOKE = Path(__file__).parents[2] / "scripts" / "smoke.py"


def look(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(SMOKE), *arguments], capture_output=True, text=True, timeout=150
    )


def test_a_wine_is_walked_through_and_taken_out(appliance: RealAppliance, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(appliance.token("marco"))
    address = f"http://127.0.0.1:{appliance.port}"
    done = look(address, "--token-file", str(token))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the worker analysed it" in done.stdout
    left = "SELECT count(*) FROM fermentations WHERE code LIKE 'SMOKE-%%' AND deleted_at IS NULL"
    assert appliance.count(left) == 0


def test_nobody_there_is_said() -> None:
    done = look(f"http://127.0.0.1:{find_free_port()}", "--patience", "0")
    assert done.returncode == 1
    assert "NOT no answer" in done.stderr


def test_analyses_give_way_to_pages(appliance: RealAppliance) -> None:
    worker, web = (appliance.part(name) for name in ("worker", "web"))
    assert os.getpriority(os.PRIO_PROCESS, worker) > os.getpriority(os.PRIO_PROCESS, web)
