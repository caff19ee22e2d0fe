"""The disk that a restore writes to: brought up to date by itself, not with everything else that the machine still has to
write, and asked whether it took every page.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from winery_appliance.core.child_process import end_with_parent

EARLY = """
import ctypes, os, sys, time
disk, libc = os.open(sys.argv[1], os.O_RDONLY), ctypes.CDLL(None)
while libc.syncfs(disk) == 0:
    time.sleep(0.2)
"""


@contextlib.contextmanager
def opened_disk(directory: Path) -> Iterator["Disk"]:
    """The disk that `directory` lies on."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Disk(directory, descriptor)
    finally:
        os.close(descriptor)


class Disk:
    """A file system, watched from its opening on: `sync` tells of a page lost since, whoever met it first."""

    def __init__(self, directory: Path, descriptor: int) -> None:
        self._directory = directory
        self._descriptor = descriptor
        self._libc = ctypes.CDLL(None, use_errno=True)

    def sync(self) -> None:
        """Return when all that was written lies on the disk. OSError when a page could not be written."""
        if self._libc.syncfs(self._descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(self._directory))

    @contextlib.contextmanager
    def written_early(self) -> Iterator[None]:
        """Let the disk write while the block works on: a `sync` behind it has little left to wait for."""
        # A process, since threads and the children that the block starts do not go together.
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", EARLY, self._directory],
            stdin=subprocess.DEVNULL,
            preexec_fn=end_with_parent(signal.SIGKILL),
        ) as process:
            try:
                yield
            finally:
                process.kill()
