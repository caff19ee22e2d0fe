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


@dataclass(frozen=True)
class VesselEvent(Event):
    """Something happened to one vessel."""

    vessel_id: int

    @property
    def subject(self) -> str:
        """Events of one vessel are handled together."""
        return f"vessel:{self.vessel_id}"


@dataclass(frozen=True)
class VesselAdded(VesselEvent):
    """A vessel came into the cellar."""


@dataclass(frozen=True)
class VesselChanged(VesselEvent):
    """What is said of a vessel was put right."""


@dataclass(frozen=True)
class VesselDeleted(VesselEvent):
    """A vessel left the cellar."""


@dataclass(frozen=True)
class VesselRestored(VesselEvent):
    """A vessel that had left the cellar is back."""
