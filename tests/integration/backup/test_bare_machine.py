"""Nothing but the NAS and the kit: a machine with Python and no other internet comes back."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backup.wheelhouse import publish_tools
from tests.integration.backup.conftest import Cellar
from tests.integration.backup.test_restore import read_control
from winery_appliance.core import postgres
from winery_appliance.core.settings import Settings


def find_python() -> Path:
    """The machine's own Python where it is of our version (Debian 12's is 3.11.2), else the one of this run."""
    own = Path("/usr/bin/python3")
    ask = "import sys, ensurepip; print(sys.version_info[:2])"
    told = subprocess.run([own, "-c", ask], capture_output=True, text=True, check=False)
    is_ours = told.stdout.strip() == str(sys.version_info[:2])
    return own if is_ours else Path(sys.executable).resolve()


def test_nas_and_kit_are_enough(copied: Cellar, tmp_path: Path) -> None:
    """The recipe of the kit, as it is printed there."""
    assert publish_tools(copied.settings, copied.site)
    assert not publish_tools(copied.settings, copied.site), "a second time nothing is written"
    steps = [
        line.removeprefix("#   ").replace("/mnt/nas", "$NAS").replace("/opt/restore", "$VENV")
        for line in copied.kit.read_text().splitlines()
        if line.startswith("#   ")
    ][:4]
    script = "\n".join(steps).replace("DIR", '"$DIR"').replace("kit.txt", '"$KIT"')
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{os.defpath}",
        "NAS": str(copied.nas),
        "VENV": str(tmp_path / "venv"),
        "DIR": str(tmp_path / "new"),
        "KIT": str(copied.kit),
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(find_python())

    done = subprocess.run(
        ["sh", "-euc", script], cwd="/", env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "RESTORED to " in done.stdout
    assert len(read_control(tmp_path / "new")) == 20


@pytest.mark.skipif(
    not (shutil.which("age") and shutil.which("zstd") and shutil.which("tar")),
    reason="age, zstd or tar is not installed",
)
def test_the_plain_programs_are_enough(copied: Cellar, tmp_path: Path) -> None:
    """The other recipe of the kit: none of our code reads the copies."""
    target = tmp_path / "new" / "postgresql"
    target.mkdir(parents=True)
    script = """
    age -d -i "$KIT" base/*/base.tar.zst.age | zstd -d | tar x -C "$DIR"
    for f in wal/*/*.zst.age; do
      age -d -i "$KIT" $f | zstd -d > "$DIR/pg_wal/$(basename $f .zst.age)"
    done
    for d in wal/*/*/; do
      segment="$DIR/pg_wal/$(basename $d)"
      for f in $d*.zst.age; do age -d -i "$KIT" $f | zstd -d; done > "$segment"
      truncate -s 16M "$segment"
    done
    echo "restore_command = 'false'" >> "$DIR/postgresql.auto.conf"
    touch "$DIR/recovery.signal"
    mkdir "$DIR/../files"
    age -d -i "$KIT" base/*/files.tar.zst.age | zstd -d | tar x -C "$DIR/.."
    """
    done = subprocess.run(
        ["sh", "-euc", script],
        cwd=copied.repository,
        env={"PATH": os.environ["PATH"], "KIT": str(copied.kit), "DIR": str(target)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    postgres.hand_to_server(target)

    settings = Settings(data=tmp_path / "new")
    with (tmp_path / "log").open("wb") as log:
        server = postgres.start_server(settings, target, postgres.find_free_port(), stderr=log)
        try:
            server.wait_until_ready()
        finally:
            server.stop()

    assert len(read_control(tmp_path / "new")) == 20
