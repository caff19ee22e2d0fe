"""Folders that change places with what was prepared beside them, all of them or none, whatever is cut off meanwhile.

Each place has three names: what is in force, what is about to be (`.restored`), and what was before (`.before-restore`).
A note on disk says which way the exchange goes; taking it up again does what is still missing of it.
"""

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from appliance.files import sync_folder, write_whole
from appliance.layout import Layout


class Way(StrEnum):
    """Whether what was prepared comes into force, or what was before does again."""

    FORTH = "forth"
    BACK = "back"


@dataclass(frozen=True)
class Place:
    """A folder in force."""

    path: Path

    @property
    def draft(self) -> Path:
        """What was prepared."""
        return self.path.with_name(f"{self.path.name}.restored")

    @property
    def before(self) -> Path:
        """What was in force before."""
        return self.path.with_name(f"{self.path.name}.before-restore")


class Exchange:
    """One exchange of several places, noted until it is closed."""

    def __init__(self, layout: Layout) -> None:
        self._note = layout.state / "exchange.json"

    def is_open(self) -> bool:
        """Whether an exchange was begun and not closed."""
        return self._note.is_file()

    def begin(self, places: Iterable[Place]) -> None:
        """Note that what was prepared shall come into force; nothing was moved yet."""
        chosen = list(places)
        for place in chosen:
            shutil.rmtree(place.before, ignore_errors=True)
        os.sync()  # what was prepared is on the disk before anything relies on it
        had = [place.path.exists() for place in chosen]
        self._write(Way.FORTH, chosen, had)

    def turn_back(self) -> None:
        """Note that what was before shall come into force again."""
        _, places, had = self._read()
        self._write(Way.BACK, places, had)

    def carry_out(self) -> None:
        """Move what is not where it shall be. Safe to repeat."""
        way, places, had = self._read()
        for place, was_there in zip(places, had, strict=True):
            if way is Way.FORTH and place.draft.exists():
                if (
                    place.before.exists()
                ):  # what was in force is there: this was made by who found nothing
                    shutil.rmtree(place.path, ignore_errors=True)
                elif place.path.exists():
                    place.path.rename(place.before)
                place.draft.rename(place.path)
            elif way is Way.BACK and (place.before.exists() or not was_there):
                shutil.rmtree(place.draft, ignore_errors=True)
                if place.path.exists():
                    place.path.rename(place.draft)
                if place.before.exists():
                    place.before.rename(place.path)
                shutil.rmtree(place.draft, ignore_errors=True)
            sync_folder(place.path.parent)

    def close(self, *, keep_before: bool) -> list[Path]:
        """Forget the exchange; what was before stays or goes. Returns what stays."""
        _, places, _ = self._read()
        kept = [place.before for place in places if keep_before and place.before.exists()]
        for place in places:
            shutil.rmtree(place.draft, ignore_errors=True)
            if not keep_before:
                shutil.rmtree(place.before, ignore_errors=True)
        self._note.unlink()
        sync_folder(self._note.parent)
        return kept

    def _read(self) -> tuple[Way, list[Place], list[bool]]:
        told = json.loads(self._note.read_text("utf-8"))
        return Way(told["way"]), [Place(Path(path)) for path in told["places"]], told["had"]

    def _write(self, way: Way, places: list[Place], had: list[bool]) -> None:
        paths = [str(place.path) for place in places]
        write_whole(self._note, json.dumps({"way": way, "places": paths, "had": had}), 0o600)
