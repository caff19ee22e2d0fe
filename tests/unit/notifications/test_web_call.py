"""Where a webhook may lead: to public addresses, to what the owner named, and nowhere else, whatever a name says later."""

import hashlib
import hmac
import ipaddress
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.notifications import web_call
from winery_appliance.notifications.web_call import Call, CallFailed, CallRefused, is_allowed

INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "169.254.169.254",
    "10.1.2.3",
    "172.20.0.5",
    "192.168.1.20",
    "100.64.0.1",
    "198.18.77.11",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_public_is_refused_unless_it_is_named(address: str) -> None:
    assert not is_allowed(address, None)
    assert not is_allowed(address, "203.0.113.7/32")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"])
def test_a_public_address_is_called(address: str) -> None:
    assert is_allowed(address, None)


@given(st.ip_addresses(v=4, network="192.168.1.0/24"), st.ip_addresses(v=4))
def test_what_the_owner_names_is_called_and_only_that(
    named: ipaddress.IPv4Address, other: ipaddress.IPv4Address
) -> None:
    assert is_allowed(str(named), f"{named}/32")
    if other != named:
        assert is_allowed(str(other), f"{named}/32") == is_allowed(str(other), None)


class Receiver(BaseHTTPRequestHandler):
    """Notes what it is sent."""

    seen: list[tuple[str, dict[str, str], bytes]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, dict(self.headers), body))
        self.send_response(self.status)
        if 300 <= self.status < 400:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""


@pytest.fixture
def receiver() -> Iterator[tuple[type[Receiver], int]]:
    kind = type("OneReceiver", (Receiver,), {"seen": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield kind, server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_call_is_signed_over_its_moment_and_body(receiver: tuple[type[Receiver], int]) -> None:
    kind, port = receiver
    call = Call(f"http://127.0.0.1:{port}/hook?a=1", "127.0.0.1/32", "whsec_k", b'{"id": 7}')
    web_call.send(call, moment_s=1_790_000_000)
    (path, headers, body) = kind.seen[0]
    expected = hmac.new(b"whsec_k", b"1790000000." + body, hashlib.sha256).hexdigest()
    assert (path, body) == ("/hook?a=1", b'{"id": 7}')
    assert headers["Winery-Signature"] == f"t=1790000000,v1={expected}"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 500])
def test_anything_but_yes_is_no_and_redirects_lead_nowhere(
    receiver: tuple[type[Receiver], int], status: int
) -> None:
    kind, port = receiver
    kind.status = status
    with pytest.raises(CallFailed, match=str(status)):
        web_call.send(Call(f"http://127.0.0.1:{port}/", "127.0.0.1", "k", b""), moment_s=1)
    assert len(kind.seen) == 1


def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(
    receiver: tuple[type[Receiver], int],
) -> None:
    kind, port = receiver
    with pytest.raises(CallRefused, match="not a public address"):
        web_call.send(Call(f"http://localhost:{port}/", None, "k", b""), moment_s=1)
    assert kind.seen == []


def test_a_name_that_answers_otherwise_a_moment_later_leads_nowhere_else(
    receiver: tuple[type[Receiver], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name is public when it is checked and inside when it is connected to."""
    kind, port = receiver
    answers = iter(["127.9.9.9", "127.0.0.1"])
    asked = []

    def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        address = next(answers) if host == "rebinding.example" else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(CallFailed):  # nobody listens at the address that was checked
        web_call.send(Call(f"http://rebinding.example:{port}/", "127.9.9.9", "k", b""), moment_s=1)
    assert asked.count("rebinding.example") == 1
    assert kind.seen == []
