"""What an update is about to do, on disk before it does it; so that a boot after a power cut knows."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from appliance.files import sync_folder, write_whole
from appliance.layout import Layout


class Step(StrEnum):
    """The steps of an update. What comes before SWAP touches nothing that runs."""

    PREPARE = "prepare"
    MIGRATE = "migrate"
    SWAP = "swap"
    PROBE = "probe"


@dataclass(frozen=True)
class Entry:
    """An update under way."""

    before: str
    after: str
    step: Step
    begun_at: str


class Journal:
    """One file while an update is under way, and a list of what became of earlier ones."""

    def __init__(self, layout: Layout) -> None:
        self._file = layout.state / "update.json"
        self._log = layout.state / "updates.log"

    def begin(self, before: str, after: str) -> Entry:
        """Note that an update begins."""
        return self._write(Entry(before, after, Step.PREPARE, _now()))

    def reach(self, entry: Entry, step: Step) -> Entry:
        """Note that a step begins."""
        return self._write(replace(entry, step=step))

    def close(self, entry: Entry, outcome: str) -> None:
        """Note what became of it."""
        line = json.dumps(asdict(entry) | {"outcome": outcome, "ended_at": _now()})
        earlier = self._log.read_text("utf-8") if self._log.is_file() else ""
        write_whole(self._log, earlier + line + "\n")
        self._file.unlink(missing_ok=True)
        sync_folder(self._file.parent)

    def read(self) -> Entry | None:
        """The update that was under way, if one was."""
        if not self._file.is_file():
            return None
        told = json.loads(self._file.read_text("utf-8"))
        return Entry(told["before"], told["after"], Step(told["step"]), told["begun_at"])

    def outcomes(self) -> list[dict[str, str]]:
        """What became of earlier updates, the oldest first."""
        if not self._log.is_file():
            return []
        return [json.loads(line) for line in self._log.read_text("utf-8").splitlines()]

    def _write(self, entry: Entry) -> Entry:
        write_whole(Path(self._file), json.dumps(asdict(entry)))
        return entry


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
