"""What the files of a folder hold, though programs at work make and remove them while they are read."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def read_files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every regular file below `folder`, with its path and content; one that has gone meanwhile is left out."""
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and not path.is_symlink():
                    yield path, path.read_bytes()
