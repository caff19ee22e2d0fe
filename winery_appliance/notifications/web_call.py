"""A webhook's call: signed, to an address that was checked, and to no other.

The name is looked up once; every address it has must be public, or named by the owner. The connection goes to the address
that was checked, so that a name which answers differently a moment later (DNS rebinding) leads nowhere. Redirects are not
followed, and no proxy of the surroundings is used.
"""

import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_S = 10.0
MOST_ANSWER_BYTES = 65536
SIGNATURE = "Winery-Signature"
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class CallRefused(Exception):
    """The address must not be called; the text says why."""


class CallFailed(Exception):
    """The program did not take it; the text says what happened."""


@dataclass(frozen=True)
class Call:
    """What is sent where: `inside` is the network that the owner named, beside the public one."""

    url: str
    inside: str | None
    key: str
    body: bytes


def sign(key: str, moment_s: int, body: bytes) -> str:
    """The signature's header: HMAC-SHA256 over the moment, a dot and the body; a receiver refuses old moments."""
    signed = hmac.new(key.encode(), b"%d." % moment_s + body, hashlib.sha256).hexdigest()
    return f"t={moment_s},v1={signed}"


def is_allowed(address: str, inside: str | None) -> bool:
    """Whether this address may be called: a public one, or one in the network that the owner named."""
    found: _Address = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if mapped is not None:
        found = mapped
    if inside is not None:
        network = ipaddress.ip_network(inside)
        if found.version == network.version and found in network:
            return True
    if isinstance(found, ipaddress.IPv6Address) and found in _NAT64:
        return is_allowed(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)), inside)
    return found.is_global and not found.is_multicast


# RFC 6052: an IPv4 address behind a translator.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def send(call: Call, *, moment_s: int) -> None:
    """Send it. Raises CallRefused, or CallFailed for whatever is not answered with 2xx."""
    parts = urlsplit(call.url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _look_up(host, port, call.inside)
    path = parts.path or "/"
    if parts.query:
        path += f"?{parts.query}"
    try:
        connection = _connect(parts.scheme, host, port, address)
    except (OSError, ValueError) as error:
        raise CallFailed(f"{host}: {error}") from error
    try:
        connection.request(
            "POST",
            path,
            call.body,
            {
                "Content-Type": "application/json",
                "User-Agent": "winery-appliance",
                SIGNATURE: sign(call.key, moment_s, call.body),
            },
        )
        answer = connection.getresponse()
        answer.read(MOST_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise CallFailed(f"{host}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise CallFailed(f"{host} answered {answer.status}.")


def _look_up(host: str, port: int, inside: str | None) -> str:
    """The address to connect to. Raises CallRefused when any that the name has must not be called, CallFailed for none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CallFailed(f"{host} is not known: {error}") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not is_allowed(address, inside):
            raise CallRefused(
                f"{host} is {address}, which is not a public address. Name it in the webhook if it is meant."
            )
    return addresses[0]


def _connect(scheme: str, host: str, port: int, address: str) -> http.client.HTTPConnection:
    """A connection to `address` that speaks to, and checks the certificate of, `host`."""
    plain = socket.create_connection((address, port), timeout=TIMEOUT_S)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        if scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
            connection.sock = context.wrap_socket(plain, server_hostname=host)
        else:
            connection.sock = plain
    except BaseException:
        plain.close()
        raise
    return connection
