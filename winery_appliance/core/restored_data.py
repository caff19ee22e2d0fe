"""A data directory that was restored beside a running appliance, and how it takes the place of what runs there.

Somebody at the first page asks for it, before there is a winery: a file in a folder of the web's. A process outside the web
restores into a folder beside it. Whoever keeps the processes alive stops them then, and lets what was restored take over.
Only files are moved here: the supervisor stays small. In containers a program of the server itself does all this.
"""

import json
import os
import shutil
from pathlib import Path

from winery_appliance.core.data_directory import MARKER
from winery_appliance.core.settings import Settings

FOLDER = "restore"
REQUEST = "request.json"  # with the kit's key in it
MADE = "data"  # the data directory that the restore makes
READY = "restored.json"
BEFORE = "before-"
STAYS = frozenset({MARKER, "run", "log", FOLDER})


def request_dir(settings: Settings) -> Path:
    """Where a restore is asked for and told of: beside the uploaded files, where the web may write, in containers too."""
    return settings.imports_dir.parent / FOLDER


def restore_dir(settings: Settings) -> Path:
    """Where what was asked for is made: on the disk of the data directory, so that it takes over by a change of names."""
    return settings.data / FOLDER


def is_requested(settings: Settings) -> bool:
    """Whether somebody asked for a restore that is not done yet."""
    return (request_dir(settings) / REQUEST).exists()


def is_restored(settings: Settings) -> bool:
    """Whether a restored data directory waits to take over, or was cut off while it did."""
    return (restore_dir(settings) / READY).exists()


def take_over(settings: Settings) -> Path:
    """Put what was restored in the place of what lies in the data directory; where that is kept now.

    Only for the holder of the directory's lock, while nothing runs in it. Cut off anywhere, the next call finishes it.
    """
    folder, data = restore_dir(settings), settings.data
    number = str(json.loads((folder / READY).read_text("utf-8"))["id"])
    before = folder / f"{BEFORE}{number}"
    before.mkdir(mode=0o700, exist_ok=True)
    (request_dir(settings) / REQUEST).unlink(missing_ok=True)
    for entry in sorted((folder / MADE).iterdir()):
        if entry.name not in STAYS:
            place = data / entry.name
            if place.exists():
                place.rename(before / entry.name)
            entry.rename(place)
    os.sync()  # what is named as taken over must be so after a power cut
    (folder / READY).unlink()
    shutil.rmtree(folder / MADE)
    for older in folder.glob(f"{BEFORE}*"):
        if older != before:
            shutil.rmtree(older)
    return before
