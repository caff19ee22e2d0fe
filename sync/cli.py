"""The command `winery-sync`."""

import sys

EX_UNAVAILABLE = 69  # sysexits.h: a service is unavailable


def main() -> None:
    """Say that the cloud copy is not built yet."""
    sys.stderr.write("winery-sync: not built yet. Nothing was done.\n")
    sys.exit(EX_UNAVAILABLE)
