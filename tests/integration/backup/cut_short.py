"""Runs a command of `winery-backup`, or ships a spool, and kills itself (SIGKILL) before the file with the given number is
renamed or removed: `python -m tests.integration.backup.cut_short 3 base --full`. Between two of these steps a process that
publishes changes nothing that lasts.
"""

import os
import signal
import sys
from pathlib import Path

from backup.cli import main
from backup.keys import need_site, read_signing_key
from backup.shipper import StretchShipper
from backup.shipping import load_repository
from backup.spool import SpoolStretch
from backup.store import DirectoryStore
from winery_appliance.core.settings import read_settings

STEPS = {"os.rename", "os.remove"}


def count_down(steps: int) -> None:
    """Kill this process before the step of that number, the first being 1."""
    left = steps

    def watch(event: str, _: object) -> None:
        nonlocal left
        if event in STEPS:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def ship(spool: Path) -> None:
    """Carry the spool to the NAS; then its growing segment is whole, and is carried once more."""
    settings = read_settings()
    repository = load_repository(settings)
    assert repository is not None
    assert settings.nas is not None
    shipper = StretchShipper(
        DirectoryStore(settings.nas, "ship"),
        need_site(settings),
        read_signing_key(settings),
        repository,
        SpoolStretch(spool),
    )
    shipper.ship()
    for partial in spool.glob("*.partial"):
        partial.rename(partial.with_suffix(""))
        shipper.ship()


if __name__ == "__main__":
    count_down(int(sys.argv.pop(1)))
    if sys.argv[1] == "ship":
        ship(Path(sys.argv[2]))
    else:
        main()
