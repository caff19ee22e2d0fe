"""What happens to devices."""

from dataclasses import dataclass

from winery_appliance.core.outbox import Event


@dataclass(frozen=True)
class DeviceEvent(Event):
    """Something happened to a device."""

    device_id: int

    @property
    def subject(self) -> str:
        """The device."""
        return f"device:{self.device_id}"


@dataclass(frozen=True)
class DeviceAdded(DeviceEvent):
    """A device was made known."""


@dataclass(frozen=True)
class DeviceChanged(DeviceEvent):
    """A device has another code, kind or name."""


@dataclass(frozen=True)
class DeviceDeleted(DeviceEvent):
    """A device was taken out of use."""


@dataclass(frozen=True)
class DeviceRestored(DeviceEvent):
    """A device that was taken out of use is in use again."""


@dataclass(frozen=True)
class DeviceAssigned(DeviceEvent):
    """A device was hung into a vessel, or taken out."""


@dataclass(frozen=True)
class DeviceReadingsReceived(DeviceEvent):
    """Readings came in that were not there before; moments are ISO 8601."""

    first_read_at: str
    last_read_at: str
