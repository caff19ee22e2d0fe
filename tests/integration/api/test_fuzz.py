"""Many hundred odd requests, made from the API's own description: nothing breaks, nothing answers what it does not say."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Api, Tank

EXAMPLES = 10


@pytest.mark.parametrize("name", ["ana", "marco", "bruno", "vera"])
def test_every_answer_is_one_that_the_description_names(
    address: str, tank: Tank, sign_in_api: Callable[[str], Api], name: str, tmp_path: Path
) -> None:
    assert tank.record("24.0").status_code == 201
    ran = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "--config-file",
            str(Path(__file__).with_name("fuzz.toml")),
            "run",
            f"{address}/api/v1/openapi.json",
            "--checks=all",
            "--continue-on-failure",
            f"--header=Authorization: Bearer {sign_in_api(name).token}",
            f"--max-examples={EXAMPLES}",
            "--generation-deterministic",
            "--suppress-health-check=all",
            "--no-color",
        ],
        cwd=tmp_path,  # it leaves a folder with what it found
        capture_output=True,
        text=True,
        timeout=1500,  # a slow machine that does other things, too
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
