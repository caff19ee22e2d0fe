"""What happened to the winery and its cellar."""

from dataclasses import dataclass

from winery_appliance.core.outbox import Event


@dataclass(frozen=True)
class WineryChanged(Event):
    """The winery's settings are different now."""

    @property
    def subject(self) -> str:
        """One winery has one set of settings."""
        return "winery"


@dataclass(frozen=True)
class WalkingOrderChanged(Event):
    """The round through the cellar takes another way."""

    @property
    def subject(self) -> str:
        """One winery has one round."""
        return "walking-order"
