"""What the stream knows of itself, in a file of this machine, so that nobody has to ask a NAS that may hang."""

from datetime import datetime

from pydantic import BaseModel

from backup.keys import load_note
from winery_appliance.core.kept_sentence import Kept
from winery_appliance.core.settings import Settings


class Status(BaseModel):
    """What the stream knows of itself, for everybody who asks; kept in a file of this machine."""

    at: datetime
    repository: str | None = None
    stretch: int | None = None
    reason: str | None = None
    server_end: int | None = None
    end: int | None = None
    last_commit: datetime | None = None
    shipped_at: datetime | None = None
    spool_bytes: int = 0
    trouble: list[Kept] = []


def load_status(settings: Settings) -> Status | None:
    """The stream's last word; None when it never ran."""
    return load_note(settings, "status.json", Status)
