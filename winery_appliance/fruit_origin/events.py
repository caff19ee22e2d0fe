"""What happened to fruit."""

from dataclasses import dataclass

from winery_appliance.core.outbox import Event


@dataclass(frozen=True)
class LotChanged(Event):
    """What is said of a harvest lot was put right."""

    lot_id: int

    @property
    def subject(self) -> str:
        """Events of one lot are handled together."""
        return f"harvest-lot:{self.lot_id}"
