"""Log lines on their way to a log server: syslog (RFC 5424) over TCP (RFC 6587, counted octets) or TLS (RFC 5425)."""

import json
import socket
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from winery_appliance.core.log_lines import LineStore, scrub

TIMEOUT_S = 10.0
# RFC 5424, 6.2.1: facility local0, and the severities of our levels.
FACILITY = 16
SEVERITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}


class LogServer:
    """A log server that is connected when there is something to say."""

    def __init__(self, address: str) -> None:
        """`address`: tcp://HOST:PORT or tls://HOST:PORT."""
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 6514
        self._tls = parts.scheme == "tls"
        self._line: socket.socket | None = None

    def write(self, lines: Sequence[str]) -> None:
        """Send lines. Raises OSError when the server is away; what was sent before may come twice."""
        try:
            if self._line is None:
                self._line = self._connect()
            self._line.sendall(b"".join(frame(text) for text in lines))
        except OSError:
            if self._line is not None:
                self._line.close()
                self._line = None
            raise

    def _connect(self) -> socket.socket:
        line = socket.create_connection((self._host, self._port), timeout=TIMEOUT_S)
        if not self._tls:
            return line
        return ssl.create_default_context().wrap_socket(line, server_hostname=self._host)


def frame(text: str) -> bytes:
    """A line of ours as a syslog message with its length before it; the message itself is the line's JSON."""
    try:
        line = scrub(json.loads(text))
    except ValueError:
        line = {"event": text}
    severity = SEVERITIES.get(str(line.get("level")), 6)
    message_id = "".join(str(line.get("event", "-")).split())[:32] or "-"
    header = (
        f"<{FACILITY * 8 + severity}>1 {line.get('timestamp', '-')} {socket.gethostname()} winery-"
        f"{line.get('process', 'appliance')} - {message_id.encode('ascii', 'ignore').decode() or '-'} - "
    )
    message = header.encode() + json.dumps(line, ensure_ascii=False).encode()
    return b"%d " % len(message) + message


def ship_lines(address: str) -> LineStore:
    """Let the lines of this process go to a log server, too."""
    return LineStore(LogServer(address).write, "log-server")
