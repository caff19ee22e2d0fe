"""What happened to the past."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.core.outbox import Event
from winery_appliance.fermentation.events import FermentationEvent

# Their history is written by one transaction of some tenths of a second.
WINES_TOGETHER = 25


@dataclass(frozen=True)
class HistoryOutdated(FermentationEvent):
    """What is kept of a fermentation in the past readings was made by an older release, or not yet."""

    patient: ClassVar[bool] = True


@dataclass(frozen=True)
class PastLoaded(Event):
    """Fermentations came into the book together with all their readings, or more readings to some that were there."""

    patient: ClassVar[bool] = True

    fermentation_ids: Sequence[int]

    @property
    def subject(self) -> str:
        """What came later, with other wines, is handled for itself."""
        return f"past:{self.fermentation_ids[0]}"


def tell_of_past(winery_id: int, fermentation_ids: Sequence[int]) -> list[PastLoaded]:
    """Events that these came into the book, a few wines each."""
    starts = range(0, len(fermentation_ids), WINES_TOGETHER)
    return [
        PastLoaded(winery_id, list(fermentation_ids[at : at + WINES_TOGETHER])) for at in starts
    ]


@dataclass(frozen=True)
class PatternOutdated(Event):
    """The past ferments of one variety, style and size of vessel are others than its pattern was drawn from."""

    patient: ClassVar[bool] = True

    varietal: str
    style: str
    vessel_size: str

    @property
    def subject(self) -> str:
        """However many ferments changed, the pattern is drawn once."""
        return f"pattern:{self.style}/{self.vessel_size}/{self.varietal}"
