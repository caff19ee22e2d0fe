"""A line between browser and appliance on which chosen pages wait until they are let through."""

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class SlowLine(ThreadingHTTPServer):
    """Passes every request on to `behind`, a port of this machine; those for `held` paths wait for `go`.

    What is answered for a path in `altered` is changed on its way, as another version of the server would answer.
    """

    daemon_threads = True

    def __init__(self, behind: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind = behind
        self.held: set[str] = set()
        self.altered: dict[str, Callable[[bytes], bytes]] = {}
        self.waiting: dict[str, threading.Event] = {}
        self.go = threading.Event()

    def hold(self, *paths: str) -> None:
        """From now on let requests for these paths wait."""
        self.waiting = {path: threading.Event() for path in paths}
        self.held = set(paths)

    def await_request(self, path: str) -> None:
        """Until somebody waits for this path."""
        assert self.waiting[path].wait(timeout=60), f"nobody asked for {path}"


class _Passing(BaseHTTPRequestHandler):
    server: SlowLine

    def do_GET(self) -> None:
        """Pass on, when it is time."""
        if self.path in self.server.held:
            self.server.waiting[self.path].set()
            self.server.go.wait()
        # Who gave up meanwhile is not there any more.
        with contextlib.suppress(ConnectionError):
            self._pass_on()

    def do_POST(self) -> None:
        """Pass on."""
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        alter = self.server.altered.get(self.path)
        headers = dict(self.headers.items())
        if alter:
            headers.pop("If-None-Match", None)
        line = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        with contextlib.closing(line):
            line.request(self.command, self.path, body or None, headers)
            answer = line.getresponse()
            told = answer.read()
        if alter:
            told = alter(told)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def open_slow_line(behind: int) -> Iterator[SlowLine]:
    """A slow line, and its end."""
    with SlowLine(behind) as line:
        serving = threading.Thread(target=line.serve_forever, daemon=True)
        serving.start()
        try:
            yield line
        finally:
            line.go.set()
            line.shutdown()
            serving.join()
