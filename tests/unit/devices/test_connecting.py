"""What to type into a probe names the appliance as its page was asked for."""

import pytest

from tests.unit.templates.probe_examples import SPINDEL, TILT, UNHUNG
from winery_appliance.devices.connecting import list_settings


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("https://winery.home.arpa/", ("HTTPS", "winery.home.arpa", "443")),
        ("https://winery.home.arpa:8443", ("HTTPS", "winery.home.arpa", "8443")),
        ("http://192.168.1.9/", ("HTTP", "192.168.1.9", "80")),
    ],
)
def test_an_ispindel_is_told_server_and_port_apart(
    address: str, server: tuple[str, str, str]
) -> None:
    told = {setting.label: setting.value for setting in list_settings(SPINDEL, address)}
    assert (told["Service Type"], told["Server Address"], told["Server Port"]) == server
    assert told["iSpindel Name"] == SPINDEL.code
    assert told["Token/ API key"] is None


def test_a_bridge_is_told_the_whole_address() -> None:
    (target, key) = list_settings(TILT, "https://winery.home.arpa/")
    assert target.value == "https://winery.home.arpa/api/v1/ingest/tilt"
    assert key.value is None


def test_anything_else_has_two_ways() -> None:
    told = [setting.value for setting in list_settings(UNHUNG, "https://winery.home.arpa/")]
    address = "https://winery.home.arpa/api/v1/devices/3/readings"
    assert told == [address, None, "winery/Barrel hall/readings"]
