"""Lines for a log server: RFC 5424 in frames of RFC 6587, again when the line breaks."""

import json
import re
import socket
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core.log_server import LogServer, frame
from winery_appliance.core.settings import SettingsError, read_settings

MESSAGE = re.compile(rb"<(\d{1,3})>1 (\S+) (\S+) winery-(\S+) - (\S{1,32}) - (\{.*\})", re.DOTALL)


def read_frames(data: bytes) -> list[bytes]:
    """The messages in a stream of counted octets."""
    found = []
    while data:
        length, _, data = data.partition(b" ")
        found.append(data[: int(length)])
        data = data[int(length) :]
    return found


@given(st.lists(st.text(), min_size=1, max_size=5), st.sampled_from(["info", "warning", "error"]))
def test_every_line_comes_out_as_it_went_in(events: list[str], level: str) -> None:
    lines = [
        json.dumps(
            {"event": e, "level": level, "process": "web", "timestamp": "2026-09-01T06:30:00Z"}
        )
        for e in events
    ]
    messages = read_frames(b"".join(frame(line) for line in lines))
    assert len(messages) == len(events)
    for message, event in zip(messages, events, strict=True):
        found = MESSAGE.fullmatch(message)
        assert found, message
        assert int(found[1]) == 16 * 8 + {"info": 6, "warning": 4, "error": 3}[level]
        assert json.loads(found[6])["event"] == event


def test_a_secret_does_not_leave_the_house() -> None:
    assert b"canary" not in frame(json.dumps({"event": "x", "password": "canary"}))


def test_a_line_that_broke_is_made_anew() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        shipped = LogServer(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        shipped.write(['{"event": "one"}'])
        first, _ = server.accept()
        assert b'"one"' in first.recv(4096)
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        first.close()
        with pytest.raises(ConnectionError):
            _write_on(shipped)
        shipped.write(['{"event": "two"}'])
        second, _ = server.accept()
        assert b'"two"' in second.recv(4096)
        second.close()
        shipped._line.close()  # type: ignore[union-attr]


def _write_on(shipped: LogServer) -> None:
    for _ in range(1000):
        shipped.write(['{"event": "lost"}'])


@pytest.mark.parametrize("address", ["udp://x:514", "tcp://x", "x:514", "tcp://:514"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="WINERY_LOG_SERVER"):
        read_settings({"WINERY_LOG_SERVER": address})
