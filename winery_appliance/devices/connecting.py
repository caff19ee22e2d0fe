"""What to type into a probe or its bridge, so that it sends here; fields are called as on its own page."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from winery_appliance.devices.queries import DeviceView


@dataclass(frozen=True)
class Setting:
    """One field of the probe's or bridge's own page; None stands for the token, which is known only while it is made."""

    label: str
    value: str | None


def list_settings(device: DeviceView, address: str) -> list[Setting]:
    """What to set so that `device` sends to the appliance at `address`, such as https://winery.home.arpa."""
    address = address.rstrip("/")
    if device.kind == "ispindel":
        server = urlsplit(address)
        port = server.port or (443 if server.scheme == "https" else 80)
        return [
            Setting("iSpindel Name", device.code),
            Setting("Service Type", server.scheme.upper()),
            Setting("Token/ API key", None),
            Setting("Server Address", server.hostname or ""),
            Setting("Server Port", str(port)),
            Setting("Path / URI", "/api/v1/ingest/ispindel"),
        ]
    if device.kind == "tilt":
        return [
            Setting("Target URL", f"{address}/api/v1/ingest/tilt"),
            Setting("API Key", None),
        ]
    return [
        Setting("POST", f"{address}/api/v1/devices/{device.id}/readings"),
        Setting("Authorization: Bearer", None),
        Setting("MQTT", f"winery/{device.code}/readings"),
    ]
