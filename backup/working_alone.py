"""That only one process of a kind works at a time."""

import contextlib
import fcntl
from collections.abc import Iterator

from backup.keys import state_dir
from backup.refusals import CouldNotRun
from winery_appliance.core.settings import Settings


@contextlib.contextmanager
def working_alone(settings: Settings, work: str) -> Iterator[None]:
    """Hold the lock of `work` (`base copy`, `dump`), which ends with the process; CouldNotRun while another has it."""
    path = state_dir(settings) / f"{work.partition(' ')[0]}.lock"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CouldNotRun(
                f"A {work} is being made already, by another process. Nothing was done."
            ) from error
        yield
