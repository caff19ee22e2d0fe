"""Copies the Debian packages that apt names into a folder and writes the index by which apt installs them from there.

`package_index.py FOLDER ARCHIVES < simulated`: `apt-get install --simulate` is read from standard input. The index:
https://wiki.debian.org/DebianRepository/Format#A.22Packages.22_Indices
"""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path


def main(folder: Path, archives: Path, simulated: str) -> None:
    """Every `Inst NAME (VERSION …)` line is a package."""
    entries = []
    for name, version, architecture in re.findall(
        r"^Inst (\S+) \((\S+) .*?\[(\w+)\]\)", simulated, re.M
    ):
        plain = name.partition(":")[0]
        file = archives / f"{plain}_{version.replace(':', '%3a')}_{architecture}.deb"
        shutil.copy(file, folder / file.name.replace("%3a", "-"))
        data = file.read_bytes()
        told = subprocess.run(
            ["/usr/bin/dpkg-deb", "--field", str(file)], capture_output=True, text=True, check=True
        ).stdout.strip()
        entries.append(
            f"{told}\nFilename: ./{file.name.replace('%3a', '-')}\nSize: {len(data)}\n"
            f"SHA256: {hashlib.sha256(data).hexdigest()}\n"
        )
    if not entries:
        sys.exit("apt named no package.")
    (folder / "Packages").write_text("\n".join(entries), "utf-8")
    print(f"    {len(entries)} packages")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.stdin.read())
