"""A proxy of our own before the object store, that does what bad lines and bad days do, and keeps a log of what passed."""

import contextlib
import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CHUNK = 16 << 10


@dataclass
class Passed:
    """A request that came: what it was, how much of it came, and what was answered (0: nothing)."""

    method: str
    key: str
    query: dict[str, list[str]]
    received: int = 0
    status: int = 0
    fault: str | None = None
    body: bytes = field(default=b"", repr=False)

    @property
    def is_data(self) -> bool:
        """Whether it brings an object or a part of one."""
        return self.method == "PUT" and not self.key.endswith(".json")


# Asked with each request: None, or the fault: 403, 500, 503, 507, reset, lost (the answer), stall, wrong (bytes).
Decide = Callable[[Passed], str | None]


class FaultProxy:
    """Passes requests to `port`. `rate` shapes both ways together, bytes a second; `away` refuses everybody."""

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.log: list[Passed] = []
        self.decide: Decide = lambda _: None
        self.rate = 0.0
        self.away = False
        self.ending = threading.Event()
        self._lock = threading.Lock()
        self._free_at = 0.0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                with contextlib.suppress(OSError, ValueError):
                    super().handle_one_request()
                    return
                self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return lambda: proxy.serve(self)
                raise AttributeError(name)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop."""
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """One request and its answer."""
        parts = urlsplit(handler.path)
        key = parts.path.partition("/")[2].partition("/")[2]
        entry = Passed(handler.command, key, parse_qs(parts.query, keep_blank_values=True))
        self.log.append(entry)
        entry.fault = "away" if self.away else self.decide(entry)
        if entry.fault == "away":
            self._reset(handler)
            return
        body = self._receive(handler, entry)
        if body is None:
            return
        if entry.fault in ("403", "500", "503", "507"):
            entry.status = int(entry.fault)
            self._answer(handler, entry.status, [("Content-Length", "0")], b"")
            return
        status, headers, answer = self._forward(handler, entry, body)
        if entry.fault == "lost":
            self._reset(handler)
            return
        entry.status = status
        if entry.fault == "wrong" and handler.command == "GET" and answer:
            answer = bytes([answer[0] ^ 1]) + answer[1:]
        self._answer(handler, status, headers, answer)

    def _receive(self, handler: BaseHTTPRequestHandler, entry: Passed) -> bytes | None:
        size, body = int(handler.headers.get("Content-Length", 0)), bytearray()
        while len(body) < size:
            data = handler.rfile.read(min(CHUNK, size - len(body)))
            body += data
            entry.received = len(body)
            self._shape(len(data))
            if entry.fault in ("reset", "stall") and len(body) >= size // 2:
                if entry.fault == "stall":
                    self.ending.wait(30)
                self._reset(handler)
                return None
        if entry.key.endswith(".json"):
            entry.body = bytes(body)
        return bytes(body)

    def _forward(
        self, handler: BaseHTTPRequestHandler, entry: Passed, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        if entry.fault == "wrong" and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        line = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        try:
            line.putrequest(
                handler.command, handler.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in handler.headers.items():
                if name.lower() not in ("expect", "connection"):
                    line.putheader(name, value)
            line.endheaders(body or None)
            answer = line.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            line.close()

    def _answer(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        headers: list[tuple[str, str]],
        body: bytes,
    ) -> None:
        handler.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                handler.send_header(name, value)
        size = dict((name.lower(), value) for name, value in headers).get("content-length", "0")
        handler.send_header("Content-Length", size if handler.command == "HEAD" else str(len(body)))
        handler.end_headers()
        for start in range(0, len(body), CHUNK):
            handler.wfile.write(body[start : start + CHUNK])
            self._shape(len(body[start : start + CHUNK]))

    def _shape(self, count: int) -> None:
        if not self.rate:
            return
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + count / self.rate
            wait_s = self._free_at - time.monotonic()
        if wait_s > 0:
            self.ending.wait(wait_s)

    def _reset(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()


def check_order(log: list[Passed]) -> int:
    """Hold the log to what is promised: each manifest came after all that it names. How many manifests there were."""
    there: set[str] = set()
    manifests = 0
    for entry in log:
        if entry.status != 200:
            continue
        is_whole = entry.method == "PUT" and "partNumber" not in entry.query
        is_finished = entry.method == "POST" and "uploadId" in entry.query
        if not (is_whole or is_finished):
            continue
        if entry.body and not entry.key.endswith("lease.json"):
            manifests += 1
            for name in named_objects(entry):
                assert name in there, f"{entry.key} came before {name}"
        there.add(entry.key)
    return manifests


def named_objects(entry: Passed) -> list[str]:
    """The keys that a manifest names."""
    facts = json.loads(entry.body.splitlines()[0])
    folder = entry.key.rpartition("/")[0]
    named = [facts[name]["name"] for name in ("content", "base", "dump", "files") if name in facts]
    return [f"{folder}/{name}" for name in [*named, *facts.get("wheels", [])]]


def count_resent(log: list[Passed]) -> int:
    """Bytes of objects that came more than once."""
    best: dict[tuple[str, str], int] = {}
    total = 0
    for entry in log:
        if entry.is_data and entry.fault != "away":
            part = (entry.key, str(entry.query.get("partNumber")))
            best[part] = max(best.get(part, 0), entry.received)
            total += entry.received
    return total - sum(best.values())
