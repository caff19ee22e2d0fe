"""A restore that somebody asked for on the first page: this server's command carries it out, and the page shows how far.

The page and this program meet in one folder of a volume that the web processes may write. What is asked for holds the kit's
key, so it is removed as soon as it is read; what is told holds no secret.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.compose import Compose
from appliance.files import write_whole
from appliance.layout import Layout
from appliance.refusals import Failed, Refused
from appliance.restore import OURS, Teller, Wish, find_volume, restore
from appliance.swap import Say

REQUEST, PROGRESS, WITHDRAWN = "request.json", "progress.json", "withdrawn"
MOST_BYTES = 64 << 10
ENDS = ("done", "failed")
CUT_OFF = "The server went down meanwhile. Nothing was changed. Ask again; what was fetched already is used."
CHOICES = ("site", "time", "set", "endpoint")


class Progress(Teller):
    """Tells the page, too."""

    def __init__(self, folder: Path, number: str, say: Say) -> None:
        super().__init__(say)
        self._file, self._number = folder / PROGRESS, number

    def __call__(self, phase: str, facts: dict[str, Any]) -> None:
        """One line of `winery-backup restore --json`."""
        if (self._file.parent / WITHDRAWN).exists():
            raise Refused("The restore was stopped. Nothing was changed.")
        super().__call__(phase, facts)
        self.write(phase, **{name: facts.get(name) for name in ("bytes", "of", "left_s")})

    def write(self, phase: str, *, failed: str | None = None, **facts: Any) -> None:
        """How far it is; `failed` is what the page says when it ended badly."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        told = {
            "id": self._number,
            "phase": phase,
            "ended": phase in ENDS,
            "failed": failed,
            "at": at,
        }
        write_whole(self._file, json.dumps(told | facts))


def carry_out_request(layout: Layout, say: Say) -> bool:
    """Restore what the first page asked for; whether it asked. Raises Refused or Failed, which the page is told."""
    release = layout.current()
    if release is None:
        raise Refused("No appliance is installed here. Run ./install from a bundle.")
    with _open_folder(find_volume(Compose(layout, release), "imports") / "restore") as folder:
        if folder is None:
            return False
        try:
            told = take_request(folder / REQUEST)
        except Refused as error:
            Progress(folder, "", say).write("failed", failed=str(error))
            raise
        if told is None:
            return False
        (folder / WITHDRAWN).unlink(missing_ok=True)
        progress = Progress(folder, str(told.get("id", "")), say)
        progress.write("begun")
        try:
            restore(layout, read_wish(told), say, progress, replace=False)
        except (Refused, Failed) as error:
            progress.write("failed", failed=str(error))
            raise
        progress.write("done")
    return True


def close_cut_off(layout: Layout, say: Say, *, restored: bool) -> None:
    """Tell the page of a restore that ended without a word, since the server went down: else it would wait for ever.

    Only for who is alone at work. `restored`: whether it was ended just now. Raises Failed.
    """
    release = layout.current()
    if release is None:
        return
    with _open_folder(find_volume(Compose(layout, release), "imports") / "restore") as folder:
        if folder is not None:
            tell_cut_off(folder, say, restored=restored)


def tell_cut_off(folder: Path, say: Say, *, restored: bool) -> None:
    """The same, in the folder itself. A request that nobody took away waits on."""
    if (folder / REQUEST).exists():
        return
    try:
        text, _ = _read_plain(folder / PROGRESS)
        told = json.loads(text)
    except (OSError, ValueError):
        return
    if not isinstance(told, dict) or told.get("ended"):
        return
    say("a restore that the first page asked for was cut off")
    progress = Progress(folder, str(told.get("id", "")), say)
    if restored:
        progress.write("done")
    else:
        progress.write("failed", failed=CUT_OFF)


@contextlib.contextmanager
def _open_folder(path: Path) -> Iterator[Path | None]:
    """The folder itself, held open: the web writes there, and must not lead root elsewhere. None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def take_request(file: Path) -> dict[str, Any] | None:
    """What is asked for, removed from the disk; None when nothing is. Raises Refused when it cannot be read."""
    try:
        text, owner = _read_plain(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        file.unlink(missing_ok=True)
        raise Refused(f"What the first page asked for cannot be read ({error}).") from error
    file.unlink()
    try:
        told = json.loads(text)
        if owner == OURS and isinstance(told, dict):
            return told
    except ValueError:
        pass
    raise Refused("What the first page asked for cannot be read. Nothing was changed. Ask again.")


def _read_plain(file: Path) -> tuple[bytes, int]:
    """A file's beginning and its owner. The folder belongs to the web: no link is followed. Raises OSError."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read(MOST_BYTES) or b"", os.fstat(descriptor).st_uid


def read_wish(told: dict[str, Any]) -> Wish:
    """The wish in a request. Folders of this server cannot be asked for by a page. Raises Refused."""
    repo = str(told.get("repo", "nas"))
    if repo not in ("nas", "s3") and not repo.startswith("s3://"):
        raise Refused("Copies come from the NAS or a bucket. Nothing was changed.")
    more = [f"--{name}={told[name]}" for name in CHOICES if told.get(name)]
    return Wish(str(told.get("identity", "")), repo, more, told.get("credentials"))
