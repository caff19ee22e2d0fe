"""Writes the programs of a restore as wheels: `restore_tools.py FOLDER`. The same that lie beside the copies on the NAS."""

import hashlib
import sys
from pathlib import Path

from backup.wheelhouse import EXTRAS, PRODUCT, describe_wheel, find_distributions, pack_wheel


def main(folder: Path) -> None:
    """The wheels, and SHA256SUMS of them."""
    sums = []
    for distribution in find_distributions(PRODUCT, EXTRAS):
        name, files = describe_wheel(distribution)
        data = pack_wheel(name, files)
        (folder / name).write_bytes(data)
        sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(sorted(sums)), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
