"""What happened to the past."""

from dataclasses import dataclass

from winery_appliance.fermentation.events import FermentationEvent


@dataclass(frozen=True)
class HistoryOutdated(FermentationEvent):
    """What is kept of a fermentation in the past readings was made by an older release, or not yet."""
