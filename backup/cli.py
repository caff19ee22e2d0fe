"""The command `winery-backup`."""

import sys

EX_UNAVAILABLE = 69  # sysexits.h: a service is unavailable


def main() -> None:
    """Say that copies are not built yet."""
    sys.stderr.write("winery-backup: not built yet. Nothing was done.\n")
    sys.exit(EX_UNAVAILABLE)
