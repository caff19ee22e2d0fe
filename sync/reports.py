"""What each process of the off-site copies leaves behind for everybody who asks: small files, replaced whole."""

import contextlib
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sync.configuration import sync_dir
from winery_appliance.core.kept_sentence import Kept
from winery_appliance.core.settings import Settings


class Trouble(BaseModel):
    """What hinders, in words; `kind` as of StoreTrouble, or where it came from."""

    kind: str
    words: Kept
    since: datetime
    again_at: datetime | None = None


class LogReport(BaseModel):
    """How far the log is off-site. `sent_at` is when nothing waited last."""

    at: datetime
    repository: str | None = None
    stretch: int | None = None
    end: int | None = None
    last_commit: datetime | None = None
    sent_at: datetime | None = None
    waiting_bytes: int = 0
    waiting_objects: int = 0
    oldest: datetime | None = None
    rate: float | None = None
    clock_offset_s: float | None = None
    sent_bytes: int = 0
    trouble: Trouble | None = None


class CopiesReport(BaseModel):
    """What is carried besides the log, how far it is, and the newest that are whole off-site."""

    at: datetime
    doing: str | None = None
    done_bytes: int = 0
    of_bytes: int = 0
    rate: float | None = None
    waiting: list[str] = []
    why_idle: str | None = None
    base: str | None = None
    base_at: datetime | None = None
    dump: str | None = None
    dump_at: datetime | None = None
    history_day: str | None = None
    history_trouble: Trouble | None = None
    shared_day: date | None = None
    pool_trouble: Trouble | None = None
    tools: bool = False
    trouble: Trouble | None = None


class RunReport(BaseModel):
    """What the process that keeps the others knows."""

    at: datetime
    trouble: list[Trouble] = []


LOG, COPIES, RUN = "log.json", "copies.json", "run.json"
Kind = TypeVar("Kind", bound=BaseModel)


def load_report(settings: Settings, name: str, kind: type[Kind]) -> Kind | None:
    """The newest report of that name; None where there is none that can be read."""
    try:
        return kind.model_validate_json(_path(settings, name).read_text("utf-8"))
    except (OSError, ValueError, ValidationError):
        return None


def save_report(settings: Settings, name: str, report: BaseModel) -> None:
    """Leave a report; on a full disk it is late, and nothing worse."""
    path = _path(settings, name)
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(report.model_dump_json(indent=1), "utf-8")
        draft.replace(path)


def keep_since(
    known: Trouble | None, kind: str, words: Kept, moment: datetime, pause_s: float
) -> Trouble:
    """A trouble as it is now; one of the same kind began when it did."""
    since = known.since if known is not None and known.kind == kind else moment
    return Trouble(
        kind=kind, words=words, since=since, again_at=moment + timedelta(seconds=pause_s)
    )


def _path(settings: Settings, name: str) -> Path:
    return sync_dir(settings) / name
