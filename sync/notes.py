"""The names of what the processes of the off-site copies tell each other by the journal."""

from sync.configuration import sync_dir
from sync.journal import Journal
from winery_appliance.core.settings import Settings

BROKEN = "broken"  # [stretch, words]: it cannot be gone on with
NEW_STRETCH = "new stretch"  # words: begin one, though nothing is lost
FLOOR = "floor"  # the highest stretch that somebody wrote in our repository
PAUSED = "paused"
NUDGE = "nudge"
RATE = "rate"
ABSENT = "the line was away for long: a new base copy goes first, what was before follows"
FULL = "the space for records that wait for the line was used up"
TAKEN_OVER = "another machine had written here; this one took over"


def open_journal(settings: Settings) -> Journal:
    """The journal of this appliance."""
    return Journal(sync_dir(settings) / "journal.sqlite")
