"""A power cut: what was written and not synced is lost, on the machine and on the NAS alike.

Data directory and NAS lie on a file system in a file, by a loop device. A copy of that file, taken while all writers stand
still, holds what had been handed to the device: pages that only the kernel remembered are missing from it, as after a cut.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.backup.conftest import Cellar, making_cellars
from tests.integration.backup.test_restore import read_control, restore
from tests.integration.backup.test_stream import writing
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core import postgres
from winery_appliance.core.postgres_processes import stop_leftovers
from winery_appliance.core.settings import Settings

SIZE = 1 << 30
CADENCE_S = 1.0


@contextlib.contextmanager
def mounted(image: Path, place: Path) -> Iterator[Path]:
    """The file system in `image`, at `place`."""
    place.mkdir()
    done = subprocess.run(["mount", "-o", "loop", image, place], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"this machine mounts no loop device ({done.stderr.strip()})")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def make_disk(image: Path) -> None:
    program = shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if os.geteuid() != 0 or program is None:
        pytest.skip("needs root and mkfs.ext4")
    with image.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run([program, "-q", image], check=True)


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]


def take_cut(cellar: Cellar, image: Path, copy: Path) -> None:
    """`copy` is the disk as a cut of the power would leave it now."""
    assert cellar.server is not None
    assert cellar.streaming is not None
    writers = [*family(cellar.server.process.pid), *family(cellar.streaming.pid)]
    for pid in writers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)

    def is_copied_at_rest() -> bool:
        before = image.stat().st_mtime_ns
        command = ["cp", "--sparse=always", "--reflink=never", image, copy]
        subprocess.run(command, check=True)
        return image.stat().st_mtime_ns == before

    wait_for(is_copied_at_rest, "a copy of the disk while the kernel wrote nothing")
    for pid in writers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    cellar.server.process.wait()
    cellar.streaming.wait()
    cellar.server = cellar.streaming = None


def read_server(data: Path) -> list[int]:
    """The rows that the server itself has after such a cut."""
    settings = Settings(data=data)
    stop_leftovers(postgres.cluster_dir(settings))
    return [number for number, _ in read_control(data)]


@pytest.mark.parametrize("cut", range(2))
def test_what_was_not_synced_is_lost_and_the_copies_still_come_back(
    tmp_path: Path, cut: int
) -> None:
    image, after = tmp_path / "disk", tmp_path / "after"
    make_disk(image)
    with mounted(image, tmp_path / "disk at work") as disk, making_cellars(disk) as make:
        cellar = make(backup_every_s=CADENCE_S)
        cellar.start_stream()
        cellar.await_shipped()
        with writing(cellar, 0) as committed:
            wait_for(lambda: len(committed) > 30 + 37 * cut, "rows")
            (disk / "not synced").write_bytes(b"x" * 100_000)
            cut_at = datetime.now(UTC)
            take_cut(cellar, image, after)
        acknowledged = [(number, at) for number, at in committed if at <= cut_at]

    with mounted(after, tmp_path / "disk after the cut") as disk:
        lost = disk / "not synced"
        assert not lost.exists() or lost.stat().st_size == 0, (
            "the cut must take what was not synced"
        )
        target = tmp_path / "new"
        there = Cellar(Settings(data=disk / "var 0"), disk / "nas0", disk / "kit0.txt")
        done = restore(there, target)
        assert done.returncode == 0, done.stderr
        rows = [number for number, _ in read_control(target)]
        assert rows == list(range(len(rows))), "no hole"
        gone = [at for number, at in acknowledged if number >= len(rows)]
        behind_s = (cut_at - gone[0]).total_seconds() if gone else 0.0
        kept = read_server(disk / "var 0")
    assert kept[: len(acknowledged)] == [number for number, _ in acknowledged]
    assert behind_s < 60.0, f"{behind_s} s were lost; the figure itself is measured by the bench"
